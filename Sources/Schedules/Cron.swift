/// When a schedule fires: a cron expression of five fields, in the dialect of Debian's cron and a little more.
///
/// Minute, hour, day of month, month and day of week, each a star, values, names, ranges, lists and steps; `L` and
/// `LW` for a month's last day and last Monday to Friday, `5L` for its last Friday, `MON#2` for its second Monday;
/// `@daily` and its kin. Day of month and day of week must both match where one of them begins with a star, else
/// either will do.
package struct Cron: Sendable {
    /// The expression as it was written.
    package let expression: String

    /// Whether neither minute nor hour begins with a star.
    ///
    /// Such times are fixed by the clock on the wall, so a change of that clock can skip or repeat them; the others
    /// follow real time.
    package let isFixedTime: Bool

    let calendar: CronCalendar

    /// Reads an expression.
    ///
    /// - Throws: when it cannot be read or can never fire (30 February); the error tells where, why and what to write.
    package init(parsing expression: String) throws(CronError) {
        let parsed = try CronParser.parse(expression)
        self.expression = expression
        isFixedTime = !parsed.minute.beginsWithStar && !parsed.hour.beginsWithStar
        let days = CronDays(dayOfMonth: parsed.dayOfMonth, dayOfWeek: parsed.dayOfWeek)
        guard days.fires(inMonths: parsed.month.values) else {
            throw CronError(
                expression: expression,
                column: parsed.dayColumn,
                problem: "it never fires, since none of its months has such a day",
                remedy: "write days that the months have, or L for a month's last day"
            )
        }
        calendar = CronCalendar(
            minutes: parsed.minute.values,
            hours: parsed.hour.values,
            months: parsed.month.values,
            days: days
        )
    }
}

extension Cron: Hashable {
    package static func == (left: Cron, right: Cron) -> Bool { left.expression == right.expression }

    package func hash(into hasher: inout Hasher) { hasher.combine(expression) }
}

extension Cron: CustomStringConvertible {
    package var description: String { expression }
}
