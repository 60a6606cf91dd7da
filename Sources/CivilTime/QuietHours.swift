/// The hours of a day at which nobody is disturbed; they may reach over midnight.
package struct QuietHours: Hashable, Sendable {
    /// Minutes after local midnight at which they begin.
    package var from: Int
    /// Minutes after local midnight at which they end: the first minute that is not quiet.
    package var until: Int

    /// Nil where they would begin and end at the same minute, or one of them is no minute of a day.
    package init?(from: Int, until: Int) {
        guard (0..<1440).contains(from), (0..<1440).contains(until), from != until else { return nil }
        self.from = from
        self.until = until
    }
}
