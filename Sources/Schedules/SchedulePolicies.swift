/// What becomes of fires that were due while nobody was there to start them.
package struct MisfirePolicy: Hashable, Sendable {
    package enum Policy: String, CaseIterable, Sendable {
        /// None is caught up.
        case skip
        /// One run stands for all of them, as the first one.
        case once
        /// Each gets its run, oldest first, one after another.
        case each
        /// The newest get a run each: one of them, unless `limit` says more.
        case last
        /// They wait for an operator.
        case ask
    }

    package var policy: Policy
    /// Older fires than this are never caught up.
    package var within: Duration
    /// At most so many fires are caught up after one gap; where there were more, the oldest are given up.
    package var limit: Int

    /// Without a limit it is one for `last` and a hundred for the others.
    package init(policy: Policy = .once, within: Duration = .seconds(86_400), limit: Int? = nil) {
        self.policy = policy
        self.within = within
        self.limit = limit ?? Self.standardLimit(of: policy)
    }

    /// The limit of a file that names none.
    package static func standardLimit(of policy: Policy) -> Int { policy == .last ? 1 : 100 }
}

/// What becomes of a live fire while an earlier run of its schedule is ready or running.
package enum OverlapPolicy: String, CaseIterable, Sendable {
    /// The fire makes no run and is recorded as skipped.
    case forbid
    /// Its run waits for the earlier one.
    case queue
    /// Both run.
    case allow
    /// The earlier run is cancelled.
    case cancelRunning = "cancel_running"
}

/// How an attempt that failed for a passing reason is tried again.
package struct RetryRule: Hashable, Sendable {
    /// Attempts in all, the first one included.
    package var attempts: Int
    /// The wait before the second attempt; it doubles from one to the next.
    package var initial: Duration
    /// The longest wait.
    package var max: Duration
    /// By which share a wait is stretched or shortened at random: 0.2 is up to 20 % either way.
    package var jitter: Double

    package init(
        attempts: Int = 8,
        initial: Duration = .seconds(30),
        max: Duration = .seconds(3_600),
        jitter: Double = 0.2
    ) {
        self.attempts = attempts
        self.initial = initial
        self.max = max
        self.jitter = jitter
    }
}

/// The kind of installation, as `bursar.installation.environment` names it.
package enum ScheduleEnvironment: String, CaseIterable, Sendable {
    case development, staging, production
}
