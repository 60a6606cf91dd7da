/// A place in a file: lines and columns start at 1; both are 0 where the file as a whole is meant.
package struct SourcePosition: Hashable, Sendable {
    package let file: String
    package let line: Int
    package let column: Int

    package init(file: String, line: Int = 0, column: Int = 0) {
        self.file = file
        self.line = line
        self.column = column
    }
}

extension SourcePosition: Comparable, CustomStringConvertible {
    package static func < (left: SourcePosition, right: SourcePosition) -> Bool {
        (left.file, left.line, left.column) < (right.file, right.line, right.column)
    }

    /// As compilers print it, so that editors can jump there: "schedules/billing.yaml:5:11".
    package var description: String {
        line == 0 ? file : "\(file):\(line):\(column)"
    }
}

/// One thing wrong with a file that people write (schedules, webhook sources): where, what was found and expected, and what to do.
package struct FileProblem: Error, Hashable, Sendable {
    /// What it means for the file.
    package enum Level: String, Hashable, Sendable {
        /// Nothing of the file counts.
        case error
        /// The file counts as it is, and somebody should look at it before it is too late.
        case warning
    }

    package let level: Level
    package let position: SourcePosition
    /// What is wrong.
    package let message: String
    /// What to do; empty where the message says it.
    package let remedy: String

    package var file: String { position.file }
    package var line: Int { position.line }
    package var column: Int { position.column }

    package init(at position: SourcePosition, _ message: String, remedy: String = "", level: Level = .error) {
        self.level = level
        self.position = position
        self.message = message
        self.remedy = remedy
    }
}

extension FileProblem: Comparable, CustomStringConvertible {
    package static func < (left: FileProblem, right: FileProblem) -> Bool {
        (left.position, left.message) < (right.position, right.message)
    }

    /// "file:line:column: message; remedy", a warning with that word before its message.
    package var description: String {
        "\(position): \(level == .warning ? "warning: " : "")\(message)" + (remedy.isEmpty ? "" : "; \(remedy)")
    }
}

/// Everything that is wrong with a set of schedule files, in order.
///
/// A set with a problem changes nothing.
package struct ScheduleProblems: Error, Hashable, Sendable, CustomStringConvertible {
    package let problems: [FileProblem]

    package init(_ problems: [FileProblem]) {
        self.problems = problems.sorted()
    }

    /// One problem a line.
    package var description: String {
        problems.map(\.description).joined(separator: "\n")
    }
}

/// The keys of one mapping of a file that people write: every other key is an error.
package protocol FileKeys: RawRepresentable<String>, CaseIterable, Hashable, Sendable {}
