/// How a command ends: sysexits(3), and 1 for a finding that a script should act on.
enum ExitStatus: Int32, Sendable {
    case done = 0
    /// The command worked, and what it looked at is not in order.
    case finding = 1
    case usage = 64
    case badData = 65
    case unavailable = 69
    case `internal` = 70
    /// Trying again may help, or a person must approve first.
    case tryAgain = 75
    case notPermitted = 77
    case configuration = 78
}
