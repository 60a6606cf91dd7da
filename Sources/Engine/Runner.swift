package import JobKit
package import Logging
package import Postgres
internal import Metrics

/// Works one claimed run: runs the job, asks for its postcondition, writes how the attempt ended.
package struct Runner: Sendable {
    private let registry: JobRegistry
    private let database: PostgresPool
    private let store: RunStore
    private let completions: Completions
    private let metrics = AttemptMetrics()
    private let lineStore: AttemptLineStore
    private let logger: Logger
    private let marks: MarkBook

    package init(registry: JobRegistry, database: PostgresPool, logger: Logger, marks: MarkBook = MarkBook()) {
        self.marks = marks
        self.registry = registry
        self.database = database
        self.logger = logger
        store = RunStore(database: database)
        completions = Completions(store: store, logger: logger)
        lineStore = AttemptLineStore(database: database, logger: logger)
    }

    /// Never throws: whatever happens becomes the ending of the attempt, or a lost lease, which is only told.
    package func work(_ run: ClaimedRun, signals: RunSignals) async {
        let began = ContinuousClock.now
        if run.level >= logger.logLevel {
            log(run).log(level: run.level, "attempt begins", metadata: ["as_of": "\(run.identity.asOf)"])
        }
        do {
            let ending = try await attempt(run, signals: signals)
            guard try await write(ending, of: run) else {
                throw LeaseLost(run: run.identity.id, fence: run.identity.fence)
            }
            marks.ended(run.identity)
            report(ending, of: run, took: .now - began)
        } catch is LeaseLost {
            Counter(label: "bursar_fence_rejections_total", dimensions: [("module", run.identity.job)]).increment()
            log(run).warning("LeaseLost: another claim owns this run, nothing more is applied")
        } catch {
            log(run).error(
                "the attempt's end could not be written; its run is taken back as a stray, or when the lease ends",
                metadata: ["error": "\(error)"]
            )
        }
    }

    private func log(_ run: ClaimedRun) -> Logger { logger.about(run.identity) }

    private func attempt(_ run: ClaimedRun, signals: RunSignals) async throws -> AttemptEnding {
        guard let job = registry[run.identity.job] else {
            return .dead("this node knows no job named \(run.identity.job)")
        }
        if let defect = run.defect { return .dead(defect) }
        let said = AttemptLineWriter(run.identity, lineStore)
        let context = JobContext(
            run: run.identity,
            checkpoint: run.checkpoint,
            database: database,
            signals: signals
        ) {
            let lines = said.lines
            return (log(run).keeping(in: lines), lines)
        }
        do {
            let ending = try await racing(run, signals) {
                try await Self.perform(job, run, context)
            }
            await said.finish()
            return ending
        } catch {
            await said.finish()
            return try ending(of: error, run)
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
        return try await Task { try await store.untilThere(log(run)) { try await store.end(run, ending) } }.value
    }

    private func report(_ ending: AttemptEnding, of run: ClaimedRun, took: Duration) {
        metrics.attemptEnded(run.identity.job, ending.outcome, took: took.nanoseconds)
        if case .succeeded = ending, run.level < logger.logLevel { return }
        let log = log(run)
        let facts: Logger.Metadata = ["took": "\(took)", "outcome": "\(ending.outcome)"]
        switch ending {
        case .succeeded(let text): log.log(level: run.level, "run succeeded: \(text)", metadata: facts)
        case .failed(let text, let wait, _): log.warning("attempt failed, again in \(wait): \(text)", metadata: facts)
        case .dead(let text): log.error("run is dead: \(text)", metadata: facts)
        case .snoozed(let text, let wait): log.info("run snoozed for \(wait): \(text)", metadata: facts)
        case .needsApproval(let text): log.notice("run needs an approval: \(text)", metadata: facts)
        case .handedBack: log.info("run handed back", metadata: facts)
        case .cancelled(let text): log.notice("run cancelled: \(text)", metadata: facts)
        }
    }
}

extension ClaimedRun {
    /// Runs of schedules are few and each is looked for; of those that programs ask for there may be thousands a second.
    fileprivate var level: Logger.Level { identity.schedule == nil ? .debug : .info }
}

/// The job said it was done, and something due is left.
private struct BrokenPromise: Error {
    let text: String
}

extension Logger {
    /// A logger whose lines carry module, run, attempt and fence.
    fileprivate func about(_ run: RunIdentity) -> Logger {
        var copy = self
        copy[metadataKey: "module"] = "\(run.job)"
        copy[metadataKey: "run"] = "\(run.id)"
        copy[metadataKey: "attempt"] = "\(run.attempt)"
        copy[metadataKey: "fence"] = "\(run.fence)"
        return copy
    }
}

extension Duration {
    fileprivate var nanoseconds: Int64 {
        let (seconds, attoseconds) = components
        return seconds * 1_000_000_000 + attoseconds / 1_000_000_000
    }
}
