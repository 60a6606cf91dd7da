/// The hours of a day at which something may be done, within one day: the other way round, quiet hours.
package struct OpenHours: Hashable, Sendable {
    /// Minutes after local midnight: the first minute that is open.
    package let from: Int
    /// Minutes after local midnight: the first minute that is not open any more; 1440 is midnight.
    package let until: Int

    /// Nil where they would not begin before they end, where one of them is no minute of a day, or for the whole day.
    package init?(from: Int, until: Int) {
        guard from >= 0, from < until, until <= 1440, QuietHours(from: until % 1440, until: from) != nil else {
            return nil
        }
        self.init(checked: from, until)
    }

    private init(checked from: Int, _ until: Int) {
        self.from = from
        self.until = until
    }

    /// From nine in the morning to four in the afternoon, when somebody answers who asks why.
    package static let office = OpenHours(checked: 9 * 60, 16 * 60)

    /// Whether a minute after local midnight is within them.
    package func contains(_ minute: Int) -> Bool { from <= minute && minute < until }
}
