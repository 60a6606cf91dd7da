package import CivilTime
package import Schedules

/// What one run waits for: the fires of another schedule on the same local day.
package struct Predecessor: Equatable, Sendable {
    package let schedule: String
    /// The day's start, in the zone of the schedule that waits.
    package let since: Instant
    /// The last of the other's fires that counts.
    package let until: Instant
    /// The first instant of the next day.
    package let dayEnd: Instant

    /// What a fire of a schedule waits for, by the schedules that it is `after`.
    ///
    /// The day is the civil day of the fire in the zone of the schedule that waits. Of the other's fires on that day those
    /// count that are due no later than the fire itself; where all are later, the first. A schedule that is not among the
    /// others (disabled, not of this environment, removed) or has no fire on that day is not waited for.
    package static func of(_ schedule: Schedule, at fire: Instant, among others: [String: Schedule]) -> [Predecessor] {
        guard !schedule.after.isEmpty else { return [] }
        let day = schedule.zone.localDate(at: fire)
        let start = schedule.zone.startOfDay(day)
        let end = schedule.zone.startOfDay(day.adding(days: 1))
        return schedule.after.compactMap { name in
            guard let other = others[name],
                let first = other.nextFire(after: start.adding(.microseconds(-1))), first < end
            else { return nil }
            return Predecessor(
                schedule: name,
                since: start,
                until: max(first, other.lastFire(from: first, upTo: fire)),
                dayEnd: end
            )
        }
    }

    static func json(_ predecessors: [Predecessor]) -> String {
        JSONValue.list(
            predecessors.map { predecessor in
                .object([
                    "schedule": .text(predecessor.schedule),
                    "since": .text(predecessor.since.description),
                    "until": .text(predecessor.until.description),
                    "day_end": .text(predecessor.dayEnd.description),
                ])
            }
        ).canonicalText
    }
}

extension Schedule {
    /// The last fire up to an instant, beginning with one that is known.
    fileprivate func lastFire(from first: Instant, upTo end: Instant) -> Instant {
        var last = first
        while let next = nextFire(after: last), next <= end { last = next }
        return last
    }
}
