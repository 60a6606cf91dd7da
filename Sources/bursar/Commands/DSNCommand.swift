import ArgumentParser
import Billing
import FoundationEssentials
import Glibc

/// Reports of deliveries: mails that came back, and what providers say.
struct DSNCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "dsn",
        abstract: "Reports of deliveries: mails that came back, and what providers say.",
        subcommands: [Ingest.self, List.self, Show.self, Reread.self]
    )

    /// What `dsn.ingest` answers.
    struct Standing: Codable {
        let report: Int64
        let known: Bool
        let state: String
        let kind: String?
        let message: Int64?
        let status: String?
        let outcome: String?

        /// For people.
        func line(of file: String) -> String {
            let what = [kind, status].compactMap(\.self).joined(separator: " ")
            let of = message.map { " of message \($0)" } ?? ""
            let again = known ? ", known already" : ""
            return
                "\(file): report \(report)\(again), \(state)\(what.isEmpty ? "" : ": \(what)")\(of); \(outcome ?? "-")"
        }
    }

    /// Mails into the house.
    struct Ingest: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "ingest",
            abstract: "Take mails that came back: each file, or standard input, is one mail.",
            discussion: """
                A mail that cannot be read is kept all the same, and the exit code is then 65: look at it with `bursar dsn \
                show`. The same mail again changes nothing. Of a mail longer than 1 MiB the first MiB is taken.
                """
        )

        @Argument(
            help: ArgumentHelp("Files, each with one mail; standard input where none is named.", valueName: "file")
        )
        var files: [String] = []
        @OptionGroup var options: GlobalOptions

        private struct Answer: Encodable {
            let file: String
            let standing: Standing
        }

        func run() async throws {
            let client = OperatorClient(try options.settings(needsDatabase: false))
            let progress = options.progress()
            var answers: [Answer] = []
            for file in files.isEmpty ? ["-"] : files {
                let mail = try MailFile.read(file)
                progress.show("\(answers.count) of \(files.count) …")
                let bytes = try await client.perform("dsn.ingest", mail)
                let standing = try JSONDecoder().decode(Standing.self, from: Data(bytes))
                answers.append(Answer(file: file, standing: standing))
                if !options.json { Terminal.print(standing.line(of: file)) }
            }
            progress.clear()
            if options.json { Terminal.print(JSON.text(of: answers)) }
            let unread = answers.filter { $0.standing.state == "unreadable" }
            guard unread.isEmpty else {
                for answer in unread {
                    Terminal.complain(
                        "\(answer.file) could not be read; it is kept: bursar dsn show \(answer.standing.report)"
                    )
                }
                throw ExitCode(ExitStatus.badData.rawValue)
            }
        }
    }

    /// One line a report.
    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(commandName: "list", abstract: "List reports, newest first.")

        @Option(help: "Only those that are waiting, done, unreadable or unmatched.") var state: String?
        @Option(help: "Only those before this one: the next page.") var before: Int?
        @Option(help: "How many at most.") var limit = 50
        @OptionGroup var options: GlobalOptions

        private struct Row: Decodable {
            let report: Int64
            let source: String
            let transport: String?
            let state: String
            let kind: String?
            let message: Int64?
            let status: String?
            let outcome: String?
            let receivedAt: String
        }

        func run() async throws {
            let body: [String: ContractValue] = [
                "state": .text(state), "before": .whole(before), "limit": .whole(limit),
            ]
            try await BusinessCall(options: options).perform("dsn.list", body) { (rows: [Row]) in
                var table = TextTable([
                    "REPORT", "RECEIVED", "FROM", "STATE", "KIND", "STATUS", "MESSAGE", "WHAT WAS DONE",
                ])
                for row in rows {
                    table.add([
                        "\(row.report)", row.receivedAt, row.transport ?? row.source, row.state, row.kind ?? "-",
                        row.status ?? "-", row.message.map { "\($0)" } ?? "-", row.outcome ?? "-",
                    ])
                }
                return table.text
            }
        }
    }

    /// One report, with its mail where a person must read it.
    struct Show: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "show",
            abstract: "Show a report; one that could not be read or matched with all that came."
        )

        @Argument(help: "The report.") var report: Int
        @OptionGroup var options: GlobalOptions

        func run() async throws {
            try await BusinessCall(options: options).perform("dsn.show", ["report": .whole(report)]) {
                (shown: [String: JSONTree]) in
                var fields = shown
                var raw: String?
                if case .text(let text) = fields.removeValue(forKey: "raw") {
                    raw = Data(base64Encoded: text, options: .ignoreUnknownCharacters).map {
                        String(decoding: $0, as: UTF8.self)
                    }
                }
                return (JSONTree.object(fields).lines() + [raw].compactMap { $0.map { "\n\($0)" } }).joined(
                    separator: "\n"
                )
            }
        }
    }

    /// Reports that may be readable now.
    struct Reread: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "reread",
            abstract: "Have reports read again that could not be read or matched; the next run of notices does it."
        )

        @Argument(help: "The report; all of them where none is given.") var report: Int?
        @OptionGroup var reason: ReasonOption
        @OptionGroup var options: GlobalOptions

        private struct Answer: Decodable {
            let waiting: Int64
        }

        func run() async throws {
            let body: [String: ContractValue] = ["report": .whole(report), "reason": reason.value]
            try await BusinessCall(options: options).perform("dsn.reread", body) { (answer: Answer) in
                answer.waiting == 1 ? "1 report waits" : "\(answer.waiting) reports wait"
            }
        }
    }
}

/// A mail in a file or on standard input.
private enum MailFile {
    static let mostBytes = 1 << 20

    /// The first MiB of it; `-` is standard input.
    static func read(_ path: String) throws(CommandFailure) -> [UInt8] {
        let file = path == "-" ? 0 : open(path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { throw failure(path, errno) }
        defer { if file > 0 { close(file) } }
        var bytes: [UInt8] = []
        var piece = [UInt8](repeating: 0, count: 64 << 10)
        while bytes.count < mostBytes {
            let count = Glibc.read(file, &piece, min(piece.count, mostBytes - bytes.count))
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw failure(path, errno) }
            if count == 0 { break }
            bytes += piece[..<count]
        }
        guard !bytes.isEmpty else {
            throw CommandFailure(.badData, "\(path) is empty", remedy: "give one mail with its header")
        }
        return bytes
    }

    private static func failure(_ path: String, _ number: Int32) -> CommandFailure {
        CommandFailure(
            number == EACCES ? .notPermitted : .usage,
            "\(path) cannot be read: \(String(cString: strerror(number)))",
            remedy: "check the path"
        )
    }
}
