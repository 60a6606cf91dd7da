/// The days of the week by name, as people write them in data files.
package enum Weekday: String, CaseIterable, Sendable {
    case monday, tuesday, wednesday, thursday, friday, saturday, sunday

    /// The weekday of a date.
    package init(of date: CivilDate) {
        self = Self.allCases[date.isoWeekday - 1]
    }
}
