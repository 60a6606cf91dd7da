/// An external program, and how it is started: an argument list, no shell.
package struct Program: Equatable, Sendable {
    /// The program and its arguments.
    ///
    /// A name without a slash is looked for in the `PATH` of ``environment``.
    package var words: [String]
    /// Where it starts.
    package var directory: String
    /// All of its environment; nothing is inherited.
    package var environment: [String: String]
    /// Whom it runs as; nil: as this process.
    package var account: Account?
    /// How long it may take to end after SIGTERM, before SIGKILL.
    package var grace: Duration
    /// What it had to itself, removed at its end: secrets, and what stands on its standard input.
    package var folder: PrivateFolder?

    package init(
        _ words: [String],
        directory: String,
        environment: [String: String],
        account: Account? = nil,
        grace: Duration = .seconds(10),
        folder: PrivateFolder? = nil
    ) {
        self.words = words
        self.directory = directory
        self.environment = environment
        self.account = account
        self.grace = grace
        self.folder = folder
    }

    /// The words as a shell would take them, for people.
    package var commandLine: String { words.map(Self.quoted).joined(separator: " ") }

    private static func quoted(_ word: String) -> String {
        let plain = Set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_@%+=:,./-")
        if !word.isEmpty, word.allSatisfy(plain.contains) { return word }
        return "'" + word.replacing("'", with: #"'\''"#) + "'"
    }
}

/// How a program ended.
package enum ProgramEnding: Equatable, Sendable {
    /// By itself, with this code.
    case exited(Int32)
    /// By a signal.
    case killed(signal: Int32)
    /// Nobody knows: its keeper was killed, or it hangs in the kernel and could not be ended.
    case lost
}

/// Why a program was not started; nothing of it ran.
package struct ProgramRefused: Error, Equatable, Sendable, CustomStringConvertible {
    /// One line: what was wanted, and what the system said.
    package let reason: String
    /// Whether trying again may help: the system was short of something.
    package let isPassing: Bool

    package init(_ reason: String, isPassing: Bool = false) {
        self.reason = reason
        self.isPassing = isPassing
    }

    package var description: String { reason }
}
