package import Logging
package import Postgres

/// From where a provider is called: a run, or a command of an operator.
///
/// Both share the provider's limits and its circuit.
package protocol CallingContext: Sendable {
    /// The number of the run that calls, for the record; nil outside of runs.
    var callingRun: Int64? { get }

    /// Calls a provider within what it takes; see ``JobContext/call(_:patience:verdict:_:)``.
    ///
    /// - Throws: what the body threw; `JobError` with the wait where the turn does not come soon or the circuit is open; why the
    ///   run shall stop where it shall.
    func call<Answer: Sendable>(
        _ provider: String,
        patience: Duration,
        verdict: (any Error) -> CallVerdict,
        _ body: () async throws -> Answer
    ) async throws -> Answer

    /// Commits facts about calls, or reads them: what happened outside is a fact whoever owns the run by now, so no fence is
    /// compared. Never for effects of a run: those go into a chunk.
    func record<Answer: Sendable>(as role: String, _ body: (Transaction) async throws -> Answer) async throws -> Answer
}

extension JobContext: CallingContext {
    package var callingRun: Int64? { run.id }

    package func record<Answer: Sendable>(
        as role: String,
        _ body: (Transaction) async throws -> Answer
    ) async throws -> Answer {
        try await database.recordingFacts(as: role, actor: "job:\(run.job)", body)
    }
}

/// Calls that no run makes: a command of an operator, a look from the console.
package struct CallsOutsideRuns: CallingContext {
    private let database: PostgresPool
    /// For the record: `operator:sok`.
    private let actor: String
    private let logger: Logger

    package init(database: PostgresPool, actor: String, logger: Logger) {
        self.database = database
        self.actor = actor
        self.logger = logger
    }

    package var callingRun: Int64? { nil }

    package func call<Answer: Sendable>(
        _ provider: String,
        patience: Duration,
        verdict: (any Error) -> CallVerdict,
        _ body: () async throws -> Answer
    ) async throws -> Answer {
        try await waitForTurn(provider, patience) {
            try await record(as: "bursar_engine") { transaction in
                try await transaction.query(RunStatements.takeCall, provider).first?.get("wait") ?? .zero
            }
        }
        do {
            let answer = try await body()
            await database.tellHowACallWent(provider, .answered, nil, logger)
            return answer
        } catch {
            await database.tellHowACallWent(provider, verdict(error), "\(error)", logger)
            throw error
        }
    }

    package func record<Answer: Sendable>(
        as role: String,
        _ body: (Transaction) async throws -> Answer
    ) async throws -> Answer {
        try await database.recordingFacts(as: role, actor: actor, body)
    }
}

extension CallingContext {
    /// Waits until the provider takes a call, at most so long; `take` asks for the turn and answers with the wait.
    ///
    /// - Throws: `JobError` with the wait where the turn does not come soon; what `take` throws, which is asked again and again.
    func waitForTurn(_ provider: String, _ patience: Duration, take: () async throws -> Duration) async throws {
        let began = ContinuousClock.now
        while true {
            let wait = try await take()
            if wait <= .zero { return }
            guard ContinuousClock.now + wait - began <= patience else {
                throw JobError(.rateLimited(wait), "\(provider) takes no call for another \(wait)")
            }
            // Waiting: tokens come by the clock. In short steps, since the caller may be told to stop.
            try await Task.sleep(for: min(wait, .milliseconds(200)))
        }
    }
}

extension PostgresPool {
    fileprivate func recordingFacts<Answer: Sendable>(
        as role: String,
        actor: String,
        _ body: (Transaction) async throws -> Answer
    ) async throws -> Answer {
        var options = TransactionOptions()
        options.role = role
        options.settings = [("bursar.actor", actor)]
        options.lockTimeout = JobContext.patience
        return try await withTransaction(options, body)
    }

    /// Tells how a call went, though the caller is told to stop: it is a fact about the provider.
    func tellHowACallWent(_ provider: String, _ verdict: CallVerdict, _ error: String?, _ logger: Logger) async {
        let wait: Duration? =
            switch verdict {
            case .askedToWait(let wait): max(wait, .zero)
            case .answered, .failed, .nothing: nil
            }
        guard verdict != .nothing else { return }
        do {
            // A deadline has cancelled the task, say.
            try await Task {
                var options = TransactionOptions()
                options.role = "bursar_engine"
                options.lockTimeout = JobContext.patience
                try await withTransaction(options) { transaction in
                    _ = try await transaction.query(
                        RunStatements.callEnded,
                        provider,
                        verdict != .failed,
                        error,
                        wait
                    )
                }
            }.value
        } catch {
            logger.notice("how a call went was not told", metadata: ["provider": "\(provider)", "error": "\(error)"])
        }
    }
}
