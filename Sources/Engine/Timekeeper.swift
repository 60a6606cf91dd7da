internal import CivilTime
package import Logging
package import Postgres
internal import Schedules

/// Makes runs of due fires, and gives runs that waited for their turn or for other schedules their time.
///
/// Every node does; the row of the fire decides which of them did. While nothing is due, a look is one short transaction
/// whatever the number of schedules, and the fires of all schedules that are due at one instant are one transaction too.
package struct Timekeeper: Sendable {
    /// What one look came to.
    package struct Tick: Equatable, Sendable {
        /// How many runs were made of fires.
        package var made = 0
        /// How many runs that had waited got their time.
        package var released = 0
        /// How long until the next fire, by the business clock; nil where none is known.
        package var untilNext: Duration?
    }

    /// When it last came round; its node's watchdog and readiness look here.
    package let pulse = Pulse()
    private let database: PostgresPool
    private let logger: Logger
    private let known = KnownSchedules()
    private let bell = Doorbell()
    private let marks: MarkBook

    package init(database: PostgresPool, logger: Logger, marks: MarkBook = MarkBook()) {
        self.marks = marks
        self.database = database
        self.logger = logger
    }

    /// Looks at every due instant, at every ring of `wake`, and at least every `longest`, until draining or cancelled.
    ///
    /// - Parameters:
    ///   - longest: the longest pause: schedules may change, and the business clock may be moved.
    ///   - isDraining: a node that leaves makes no more runs.
    ///   - found: called when there is new work to claim.
    ///   - standsStill: asked whether an error means that nothing may fire for a while; the loop goes on looking.
    func keepTime(
        atLeastEvery longest: Duration,
        isDraining: @escaping @Sendable () -> Bool,
        found: @escaping @Sendable () -> Void,
        standsStill: @escaping @Sendable (any Error) async -> Bool
    ) async {
        pulse.begin()
        await withDiscardingTaskGroup { group in
            bell.ring()
            for await _ in bell.answers {
                if Task.isCancelled || isDraining() { break }
                var pause = longest
                do {
                    let tick = try await tick()
                    pulse.beat()
                    if tick.made > 0 || tick.released > 0 { found() }
                    pause = min(longest, tick.untilNext ?? longest)
                } catch {
                    if await standsStill(error) {
                        pulse.beat()
                    } else {
                        report(error)
                    }
                }
                let wait = pause
                group.addTask { await bell.ring(after: wait) }
            }
            group.cancelAll()
        }
    }

    private func report(_ error: any Error) {
        pulse.missed("\(error)")
        logger.warning("could not look at the schedules", metadata: ["error": "\(error)"])
    }

    /// Looks now, in the loop of `keepTime`.
    package func wake() { bell.ring() }

    /// Looks at the business clock once and answers every fire that is due.
    @discardableResult
    package func tick() async throws -> Tick {
        let (book, released) = try await read()
        var tick = Tick(released: released)
        let due = known.due(book, logger: logger)
        let defects = known.newDefects()
        if !defects.isEmpty {
            try await database.withTransaction(.engine) { try await AlarmBook(in: $0).raise(defects) }
        }
        if !due.isEmpty {
            let fired = try await database.withTransaction(.engineLoop) { transaction in
                await checkThePast(in: transaction)
                return try await fire(due, in: transaction)
            }
            tick.made = fired.made
            tick.released += fired.released
            if fired.made > 0 {
                logger.info("fired", metadata: ["schedules": "\(due.count)", "runs": "\(fired.made)"])
            }
        }
        // What was due is read anew next time; another node may have it in hand.
        tick.untilNext = known.untilNext(now: book.now).map { due.isEmpty ? $0 : max($0, .milliseconds(50)) }
        return tick
    }

    /// First in every transaction: with a past that is gone nothing fires.
    private func checkThePast(in transaction: Transaction) async {
        await transaction.postpone(marks.current.check)
    }

    /// What is in force, read with the definitions that this node does not know yet.
    private func read() async throws -> (book: ReadBook, released: Int) {
        try await database.withTransaction(.engineLoop) { transaction in
            await checkThePast(in: transaction)
            let answers = try await transaction.pipeline([
                Statements.release.bind(), Statements.inForce.bind(known.newestVersion),
            ])
            let released = try answers[0].first?.get("released", as: Int.self) ?? 0
            var book = try ReadBook(answers[1])
            if !known.knows(book) { book = try ReadBook(await transaction.query(Statements.inForce, Int64(-1))) }
            return (book, released)
        }
    }

    /// Writes fires, runs and gaps under the schedules' rows; those that another node has in hand, or has been at since they
    /// were read, are left to it.
    private func fire(_ due: [DueSchedule], in transaction: Transaction) async throws -> (made: Int, released: Int) {
        let held = try await transaction.query(
            Statements.hold,
            due.map(\.schedule.name),
            due.map(\.highWater),
            due.map(\.version)
        )
        let byName = Dictionary(due.map { ($0.schedule.name, $0.schedule) }) { first, _ in first }
        let highWaters = Dictionary(due.map { ($0.schedule.name, $0.highWater) }) { first, _ in first }
        let others = known.inForce
        var batch = FireBatch()
        for row in held {
            let name = try row.get("name", as: String.self)
            guard let schedule = byName[name], let highWater = highWaters[name] else { continue }
            let plan = FirePlanner.plan(
                schedule,
                after: highWater,
                now: try row.get("now"),
                live: LiveRuns(count: try row.get("live"))
            )
            batch.add(plan, of: schedule, among: others)
        }
        guard !batch.isEmpty else { return (0, 0) }
        let answers = try await transaction.pipeline(batch.statements + [Statements.release.bind()])
        if batch.hasGaps {
            try await AlarmBook(in: transaction).raise(
                try await transaction.query(AlarmConditions.missed).map(Alarm.init)
            )
        }
        let released = try answers.last?.first?.get("released", as: Int.self) ?? 0
        let made = try answers[batch.placeOfFires].first?.get("made", as: Int.self) ?? 0
        return (made, released)
    }
}

/// The schedules in force as one look reads them.
struct ReadBook {
    struct Entry {
        let name: String
        let version: Int64
        let highWater: Instant
        /// It is due for nobody, and others still wait for it.
        let isPaused: Bool
        /// Nil where the reader said that it knows this version.
        let definition: String?
    }

    let now: Instant
    let entries: [Entry]

    init(_ rows: Rows) throws {
        guard let first = rows.first else { throw PostgresError(.decoding, "no business clock") }
        now = try first.get("now")
        entries = try rows.compactMap { row in
            guard let name = try row.get("name", as: String?.self) else { return nil }
            return Entry(
                name: name,
                version: try row.get("version"),
                highWater: try row.get("high_water"),
                isPaused: try row.get("paused"),
                definition: try row.get("definition")
            )
        }
    }
}
