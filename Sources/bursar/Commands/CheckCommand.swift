import ArgumentParser
import Engine
import Notices
import Payments
import Schedules
import Webhooks

/// Checks schedule files, webhook sources and statement layouts; needs no database and no daemon.
struct CheckCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check",
        abstract:
            "Check schedule files and webhook sources: every error with file, line, column and what was expected.",
        discussion: """
            Needs no database. Exit code 65 when a file has an error. Secrets of webhook sources that this user may not \
            read are left out of the check.
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
        }
        var valid = true
        var schedules = 0
        var files: [String] = []
        var hash: String?
        var webhookSources: Int?
        /// Nil where no file of them is configured, or paths were given.
        var statementLayouts: [String]?
        /// As `statementLayouts`.
        var channels: [String]?
        var problems: [Fault] = []

        /// For people.
        var text: String {
            let sources = webhookSources.map { $0 == 1 ? "1 webhook source" : "\($0) webhook sources" }
            guard let hash else { return "\(sources ?? "nothing") in \(files.joined(separator: ", ")) in order" }
            let schedules = schedules == 1 ? "1 schedule" : "\(schedules) schedules"
            let layouts = statementLayouts.map {
                $0.count == 1 ? "1 statement layout" : "\($0.count) statement layouts"
            }
            let channels = channels.map { $0.count == 1 ? "1 channel" : "\($0.count) channels" }
            let things = [schedules, sources, layouts, channels].compactMap(\.self).joined(separator: " and ")
            let files = files.count == 1 ? "1 file is" : "\(files.count) files are"
            return "\(things) in \(files) in order (\(hash.prefix(12)))"
        }
    }

    func run() async throws {
        let settings = try options.settings(needsDatabase: false)
        var answer = Answer()
        var problems: [FileProblem] = []
        // With the sources' file alone, the schedules are not meant.
        if webhooks == nil || !paths.isEmpty {
            do throws(ScheduleProblems) {
                let set = try ScheduleSet.load(
                    paths: paths.isEmpty ? [settings.schedules] : paths,
                    catalogue: JobRegistry.shipped.catalogue
                )
                (answer.schedules, answer.files, answer.hash) = (set.schedules.count, set.files, set.contentHash)
            } catch {
                problems += error.problems
            }
        }
        if let file = webhooks ?? (paths.isEmpty ? settings.webhookSources : nil) {
            do throws(SourceProblems) {
                answer.webhookSources = try WebhookSources.load(file, as: .checker).all.count
                answer.files.append(file)
            } catch {
                problems += error.problems
            }
        }
        if paths.isEmpty, webhooks == nil, let file = settings.statementLayouts {
            do {
                answer.statementLayouts = try StatementLayouts.read(file).map(\.name)
                answer.files.append(file)
            } catch let error as LayoutProblems {
                problems += error.problems.map { problem in
                    let position = SourcePosition(file: problem.file, line: problem.line, column: problem.column)
                    return FileProblem(at: position, problem.message, remedy: problem.remedy)
                }
            }
        }
        if paths.isEmpty, webhooks == nil, let file = settings.noticeChannels {
            do throws(ChannelProblems) {
                let book = try ChannelBook.load(file, folder: settings.noticeFolder, as: .checker)
                answer.channels = book.channels.keys.map(\.rawValue).sorted()
                answer.files.append(file)
            } catch {
                problems += error.problems
            }
        }
        guard problems.isEmpty else { return try fail(problems.sorted()) }
        options.show(answer) { $0.text }
    }

    private func fail(_ problems: [FileProblem]) throws {
        guard options.json else {
            throw CommandFailure(
                .badData,
                "the files have \(problems.count == 1 ? "an error" : "\(problems.count) errors")",
                remedy: "mend the lines above; nothing was changed",
                details: problems.map(\.description)
            )
        }
        var answer = Answer(valid: false)
        answer.problems = problems.map {
            Answer.Fault(file: $0.file, line: $0.line, column: $0.column, message: $0.message, remedy: $0.remedy)
        }
        Terminal.print(JSON.text(of: answer))
        throw ExitCode(ExitStatus.badData.rawValue)
    }
}
