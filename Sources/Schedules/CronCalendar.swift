internal import CivilTime

/// An expression's times by the clock on the wall, without a zone, as bit sets that are searched a word at a time.
struct CronCalendar: Sendable {
    /// Bit m for minute m, bit h for hour h, bit m for month m.
    let minutes: UInt64
    let hours: UInt64
    let months: UInt64
    let days: CronDays

    /// Nothing fires after this year.
    private static let lastYear = 9999

    /// The first matching minute at or after the given one, both in minutes since 1970-01-01 00:00 of the same clock.
    func firstMatch(from minute: Int) -> Int? {
        let today = CivilCalendar.floorDivide(minute, 1_440)
        var (year, month, day) = CivilCalendar.date(ofDay: today)
        guard year <= Self.lastYear else { return nil }
        // The day number of the month's day 0, and the weekday of its day 1.
        var monthStart = today - day
        var firstWeekday = CivilCalendar.weekday(ofDay: monthStart + 1)
        if let time = time(from: minute - today * 1_440), has(month), matches(day, in: year, month, firstWeekday) {
            return today * 1_440 + time
        }
        while year <= Self.lastYear {
            let length = CivilCalendar.length(ofMonth: month, year: year)
            if has(month) {
                // The days after `day`, which is 0 in every month but the first.
                let left = days.days(length: length, firstWeekday: firstWeekday) & ((UInt32.max << UInt32(day)) << 1)
                if left != 0 {
                    return (monthStart + left.trailingZeroBitCount) * 1_440 + firstTime
                }
            }
            day = 0
            monthStart += length
            firstWeekday = (firstWeekday + length) % 7
            (year, month) = month == 12 ? (year + 1, 1) : (year, month + 1)
        }
        return nil
    }

    @inline(__always)
    private func has(_ month: Int) -> Bool { months >> UInt64(month) & 1 == 1 }

    @inline(__always)
    private func matches(_ day: Int, in year: Int, _ month: Int, _ firstWeekday: Int) -> Bool {
        let length = CivilCalendar.length(ofMonth: month, year: year)
        return days.days(length: length, firstWeekday: firstWeekday) >> UInt32(day) & 1 == 1
    }

    /// The first matching minute of the day.
    @inline(__always)
    private var firstTime: Int { hours.trailingZeroBitCount * 60 + minutes.trailingZeroBitCount }

    /// The first matching minute of the day at or after the given one.
    @inline(__always)
    private func time(from minuteOfDay: Int) -> Int? {
        let (hour, minute) = (minuteOfDay / 60, minuteOfDay % 60)
        if hours >> UInt64(hour) & 1 == 1 {
            let left = minutes & (UInt64.max << UInt64(minute))
            if left != 0 { return hour * 60 + left.trailingZeroBitCount }
        }
        let laterHours = hours & (UInt64.max << UInt64(hour + 1))
        return laterHours == 0 ? nil : laterHours.trailingZeroBitCount * 60 + minutes.trailingZeroBitCount
    }
}
