import Listener

extension Problem {
    /// The failure as the daemon tells it; a command that meets it ends with the same words and exit code.
    init(_ failure: CommandFailure) {
        let status =
            switch failure.status {
            case .usage, .badData, .configuration: 422
            case .notPermitted: 403
            case .unavailable, .tryAgain: 503
            default: 500
            }
        self.init(
            status: status,
            title: failure.message,
            detail: failure.details.isEmpty ? nil : failure.details.joined(separator: "\n"),
            remedy: failure.remedy,
            exitStatus: failure.status.rawValue
        )
    }
}
