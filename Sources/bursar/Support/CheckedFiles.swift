import CivilTime
import Custody
import Notices
import Payments
import Schedules
import Webhooks

/// What `bursar check` found in files of one kind.
struct CheckedFiles {
    /// What is in them: nil where they could not be read.
    var things: Things?
    var files: [String] = []
    var problems: [FileProblem] = []
    var warnings: [FileProblem] = []

    /// So many of a kind, such as 4 of "schedules".
    struct Things: Encodable {
        let kind: String
        let count: Int
        /// For people: "1 schedule".
        let text: String

        init(_ count: Int, _ one: String, _ many: String) {
            (kind, self.count) = (many, count)
            text = "\(count) \(count == 1 ? one : many)"
        }

        private enum CodingKeys: String, CodingKey { case kind, count }
    }

    init(_ count: Int, _ one: String, _ many: String? = nil, files: [String], warnings: [FileProblem] = []) {
        things = Things(count, one, many ?? "\(one)s")
        self.files = files
        self.warnings = warnings
    }

    init(problems: [FileProblem]) { self.problems = problems }
}

/// The kinds of files that `bursar check` reads beside schedules.
enum FileCheckers {
    /// Those that the configuration names: a line for each kind.
    ///
    /// - Throws: `CommandFailure` for a file that cannot be read at all.
    static func configured(_ settings: Settings, today: CivilDate) throws -> [CheckedFiles] {
        [
            settings.webhookSources.map { webhookSources($0) },
            try settings.statementLayouts.map { try statementLayouts($0) },
            policies(settings.noticePolicies, today: today),
            retention(settings.noticePolicies),
            settings.noticeChannels.map { channels($0, settings) },
            settings.noticeTemplates.map { templates($0) },
        ].compactMap(\.self)
    }

    static func webhookSources(_ file: String) -> CheckedFiles {
        do throws(SourceProblems) {
            let sources = try WebhookSources.load(file, as: .checker).all
            return CheckedFiles(sources.count, "webhook source", files: [file])
        } catch {
            return CheckedFiles(problems: error.problems)
        }
    }

    private static func statementLayouts(_ file: String) throws -> CheckedFiles {
        do {
            return CheckedFiles(try StatementLayouts.read(file).count, "statement layout", files: [file])
        } catch let error as LayoutProblems {
            return CheckedFiles(
                problems: error.problems.map { problem in
                    let position = SourcePosition(file: problem.file, line: problem.line, column: problem.column)
                    return FileProblem(at: position, problem.message, remedy: problem.remedy)
                }
            )
        }
    }

    private static func channels(_ file: String, _ settings: Settings) -> CheckedFiles {
        do throws(ChannelProblems) {
            let book = try ChannelBook.load(file, folder: settings.noticeFolder, as: .checker)
            return CheckedFiles(book.channels.count, "channel", files: [file])
        } catch {
            return CheckedFiles(problems: error.problems)
        }
    }

    /// A folder of templates, each tried with the sample of its category.
    private static func templates(_ folder: String) -> CheckedFiles {
        do throws(TemplateProblems) {
            let book = try TemplateBook.load(folder: folder)
            return CheckedFiles(book.count, "template", files: [folder])
        } catch {
            return CheckedFiles(problems: error.problems)
        }
    }

    /// Retention policies; where no file of them lies there is nothing to say.
    static func retention(_ folder: String) -> CheckedFiles? {
        let file = RetentionFile.path(in: folder)
        guard ScheduleFiles.isFile(file) else { return nil }
        do throws(RetentionProblems) {
            let count = try RetentionFile.load(folder: folder).all.count
            return CheckedFiles(count, "retention policy", "retention policies", files: [file])
        } catch {
            return CheckedFiles(problems: error.problems)
        }
    }

    /// Dunning policies and business calendars; where no file of them lies there is nothing to say.
    static func policies(_ folder: String, today: CivilDate) -> CheckedFiles? {
        do throws(PolicyProblems) {
            let read = try PolicyFiles.read(folder: folder, today: today)
            guard !read.files.isEmpty else { return nil }
            return CheckedFiles(
                read.policies.all.count,
                "dunning policy",
                "dunning policies",
                files: read.files,
                warnings: read.warnings
            )
        } catch {
            return CheckedFiles(problems: error.problems)
        }
    }
}
