internal import CivilTime

/// The days on which an expression fires, worked out for each of the 28 shapes a month can have.
///
/// A month's days depend only on its length (28 to 31) and on the weekday of its first day. Bit d of an entry stands
/// for day d.
struct CronDays: Sendable {
    private var shapes = InlineArray<28, UInt32>(repeating: 0)

    init(dayOfMonth: CronValues, dayOfWeek: CronValues) {
        // Debian's cron: with a star at the head of one of them both must match, else either will do.
        let bothMustMatch = dayOfMonth.beginsWithStar || dayOfWeek.beginsWithStar
        for firstWeekday in 0..<7 {
            let ofAnyLength = Self.days(ofWeek: dayOfWeek, firstWeekday: firstWeekday)
            for length in 28...31 {
                let days = Self.days(dayOfMonth, length: length, firstWeekday: firstWeekday)
                let weekdays =
                    ofAnyLength | Self.lastDays(ofWeek: dayOfWeek, length: length, firstWeekday: firstWeekday)
                let both = bothMustMatch ? days & weekdays : days | weekdays
                shapes[Self.shape(length, firstWeekday)] = both & Self.inMonth(length)
            }
        }
    }

    /// The days of a month, whose first day is a `firstWeekday` (Sunday 0).
    @inline(__always)
    func days(length: Int, firstWeekday: Int) -> UInt32 {
        shapes[Self.shape(length, firstWeekday)]
    }

    /// Whether some month of the set (bit m for month m) ever has one of the days.
    ///
    /// In 400 years every month begins on every weekday, February in leap years too.
    func fires(inMonths months: UInt64) -> Bool {
        (1...12).contains { month in
            guard months >> UInt64(month) & 1 == 1 else { return false }
            let length = CivilCalendar.length(ofMonth: month, year: 2000)
            let shortest = month == 2 ? 28 : length
            return (shortest...length).contains { length in
                (0..<7).contains { shapes[Self.shape(length, $0)] != 0 }
            }
        }
    }

    @inline(__always)
    private static func shape(_ length: Int, _ firstWeekday: Int) -> Int {
        (length - 28) * 7 + firstWeekday
    }

    private static func days(_ chosen: CronValues, length: Int, firstWeekday: Int) -> UInt32 {
        var days = UInt32(truncatingIfNeeded: chosen.values)
        if chosen.lastDay { days |= 1 << UInt32(length) }
        if chosen.lastWorkday {
            let weekday = (firstWeekday + length - 1) % 7
            days |= 1 << UInt32(length - (weekday == 0 ? 2 : weekday == 6 ? 1 : 0))
        }
        return days
    }

    /// The days of the chosen weekdays and n-th weekdays; some may lie beyond a short month's end.
    private static func days(ofWeek chosen: CronValues, firstWeekday: Int) -> UInt32 {
        // Sunday is 0 and 7.
        var weekdays = (chosen.values | chosen.values >> 7) & 0x7F
        var days: UInt32 = 0
        while weekdays != 0 {
            // Days 1, 8, 15, 22 and 29, moved to the weekday's first day.
            days |= 0x2040_8102 << UInt32(firstDay(of: weekdays.trailingZeroBitCount, firstWeekday) - 1)
            weekdays &= weekdays - 1
        }
        var nth = chosen.nthWeekdays
        while nth != 0 {
            let (weekday, weeks) = nth.trailingZeroBitCount.quotientAndRemainder(dividingBy: 5)
            let day = firstDay(of: weekday, firstWeekday) + weeks * 7
            if day <= 31 { days |= 1 << UInt32(day) }
            nth &= nth - 1
        }
        return days
    }

    private static func lastDays(ofWeek chosen: CronValues, length: Int, firstWeekday: Int) -> UInt32 {
        var weekdays = chosen.lastWeekdays
        var days: UInt32 = 0
        while weekdays != 0 {
            let first = firstDay(of: weekdays.trailingZeroBitCount, firstWeekday)
            days |= 1 << UInt32(first + (length - first) / 7 * 7)
            weekdays &= weekdays - 1
        }
        return days
    }

    /// The first day of the month that is such a weekday.
    private static func firstDay(of weekday: Int, _ firstWeekday: Int) -> Int {
        weekday >= firstWeekday ? weekday - firstWeekday + 1 : weekday - firstWeekday + 8
    }

    /// Bits 1 to the month's length.
    private static func inMonth(_ length: Int) -> UInt32 {
        (UInt32.max >> UInt32(31 - length)) & ~1
    }
}
