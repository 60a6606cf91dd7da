/// A step of a backup or a drill that did not go through, by the step's name.
package struct CustodyFailure: Error, Equatable, Sendable, CustomStringConvertible {
    /// The step, as docs and receipts name it.
    package let step: String
    /// One line: what was wrong, where, what to do.
    package let reason: String
    /// Whether trying again may help without a person.
    package let isPassing: Bool

    package init(_ step: String, _ reason: String, isPassing: Bool = false) {
        self.step = step
        self.reason = reason
        self.isPassing = isPassing
    }

    package var description: String { "\(step): \(reason)" }
}
