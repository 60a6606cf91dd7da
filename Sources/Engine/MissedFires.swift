internal import CivilTime
internal import Schedules

/// The fires that nobody was there for: those that the misfire policy may choose from, and a count of the rest.
///
/// However long the outage was, no more fires are kept than the policy may let run.
struct MissedFires {
    /// Fires before this one are too old to be caught up.
    private let window: Instant
    private let misfire: MisfirePolicy
    /// In order of time, at most as many as the policy may choose.
    private var kept: [Instant] = []
    private(set) var gap: FirePlan.Gap?
    /// The last missed fire; the high-water mark where there is none.
    private(set) var last: Instant

    /// All fires after the high-water mark and before `edge`.
    init(_ schedule: Schedule, after highWater: Instant, before edge: Instant, now: Instant) {
        misfire = schedule.misfire
        window = now.adding(.zero - misfire.within)
        last = highWater
        if case .every(let step) = schedule.timing { count(schedule, every: step, before: edge) }
        while let due = schedule.nextFire(after: last), due < edge { add(due) }
        giveUpOldest()
    }

    /// What runs or waits for an operator; the rest goes into the gap.
    var caughtUp: [FirePlan.Fire] {
        kept.map { FirePlan.Fire(at: $0, verdict: misfire.policy == .ask ? .asked : .ran, isCaughtUp: true) }
    }

    /// How many the policy may choose.
    private var most: Int {
        switch misfire.policy {
        case .skip: 0
        case .once: 1
        case .each, .last, .ask: misfire.limit
        }
    }

    private mutating func add(_ fire: Instant) {
        last = fire
        guard fire >= window, most > 0 else { return lose(from: fire, to: fire, count: 1) }
        if misfire.policy == .once, kept.count == most {
            // The first stands for all.
            return lose(from: fire, to: fire, count: 1)
        }
        kept.append(fire)
        // Now and then: dropping the first of an array moves all others.
        if kept.count > 2 * most { giveUpOldest() }
    }

    /// Where more are kept than the policy may choose, the oldest go into the gap.
    private mutating func giveUpOldest() {
        let over = kept.count - most
        guard over > 0 else { return }
        lose(from: kept[0], to: kept[over - 1], count: over)
        kept.removeFirst(over)
    }

    private mutating func lose(from: Instant, to: Instant, count: Int) {
        gap = FirePlan.Gap(
            from: min(gap?.from ?? from, from),
            to: max(gap?.to ?? to, to),
            count: (gap?.count ?? 0) + count
        )
    }

    /// Of a steady beat nearly all are counted without being looked at: a year of seconds has thirty million.
    private mutating func count(_ schedule: Schedule, every step: Duration, before edge: Instant) {
        loseBeats(of: schedule, every: step, before: min(window, edge), keeping: 0)
        switch misfire.policy {
        case .once:
            if let first = schedule.nextFire(after: last), first < edge { add(first) }
            loseBeats(of: schedule, every: step, before: edge, keeping: 0)
        default: loseBeats(of: schedule, every: step, before: edge, keeping: most)
        }
    }

    private mutating func loseBeats(
        of schedule: Schedule,
        every step: Duration,
        before edge: Instant,
        keeping newest: Int
    ) {
        guard let first = schedule.nextFire(after: last), first < edge else { return }
        let beat = step.components.seconds * 1_000_000
        guard beat > 0 else { return }
        let count = (edge.microsecondsSinceEpoch - first.microsecondsSinceEpoch - 1) / beat + 1 - Int64(newest)
        guard count > 0 else { return }
        let to = Instant(microsecondsSinceEpoch: first.microsecondsSinceEpoch + (count - 1) * beat)
        lose(from: first, to: to, count: Int(count))
        last = to
    }
}
