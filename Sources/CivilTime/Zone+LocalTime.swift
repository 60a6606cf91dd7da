/// Which instants a local time means in a zone.
package enum LocalTimeMeaning: Hashable, Sendable {
    case one(Instant)
    /// The clock jumps over it. `transition` is the jump, the first instant after the gap; `shifted` is what the
    /// offset before the jump makes of it, as much later than the jump as the local time is later than the gap's start.
    case gap(transition: Instant, shifted: Instant)
    /// The clock shows it twice.
    case fold(first: Instant, second: Instant)

    /// The instant to take where one is needed: the only one, the first of two, or the end of the gap.
    package var earliest: Instant {
        switch self {
        case .one(let instant): instant
        case .gap(let transition, _): transition
        case .fold(let first, _): first
        }
    }
}

/// A change of a zone's offset.
package struct ZoneTransition: Hashable, Sendable {
    /// The first instant of the new offset.
    package let at: Instant
    /// Seconds east of UTC, before and from then on.
    package let offsetBefore: Int
    package let offsetAfter: Int
}

extension Zone {
    /// The instants at which the zone's clock shows this.
    package func instants(of local: CivilDateTime) -> LocalTimeMeaning {
        let wanted = local.localSeconds
        // No offset is farther from UTC than 26 hours.
        let margin = 26 * 3_600
        var segment = segment(at: wanted - margin)
        var found: [Int] = []
        var gap: (transition: Int, offsetBefore: Int)?
        while true {
            if wanted >= segment.start + segment.offsetBefore, wanted < segment.start + segment.offset {
                gap = gap ?? (segment.start, segment.offsetBefore)
            }
            if segment.contains(wanted - segment.offset) { found.append(wanted - segment.offset) }
            guard segment.end <= wanted + margin else { break }
            segment = self.segment(at: segment.end)
        }
        if let first = found.first, let last = found.last {
            return found.count == 1
                ? .one(Instant(secondsSinceEpoch: first))
                : .fold(first: Instant(secondsSinceEpoch: first), second: Instant(secondsSinceEpoch: last))
        }
        let (transition, offsetBefore) = gap ?? (wanted, 0)
        return .gap(
            transition: Instant(secondsSinceEpoch: transition),
            shifted: Instant(secondsSinceEpoch: wanted - offsetBefore)
        )
    }

    /// The first instant of a local day: midnight, or the end of the gap that swallows it.
    package func startOfDay(_ date: CivilDate) -> Instant {
        instants(of: CivilDateTime(startOf: date)).earliest
    }

    /// The next change of the offset strictly after the instant; nil when there is none any more.
    package func nextTransition(after instant: Instant) -> ZoneTransition? {
        var segment = segment(at: instant.secondsSinceEpoch)
        while segment.end <= Instant(microsecondsSinceEpoch: .max).secondsSinceEpoch {
            if segment.offset != segment.offsetAfter {
                return ZoneTransition(
                    at: Instant(secondsSinceEpoch: segment.end),
                    offsetBefore: segment.offset,
                    offsetAfter: segment.offsetAfter
                )
            }
            segment = self.segment(at: segment.end)
        }
        return nil
    }
}
