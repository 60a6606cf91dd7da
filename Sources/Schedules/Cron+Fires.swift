package import CivilTime

extension Cron {
    /// The first fire strictly after an instant, by the clock of a zone; nil only after the year 9999.
    ///
    /// `dst` says what a fixed time does when the clock changes; nil is as Debian's cron does.
    package func next(after instant: Instant, in zone: Zone, dst: DSTPolicy? = nil) -> Instant? {
        var search = CronSearch(self, zone: zone, dst: dst, after: instant)
        return search.next()
    }

    /// The first fires strictly after an instant, at most so many.
    package func fires(after instant: Instant, in zone: Zone, dst: DSTPolicy? = nil, count: Int) -> [Instant] {
        var search = CronSearch(self, zone: zone, dst: dst, after: instant)
        var fires: [Instant] = []
        fires.reserveCapacity(min(max(count, 0), 1_024))
        while fires.count < count, let fire = search.next() { fires.append(fire) }
        return fires
    }
}

/// Walks a zone's stretches of unchanged offset and finds the fires in them, one after the other.
///
/// Local times are counted as seconds of the clock on the wall. Within a stretch they run on evenly; between two
/// stretches they jump forward (a gap) or back (a repetition), and there the policy decides.
private struct CronSearch {
    /// The year 10000 in UTC, which RFC 3339 cannot write.
    private static let end = 253_402_300_800

    private let calendar: CronCalendar
    private let zone: Zone
    private let policy: DSTPolicy
    private var segment: ZoneSegment
    /// The earliest second since the epoch at which the next fire may be.
    private var floor: Int
    /// The result of the last search: nothing matches from `searched` up to, not including, `match` (local seconds).
    private var searched = 1
    private var match = 0

    init(_ cron: Cron, zone: Zone, dst: DSTPolicy?, after instant: Instant) {
        calendar = cron.calendar
        self.zone = zone
        policy = cron.isFixedTime ? dst ?? .asDebian : .realTime
        floor = instant.secondsSinceEpoch + 1
        segment = zone.segment(at: floor - 1)
    }

    mutating func next() -> Instant? {
        while true {
            if let fire = fireAfterGap() ?? fireWithinSegment() {
                guard fire < Self.end else { return nil }
                floor = fire + 1
                return Instant(secondsSinceEpoch: fire)
            }
            guard match != .max else { return nil }
            // Stretches that end two days or more before the next matching local time cannot hold a fire.
            segment = zone.segment(at: max(segment.end, match - 2 * 86_400))
        }
    }

    /// The fire that makes up for times in the gap at the segment's start: the first whole minute after it.
    private mutating func fireAfterGap() -> Int? {
        guard policy.missing == .shift, segment.offset > segment.offsetBefore else { return nil }
        let gapEnd = segment.start + segment.offset
        let fire = wholeMinute(gapEnd) - segment.offset
        guard fire >= floor, firstMatch(from: segment.start + segment.offsetBefore) < gapEnd else { return nil }
        return fire
    }

    private mutating func fireWithinSegment() -> Int? {
        var low = max(floor, segment.start) + segment.offset
        var high = segment.end + segment.offset
        switch policy.repeated {
        case .both: break
        // Local times that the stretch before has already shown.
        case .first: low = max(low, segment.start + segment.offsetBefore)
        // Local times that the stretch after will show again.
        case .last: high = min(high, segment.end + segment.offsetAfter)
        }
        let match = firstMatch(from: low)
        return match < high ? match - segment.offset : nil
    }

    /// The first matching local time, in seconds; `Int.max` where there is none.
    private mutating func firstMatch(from local: Int) -> Int {
        if local < searched || local > match {
            searched = local
            match = calendar.firstMatch(from: wholeMinute(local) / 60).map { $0 * 60 } ?? .max
        }
        return match
    }

    /// The minute's start at or after a second.
    private func wholeMinute(_ second: Int) -> Int {
        CivilCalendar.floorDivide(second + 59, 60) * 60
    }
}
