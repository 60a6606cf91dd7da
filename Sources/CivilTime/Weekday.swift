/// The days of the week by name, as people write them in data files.
package enum Weekday: String, CaseIterable, Sendable {
    case monday, tuesday, wednesday, thursday, friday, saturday, sunday

    /// ISO 8601: 1 for Monday to 7 for Sunday.
    package var number: Int { (Self.allCases.firstIndex(of: self) ?? 0) + 1 }

    /// The weekday of a date.
    package init(of date: CivilDate) {
        self = Self.allCases[date.isoWeekday - 1]
    }
}
