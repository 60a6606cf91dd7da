/// The days on which a country's business rests, as declared in a data file: weekends, and holidays by date.
package struct BusinessCalendar: Hashable, Sendable {
    package var name: String
    /// The names of the days that are closed.
    package var closed: [CivilDate: String]
    /// The last day of which the calendar knows anything.
    package var until: CivilDate

    package init(name: String, closed: [CivilDate: String], until: CivilDate) {
        self.name = name
        self.closed = closed
        self.until = until
    }
}
