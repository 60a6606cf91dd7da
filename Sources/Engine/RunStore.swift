package import JobKit
package import Postgres

/// The runs of the database, as one node works with them.
///
/// Everything here runs as `bursar_engine`.
package struct RunStore: Sendable {
    let database: PostgresPool

    package init(database: PostgresPool) { self.database = database }

    /// Claims runs for a node whose lease is in force, in the order of their turns, and writes their attempts.
    package func claim(_ wish: ClaimWish) async throws -> Claim {
        try await database.withTransaction(.engineLoop) { transaction in
            // First: with a past that is gone nothing is claimed.
            await transaction.postpone(wish.marks.check)
            if wish.promotes { await transaction.postpone(Statements.promote.bind()) }
            let none: Int64? = nil
            let answers = try await transaction.pipeline([
                Statements.admit.bind(wish.gate ?? "", wish.gatesLookedAt),
                Statements.claim.bind(wish.node, wish.jobs, wish.limit, wish.floor, none),
            ])
            var claim = Claim(gate: try answers[0].first?.get("gate"))
            var reader = ClaimReader()
            claim.runs.reserveCapacity(answers[1].count)
            for row in answers[1] { claim.runs.append(try reader.run(row)) }
            // They come in the order of their turns.
            claim.latestTurn = try answers[1].last.map(reader.turn)
            let isIdle = claim.runs.count < wish.limit
            if isIdle != wish.saidIdle {
                try await transaction.execute(Statements.idle, wish.node, isIdle)
                claim.saysIdle = isIdle
            }
            return claim
        }
    }

    /// Claims up to `limit` ready runs.
    package func claim(node: String, jobs: [String], limit: Int) async throws -> [ClaimedRun] {
        try await claim(ClaimWish(node: node, jobs: jobs, limit: limit)).runs
    }

    /// Asks for a run and claims it before any other node can see it; claims none where the request repeats an earlier one.
    /// - Throws: BU009 while a quarantine is in force.
    package func enqueueAndClaim(
        _ request: RunRequest,
        node: String,
        by actor: String
    ) async throws -> (run: Int64, claimed: ClaimedRun?) {
        var options = TransactionOptions.engine
        options.settings = [("bursar.actor", actor)]
        return try await database.withTransaction(options) { transaction in
            await transaction.postpone(Marks().check)
            let (run, created) = try await request.enqueue(in: transaction)
            guard created else { return (run, nil) }
            await transaction.postpone(Statements.admit.bind("", 50))
            let claimed = try await transaction.query(Statements.claim, node, [request.job], 1, Int64.min, run)
            var reader = ClaimReader()
            return (run, try claimed.first.map { try reader.run($0) })
        }
    }

    /// Writes how an attempt ended and what becomes of its run, compared with the fence.
    /// - Returns: false where the fence was no longer in force; nothing was written.
    package func end(_ run: ClaimedRun, _ ending: AttemptEnding) async throws -> Bool {
        try await database.withTransaction(.engine) { transaction in
            let identity = run.identity
            guard try await !transaction.query(Statements.hold, identity.id, identity.fence).isEmpty else {
                return false
            }
            let attempt = Statements.closeAttempt.bind(identity.id, identity.attempt, ending.outcome, ending.error)
            _ = try await transaction.pipeline([
                attempt, ending.runStatement(identity.id), Statements.endCancelled.bind([identity.id]),
            ])
            return true
        }
    }

    /// Ends runs whose attempts succeeded, in one statement however many there are.
    /// - Returns: those whose fence was in force; nothing was written of the others.
    package func finish(_ succeeded: [(run: RunIdentity, outcome: String)]) async throws -> Set<Int64> {
        let rows = try await database.withTransaction(.engineEnds) { transaction in
            try await transaction.query(
                Statements.finish,
                succeeded.map(\.run.id),
                succeeded.map { Int32($0.run.attempt) },
                succeeded.map(\.run.fence),
                succeeded.map(\.outcome)
            )
        }
        return Set(try rows.map { try $0.integer(0) })
    }

    /// Gives the runs of nodes whose lease ended to whoever claims next; those that failed too often are dead.
    /// - Returns: the runs that were taken from a dead node.
    ///
    /// A session that still holds such a run's row is ended: its node lost the right to it.
    package func rescue() async throws -> [Int64] {
        let (taken, holders) = try await database.withTransaction(.engine) { transaction in
            let answers = try await transaction.pipeline([Statements.lostRuns.bind(), Statements.holders.bind()])
            let lost = try answers[0].map { row in
                (id: try row.get("id", as: Int64.self), spent: try row.get("spent", as: Bool.self))
            }
            let holders = try answers[1].map { try $0.get("pid", as: Int32.self) }
            guard !lost.isEmpty else { return ([Int64](), holders) }
            let (dead, back) = (lost.filter(\.spent).map(\.id), lost.filter { !$0.spent }.map(\.id))
            _ = try await transaction.pipeline([
                Statements.closeLostAttempts.bind(lost.map(\.id)),
                Statements.takeBack.bind(back),
                Statements.endRuns.bind(dead, "dead", "its node died in every attempt"),
                Statements.endCancelled.bind(back),
            ])
            return (lost.map(\.id), holders)
        }
        guard !holders.isEmpty else { return taken }
        // As the login itself: a role may end only sessions of its own.
        try await database.withTransaction { try await $0.query(Statements.endSessions, holders) }
        return try await taken + rescue()
    }

    /// Of the given runs, those that somebody asked to end.
    package func cancelled(among runs: [Int64]) async throws -> [Int64] {
        try await database.withTransaction(.engineLoop) { transaction in
            try await transaction.query(Statements.cancelled, runs).map { try $0.get("run_id") }
        }
    }
}

extension TransactionOptions {
    /// A transaction of the engine itself.
    static var engine: TransactionOptions {
        var options = TransactionOptions()
        options.role = "bursar_engine"
        return options
    }

    /// The same for a look of a loop, which must come round: a server that says nothing is given up long before the watchdog
    /// would take the loop for stuck.
    static var engineLoop: TransactionOptions {
        var options = engine
        options.statementTimeout = .seconds(15)
        options.settings = indexed
        return options
    }

    /// The end of runs, many in one statement.
    static var engineEnds: TransactionOptions {
        var options = engine
        options.settings = indexed
        return options
    }

    /// Each row is looked up along an index, whatever the statistics of a queue say at the moment, and the plan is made once: what
    /// is asked a hundred times a second is planned for any values.
    private static var indexed: [(name: String, value: String)] {
        [
            ("plan_cache_mode", "force_generic_plan"), ("enable_seqscan", "off"), ("enable_bitmapscan", "off"),
            ("enable_hashjoin", "off"), ("enable_mergejoin", "off"),
        ]
    }
}

/// How an attempt ended, and what becomes of its run.
package enum AttemptEnding: Sendable {
    case succeeded(String)
    /// Tried again after the wait; `anew` starts the cursor over and keeps the totals.
    case failed(String, wait: Duration, anew: Bool)
    case dead(String)
    /// Not now; it costs no attempt.
    case snoozed(String, wait: Duration)
    case needsApproval(String)
    case handedBack
    case cancelled(String)

    package var outcome: String {
        switch self {
        case .succeeded: "succeeded"
        case .failed, .dead: "failed"
        case .snoozed: "snoozed"
        case .needsApproval: "needs_approval"
        case .handedBack: "handed_back"
        case .cancelled: "cancelled"
        }
    }

    package var error: String? {
        switch self {
        case .failed(let text, _, _), .dead(let text), .snoozed(let text, _), .needsApproval(let text): text
        case .succeeded, .handedBack, .cancelled: nil
        }
    }

    func runStatement(_ run: Int64) -> BoundStatement {
        switch self {
        case .succeeded(let text): RunStore.Statements.endRuns.bind([run], "succeeded", text)
        case .failed(let text, let wait, let anew): RunStore.Statements.retryLater.bind(run, wait, text, anew)
        case .dead(let text): RunStore.Statements.endRuns.bind([run], "dead", text)
        case .snoozed(let text, let wait): RunStore.Statements.snooze.bind(run, wait, text)
        case .needsApproval(let text): RunStore.Statements.awaitApproval.bind(run, text)
        case .handedBack: RunStore.Statements.handBack.bind(run)
        case .cancelled(let text): RunStore.Statements.endRuns.bind([run], "cancelled", text)
        }
    }
}
