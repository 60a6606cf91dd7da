import ArgumentParser
import FoundationEssentials

/// Bakong by hand: the token, a lookup, the journal of calls.
struct BakongCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "bakong",
        abstract: "Connect to Bakong, ask it, and see what was asked.",
        subcommands: [Token.self, Lookup.self, Calls.self]
    )

    /// The token.
    struct Token: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "The token that Bakong asks for.",
            subcommands: [SetToken.self, ShowToken.self],
            defaultSubcommand: ShowToken.self
        )
    }

    /// The first token, or one after a long pause; renewals need nobody.
    struct SetToken: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "set",
            abstract: "Store a token out of a file, encrypted.",
            discussion: "It is used from the next call on; its predecessor is kept until Bakong has answered to it."
        )
        @OptionGroup var options: GlobalOptions
        @Argument(help: "A file that holds the token and nothing else.") var file: String
        @Option(help: ArgumentHelp("Why, for the record.", valueName: "text")) var reason: String

        func run() async throws {
            let settings = try options.settings(needsDatabase: false)
            guard let token = try TextFile.secret(file) else { return }
            let wish = BakongTokenWish(token: token, reason: reason)
            let answer = try await OperatorClient(settings).perform("bakong.token.set", Array(JSON.text(of: wish).utf8))
            Answer.show(answer, json: options.json)
        }
    }

    /// Fingerprint and end, never the token.
    struct ShowToken: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "show",
            abstract: "Show the stored tokens by fingerprint and end, and how the last renewal went."
        )
        @OptionGroup var options: GlobalOptions

        func run() async throws {
            let settings = try options.settings(needsDatabase: false)
            Answer.show(try await OperatorClient(settings).perform("bakong.token.show"), json: options.json)
        }
    }

    /// One question, to see whether it works.
    struct Lookup: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Ask Bakong about payments; nothing of ours changes.",
            discussion: "Counts against rate and quota like every other call. Exit code 1 where Bakong gave no answer."
        )
        @OptionGroup var options: GlobalOptions
        @Option(help: ArgumentHelp("The md5 of a QR; may be given several times.", valueName: "md5")) var md5:
            [String] = []
        @Option(help: ArgumentHelp("A transaction's hash; may be given several times.", valueName: "hash"))
        var hash: [String] = []

        func run() async throws {
            guard !(md5 + hash).isEmpty else {
                throw CommandFailure(.usage, "nothing is asked for", remedy: "pass --md5 or --hash")
            }
            let settings = try options.settings(needsDatabase: false)
            let wish = BakongLookupWish(md5s: md5, hashes: hash)
            let answer = try await OperatorClient(settings).perform("bakong.lookup", Array(JSON.text(of: wish).utf8))
            Answer.show(answer, json: options.json)
            let decoder = JSONDecoder()
            decoder.keyDecodingStrategy = .convertFromSnakeCase
            let findings = try decoder.decode([BakongLookupAnswer].self, from: Data(answer))
            let isAnswered = findings.allSatisfy { ["found", "not_found", "failed", "static_qr"].contains($0.finding) }
            if !isAnswered { throw ExitCode(ExitStatus.finding.rawValue) }
        }
    }

    /// The journal.
    struct Calls: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "List the calls that were made, the latest first.")
        @OptionGroup var options: GlobalOptions
        @Option(help: ArgumentHelp("How many, at most 1000.", valueName: "n")) var limit = 20
        @Option(help: ArgumentHelp("Only those that asked about this md5 or hash.", valueName: "key")) var key: String?
        @Flag(help: "Only those that Bakong did not answer.") var failed = false

        func run() async throws {
            let settings = try options.settings(needsDatabase: false)
            let wish = BakongCallsWish(limit: limit, key: key, failed: failed)
            let answer = try await OperatorClient(settings).perform("bakong.calls", Array(JSON.text(of: wish).utf8))
            if options.json { return Answer.show(answer, json: true) }
            let calls = try JSONDecoder().decode([Line].self, from: Data(answer))
            guard !calls.isEmpty else { return Terminal.print("none") }
            var table = TextTable(["at", "endpoint", "keys", "outcome", "status", "fault", "ms", "by"])
            for call in calls { table.add(call.cells) }
            Terminal.print(table.text)
        }

        private struct Line: Decodable {
            let at: String
            let endpoint: String
            let keys: Int
            let outcome: String
            let status: Int?
            let fault: String?
            let duration_ms: Int?
            let actor: String

            var cells: [String] {
                let numbers = [status, duration_ms].map { $0.map { "\($0)" } ?? "" }
                return [at, endpoint, "\(keys)", outcome, numbers[0], fault ?? "", numbers[1], actor]
            }
        }
    }
}
