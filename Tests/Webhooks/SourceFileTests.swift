import CivilTime
import Glibc
import Schedules
import Testing
import Webhooks

@Suite("Files of webhook sources")
struct SourceFileTests {
    /// Reads a text as a file in a folder that has a good secret `key`, and a short one.
    private func read(_ text: String, as reader: WebhookSources.Reader = .daemon) throws -> WebhookSources {
        let folder = try Folder()
        defer { folder.remove() }
        folder.write("a secret of some length\n", to: "key")
        folder.write("short\n", to: "short")
        return try WebhookSources.read(text, file: "\(folder.path)/sources.yaml", as: reader)
    }

    /// The problems of a text, each with its place in front.
    private func problems(_ text: String) throws -> [String] {
        do {
            _ = try read(text)
            return []
        } catch let problems as SourceProblems {
            return problems.problems.map { "\($0.line):\($0.column): \($0.message); \($0.remedy)" }
        }
    }

    @Test("Everything that a source may say is read")
    func everything() throws {
        let sources = try read(
            """
            version: 1
            sources:
              relay:
                scheme: generic
                signature: { header: X-Sign, algorithm: sha256, encoding: hex, id_header: X-Id }
                secrets:
                  - file: key
                  - file: key
                    valid_from: 2026-01-01T00:00:00+07:00
                    valid_until: 2026-06-01T00:00:00+07:00
                tolerance: 10m
                event_id: { json: [data.id, status] }
                content_types: [application/json, Text/JSON]
                body_limit: 65536
                answer: { status: 202, body: '{"result":"SUCCESS"}', content_type: application/json }
                rates:
                  source: { per_second: 5, burst: 10 }
                  address: { per_second: 1, burst: 2 }
                payment:
                  md5: data.md5
                  provider_reference: data.hash
                  bill_number: data.bill
                  account: data.to
                  amount: data.amount
                  currency: data.currency
                  paid_when: { status: [PAID, SETTLED], code: "0" }
                  authoritative: true
            """
        )
        let source = try #require(sources["relay"])
        #expect(source.scheme == "generic" && source.secrets.count == 2)
        #expect(source.secrets.last?.validUntil?.description == "2026-05-31T17:00:00Z")
        #expect(source.eventID == .json(["data.id", "status"]))
        #expect(source.contentTypes == ["application/json", "text/json"] && source.bodyLimit == 65_536)
        #expect(source.answer.status == 202 && source.answer.body == Array(#"{"result":"SUCCESS"}"#.utf8))
        #expect(source.sourceRate == PostRate(perSecond: 5, burst: 10))
        #expect(source.addressRate == PostRate(perSecond: 1, burst: 2))
        let payment = try #require(source.payment)
        #expect(payment.isAuthoritative && payment.paidWhen.map(\.path).sorted() == ["code", "status"])
    }

    @Test("What a source does not say is as the docs have it")
    func defaults() throws {
        let sources = try read(
            """
            version: 1
            sources:
              gateway: { scheme: payway, secrets: [{ file: key }] }
              shop: { scheme: stripe, secrets: [{ file: key }] }
              own: { scheme: generic, secrets: [{ file: key }] }
              named: { scheme: generic, signature: { id_header: X-Id }, secrets: [{ file: key }] }
            """
        )
        #expect(sources["gateway"]?.eventID == .json(["tran_id", "apv", "status"]))
        #expect(sources["shop"]?.eventID == .json(["id"]))
        #expect(sources["own"]?.eventID == .bodyHash && sources["named"]?.eventID == .scheme)
        let source = try #require(sources["own"])
        #expect(source.bodyLimit == 262_144 && source.answer.status == 200 && source.payment == nil)
        #expect(source.contentTypes == ["application/json"])
    }

    @Test(
        "Every error names its line and column, what was found, and what to do",
        arguments: [
            ("", "1:1: the file is empty; begin with version: 1 and sources:"),
            ("version: 2\nsources: {}\n", "1:10: version must be 1"),
            (
                "version: 1\nsource: {}\n",
                "2:1: unknown key \"source\" in a file of webhook sources; did you mean \"sources\"?"
            ),
            ("version: 1\nsources:\n  Relay: {}\n", "3:3: \"Relay\" is not a name for a source"),
            ("version: 1\nsources:\n  a: {}\n", "3:3: source \"a\" does not say how it signs"),
            ("version: 1\nsources:\n  a: { scheme: hmac9 }\n", "3:16: scheme of source \"a\" must be one of"),
            ("version: 1\nsources:\n  a: { scheme: generic }\n", "3:3: source \"a\" has no secrets"),
            (
                "version: 1\nsources:\n  a:\n    scheme: generic\n    secret: key\n",
                "5:5: unknown key \"secret\" in source \"a\"; did you mean \"secrets\"?"
            ),
            (
                Self.source("event_id: { header: X, json: y }"),
                "6:15: event_id of source \"a\" needs either header or json"
            ),
            (Self.source("event_id: hash"), "6:15: event_id of source \"a\" is \"hash\""),
            (Self.source("body_limit: many"), "6:17: body_limit of source \"a\" must be a whole number"),
            (
                Self.source("answer: { status: 500 }"),
                "6:23: status of answer of source \"a\" must be a whole number from 200"
            ),
            (
                Self.source("rates: { source: { per_second: 5 } }"),
                "6:22: source of rates of source \"a\" needs per_second"
            ),
            (Self.source("payment: { amount: x }"), "6:14: payment of source \"a\" has no field by which a payment"),
            (Self.source("signature: { precision: 3 }"), "6:18: the scheme generic has no precision; it takes header"),
            (
                Self.source("signature: { encoding: hexx }"),
                "6:28: encoding of signature of source \"a\" must be one of hex"
            ),
            (Self.source("tolerance: soon"), "6:16: tolerance of source \"a\""),
            (
                "version: 1\nsources:\n  a:\n    scheme: generic\n    secrets: [{ file: nowhere }]\n",
                "5:23: a secret of source \"a\": "
            ),
            (
                "version: 1\nsources:\n  a:\n    scheme: generic\n    secrets: [{ file: short }]\n",
                "5:14: "
            ),
            (
                "version: 1\nsources:\n  a:\n    scheme: generic\n    secrets: [{ file: key, valid_from: monday }]\n",
                "5:40: valid_from of a secret of source \"a\" must be an instant"
            ),
            ("version: 1\nsources:\n  a: [\n", "4:1: this is not YAML"),
        ]
    )
    func errors(_ text: String, _ expected: String) throws {
        let found = try problems(text)
        #expect(found.contains { $0.hasPrefix(expected) }, "\(found)")
    }

    /// A good source with one more line, the sixth.
    private static func source(_ line: String) -> String {
        "version: 1\nsources:\n  a:\n    scheme: generic\n    secrets: [{ file: key }]\n    \(line)\n"
    }

    @Test("No error shows a secret")
    func secretsStaySecret() throws {
        let folder = try Folder()
        defer { folder.remove() }
        folder.write("hushhush", to: "key")
        let error = #expect(throws: SourceProblems.self) {
            try WebhookSources.read(Self.source("tolerance: 1s"), file: "\(folder.path)/sources.yaml")
        }
        #expect(error.map { !"\($0)".contains("hush") } == true)
    }

    @Test("Whoever checks the file without the right to read its secrets checks the rest of it")
    func checker() throws {
        let text = "version: 1\nsources:\n  a: { scheme: generic, secrets: [{ credential: bank }], event_id: x }\n"
        let error = #expect(throws: SourceProblems.self) { try read(text, as: .checker) }
        let messages = error?.problems.map(\.message) ?? []
        #expect(messages.count == 1 && messages.allSatisfy { $0.contains("event_id") })
        let daemon = #expect(throws: SourceProblems.self) { try read(text, as: .daemon) }
        #expect(daemon?.description.contains("credential bank") == true)
    }
}

/// A folder of a test's own.
struct Folder {
    let path: String

    init() throws {
        var template = Array("/tmp/bursar-sources-XXXXXX".utf8CString)
        path = try #require(mkdtemp(&template).map { String(cString: $0) })
    }

    func write(_ text: String, to name: String) {
        guard let file = fopen("\(path)/\(name)", "w") else { return }
        fputs(text, file)
        fclose(file)
    }

    func remove() {
        for name in ["key", "short", "sources.yaml"] { unlink("\(path)/\(name)") }
        rmdir(path)
    }
}
