internal import CivilTime
package import Logging
package import Postgres
internal import Schedules
internal import Synchronization

/// Makes runs of due fires.
///
/// Every node does; the row of the fire decides which of them did.
package struct Timekeeper: Sendable {
    private let database: PostgresPool
    private let logger: Logger
    private let known = KnownSchedules()

    package init(database: PostgresPool, logger: Logger) {
        self.database = database
        self.logger = logger
    }

    /// Looks at the business clock once and answers every fire that is due.
    package func tick() async throws {
        let due = try await database.withTransaction(.engine) { transaction in
            try await transaction.query(Statements.inForce).map(WaitingSchedule.init)
        }
        for waiting in due {
            do {
                try await fire(waiting)
            } catch let problems as ScheduleProblems {
                logger.error(
                    "the stored definition is not understood",
                    metadata: ["schedule": "\(waiting.name)", "error": "\(problems)"]
                )
            }
        }
    }

    private func fire(_ waiting: WaitingSchedule) async throws {
        let schedule = try known.schedule(waiting.name, waiting.definition)
        guard let next = schedule.nextFire(after: waiting.highWater), next <= waiting.now else { return }
        let plan = FirePlanner.plan(schedule, after: waiting.highWater, now: waiting.now)
        let made = try await database.withTransaction(.engine) { transaction in
            try await write(plan, of: schedule, seen: waiting.highWater, in: transaction)
        }
        if made > 0 {
            logger.info("fired", metadata: ["schedule": "\(schedule.name)", "runs": "\(made)"])
        }
    }

    /// Writes fires, runs and the gap under the schedule's row, unless another node has been there since it was read.
    private func write(
        _ plan: FirePlan,
        of schedule: Schedule,
        seen: Instant,
        in transaction: Transaction
    ) async throws -> Int {
        guard try await !transaction.query(Statements.holdSchedule, schedule.name, seen).isEmpty else { return 0 }
        let made = try await transaction.query(
            Statements.fire,
            schedule.name,
            plan.fires.map(\.at),
            plan.fires.map(\.verdict.rawValue),
            plan.fires.map { schedule.jitter(of: $0.at) },
            schedule.overlap.rawValue,
            schedule.job,
            schedule.parametersJSON,
            schedule.retry.attempts,
            schedule.retry.initial,
            schedule.retry.max,
            schedule.retry.jitter,
            schedule.deadline
        )
        if let gap = plan.gap {
            _ = try await transaction.pipeline([
                Statements.gap.bind(schedule.name, gap.from, gap.to, gap.count),
                Statements.alarm.bind("missed:\(schedule.name)", schedule.name, gap.from, gap.to, gap.count),
            ])
        }
        _ = try await transaction.execute(Statements.raiseHighWater, schedule.name, plan.highWater)
        return try made.first.map { try $0.get("made", as: Int.self) } ?? 0
    }
}

/// A schedule in force, and the business clock at the moment it was read.
private struct WaitingSchedule {
    let name: String
    let definition: String
    let highWater: Instant
    let now: Instant

    init(_ row: Row) throws {
        name = try row.get("name")
        definition = try row.get("definition")
        highWater = try row.get("high_water")
        now = try row.get("now")
    }
}

/// The schedules as read from their stored definitions, so that each is read once.
private final class KnownSchedules: Sendable {
    private let schedules = Mutex<[String: (definition: String, schedule: Schedule)]>([:])

    func schedule(_ name: String, _ definition: String) throws -> Schedule {
        if let known = schedules.withLock({ $0[name] }), known.definition == definition { return known.schedule }
        let schedule = try Schedule(name: name, definitionJSON: definition)
        schedules.withLock { $0[name] = (definition, schedule) }
        return schedule
    }
}

extension Schedule {
    /// How much later than its fire a run becomes ready: stable for the fire, spread over the schedule's jitter.
    func jitter(of fire: Instant) -> Duration {
        guard jitter > .zero else { return .zero }
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        for byte in "\(name)@\(fire.microsecondsSinceEpoch)".utf8 {
            hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3
        }
        return jitter * (Double(hash >> 11) / Double(1 << 53))
    }
}
