package import JobKit
package import Logging
package import Postgres

/// Works claimed runs: runs the job, asks for its postcondition, writes how the attempt ended.
package final class Runner: Sendable {
    private let registry: JobRegistry
    private let database: PostgresPool
    private let store: RunStore
    private let completions: Completions
    private let report: AttemptReport
    private let voices: AttemptLineWriter.House
    private let logger: Logger

    /// Makes a runner; `ended` hears of runs that were begun with ``begin(_:signals:)`` and whose end came together with others'.
    package init(
        registry: JobRegistry,
        database: PostgresPool,
        logger: Logger,
        marks: MarkBook = MarkBook(),
        ended: @escaping @Sendable ([(run: ClaimedRun, signals: RunSignals)]) -> Void = { _ in }
    ) {
        self.registry = registry
        self.database = database
        self.logger = logger
        let report = AttemptReport(logger: logger, marks: marks)
        self.report = report
        store = RunStore(database: database)
        voices = AttemptLineWriter.House(
            store: AttemptLineStore(database: database, logger: logger),
            logger: logger
        )
        completions = Completions(store: store, logger: logger) { successes, result in
            switch result {
            case .success(let written): report.ended(successes, written)
            case .failure(let error): for success in successes { report.unwritten(success.run, error) }
            }
            ended(successes.map { ($0.run, $0.signals) })
        }
    }

    /// Works a run to its end, which is written when this returns.
    ///
    /// Never throws: whatever happens becomes the ending of the attempt, or a lost lease, which is only told.
    package func work(_ run: ClaimedRun, signals: RunSignals) async {
        _ = await work(run, signals, handsOver: false)
    }

    /// Works a run like ``work(_:signals:)``, but does not wait until its success is written: that is written together with those
    /// of others, and told to whom the runner was made for.
    ///
    /// Whoever calls it sees to it that the task is cancelled when the run is abandoned, and waits no longer than the grace then.
    /// - Returns: whether the end has come; false where it is still to be told.
    func begin(_ run: ClaimedRun, signals: RunSignals) async -> Bool {
        await work(run, signals, handsOver: true)
    }

    /// Tells of a run that was left behind, once.
    func lost(_ run: ClaimedRun) { report.lost(run) }

    private func work(_ run: ClaimedRun, _ signals: RunSignals, handsOver: Bool) async -> Bool {
        let began = ContinuousClock.now
        report.begins(run)
        do {
            let ending = try await attempt(run, signals: signals, isAlone: !handsOver)
            if handsOver, case .succeeded(let text) = ending, signals.missesOfPast == nil {
                completions.handOver(Success(run: run, signals: signals, outcome: text, began: began))
                return false
            }
            guard try await write(ending, of: run) else {
                throw LeaseLost(run: run.identity.id, fence: run.identity.fence)
            }
            report.ended(run, ending, took: .now - began)
        } catch is LeaseLost {
            if !signals.isLeftBehind { report.lost(run) }
        } catch {
            report.unwritten(run, error)
        }
        return true
    }

    private func attempt(_ run: ClaimedRun, signals: RunSignals, isAlone: Bool) async throws -> AttemptEnding {
        guard let job = registry[run.identity.job] else {
            return .dead("this node knows no job named \(run.identity.job)")
        }
        if let defect = run.defect { return .dead(defect) }
        let voice = AttemptLineWriter(run, voices)
        let context = JobContext(
            run: run.identity,
            checkpoint: run.checkpoint,
            database: database,
            signals: signals,
            voice: voice
        )
        let result: Result<AttemptEnding, any Error>
        do {
            let work: @Sendable () async throws -> AttemptEnding = { try await Self.perform(job, run, context) }
            let isRaced = isAlone || run.deadline != nil
            result = .success(isRaced ? try await racing(run, signals, work) : try await work())
        } catch {
            result = .failure(error)
        }
        await voice.finish()
        // Whatever the work says of itself: another claim may own its run.
        if signals.isAbandoned { throw LeaseLost(run: run.identity.id, fence: run.identity.fence) }
        switch result {
        case .success(let ending): return ending
        case .failure(let error): return try ending(of: error, run)
        }
    }

    private static func perform(_ job: AnyJob, _ run: ClaimedRun, _ context: JobContext) async throws -> AttemptEnding {
        switch try await job.run(run.parameters, context) {
        case .snoozed(let wait):
            return .snoozed("snoozed by the job", wait: wait)
        case .succeeded(let text):
            guard !run.identity.isDryRun else { return .succeeded("dry run: \(text)") }
            switch try await job.postcondition(run.parameters, context) {
            case .held: return .succeeded(text)
            case .broken(let promise): throw BrokenPromise(text: promise)
            }
        }
    }

    /// Runs `work` until it ends, its deadline passes, or the lease is abandoned.
    private func racing(
        _ run: ClaimedRun,
        _ signals: RunSignals,
        _ work: @escaping @Sendable () async throws -> AttemptEnding
    ) async throws -> AttemptEnding {
        let notice = DeadlineNotice(database: database)
        return try await AttemptRace(deadline: run.deadline, grace: Lookout.grace) {
            await notice.raise(run.identity.id)
        }
        .run(run.identity, signals, work)
    }

    /// What an error means for the run; decided here and nowhere else.
    private func ending(of error: any Error, _ run: ClaimedRun) throws -> AttemptEnding {
        switch error {
        case let lost as LeaseLost: throw lost
        case is HandedBack, is CancellationError: return .handedBack
        case let error as PostgresError where error.code == .cancelled: return .handedBack
        case is RunCancelled: return .cancelled("cancelled while it ran")
        case let stopped as NeedsApproval: return .needsApproval("proposal \(stopped.proposal): \(stopped.why)")
        case let broken as BrokenPromise:
            guard run.brokenPromises == 0 else { return .dead("the postcondition failed twice: \(broken.text)") }
            return failure("the postcondition does not hold: \(broken.text)", run, anew: true)
        case let error as JobError:
            switch error.disposition {
            case .permanent: return .dead(error.reason)
            case .rateLimited(let wait): return .snoozed(error.reason, wait: wait)
            case .transient: return failure(error.reason, run)
            }
        default: return failure("\(error)", run)
        }
    }

    private func failure(_ text: String, _ run: ClaimedRun, anew: Bool = false) -> AttemptEnding {
        guard run.failures + 1 < run.maxAttempts else {
            return .dead("failed \(run.maxAttempts) times, at last: \(text)")
        }
        let wait = run.backoff.wait(afterFailure: run.failures + 1, chance: Double.random(in: 0...1))
        return .failed(text, wait: wait, anew: anew)
    }

    /// Writes the ending: one that is nothing but a success together with others, any other by itself.
    private func write(_ ending: AttemptEnding, of run: ClaimedRun) async throws -> Bool {
        if case .succeeded(let text) = ending { return try await completions.finish(run.identity, text) }
        // It must be written though the service is being shut down, so it does not inherit a cancellation.
        return try await Task {
            try await store.untilThere(logger.about(run.identity)) { try await store.end(run, ending) }
        }.value
    }
}

/// The job said it was done, and something due is left.
private struct BrokenPromise: Error {
    let text: String
}
