/// Why an act on schedules, their fires, alarms or proposals was not done; nothing was changed.
package struct ScheduleRefusal: Error, Hashable, Sendable, CustomStringConvertible {
    package enum Reason: Sendable {
        /// What was named is not there, or is not in the state that the act needs.
        case notSo
        /// Files or database have moved since: look again, then try again.
        case moved
    }

    package let reason: Reason
    /// What is so, in one sentence.
    package let description: String
    /// What to do.
    package let remedy: String

    init(_ reason: Reason, _ description: String, remedy: String) {
        self.reason = reason
        self.description = description
        self.remedy = remedy
    }
}
