import ArgumentParser
import FoundationEssentials
import Glibc

/// Which stored posts are meant.
struct WebhookFilter: ParsableArguments {
    @Option(help: "Only of this source.") var source: String?
    @Option(help: "Only received, processed or ignored ones; or conflict: another body came under the same id.")
    var state: String?
    @Option(help: ArgumentHelp("Only those that came at this instant or later.", valueName: "instant")) var since:
        String?
    @Option(help: ArgumentHelp("Only those that came before this instant.", valueName: "instant")) var until: String?
    @Option(
        name: .customLong("id"),
        parsing: .upToNextOption,
        help: ArgumentHelp("Only these numbers.", valueName: "n")
    )
    var events: [Int64] = []

    var wish: WebhookWish {
        WebhookWish(source: source, state: state, since: since, until: until, events: events.isEmpty ? nil : events)
    }

    var isEmpty: Bool { source == nil && state == nil && since == nil && until == nil && events.isEmpty }
}

extension WebhooksCommand {
    /// One line a post, the newest first.
    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "The newest posts.")
        @OptionGroup var filter: WebhookFilter
        @Option(help: "At most so many.") var limit = 30
        @OptionGroup var options: GlobalOptions

        func run() async throws {
            var wish = filter.wish
            wish.limit = limit
            let answer = try await WebhooksCommand.send("webhooks.list", wish, options)
            if options.json { return Answer.show(answer, json: true) }
            let posts = try JSONDecoder().decode([Line].self, from: Data(answer))
            guard !posts.isEmpty else { return Terminal.print("none") }
            var table = TextTable([
                "post", "source", "event", "received", "state", "outcome", "bytes", "again", "conflicts",
            ])
            for post in posts { table.add(post.cells) }
            Terminal.print(table.text)
        }

        private struct Line: Decodable {
            let id: Int64
            let source: String
            let event_id: String
            let received_at: String
            let state: String
            let outcome: String?
            let bytes: Int
            let repeats: Int
            let conflicts: Int

            var cells: [String] {
                [
                    "\(id)", source, SafeText.line(event_id, atMost: 48), received_at, state, outcome ?? "", "\(bytes)",
                    "\(repeats)", "\(conflicts)",
                ]
            }
        }
    }

    /// Everything about one post; its body only as text that a terminal can stand.
    struct Show: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "A post with the headers that were verified, its body, and what became of it.",
            discussion:
                "Control characters of a body are shown as escapes, and long bodies are cut; --raw writes all bytes."
        )
        @Argument(help: "The post's number.") var post: Int64
        @Option(help: ArgumentHelp("Write the body's bytes into this new file.", valueName: "file")) var raw: String?
        @OptionGroup var options: GlobalOptions

        func run() async throws {
            let answer = try await WebhooksCommand.send("webhooks.show", WebhookReference(event: post), options)
            guard answer != Array("null".utf8) else {
                throw CommandFailure(
                    .badData,
                    "there is no post \(post)",
                    remedy: "list them with: bursar webhooks list"
                )
            }
            if let raw {
                let body = try JSONDecoder().decode(Body.self, from: Data(answer)).bytes
                try RawFile.write(body, to: raw)
                if !options.json { return Terminal.print("\(body.count) bytes written to \(raw)") }
            }
            guard !options.json, let tree = JSONTree(answer) else { return Answer.show(answer, json: options.json) }
            Terminal.print(tree.withReadableBodies.lines().joined(separator: "\n"))
        }

        private struct Body: Decodable {
            let body: String
            var bytes: [UInt8] { Data(base64Encoded: body).map { Array($0) } ?? [] }
        }
    }

    /// Posts that are processed again, from what is stored: their signatures were right when they came.
    struct Replay: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Have stored posts processed again: first a plan, then the same with --apply.",
            discussion: """
                The plan is a proposal with a number; --apply takes that number and a reason, and does just that, leaving out \
                posts that changed since. Applied twice it does nothing more. What was settled stays settled.
                """
        )
        @OptionGroup var filter: WebhookFilter
        @Option(help: ArgumentHelp("Carry out this proposal.", valueName: "proposal")) var apply: Int64?
        @Option(help: ArgumentHelp("Why, for the record.", valueName: "text")) var reason: String?
        @OptionGroup var options: GlobalOptions

        func validate() throws {
            if apply != nil {
                guard filter.isEmpty else {
                    throw ValidationError("--apply takes what the proposal holds, and no filter")
                }
                guard reason?.isEmpty == false else { throw ValidationError("--apply needs a --reason") }
            } else if filter.isEmpty {
                throw ValidationError("say which posts: --source, --state, --since, --until or --id")
            }
        }

        func run() async throws {
            if let apply {
                let wish = WebhookReplayWish(proposal: apply, reason: reason ?? "")
                return Answer.show(try await WebhooksCommand.send("webhooks.replay", wish, options), json: options.json)
            }
            let answer = try await WebhooksCommand.send("webhooks.replay_plan", filter.wish, options)
            Answer.show(answer, json: options.json)
        }
    }

    fileprivate static func send(
        _ command: String,
        _ body: some Encodable,
        _ options: GlobalOptions
    ) async throws -> [UInt8] {
        let settings = try options.settings(needsDatabase: false)
        return try await OperatorClient(settings).perform(command, Array(JSON.text(of: body).utf8))
    }
}

extension JSONTree {
    /// The same with bodies that a person can read, and no terminal is harmed by.
    fileprivate var withReadableBodies: JSONTree {
        switch self {
        case .object(let members):
            .object(
                Dictionary(
                    uniqueKeysWithValues: members.map { key, value in
                        guard key == "body", case .text(let text) = value, let bytes = Data(base64Encoded: text) else {
                            return (key, value.withReadableBodies)
                        }
                        return (key, .text(SafeText.line(String(decoding: bytes, as: UTF8.self), atMost: 4096)))
                    }
                )
            )
        case .list(let elements): .list(elements.map(\.withReadableBodies))
        case .text(let text): .text(SafeText.line(text, atMost: 4096))
        default: self
        }
    }
}

/// Text of strangers as a terminal may show it.
enum SafeText {
    /// In one line, control characters as escapes, cut after so many characters.
    static func line(_ text: String, atMost limit: Int) -> String {
        var shown = ""
        for scalar in text.unicodeScalars.prefix(limit) {
            switch scalar.properties.generalCategory {
            case .control, .format, .surrogate, .lineSeparator, .paragraphSeparator, .privateUse, .unassigned:
                shown += "\\u{\(String(scalar.value, radix: 16))}"
            default: shown.unicodeScalars.append(scalar)
            }
        }
        let rest = text.unicodeScalars.count - limit
        return rest > 0 ? "\(shown) … and \(rest) more" : shown
    }
}

/// A file that is written for the operator, and was not there before.
private enum RawFile {
    static func write(_ bytes: [UInt8], to path: String) throws(CommandFailure) {
        let file = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard file >= 0 else { throw failure(path, errno) }
        defer { close(file) }
        var written = 0
        while written < bytes.count {
            let count = bytes.withUnsafeBytes { buffer in
                Glibc.write(file, buffer.baseAddress?.advanced(by: written), buffer.count - written)
            }
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw failure(path, errno) }
            written += count
        }
    }

    private static func failure(_ path: String, _ number: Int32) -> CommandFailure {
        CommandFailure(
            .usage,
            "\(path) cannot be written: \(String(cString: strerror(number)))",
            remedy: number == EEXIST ? "name a file that is not there yet" : "name another file"
        )
    }
}
