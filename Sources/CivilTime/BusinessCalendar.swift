/// The days on which a country's business rests, as declared in a data file: weekends, and holidays by date.
package struct BusinessCalendar: Hashable, Sendable {
    package var name: String
    /// The names of the days that are closed.
    package var closed: [CivilDate: String]
    /// The days of the week that are closed; all seven of them count as none, since nothing could ever happen then.
    package var weekend: Set<Weekday>
    /// The last day of which the calendar knows anything.
    ///
    /// Later days are open unless they are of a weekend.
    package var until: CivilDate

    package init(name: String, closed: [CivilDate: String], weekend: Set<Weekday> = [], until: CivilDate) {
        self.name = name
        self.closed = closed
        self.weekend = weekend
        self.until = until
    }

    /// No day is closed, for ever.
    package static let alwaysOpen = BusinessCalendar(name: "none", closed: [:], until: .latest)

    /// Why a day is closed: a holiday by its name, or a weekday; nil where it is open.
    package func closure(on day: CivilDate) -> String? {
        if let name = closed[day] { return name }
        let weekday = Weekday(of: day)
        return isWeekend(weekday) ? weekday.rawValue : nil
    }

    /// Whether business is done on a day.
    package func isOpen(_ day: CivilDate) -> Bool { closure(on: day) == nil }

    /// The first open day, the day itself or a later one.
    package func nextOpen(_ day: CivilDate) -> CivilDate {
        var day = day
        while !isOpen(day), day < .latest { day = day.adding(days: 1) }
        return day
    }

    /// The most days in a row that are closed, in all that the calendar knows; a weekend counts by itself too.
    package var longestClosure: Int {
        // A stretch begins at a closed day after an open one, and without holidays at a weekend of any week.
        let starts = Array(closed.keys) + (0..<7).map { until.adding(days: -$0) }
        return starts.map { start in
            var first = start
            while first > .earliest, !isOpen(first.adding(days: -1)) { first = first.adding(days: -1) }
            return isOpen(start) ? 0 : first.days(to: nextOpen(start))
        }.max() ?? 0
    }

    private func isWeekend(_ weekday: Weekday) -> Bool {
        weekend.count < Weekday.allCases.count && weekend.contains(weekday)
    }
}
