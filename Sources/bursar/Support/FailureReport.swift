import ArgumentParser
import FoundationEssentials
import Glibc

/// Ends the process with an error told to people or, with `--json`, to programs.
enum FailureReport {
    static func exit(with error: any Error) -> Never {
        if let code = error as? ExitCode { Glibc.exit(code.rawValue) }
        if isAboutUsage(error) { exitAboutUsage(error) }
        let failure = describe(error)
        tell(failure, asJSON: wantsJSON)
        Glibc.exit(failure.status.rawValue)
    }

    static func tell(_ failure: CommandFailure, asJSON: Bool) {
        Terminal.complain(asJSON ? json(failure) : text(failure))
    }

    static func text(_ failure: CommandFailure) -> String {
        var lines = failure.details
        lines.append("bursar: \(failure.message)")
        if let remedy = failure.remedy { lines.append("  try: \(remedy)") }
        return lines.joined(separator: "\n")
    }

    static func json(_ failure: CommandFailure) -> String {
        let report = Report(
            error: failure.message,
            exitStatus: failure.status.rawValue,
            remedy: failure.remedy,
            details: failure.details.isEmpty ? nil : failure.details
        )
        return JSON.text(of: report)
    }

    private struct Report: Encodable {
        let error: String
        let exitStatus: Int32
        let remedy: String?
        let details: [String]?
    }

    /// Read from the words themselves: a command line that could not be parsed has no flags yet.
    private static var wantsJSON: Bool {
        CommandLine.arguments.dropFirst().prefix { $0 != "--" }.contains("--json")
    }

    /// Help, version and completion scripts come as errors too.
    private static func isAboutUsage(_ error: any Error) -> Bool {
        if error is CleanExit || error is ValidationError { return true }
        return Bursar.exitCode(for: error) != .failure
    }

    private static func exitAboutUsage(_ error: any Error) -> Never {
        let code = Bursar.exitCode(for: error)
        if code == .success {
            Terminal.print(Bursar.fullMessage(for: error))
        } else if wantsJSON {
            tell(CommandFailure(.usage, Bursar.message(for: error), remedy: "bursar --help"), asJSON: true)
        } else {
            let text = Bursar.fullMessage(for: error)
            Terminal.complain(text.hasPrefix("Error: ") ? "bursar: " + text.dropFirst("Error: ".count) : text)
        }
        Glibc.exit(code == .success ? ExitStatus.done.rawValue : ExitStatus.usage.rawValue)
    }
}
