/// A day of the calendar without a time or a zone: when a period starts, when an invoice is due.
///
/// Proleptic Gregorian, years 1 to 9999. Arithmetic that would leave that range stops at its first or last day, so a
/// wild number from outside can never trap or wrap.
package struct CivilDate: Hashable, Comparable, Sendable {
    /// Days since 1970-01-01, which is 0.
    package let daysSinceEpoch: Int

    /// 0001-01-01, the first date there is here.
    package static let earliest = CivilDate(daysSinceEpoch: -719_162)
    /// 9999-12-31, the last one.
    package static let latest = CivilDate(daysSinceEpoch: 2_932_896)

    /// The date of a day number; beyond the range it is the range's first or last day.
    @inlinable
    package init(daysSinceEpoch: Int) {
        self.daysSinceEpoch = min(max(daysSinceEpoch, -719_162), 2_932_896)
    }

    /// The date, or nil where the calendar has no such day.
    @inlinable
    package init?(year: Int, month: Int, day: Int) {
        guard (1...9999).contains(year), (1...12).contains(month), day >= 1,
            day <= CivilCalendar.length(ofMonth: month, year: year)
        else { return nil }
        self.daysSinceEpoch = CivilCalendar.dayNumber(year: year, month: month, day: day)
    }

    /// Year, month and day at once, for callers that need more than one of them.
    @inlinable
    package var components: (year: Int, month: Int, day: Int) { CivilCalendar.date(ofDay: daysSinceEpoch) }

    package var year: Int { components.year }
    package var month: Int { components.month }
    package var day: Int { components.day }

    /// Monday 1 to Sunday 7, as ISO 8601 counts.
    package var isoWeekday: Int { CivilCalendar.floorModulo(daysSinceEpoch + 3, 7) + 1 }

    /// Days of this date's month.
    package var lengthOfMonth: Int {
        let (year, month, _) = components
        return CivilCalendar.length(ofMonth: month, year: year)
    }

    /// Whether this is the last day of its month.
    package var isEndOfMonth: Bool {
        let (year, month, day) = components
        return day == CivilCalendar.length(ofMonth: month, year: year)
    }

    @inlinable
    package static func < (left: CivilDate, right: CivilDate) -> Bool { left.daysSinceEpoch < right.daysSinceEpoch }

    /// The date so many days later, or earlier where negative.
    @inlinable
    package func adding(days: Int) -> CivilDate {
        let (sum, overflow) = daysSinceEpoch.addingReportingOverflow(days)
        return overflow ? (days < 0 ? .earliest : .latest) : CivilDate(daysSinceEpoch: sum)
    }

    /// The same day so many months later, or the month's last day where it is shorter: 31 January plus one month is
    /// 28 or 29 February, as PostgreSQL's `date + interval` says.
    package func adding(months: Int) -> CivilDate {
        let (_, _, day) = components
        return monthStart(adding: months).map { start in
            CivilDate(daysSinceEpoch: start.first + min(day, start.length) - 1)
        } ?? (months < 0 ? .earliest : .latest)
    }

    /// The last day of the month that is so many months later.
    package func endOfMonth(addingMonths months: Int) -> CivilDate {
        monthStart(adding: months).map { start in CivilDate(daysSinceEpoch: start.first + start.length - 1) }
            ?? (months < 0 ? .earliest : .latest)
    }

    /// How many days from this date to the other; negative where the other is earlier.
    @inlinable
    package func days(to other: CivilDate) -> Int { other.daysSinceEpoch - daysSinceEpoch }

    /// First day number and length of the month that is `months` away; nil outside the range.
    private func monthStart(adding months: Int) -> (first: Int, length: Int)? {
        let (year, month, _) = components
        let (total, overflow) = (year * 12 + month - 1).addingReportingOverflow(months)
        guard !overflow, total >= 12, total < 10_000 * 12 else { return nil }
        let (newYear, newMonth) = (total / 12, total % 12 + 1)
        return (
            CivilCalendar.dayNumber(year: newYear, month: newMonth, day: 1),
            CivilCalendar.length(ofMonth: newMonth, year: newYear)
        )
    }
}

extension CivilDate: CustomStringConvertible, LosslessStringConvertible {
    /// Reads strict ISO 8601, `YYYY-MM-DD` and nothing around it.
    package init?(_ iso: some StringProtocol) {
        var text = ASCIIReader(iso)
        guard let date = CivilDate(readingFrom: &text), text.isAtEnd else { return nil }
        self = date
    }

    package init?(_ description: String) {
        self.init(description[...])
    }

    /// ISO 8601: `2026-01-31`.
    package var description: String {
        String(unsafeUninitializedCapacity: 10) { buffer in
            var text = ASCIIWriter(buffer)
            text.date(daysSinceEpoch)
            return text.count
        }
    }

    init?(readingFrom text: inout ASCIIReader) {
        guard let year = text.number(digits: 4), text.take("-"), let month = text.number(digits: 2), text.take("-"),
            let day = text.number(digits: 2)
        else { return nil }
        self.init(year: year, month: month, day: day)
    }
}

extension CivilDate: Codable {
    package init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        let text = try container.decode(String.self)
        guard let date = CivilDate(text) else {
            throw DecodingError.dataCorruptedError(
                in: container,
                debugDescription: "\"\(text)\" is no date; write it as YYYY-MM-DD"
            )
        }
        self = date
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(description)
    }
}
