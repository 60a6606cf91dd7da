/// Arithmetic of the proleptic Gregorian calendar on bare integers, for the types of this room and for cron.
///
/// Days count from 1970-01-01 (day 0); the calendar repeats every 400 years, which are 146,097 days and whole weeks.
/// Nothing here allocates or traps for years between minus and plus one million.
package enum CivilCalendar {
    /// Days of one 400-year cycle.
    package static let daysPerCycle = 146_097

    /// The day number of a date that exists; `month` 1 to 12, `day` 1 to the month's length.
    @inlinable
    package static func dayNumber(year: Int, month: Int, day: Int) -> Int {
        // Years are counted from 1 March, so that the leap day is the last of its year.
        let shiftedYear = month <= 2 ? year - 1 : year
        let cycle = floorDivide(shiftedYear, 400)
        let yearOfCycle = shiftedYear - cycle * 400
        let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
        let dayOfCycle = yearOfCycle * 365 + yearOfCycle / 4 - yearOfCycle / 100 + dayOfYear
        return cycle * daysPerCycle + dayOfCycle - 719_468
    }

    /// The date of a day number.
    @inlinable
    package static func date(ofDay dayNumber: Int) -> (year: Int, month: Int, day: Int) {
        let shifted = dayNumber + 719_468
        let cycle = floorDivide(shifted, daysPerCycle)
        let dayOfCycle = UInt32(truncatingIfNeeded: shifted - cycle * daysPerCycle)
        let yearOfCycle = (dayOfCycle - dayOfCycle / 1_460 + dayOfCycle / 36_524 - dayOfCycle / 146_096) / 365
        let dayOfYear = dayOfCycle - (365 * yearOfCycle + yearOfCycle / 4 - yearOfCycle / 100)
        let shiftedMonth = (5 * dayOfYear + 2) / 153
        let day = Int(dayOfYear - (153 * shiftedMonth + 2) / 5 + 1)
        let month = Int(shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9)
        return (Int(yearOfCycle) + cycle * 400 + (month <= 2 ? 1 : 0), month, day)
    }

    /// Whether the year has a 29 February.
    @inlinable
    package static func isLeap(_ year: Int) -> Bool {
        year & 3 == 0 && (year % 100 != 0 || year % 400 == 0)
    }

    /// Days of a month (1 to 12).
    @inlinable
    package static func length(ofMonth month: Int, year: Int) -> Int {
        // 31, except April, June, September, November (30) and February.
        month == 2 ? (isLeap(year) ? 29 : 28) : 30 + ((month + (month >> 3)) & 1)
    }

    /// The weekday of a day number, Sunday 0 to Saturday 6, as cron counts.
    @inlinable
    package static func weekday(ofDay dayNumber: Int) -> Int {
        floorModulo(dayNumber + 4, 7)
    }

    /// The quotient rounded towards minus infinity; the divisor is positive.
    @inlinable
    package static func floorDivide(_ value: Int, _ divisor: Int) -> Int {
        let quotient = value / divisor
        return value % divisor < 0 ? quotient - 1 : quotient
    }

    /// The remainder of `floorDivide`, never negative.
    @inlinable
    package static func floorModulo(_ value: Int, _ divisor: Int) -> Int {
        let remainder = value % divisor
        return remainder < 0 ? remainder + divisor : remainder
    }
}
