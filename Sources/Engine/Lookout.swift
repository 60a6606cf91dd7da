package import Logging
package import Postgres
internal import Metrics

/// Looks round every few seconds: takes the fence from attempts that ignore their deadline, keeps the alarms true, and now
/// and then throws away what nobody needs any more.
///
/// Every node does. What two of them find at once is written once.
package struct Lookout: Sendable {
    /// How long an attempt may go on after its deadline before its fence is taken away.
    package static let grace = Duration.seconds(30)

    /// When it last came round.
    package let pulse = Pulse()
    private let database: PostgresPool
    private let logger: Logger
    /// How long a node may have other schedule files before that is an alarm.
    private let driftPatience: Duration

    package init(database: PostgresPool, logger: Logger, driftPatience: Duration = .seconds(300)) {
        self.database = database
        self.logger = logger
        self.driftPatience = driftPatience
    }

    /// Looks until the task is cancelled.
    package func keepLooking(every pause: Duration) async {
        var houseKept: ContinuousClock.Instant?
        pulse.begin()
        while !Task.isCancelled {
            do {
                try await look()
                pulse.beat()
                if houseKept.map({ .now - $0 > .seconds(3600) }) ?? true {
                    try await keepHouse()
                    houseKept = .now
                }
            } catch {
                pulse.missed("\(error)")
                if !Task.isCancelled { logger.notice("could not look round", metadata: ["error": "\(error)"]) }
            }
            // Waiting: what is late is told by the clock alone.
            try? await Task.sleep(for: pause)
        }
    }

    /// Looks once.
    package func look() async throws {
        let taken = try await database.withTransaction(.engine) { transaction in
            let answers = try await transaction.pipeline(
                [
                    Statements.overrun.bind(Self.grace),
                    AlarmBook.Statements.raised.bind(AlarmConditions.kinds.sorted()),
                    RunStore.Statements.endCancelled.bind(nil as [Int64]?),
                ]
                    + AlarmConditions.bound(driftPatience: driftPatience)
            )
            let changes = AlarmChanges(
                from: try answers[1].map(Alarm.init),
                to: try answers.dropFirst(3).flatMap { try $0.map(Alarm.init) }
            )
            let book = AlarmBook(in: transaction)
            try await book.raise(changes.toRaise)
            try await book.clear(changes.toClear)
            return try await takeFences(answers[0], in: transaction)
        }
        guard !taken.isEmpty else { return }
        Counter(label: "bursar_fences_taken_total").increment(by: taken.count)
        logger.warning("took the fence from runs that ignored their deadline", metadata: ["runs": "\(taken)"])
    }

    /// Closes the attempts and lets the runs go on under their retry policy; whoever still works on them has lost them.
    private func takeFences(_ overrun: Rows, in transaction: Transaction) async throws -> [Int64] {
        guard !overrun.isEmpty else { return [] }
        let runs = try overrun.map { row in
            (id: try row.get("id", as: Int64.self), spent: try row.get("spent", as: Bool.self))
        }
        let (dead, back) = (runs.filter(\.spent).map(\.id), runs.filter { !$0.spent }.map(\.id))
        let why = "it ignored its deadline for \(Self.grace.components.seconds) s, its fence was taken away"
        _ = try await transaction.pipeline([
            Statements.closeOverrun.bind(runs.map(\.id), why),
            Statements.tryAgain.bind(back, why),
            RunStore.Statements.endRuns.bind(dead, "dead", "failed as often as it may, at last: \(why)"),
        ])
        return runs.map(\.id)
    }

    /// Throws away fires that their schedule's high-water mark has passed long ago, gaps and cleared alarms of last year.
    ///
    /// A fire is the only proof that it was made, so none is pruned before the mark has passed it. A run that can still
    /// change keeps its fire, and every schedule keeps its last one.
    package func keepHouse() async throws {
        try await database.withTransaction(.engine) { transaction in
            _ = try await transaction.pipeline([
                Statements.pruneFires.bind(), Statements.pruneGaps.bind(), Statements.pruneAlarms.bind(),
            ])
        }
    }

    package enum Statements {
        /// A row that a chunk holds at this moment is left for the next look: its backend ends with the cancelled statement.
        static let overrun = Statement(
            "engine.overrun_attempts",
            """
            select r.id, r.failures + 1 >= r.max_attempts as spent
            from bursar.run r
            where r.state = 'running' and r.started_at + r.deadline + $1::interval < clock_timestamp()
            for no key update skip locked
            """
        )

        static let closeOverrun = Statement(
            "engine.close_overrun_attempts",
            """
            update bursar.attempt a
            set ended_at = clock_timestamp(), outcome = 'failed', error = $2
            from bursar.run r
            where r.id = any ($1) and a.run_id = r.id and a.number = r.attempts and a.ended_at is null
            """
        )

        static let tryAgain = Statement(
            "engine.retry_overrun",
            """
            update bursar.run
            set state = 'scheduled', node_id = null, failures = failures + 1, last_error = $2,
                run_at = clock_timestamp() + least(retry_initial * (2 ^ least(failures, 20)), retry_max)
            where id = any ($1)
            """
        )

        static let pruneFires = Statement(
            "engine.prune_fires",
            """
            with old as (
                select f.schedule, f.fire_at
                from bursar.schedule s
                join bursar.fire f on f.schedule = s.name
                    and f.fire_at < least(s.high_water, bursar.business_now() - interval '90 days')
                where f.state <> 'asked' and f.made_at < clock_timestamp() - interval '90 days'
                    and not exists (select from bursar.run r where r.schedule = f.schedule and r.fire_at = f.fire_at)
                    and exists (select from bursar.fire later where later.schedule = f.schedule and later.fire_at > f.fire_at)
                limit 50000
            )
            delete from bursar.fire f using old o where f.schedule = o.schedule and f.fire_at = o.fire_at
            """
        )

        static let pruneGaps = Statement(
            "engine.prune_gaps",
            """
            delete from bursar.fire_gap g
            using bursar.schedule s
            where s.name = g.schedule and g.to_at <= s.high_water and g.made_at < clock_timestamp() - interval '400 days'
            """
        )

        static let pruneAlarms = Statement(
            "engine.prune_alarms",
            """
            delete from bursar.alarm where cleared_at < clock_timestamp() - interval '400 days'
            """
        )

        package static let all =
            [overrun, closeOverrun, tryAgain, pruneFires, pruneGaps, pruneAlarms] + AlarmConditions.all
            + AlarmBook.Statements.all
    }
}
