internal import Metrics
internal import Synchronization

/// How attempts ended and how long they took, by job; the series are looked up once and kept.
final class AttemptMetrics: Sendable {
    private struct Name: Hashable {
        let job: String
        let outcome: String
    }

    private struct Known {
        var counters: [Name: Counter] = [:]
        var timers: [String: Timer] = [:]
    }

    private let known = Mutex(Known())

    /// Attempts of one job that ended in the same way, and how many nanoseconds each took.
    func attemptsEnded(_ job: String, _ outcome: String, took times: some Collection<Int64>) {
        let (counter, timer) = known.withLock { known in
            let name = Name(job: job, outcome: outcome)
            let counter =
                known.counters[name]
                ?? Counter(label: "bursar_attempts_total", dimensions: [("module", job), ("outcome", outcome)])
            let timer = known.timers[job] ?? Timer(label: "bursar_run_duration_seconds", dimensions: [("module", job)])
            known.counters[name] = counter
            known.timers[job] = timer
            return (counter, timer)
        }
        counter.increment(by: times.count)
        for nanoseconds in times { timer.recordNanoseconds(nanoseconds) }
    }
}
