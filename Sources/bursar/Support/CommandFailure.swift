/// Why a command did not do what it was asked: what was wrong, and what to do.
struct CommandFailure: Error, Sendable, Equatable {
    var status: ExitStatus
    /// What was wrong, in one sentence.
    var message: String
    /// What to do: a command, a setting, a place to look.
    var remedy: String?
    /// The single faults, one a line, where there are several.
    var details: [String]

    init(_ status: ExitStatus, _ message: String, remedy: String? = nil, details: [String] = []) {
        self.status = status
        self.message = message
        self.remedy = remedy
        self.details = details
    }
}

extension CommandFailure {
    static func refusedInProduction(_ command: String) -> CommandFailure {
        CommandFailure(
            .notPermitted,
            "`\(command)` is refused in production",
            remedy: "use an installation whose environment is development"
        )
    }
}
