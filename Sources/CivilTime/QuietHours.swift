/// The hours of a day at which nobody is disturbed; they may reach over midnight.
package struct QuietHours: Hashable, Sendable {
    /// Minutes after local midnight at which they begin.
    package var from: Int
    /// Minutes after local midnight at which they end: the first minute that is not quiet.
    package var until: Int

    /// Nil where they would begin and end at the same minute, or one of them is no minute of a day.
    package init?(from: Int, until: Int) {
        guard (0..<1440).contains(from), (0..<1440).contains(until), from != until else { return nil }
        self.init(checked: from, until)
    }

    private init(checked from: Int, _ until: Int) {
        self.from = from
        self.until = until
    }

    /// From eight in the evening to eight in the morning.
    package static let nightly = QuietHours(checked: 20 * 60, 8 * 60)

    /// Whether a minute after local midnight is quiet.
    package func isQuiet(_ minute: Int) -> Bool {
        from < until ? from <= minute && minute < until : minute >= from || minute < until
    }

    /// The first instant, this one or a later one, at which the zone's clock shows a minute that is not quiet.
    ///
    /// What the clock shows decides, also on the days on which it is changed: an hour that it skips is not waited for, and
    /// of an hour that it shows twice both are quiet or neither.
    package func opening(after instant: Instant, in zone: Zone) -> Instant {
        var instant = instant
        while isQuiet(zone.localTime(at: instant).minuteOfDay) {
            let next = zone.nextChange(after: instant, orClockShows: until * 60)
            guard next > instant else { break }
            instant = next
        }
        return instant
    }
}

extension CivilDateTime {
    /// Minutes since midnight as the clock shows them.
    package var minuteOfDay: Int { hour * 60 + minute }
}

extension Zone {
    /// The next instant at which the clock shows this second of a day, or at which the clock is changed, whichever is first.
    ///
    /// Between two changes a clock runs evenly, so nothing that depends on the time of day happens before it unseen.
    func nextChange(after instant: Instant, orClockShows secondOfDay: Int) -> Instant {
        let now = instant.secondsSinceEpoch
        let segment = segment(at: now)
        let shown = CivilCalendar.floorModulo(now + segment.offset, 86_400)
        let ahead = CivilCalendar.floorModulo(secondOfDay - shown - 1, 86_400) + 1
        return Instant(secondsSinceEpoch: min(now + ahead, segment.end))
    }
}
