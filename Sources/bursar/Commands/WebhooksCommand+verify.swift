import ArgumentParser
import CivilTime
import Glibc
import Webhooks

extension WebhooksCommand {
    /// Whether a post is signed by somebody who knows the secret.
    struct Verify: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "verify",
            abstract: "Check the signature of a post.",
            discussion: """
                The body comes from a file, or from standard input. Ends with 0 where the signature holds, with 1 where \
                it does not.

                With --jsonl one post a line comes from standard input, {"scheme", "secrets", "headers", "body_b64", \
                "now"}, and one answer a line goes out in the same order: {"valid": true}, {"valid": false, "reason": …} \
                or {"error": …}.
                """
        )

        @Argument(help: ArgumentHelp("The body; standard input when not given.", valueName: "file"))
        var body: String?

        @Option(
            name: .long,
            help: ArgumentHelp(
                "How it is signed: \(SignatureScheme.names.joined(separator: ", ")).",
                valueName: "name"
            )
        )
        var scheme: String?

        @Option(name: .long, help: ArgumentHelp("A file with the secret; may be given again.", valueName: "file"))
        var secretFile: [String] = []

        @Option(
            name: .long,
            help: ArgumentHelp("A header of the post, as 'Name: value'; may be given again.", valueName: "header")
        )
        var header: [String] = []

        @Option(
            name: .long,
            help: ArgumentHelp("Judge as of this instant (RFC 3339); now if not given.", valueName: "t")
        )
        var at: String?

        @Option(name: .long, help: ArgumentHelp("How old, or how early, a post may be, in seconds.", valueName: "s"))
        var tolerance = 300

        @Flag(name: .long, help: "Answer the questions on standard input.")
        var jsonl = false

        @OptionGroup(title: "Of the scheme generic") var generic: GenericOptions

        @OptionGroup var options: GlobalOptions

        func validate() throws {
            if jsonl {
                guard body == nil, scheme == nil, secretFile.isEmpty, header.isEmpty else {
                    throw ValidationError("--jsonl takes posts, schemes and secrets from its lines")
                }
                return
            }
            guard let scheme else { throw ValidationError("give --scheme, or --jsonl") }
            guard SignatureScheme.named(scheme) != nil else {
                throw ValidationError(
                    "no scheme is named '\(scheme)'; use one of \(SignatureScheme.names.joined(separator: ", "))"
                )
            }
            guard !secretFile.isEmpty else { throw ValidationError("give --secret-file") }
            guard (0...1_000_000_000).contains(tolerance) else {
                throw ValidationError("--tolerance must be from 0 to 1000000000 seconds")
            }
        }

        func run() async throws {
            let instant = try Instant.argument(at, named: "--at") ?? .now
            if jsonl { return answerLines(now: instant) }
            let verifier = try SignatureVerifier(
                scheme: try wantedScheme(),
                secrets: try secrets(),
                tolerance: .seconds(tolerance)
            )
            let post = ReceivedPost(headers: try header.map(Self.pair), body: try PostBody.read(body))
            let verdict = verifier.verdict(on: post, at: instant)
            options.show(ShownVerdict(verdict)) { $0.text }
            if !verdict.isValid { throw ExitCode(ExitStatus.finding.rawValue) }
        }

        private func wantedScheme() throws -> SignatureScheme {
            guard let named = SignatureScheme.named(scheme ?? ""), named.name == "generic" else {
                return SignatureScheme.named(scheme ?? "") ?? .standardWebhooks
            }
            return .generic(try generic.scheme())
        }

        private func secrets() throws -> [WebhookSecret] {
            try secretFile.compactMap { try TextFile.secret($0) }.map { WebhookSecret($0) }
        }

        /// A header as HTTP writes it: blanks around the value are not part of it.
        private static func pair(_ text: String) throws -> (name: String, value: String) {
            guard let colon = text.utf8.firstIndex(of: UInt8(ascii: ":")), colon > text.startIndex else {
                throw CommandFailure(.usage, "--header takes 'Name: value', not '\(text)'")
            }
            func isBlank(_ character: Character) -> Bool { character == " " || character == "\t" }
            let value = text[text.index(after: colon)...].drop(while: isBlank)
            return (String(text[..<colon]), String(value.reversed().drop(while: isBlank).reversed()))
        }

        private func answerLines(now: Instant) {
            var answers = ""
            while let line = readLine() {
                answers += webhooksVerifyJSONLine(line, now: now) + "\n"
                guard answers.utf8.count > 60_000 else { continue }
                Terminal.write(answers, to: 1)
                answers = ""
            }
            Terminal.write(answers, to: 1)
        }
    }
}

/// What a sender of its own way does, on the command line.
struct GenericOptions: ParsableArguments {
    @Option(name: .long, help: "sha256, sha384 or sha512.")
    var algorithm = "sha256"

    @Option(name: .long, help: "How the signature is written: hex, base64 or base64url.")
    var encoding = "hex"

    @Option(name: .long, help: ArgumentHelp("The header with the signature.", valueName: "name"))
    var signatureHeader = "X-Signature"

    @Option(name: .long, help: ArgumentHelp("What stands before the signature, as sha256=.", valueName: "text"))
    var prefix = ""

    @Option(name: .long, help: ArgumentHelp("The header with the time, in seconds since 1970.", valueName: "name"))
    var timestampHeader: String?

    @Option(name: .long, help: ArgumentHelp("The header with the message's id.", valueName: "name"))
    var idHeader: String?

    @Option(
        name: .long,
        help: ArgumentHelp("What is signed, with {id}, {timestamp} and {body}.", valueName: "template")
    )
    var signedContent = "{body}"

    /// - Throws: what is wrong with the description.
    func scheme() throws -> GenericHMAC {
        guard let algorithm = SignatureAlgorithm(rawValue: algorithm) else {
            throw CommandFailure(.usage, "--algorithm takes sha256, sha384 or sha512, not '\(algorithm)'")
        }
        guard let encoding = GenericHMAC.Encoding(rawValue: encoding) else {
            throw CommandFailure(.usage, "--encoding takes hex, base64 or base64url, not '\(encoding)'")
        }
        return try GenericHMAC(
            algorithm: algorithm,
            encoding: encoding,
            signatureHeader: signatureHeader,
            prefix: prefix,
            timestampHeader: timestampHeader,
            idHeader: idHeader,
            signedContent: signedContent
        )
    }
}

/// What a verdict shows.
private struct ShownVerdict: Encodable {
    let valid: Bool
    let reason: String?
    let id: String?
    let sentAt: String?
    let verifiedHeaders: [String]
    let secret: String?

    init(_ verdict: Verdict) {
        valid = verdict.isValid
        reason = verdict.reason?.rawValue
        id = verdict.claimedID
        sentAt = verdict.sentAt?.description
        verifiedHeaders = verdict.verifiedHeaders
        secret = verdict.secretFingerprint
    }

    var text: String {
        guard valid else { return "not valid: \(reason ?? "")" }
        var lines = ["valid: signed with secret \(secret ?? "")"]
        lines.append("covers: the body, \(verifiedHeaders.joined(separator: ", "))")
        if let id { lines.append("id: \(id)") }
        if let sentAt { lines.append("sent at: \(sentAt)") }
        return lines.joined(separator: "\n")
    }
}

/// The body of a post: bytes, never a text.
private enum PostBody {
    /// As much as a post may have on this command; the daemon's limit is its own.
    private static let longest = 64 << 20

    /// The bytes of a file, or of standard input where none is named.
    static func read(_ path: String?) throws(CommandFailure) -> [UInt8] {
        let file = path.map { open($0, O_RDONLY | O_CLOEXEC) } ?? 0
        let name = path ?? "standard input"
        guard file >= 0 else { throw failure(name) }
        defer { if path != nil { close(file) } }
        var bytes: [UInt8] = []
        var piece = [UInt8](repeating: 0, count: 64 << 10)
        while bytes.count <= longest {
            let count = Glibc.read(file, &piece, piece.count)
            if count == 0 { return bytes }
            if count < 0 {
                if errno == EINTR { continue }
                throw failure(name)
            }
            bytes.append(contentsOf: piece[..<count])
        }
        throw CommandFailure(.badData, "\(name) is longer than \(longest >> 20) MiB", remedy: "is it the right file?")
    }

    private static func failure(_ name: String) -> CommandFailure {
        CommandFailure(
            .badData,
            "\(name) cannot be read: \(String(cString: strerror(errno)))",
            remedy: "give the file with the body, or pipe it in"
        )
    }
}
