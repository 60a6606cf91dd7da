internal import JobKit
internal import Programs
internal import Schedules

/// What a program's end means for its run.
enum ExitVerdict: Equatable {
    case success, transient, permanent
    case snooze(Duration)
    case rateLimited(Duration)

    /// The words of a schedule file.
    static let words = ["success", "transient", "permanent", "snooze", "rate_limited"]

    /// sysexits(3): the program asks to be tried again.
    private static let temporaryFailure: Int32 = 75

    init(_ ending: ProgramEnding, _ parameters: Command.Parameters) {
        guard case .exited(let code) = ending else {
            self = .transient
            return
        }
        let wait = (try? Duration(scheduleText: parameters.wait)) ?? .seconds(900)
        switch parameters.exit_codes["\(code)"] ?? Self.usual(code) ?? parameters.exit_codes["other"] {
        case "success": self = .success
        case "permanent": self = .permanent
        case "snooze": self = .snooze(wait)
        case "rate_limited": self = .rateLimited(wait)
        default: self = .transient
        }
    }

    /// What a code means whatever is said of the others.
    private static func usual(_ code: Int32) -> String? {
        switch code {
        case 0: "success"
        case temporaryFailure: "transient"
        default: nil
        }
    }

    /// One line for an operator.
    func words(_ ending: ProgramEnding) -> String {
        switch ending {
        case .exited(let code): "exit code \(code)"
        case .killed(let signal): "ended by signal \(signal)"
        case .lost: "nobody knows how it ended"
        }
    }

    func outcome(_ ending: ProgramEnding) throws -> Outcome {
        switch self {
        case .success: return .succeeded(words(ending))
        case .snooze(let wait): return .snoozed(wait)
        case .transient: throw JobError(.transient, words(ending))
        case .permanent: throw JobError(.permanent, words(ending))
        case .rateLimited(let wait): throw JobError(.rateLimited(wait), words(ending))
        }
    }
}
