package import CivilTime
package import Logging
package import Postgres
internal import Synchronization

/// What a run may use: its identity, fenced transactions, its checkpoint, and nothing global.
///
/// Every transaction made here, reads included, locks the run's row and compares the fence first: after the lease was
/// lost it throws ``LeaseLost`` and applies nothing.
package struct JobContext: Sendable {
    package let run: RunIdentity
    private let voice: any AttemptVoice
    let database: PostgresPool
    private let signals: RunSignals
    let progress: Progress
    /// What its transactions tell the planner beside what all of them do.
    private var planning: [(name: String, value: String)] = []

    /// How long a chunk waits for a row that somebody else holds, before it leaves the row for a later sweep.
    static let patience = Duration.seconds(2)

    /// The business instant that every decision of this attempt takes as "now".
    package var asOf: Instant { run.asOf }

    /// Its lines carry the run, and are kept with the attempt from `info` on.
    package var logger: Logger { voice.logger }

    /// What is said in this attempt and kept with it; the logger's lines come here by themselves.
    package var lines: AttemptLines { voice.lines }

    /// How far the run has come.
    package var checkpoint: Checkpoint { progress.current }

    package init(
        run: RunIdentity,
        checkpoint: Checkpoint,
        database: PostgresPool,
        signals: RunSignals,
        logger: Logger,
        lines: AttemptLines = AttemptLines()
    ) {
        let voice = PlainVoice(logger: logger, lines: lines)
        self.init(run: run, checkpoint: checkpoint, database: database, signals: signals, voice: voice)
    }

    /// A context that makes neither logger nor lines before the first word is said: most runs of many say nothing.
    package init(
        run: RunIdentity,
        checkpoint: Checkpoint,
        database: PostgresPool,
        signals: RunSignals,
        voice: any AttemptVoice
    ) {
        self.run = run
        self.voice = voice
        self.database = database
        self.signals = signals
        progress = Progress(checkpoint)
    }

    /// The same run, whose statements are planned to go along indexes, whatever the tables held when they were planned.
    ///
    /// For steps that fill the tables they read: a plan made for an empty table is kept, and would read all of it each time.
    package var alongIndexes: JobContext {
        var copy = self
        copy.planning = ["seqscan", "hashjoin", "mergejoin", "material"].map { ("enable_\($0)", "off") }
        return copy
    }

    /// Works one chunk in one transaction, and answers how many items it had.
    ///
    /// `select` chooses the items and may read every tenant; `apply` may see and change only the tenants of those items.
    /// The checkpoint that `apply` leaves is committed with its effects, or neither is. With no items nothing is applied.
    /// A dry run rolls the chunk back and keeps the checkpoint in memory.
    ///
    /// - Throws: ``LeaseLost`` where the fence is no longer in force; what `select` and `apply` throw.
    package func chunk<Item: Sendable>(
        select: (Transaction, Checkpoint) async throws -> [Item],
        tenant: (Item) -> Int64,
        apply: (Transaction, [Item], inout Checkpoint) async throws -> Void
    ) async throws -> Int {
        try await chunk(select: select, tenants: { [tenant($0)] }, apply: apply)
    }

    /// The same for items that each touch several tenants, or rows that belong to none: tenant 0.
    package func chunk<Item: Sendable>(
        select: (Transaction, Checkpoint) async throws -> [Item],
        tenants: (Item) -> [Int64],
        apply: (Transaction, [Item], inout Checkpoint) async throws -> Void
    ) async throws -> Int {
        let before = progress.current
        let (count, after) = try await fenced(role: "bursar_scan", rollBack: run.isDryRun) { transaction in
            let items = try await select(transaction, before)
            guard !items.isEmpty else { return (0, before) }
            await transaction.setRole("bursar_app")
            await transaction.setTenants(Array(Set(items.flatMap(tenants))).sorted())
            var checkpoint = before
            try await apply(transaction, items, &checkpoint)
            if checkpoint != before, !run.isDryRun { try await save(checkpoint, after: before, in: transaction) }
            return (items.count, checkpoint)
        }
        progress.current = after
        return count
    }

    /// Reads across tenants, under the fence.
    package func read<Answer: Sendable>(_ body: (Transaction) async throws -> Answer) async throws -> Answer {
        try await fenced(role: "bursar_scan", rollBack: true, body)
    }

    /// Reads across tenants in several transactions side by side, each under the fence, and answers in the order of the
    /// parts; the body is told which part is its own, from 0.
    package func read<Answer: Sendable>(
        inParts parts: Int,
        _ body: @escaping @Sendable (Transaction, Int) async throws -> Answer
    ) async throws -> [Answer] {
        try await withThrowingTaskGroup(of: (Int, Answer).self) { group in
            for part in 0..<parts {
                group.addTask {
                    let fence = RunStatements.assertFenceToRead
                    return try await fenced(role: "bursar_scan", fence, rollBack: true) { transaction in
                        (part, try await body(transaction, part))
                    }
                }
            }
            return try await group.reduce(into: []) { $0.append($1) }.sorted { $0.0 < $1.0 }.map(\.1)
        }
    }

    /// Returns when the run shall end before its work is done: it was cancelled, its node drains, or its lease is lost.
    ///
    /// For work that is not done in chunks. Ask once an attempt; ``checkWhetherToStop()`` then throws the reason.
    package func untilStopped() async { await signals.untilStopped() }

    /// - Throws: why the run shall end before its work is done, as the error that ends it.
    package func checkWhetherToStop() throws {
        try signals.check(run)
        try Task.checkCancellation()
    }

    /// Whether the lease is as good as lost: a peer may take the run any moment.
    package var isAbandoned: Bool { signals.isAbandoned }

    /// One transaction that begins with the fence.
    func fenced<Answer: Sendable>(
        role: String,
        _ fence: Statement = RunStatements.assertFence,
        within limit: Duration? = nil,
        rollBack: Bool,
        evenIfStopped: Bool = false,
        _ body: (Transaction) async throws -> Answer
    ) async throws -> Answer {
        if !evenIfStopped { try checkWhetherToStop() }
        var options = TransactionOptions()
        options.role = role
        options.settings = [
            ("bursar.actor", "job:\(run.job)"), ("bursar.run", String(run.id)), ("bursar.fence", String(run.fence)),
            // A chunk's statements come again and again: planned once, for any values.
            ("plan_cache_mode", "force_generic_plan"),
        ]
        options.settings += planning
        options.outcome = rollBack ? .rollBack : .commit
        options.lockTimeout = Self.patience
        if let limit {
            options.statementTimeout = limit
            options.settings.append(("idle_in_transaction_session_timeout", PostgresConfiguration.milliseconds(limit)))
        }
        do {
            return try await database.withTransaction(options) { transaction in
                // Goes out in front of the body's first statement, in the same round trip.
                await transaction.postpone(fence.bind(run.id, run.fence))
                let answer = try await body(transaction)
                // A body that said nothing has asked for the fence all the same.
                try await transaction.flush()
                return answer
            }
        } catch let error as PostgresError where error.sqlState == .leaseLost {
            throw LeaseLost(run: run.id, fence: run.fence)
        }
    }

    func save(_ checkpoint: Checkpoint, after before: Checkpoint, in transaction: Transaction) async throws {
        await transaction.setRole("bursar_engine")
        let saved = try await transaction.execute(
            RunStatements.saveCheckpoint,
            run.id,
            run.fence,
            try JSONText(encoding: checkpoint),
            try JSONText(encoding: before)
        )
        guard saved == 1 else {
            // The fence was compared and the row is locked, so it is the checkpoint that is another one.
            let lost = PastLost(run: run.id)
            signals.reportLostPast(lost.description)
            throw lost
        }
    }
}

/// The database holds an older checkpoint than the one that this attempt has committed.
///
/// It was promoted or restored without its last commits. The attempt fails; the next one begins at what is there.
struct PastLost: Error, CustomStringConvertible {
    let run: Int64

    var description: String { "a checkpoint that run \(run) had committed is gone from the database" }
}

/// The checkpoint as of the last commit.
final class Progress: Sendable {
    private let checkpoint: Mutex<Checkpoint>

    init(_ checkpoint: Checkpoint) { self.checkpoint = Mutex(checkpoint) }

    var current: Checkpoint {
        get { checkpoint.withLock { $0 } }
        set { checkpoint.withLock { $0 = newValue } }
    }
}

/// What an attempt speaks with.
package protocol AttemptVoice: AnyObject, Sendable {
    /// A logger whose lines carry the run, and are kept with the attempt.
    var logger: Logger { get }
    /// What is kept with the attempt.
    var lines: AttemptLines { get }
}

/// A voice that was made beforehand.
private final class PlainVoice: AttemptVoice {
    let logger: Logger
    let lines: AttemptLines

    init(logger: Logger, lines: AttemptLines) {
        self.logger = logger
        self.lines = lines
    }
}
