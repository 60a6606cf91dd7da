package import CivilTime
package import Schedules

/// What became due of one schedule, and what becomes of it.
package struct FirePlan: Equatable, Sendable {
    /// What a due instant came to.
    package enum Verdict: String, Sendable {
        case ran, missed, asked
    }

    package struct Fire: Equatable, Sendable {
        package let at: Instant
        package let verdict: Verdict
    }

    /// Fires that nobody was there for and that are not caught up.
    package struct Gap: Equatable, Sendable {
        package let from: Instant
        package let to: Instant
        package let count: Int
    }

    /// In order of time.
    package var fires: [Fire] = []
    package var gap: Gap?
    /// Every fire up to here is answered for.
    package var highWater: Instant
}

/// Decides, without a database, what the due fires of a schedule come to.
///
/// A fire is live while it is at most `tolerance` old: it runs whatever the misfire policy says. Older ones were missed,
/// and the policy chooses among those not older than its window.
package enum FirePlanner {
    /// Never more than this many fires of one schedule in one plan; what is over is counted in the gap.
    static let most = 1_000

    package static func plan(
        _ schedule: Schedule,
        after highWater: Instant,
        now: Instant,
        tolerance: Duration = .seconds(60)
    ) -> FirePlan {
        var plan = FirePlan(highWater: highWater)
        let live = now.adding(.zero - tolerance)
        var missed = Missed(window: now.adding(.zero - schedule.misfire.within))
        var cursor = highWater
        while let due = schedule.nextFire(after: cursor), due <= now {
            cursor = due
            if due >= live {
                plan.fires.append(FirePlan.Fire(at: due, verdict: .ran))
            } else {
                missed.add(due)
            }
        }
        plan.highWater = max(highWater, cursor)
        plan.fires = missed.caughtUp(by: schedule.misfire) + plan.fires
        plan.gap = missed.gap
        return plan
    }
}

/// The fires that nobody was there for, kept short: the newest few inside the window, and a count of the rest.
private struct Missed {
    let window: Instant
    private var recent: [Instant] = []
    private(set) var gap: FirePlan.Gap?

    init(window: Instant) { self.window = window }

    mutating func add(_ fire: Instant) {
        if fire < window { return lose(fire) }
        recent.append(fire)
        if recent.count > FirePlanner.most { lose(recent.removeFirst()) }
    }

    mutating func caughtUp(by misfire: MisfirePolicy) -> [FirePlan.Fire] {
        let kept: [Instant] =
            switch misfire.policy {
            case .skip: []
            case .once: Array(recent.prefix(1))
            case .last: Array(recent.suffix(1))
            case .each, .ask: Array(recent.suffix(misfire.limit))
            }
        let spared = Set(kept)
        for fire in recent where !spared.contains(fire) { lose(fire) }
        return kept.map { FirePlan.Fire(at: $0, verdict: misfire.policy == .ask ? .asked : .ran) }
    }

    private mutating func lose(_ fire: Instant) {
        gap = FirePlan.Gap(
            from: min(gap?.from ?? fire, fire),
            to: max(gap?.to ?? fire, fire),
            count: (gap?.count ?? 0) + 1
        )
    }
}
