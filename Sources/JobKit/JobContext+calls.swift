internal import Logging
internal import Postgres

/// What an error of a call says of the provider that was called.
package enum CallVerdict: Equatable, Sendable {
    /// It answered, and the answer was no: the provider is well.
    case answered
    /// It answered that it wants to be left alone so long, by every run.
    case askedToWait(Duration)
    /// It did not answer, or not with anything of use: such failures in a row open its circuit.
    case failed
    /// Nothing: the call was broken off on this side.
    case nothing

    /// A ``JobError`` says it by its disposition; every other error counts against the provider, but for those by which a run
    /// ends and those of the database.
    package init(of error: any Error) {
        switch error {
        case let error as JobError:
            switch error.disposition {
            case .permanent: self = .answered
            case .rateLimited(let wait): self = .askedToWait(wait)
            case .transient: self = .failed
            }
        case is CancellationError, is HandedBack, is RunCancelled, is LeaseLost, is NeedsApproval, is PostgresError:
            self = .nothing
        default: self = .failed
        }
    }
}

extension JobContext {
    /// Calls a provider, within what it takes: its calls a second and its circuit are shared by all nodes.
    ///
    /// Waits for its turn where that comes soon. Never call inside a chunk: the run's row and its connection would be held for
    /// as long as the provider takes.
    ///
    /// ```swift
    /// let status = try await context.call("bakong") { try await bakong.status(of: md5) }
    /// ```
    ///
    /// - Parameters:
    ///   - provider: its name, the one that the job's ``JobLimits`` tell; nothing keeps back calls of one that nobody has named.
    ///   - patience: the longest wait; beyond it the run is put off, which costs no attempt.
    ///   - verdict: what an error of the call says of the provider.
    ///   - body: the call, and nothing else.
    /// - Returns: what the body answered.
    /// - Throws: what the body threw; `JobError` with the wait where the turn does not come soon or the circuit is open; why the
    ///   run shall stop where it shall. A dry run makes no call, and fails for good.
    @discardableResult
    package func call<Answer: Sendable>(
        _ provider: String,
        patience: Duration = .seconds(5),
        verdict: (any Error) -> CallVerdict = CallVerdict.init(of:),
        _ body: () async throws -> Answer
    ) async throws -> Answer {
        guard !run.isDryRun else {
            throw JobError(.permanent, "a dry run makes no call, and this one would ask \(provider)")
        }
        // Each look is fenced, and so ends with the run.
        try await waitForTurn(provider, patience) { try await takeCall(provider) }
        do {
            let answer = try await body()
            await database.tellHowACallWent(provider, .answered, nil, logger)
            return answer
        } catch {
            await database.tellHowACallWent(provider, verdict(error), "\(error)", logger)
            throw error
        }
    }

    /// Tells how calls went that waited for no turn: a provider that refuses is left alone by every node.
    package func tell(_ provider: String, _ verdict: CallVerdict, _ why: String?) async {
        await database.tellHowACallWent(provider, verdict, why, logger)
    }

    private func takeCall(_ provider: String) async throws -> Duration {
        try await fenced(role: "bursar_engine", rollBack: false) { transaction in
            try await transaction.query(RunStatements.takeCall, provider).first?.get("wait") ?? .zero
        }
    }
}
