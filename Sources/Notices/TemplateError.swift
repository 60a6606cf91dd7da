package import Schedules

/// Why a notice cannot be said.
package struct TemplateError: Error, Hashable, Sendable, CustomStringConvertible {
    package enum Reason: Hashable, Sendable {
        /// The catalogue has no such category.
        case unknownCategory
        /// The facts lack what the category speaks of: no template can help.
        case missingFacts
        /// No template of all that were tried can say it.
        case unusable
    }

    package let reason: Reason
    /// What is wrong, in one sentence.
    package let message: String

    package init(_ reason: Reason, _ message: String) {
        self.reason = reason
        self.message = message
    }

    package var description: String { message }
}

/// Everything that is wrong with a set of templates, in order; with a problem in it nothing of it counts.
package struct TemplateProblems: Error, Hashable, Sendable, CustomStringConvertible {
    package let problems: [FileProblem]

    package init(_ problems: [FileProblem]) { self.problems = problems.sorted() }

    /// One problem a line.
    package var description: String { problems.map(\.description).joined(separator: "\n") }
}
