import ArgumentParser
import CivilTime
import Engine
import Notices
import Schedules

/// Checks the files that people write: schedules, dunning policies with calendars, retention policies, webhook sources, channels, layouts.
///
/// Needs no database and no daemon.
struct CheckCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check",
        abstract:
            "Check schedules, dunning policies, channels, templates and webhook sources: every error with file, line, column and what was expected.",
        discussion: """
            Needs no database. Exit code 65 when a file has an error; a warning, such as a calendar that will run out, is \
            told and changes no exit code. Secrets of webhook sources that this user may not read are left out of the \
            check.

            A path is a schedule file, a folder of them, or a folder of policies or a file in one. With a folder \
            of schedules the folder policies in it is checked too.
            """
    )

    @Argument(help: ArgumentHelp("Files or folders; those of the configuration when none is given.", valueName: "path"))
    var paths: [String] = []

    @Option(
        help: ArgumentHelp(
            "The file of the webhook sources; that of the configuration when neither this nor a path is given.",
            valueName: "file"
        )
    )
    var webhooks: String?

    @OptionGroup var options: GlobalOptions

    private struct Answer: Encodable {
        struct Fault: Encodable {
            let file: String
            let line: Int
            let column: Int
            let message: String
            let remedy: String

            init(_ problem: FileProblem) {
                (file, line, column) = (problem.file, problem.line, problem.column)
                (message, remedy) = (problem.message, problem.remedy)
            }
        }
        var valid = true
        var schedules = 0
        var files: [String] = []
        var hash: String?
        /// What else is in the files, by kind.
        var others: [CheckedFiles.Things] = []
        var problems: [Fault] = []
        var warnings: [Fault] = []

        /// For people.
        var text: String {
            let schedules = schedules == 1 ? "1 schedule" : "\(schedules) schedules"
            let things = ((hash == nil ? [] : [schedules]) + others.map(\.text)).joined(separator: " and ")
            let files = files.count == 1 ? "1 file is" : "\(files.count) files are"
            guard !things.isEmpty else { return "there is nothing to check" }
            return "\(things) in \(files) in order" + (hash.map { " (\($0.prefix(12)))" } ?? "")
        }
    }

    func run() async throws {
        let settings = try options.settings(needsDatabase: false)
        let today = Zone.utc.localDate(at: .now)
        var answer = Answer()
        var problems: [FileProblem] = []
        var schedulePaths = paths.filter { PolicyFiles.folder(of: $0) == nil }
        // With the sources' file alone, the schedules are not meant.
        if paths.isEmpty, webhooks == nil { schedulePaths = [settings.schedules] }
        if !schedulePaths.isEmpty {
            do throws(ScheduleProblems) {
                let set = try ScheduleSet.load(paths: schedulePaths, catalogue: JobRegistry.shipped.catalogue)
                (answer.schedules, answer.files, answer.hash) = (set.schedules.count, set.files, set.contentHash)
            } catch {
                problems += error.problems
            }
        }
        for checked in try others(settings, today: today) {
            answer.others += checked.things.map { [$0] } ?? []
            answer.files += checked.files
            problems += checked.problems
            answer.warnings += checked.warnings.map(Answer.Fault.init)
            if !options.json { checked.warnings.forEach { Terminal.complain("\($0)") } }
        }
        guard problems.isEmpty else { return try fail(problems.sorted(), answer) }
        options.show(answer) { $0.text }
    }

    /// The other files that are meant: those of the configuration, or those that the arguments name.
    private func others(_ settings: Settings, today: CivilDate) throws -> [CheckedFiles] {
        if paths.isEmpty, webhooks == nil { return try FileCheckers.configured(settings, today: today) }
        var folders: [String] = []
        for path in paths {
            let below = Settings.policies(beside: path)
            guard let folder = PolicyFiles.folder(of: path) ?? PolicyFiles.folder(of: below) else { continue }
            if !folders.contains(folder) { folders.append(folder) }
        }
        let sources = webhooks.map { [FileCheckers.webhookSources($0)] } ?? []
        return sources
            + folders.flatMap {
                [FileCheckers.policies($0, today: today), FileCheckers.retention($0)].compactMap(\.self)
            }
    }

    private func fail(_ problems: [FileProblem], _ answer: Answer) throws {
        guard options.json else {
            throw CommandFailure(
                .badData,
                "the files have \(problems.count == 1 ? "an error" : "\(problems.count) errors")",
                remedy: "mend the lines above; nothing was changed",
                details: problems.map(\.description)
            )
        }
        var answer = answer
        answer.valid = false
        answer.problems = problems.map(Answer.Fault.init)
        Terminal.print(JSON.text(of: answer))
        throw ExitCode(ExitStatus.badData.rawValue)
    }
}
