/// What a clock on the wall shows: a date and a time of day, without a zone.
///
/// `Zone` says which instants it means.
package struct CivilDateTime: Hashable, Comparable, Sendable {
    package let date: CivilDate
    /// 0 to 23.
    package let hour: Int
    /// 0 to 59.
    package let minute: Int
    /// 0 to 59; leap seconds are not counted.
    package let second: Int

    /// The reading, or nil where a clock never shows it.
    package init?(date: CivilDate, hour: Int = 0, minute: Int = 0, second: Int = 0) {
        guard (0...23).contains(hour), (0...59).contains(minute), (0...59).contains(second) else { return nil }
        self.date = date
        self.hour = hour
        self.minute = minute
        self.second = second
    }

    /// Midnight of a date.
    package init(startOf date: CivilDate) {
        self.init(localSeconds: date.daysSinceEpoch * 86_400)
    }

    /// Seconds since 1970-01-01 00:00:00 on this same clock, as if it had no zone.
    package var localSeconds: Int { date.daysSinceEpoch * 86_400 + hour * 3_600 + minute * 60 + second }

    package init(localSeconds: Int) {
        let days = CivilCalendar.floorDivide(localSeconds, 86_400)
        let seconds = localSeconds - days * 86_400
        date = CivilDate(daysSinceEpoch: days)
        hour = seconds / 3_600
        minute = seconds / 60 % 60
        second = seconds % 60
    }

    package static func < (left: CivilDateTime, right: CivilDateTime) -> Bool { left.localSeconds < right.localSeconds }
}

extension CivilDateTime: CustomStringConvertible {
    /// `2026-01-31T00:05:00`.
    package var description: String {
        String(unsafeUninitializedCapacity: 19) { buffer in
            var text = ASCIIWriter(buffer)
            text.dateTime(localSeconds, separator: "T")
            return text.count
        }
    }
}
