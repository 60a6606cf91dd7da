package import CivilTime

/// When a schedule is due.
package enum ScheduleTiming: Hashable, Sendable {
    /// By a cron expression in the schedule's zone.
    case cron(Cron)
    /// Every so often, counted from 1970-01-01 00:00 UTC, so that all nodes count alike.
    case every(Duration)
    /// At one instant.
    case once(Instant)
}

/// A declared entry of a schedule file: what runs when, and what happens when it cannot.
package struct Schedule: Hashable, Sendable {
    /// The name, unique over all files.
    ///
    /// A renamed schedule is a new one.
    package var name: String
    package var job: String
    package var description: String?
    package var owner: String?
    package var timing: ScheduleTiming
    package var zone: Zone
    /// What happens to fixed times when clocks change; nil: as Debian's cron does it.
    package var dst: DSTPolicy?
    package var misfire = MisfirePolicy()
    package var overlap = OverlapPolicy.forbid
    /// Schedules whose runs of the same local day must have succeeded before a run of this one starts; by name, sorted.
    package var after: [String] = []
    /// A run that has not started so long after its fire raises an alarm.
    package var startWithin = Duration.seconds(1_800)
    /// The time an attempt may take.
    package var deadline = Duration.seconds(3_600)
    /// Runs start up to so much later than their fire, at random.
    package var jitter = Duration.zero
    package var retry = RetryRule()
    package var isEnabled = true
    package var environments = Set(ScheduleEnvironment.allCases)
    /// The job's parameters as a canonical JSON object, as the file gives them (without the job's defaults).
    package var parametersJSON = "{}"
    /// Where the entry stands; nil for one that was read back from the database.
    ///
    /// Not part of the definition.
    package var position: SourcePosition?

    package init(name: String, job: String, timing: ScheduleTiming, zone: Zone) {
        self.name = name
        self.job = job
        self.timing = timing
        self.zone = zone
    }

    /// The zone's name, such as "Asia/Phnom_Penh".
    package var timeZone: String { zone.name }

    /// Whether the schedule fires in an installation of this kind.
    package func isActive(in environment: ScheduleEnvironment) -> Bool {
        isEnabled && environments.contains(environment)
    }
}

extension Schedule {
    /// The first fire strictly after an instant, before jitter; nil when there is none any more.
    package func nextFire(after instant: Instant) -> Instant? {
        switch timing {
        case .cron(let cron): cron.next(after: instant, in: zone, dst: dst)
        case .every(let interval): Self.nextMultiple(of: interval, after: instant)
        case .once(let fire): fire > instant ? fire : nil
        }
    }

    /// The next fires strictly after an instant, at most `count`.
    package func fires(after instant: Instant, count: Int) -> [Instant] {
        var fires: [Instant] = []
        var last = instant
        while fires.count < count, let next = nextFire(after: last) {
            fires.append(next)
            last = next
        }
        return fires
    }

    /// The fires after an instant, up to and including another, at most `most`.
    package func fires(after instant: Instant, upTo end: Instant, most: Int) -> [Instant] {
        var fires: [Instant] = []
        var last = instant
        while fires.count < most, let next = nextFire(after: last), next <= end {
            fires.append(next)
            last = next
        }
        return fires
    }

    private static func nextMultiple(of interval: Duration, after instant: Instant) -> Instant? {
        let (step, isTooLong) = interval.components.seconds.multipliedReportingOverflow(by: 1_000_000)
        guard step > 0, !isTooLong else { return nil }
        let now = instant.microsecondsSinceEpoch
        let sinceLast = now % step >= 0 ? now % step : now % step + step
        let (next, overflow) = now.addingReportingOverflow(step - sinceLast)
        return overflow ? nil : Instant(microsecondsSinceEpoch: next)
    }
}
