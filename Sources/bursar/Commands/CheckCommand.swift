import ArgumentParser
import Engine
import Payments
import Schedules

/// Checks schedule files; needs no database and no daemon.
struct CheckCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check",
        abstract: "Check schedule files: every error with file, line, column and what was expected.",
        discussion: "Needs no database. Exit code 65 when a file has an error."
    )

    @Argument(help: ArgumentHelp("Files or folders; those of the configuration when none is given.", valueName: "path"))
    var paths: [String] = []

    @OptionGroup var options: GlobalOptions

    private struct Answer: Encodable {
        struct Fault: Encodable {
            let file: String
            let line: Int
            let column: Int
            let message: String
            let remedy: String
        }
        var valid = true
        var schedules = 0
        var files: [String] = []
        var hash: String?
        /// Nil where no file of them is configured, or paths were given.
        var statementLayouts: [String]?
        var problems: [Fault] = []
    }

    func run() async throws {
        let settings = try options.settings(needsDatabase: false)
        let layouts = paths.isEmpty ? try checkLayouts(settings) : nil
        do {
            let set = try ScheduleSet.load(
                paths: paths.isEmpty ? [settings.schedules] : paths,
                catalogue: JobRegistry.shipped.catalogue
            )
            var answer = Answer(schedules: set.schedules.count, files: set.files, hash: set.contentHash)
            answer.statementLayouts = layouts
            options.show(answer) { answer in
                let schedules = answer.schedules == 1 ? "1 schedule" : "\(answer.schedules) schedules"
                let files = answer.files.count == 1 ? "1 file is" : "\(answer.files.count) files are"
                let statements =
                    layouts.map { "; statement layouts: \($0.isEmpty ? "none" : $0.joined(separator: ", "))" } ?? ""
                return "\(schedules) in \(files) in order (\(set.contentHash.prefix(12)))\(statements)"
            }
        } catch {
            guard options.json else { throw error }
            var answer = Answer(valid: false)
            answer.problems = error.problems.map {
                Answer.Fault(file: $0.file, line: $0.line, column: $0.column, message: $0.message, remedy: $0.remedy)
            }
            Terminal.print(JSON.text(of: answer))
            throw ExitCode(ExitStatus.badData.rawValue)
        }
    }

    /// The names of the layouts; nil where no file of them is configured.
    private func checkLayouts(_ settings: Settings) throws -> [String]? {
        guard let path = settings.statementLayouts else { return nil }
        do {
            return try StatementLayouts.read(path).map(\.name)
        } catch let error as LayoutProblems where options.json {
            var answer = Answer(valid: false)
            answer.problems = error.problems.map {
                Answer.Fault(file: $0.file, line: $0.line, column: $0.column, message: $0.message, remedy: $0.remedy)
            }
            Terminal.print(JSON.text(of: answer))
            throw ExitCode(ExitStatus.badData.rawValue)
        }
    }
}
