import ArgumentParser
import Billing
import CivilTime
import FoundationEssentials
import Glibc
import Payments

/// Reconciliation: statements in, what it waits for, what it could not place.
struct ReconCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "recon",
        abstract: "Reconciliation: how complete bank data is, statement files, and money in suspense.",
        subcommands: [
            Status.self, Run.self, Import.self, Imports.self, Suspense.self, Assign.self, Refund.self, WriteOff.self,
            Totals.self,
        ],
        defaultSubcommand: Status.self
    )

    /// The job's name.
    static let job = "bakong-reconciliation"

    /// A run of the job.
    struct Run: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "run",
            abstract: "Ask for a reconciliation.",
            discussion:
                "The same as `bursar run bakong-reconciliation`. A dry run asks no provider and moves no watermark."
        )

        @Flag(help: "Go through every chunk and roll it back.") var dryRun = false
        @Flag(help: "Wait until the run has ended.") var wait = false
        @Option(help: "Why, for the record.") var reason: String?
        @OptionGroup var options: GlobalOptions

        func run() async throws {
            var words = [ReconCommand.job]
            if dryRun { words.append("--dry-run") }
            if wait { words.append("--wait") }
            if let reason { words += ["--reason", reason] }
            if options.json { words.append("--json") }
            if let config = options.config { words += ["--config", config] }
            for pair in options.set { words += ["--set", pair] }
            try await RunCommand.parse(words).run()
        }
    }

    /// A statement file.
    struct Import: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "import",
            abstract: "Import a bank statement file (CSV).",
            discussion: """
                The daemon reads the file, so its user must be able to. Rows that cannot be read are told by line and kept; \
                the others wait for the next reconciliation. The same bytes are imported once; an import that was broken \
                off goes on when it is asked for again. Exit code 1 when rows could not be read.
                """
        )

        @Argument(help: ArgumentHelp("The file.", valueName: "file")) var file: String
        @Option(help: "The receiving account: its text or its number.") var account: String
        @Option(help: "How the file is laid out: a name of the file that payments.statements names.") var layout: String
        @Option(help: ArgumentHelp("From when on the file has every payment, RFC 3339.", valueName: "instant"))
        var coversFrom: String?
        @Option(help: ArgumentHelp("Until when, RFC 3339.", valueName: "instant")) var coversUntil: String?
        @Flag(help: "Read it and write nothing.") var dryRun = false
        @Flag(help: "Ask for a reconciliation afterwards.") var thenRun = false
        @OptionGroup var options: GlobalOptions

        func run() async throws {
            var wish = StatementImport.Wish(file: try Self.absolute(file), account: account, layout: layout)
            wish.coversFrom = try coversFrom.map(Self.instant)
            wish.coversUntil = try coversUntil.map(Self.instant)
            wish.dryRun = dryRun ? true : nil
            let body = JSON.text(of: StatementWish(wish: wish, thenRun: thenRun ? true : nil))
            let progress = options.progress()
            progress.show("reading \(file) …")
            let bytes = try await OperatorClient(try options.settings()).perform(
                "recon.import",
                Array(body.utf8),
                within: .seconds(7200)
            )
            progress.clear()
            let decoder = JSONDecoder()
            decoder.keyDecodingStrategy = .convertFromSnakeCase
            let answer = try decoder.decode(StatementAnswer.self, from: Data(bytes))
            options.show(answer) { Self.words($0) }
            if answer.imported.bad > 0 { throw ExitCode(ExitStatus.finding.rawValue) }
        }

        private static func words(_ answer: StatementAnswer) -> String {
            let read = answer.imported
            let name = read.statementImport.map { "statement \($0)" } ?? "a dry run"
            var lines: [String] = []
            if read.alreadyImported {
                lines.append("\(name): these bytes were imported before; nothing was done")
            } else if read.wentOn {
                lines.append("\(name): went on where an earlier import was broken off")
            }
            let counts = [
                (read.good, "new"), (read.known, "known"), (read.other, "of no money in"), (read.bad, "not readable"),
            ]
            lines.append("\(name): " + counts.map { "\($0.0) rows \($0.1)" }.joined(separator: ", "))
            if let from = read.coversFrom, let until = read.coversUntil {
                lines.append("covers \(from) until \(until)")
            }
            lines += read.problems.map { "line \($0.line): \($0.problem)" }
            if read.bad > read.problems.count, let id = read.statementImport {
                lines.append("all of them: bursar recon imports --bad-rows \(id)")
            }
            if let run = answer.run { lines.append("run \(run) is asked for") }
            return lines.joined(separator: "\n")
        }

        private static func absolute(_ path: String) throws -> String {
            if path.hasPrefix("/") { return path }
            guard let folder = getcwd(nil, 0) else { return path }
            defer { free(folder) }
            return "\(String(cString: folder))/\(path)"
        }

        private static func instant(_ text: String) throws -> Instant {
            guard let instant = Instant(text) else {
                throw CommandFailure(
                    .usage,
                    "\(text) is not an instant",
                    remedy: "write it as 2026-03-01T00:00:00+07:00"
                )
            }
            return instant
        }
    }
}
