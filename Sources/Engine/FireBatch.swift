internal import CivilTime
internal import Postgres
internal import Schedules

/// The plans of all schedules that are due, as the few statements that write them.
struct FireBatch {
    private var fires: [(schedule: Schedule, fire: FirePlan.Fire, waitsFor: String?)] = []
    private var schedules: [Schedule] = []
    private var gaps: [(name: String, gap: FirePlan.Gap)] = []
    private var highWaters: [(name: String, mark: Instant)] = []
    /// Schedules whose earlier runs are cancelled.
    private var cancelling: [String] = []
    /// Schedules whose runs that wait for others are replaced.
    private var replacing: [String] = []

    var isEmpty: Bool { schedules.isEmpty }
    var hasGaps: Bool { !gaps.isEmpty }

    /// Adds what became of one schedule's fires, which may have to wait for others of those in force.
    mutating func add(_ plan: FirePlan, of schedule: Schedule, among others: [String: Schedule]) {
        schedules.append(schedule)
        highWaters.append((schedule.name, plan.highWater))
        if let gap = plan.gap { gaps.append((schedule.name, gap)) }
        if plan.cancelsEarlier { cancelling.append(schedule.name) }
        if schedule.overlap == .forbid, plan.fires.contains(where: { $0.verdict == .ran && !$0.isCaughtUp }) {
            replacing.append(schedule.name)
        }
        for fire in plan.fires {
            let waits = fire.verdict == .ran ? Predecessor.of(schedule, at: fire.at, among: others) : []
            fires.append((schedule, fire, waits.isEmpty ? nil : Predecessor.json(waits)))
        }
    }

    /// In the order in which they must run; the fires stand at `placeOfFires`.
    var statements: [BoundStatement] {
        var batch: [BoundStatement] = []
        if !cancelling.isEmpty { batch.append(Timekeeper.Statements.cancelEarlier.bind(cancelling)) }
        if !replacing.isEmpty { batch.append(Timekeeper.Statements.replaceWaiting.bind(replacing)) }
        batch.append(making)
        if !gaps.isEmpty {
            batch.append(
                Timekeeper.Statements.gap.bind(
                    gaps.map(\.name),
                    gaps.map(\.gap.from),
                    gaps.map(\.gap.to),
                    gaps.map(\.gap.count)
                )
            )
        }
        batch.append(Timekeeper.Statements.raiseHighWater.bind(highWaters.map(\.name), highWaters.map(\.mark)))
        return batch
    }

    var placeOfFires: Int { (cancelling.isEmpty ? 0 : 1) + (replacing.isEmpty ? 0 : 1) }

    private var making: BoundStatement {
        Timekeeper.Statements.fire.bind(
            fires.map(\.schedule.name),
            fires.map(\.fire.at),
            fires.map(\.fire.verdict.rawValue),
            fires.map(\.fire.isCaughtUp),
            fires.map(\.fire.isInSequence),
            fires.map(\.fire.waits),
            fires.map(\.fire.why),
            fires.map(\.waitsFor),
            fires.map { $0.schedule.jitter(of: $0.fire.at) },
            schedules.map(\.name),
            schedules.map(\.job),
            schedules.map(\.parametersJSON),
            schedules.map(\.retry.attempts),
            schedules.map(\.retry.initial),
            schedules.map(\.retry.max),
            schedules.map(\.retry.jitter),
            schedules.map(\.deadline),
            schedules.map(\.startWithin)
        )
    }
}

extension Schedule {
    /// How much later than its fire a run becomes ready: stable for the fire, spread over the schedule's jitter.
    ///
    /// Every node and every process comes to the same, since it is computed from name and instant alone.
    func jitter(of fire: Instant) -> Duration {
        guard jitter > .zero else { return .zero }
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        for byte in "\(name)@\(fire.microsecondsSinceEpoch)".utf8 {
            hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3
        }
        return jitter * (Double(hash >> 11) / Double(1 << 53))
    }
}
