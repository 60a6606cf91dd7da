internal import JobKit
internal import Logging
internal import Metrics

/// A run whose job is done, and whose end is still to be written.
struct Success: Sendable {
    let run: ClaimedRun
    let signals: RunSignals
    let outcome: String
    let began: ContinuousClock.Instant
}

/// Tells what became of attempts: to the node's marks, to the metrics, and to the log.
final class AttemptReport: Sendable {
    private let logger: Logger
    private let marks: MarkBook
    private let metrics = AttemptMetrics()

    init(logger: Logger, marks: MarkBook) {
        self.logger = logger
        self.marks = marks
    }

    /// An attempt begins; told only where it is wanted.
    func begins(_ run: ClaimedRun) {
        guard run.level >= logger.logLevel else { return }
        log(run).log(level: run.level, "attempt begins", metadata: ["as_of": "\(run.identity.asOf)"])
    }

    /// An end was written.
    func ended(_ run: ClaimedRun, _ ending: AttemptEnding, took: Duration) {
        marks.ended(run.identity)
        metrics.attemptsEnded(run.identity.job, ending.outcome, took: CollectionOfOne(took.nanoseconds))
        tell(ending, of: run, took: took)
    }

    /// The ends of these were asked for in one statement; what the answer does not name had lost its lease.
    func ended(_ successes: [Success], _ written: Set<Int64>) {
        let now = ContinuousClock.now
        var times: [String: [Int64]] = [:]
        var last: ClaimedRun?
        for success in successes {
            let run = success.run
            guard written.contains(run.identity.id) else {
                if !success.signals.isLeftBehind { lost(run) }
                continue
            }
            last = run
            times[run.identity.job, default: []].append((now - success.began).nanoseconds)
            tell(.succeeded(success.outcome), of: run, took: now - success.began)
        }
        if let last { marks.ended(last.identity) }
        for (job, times) in times { metrics.attemptsEnded(job, "succeeded", took: times) }
    }

    /// Another claim owns the run now.
    func lost(_ run: ClaimedRun) {
        Counter(label: "bursar_fence_rejections_total", dimensions: [("module", run.identity.job)]).increment()
        log(run).warning("LeaseLost: another claim owns this run, nothing more is applied")
    }

    /// The database would not take the attempt's end.
    func unwritten(_ run: ClaimedRun, _ error: any Error) {
        log(run).error(
            "the attempt's end could not be written; its run is taken back as a stray, or when the lease ends",
            metadata: ["error": "\(error)"]
        )
    }

    private func tell(_ ending: AttemptEnding, of run: ClaimedRun, took: Duration) {
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

    private func log(_ run: ClaimedRun) -> Logger { logger.about(run.identity) }
}

extension ClaimedRun {
    /// Runs of schedules are few and each is looked for; of those that programs ask for there may be thousands a second.
    fileprivate var level: Logger.Level { identity.schedule == nil ? .debug : .info }
}

extension Logger {
    /// A logger whose lines carry module, run, attempt and fence.
    func about(_ run: RunIdentity) -> Logger {
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
