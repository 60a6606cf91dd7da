import Glibc
import Schedules
import Testing

@testable import Notices

@Suite("The channels file")
struct ChannelBookTests {
    private static let whole = """
        version: 1
        channels:
          email:
            from: "Sabay Fibre <billing@example.com>"
            reply_to: help@example.com
            bounces: bounces.example.com
            transports:
              - smtp: { name: main, host: mail.example.com, user: bursar, password: { file: smtp } }
              - smtp: { name: spare, host: 127.0.0.1, tls: none, timeout: 5s, hello: bursar.example.com }
              - maildir: { folder: late }
            limits: { per_second: 20, burst: 40, per_day: 5000 }
            connections: 8
          telegram:
            transports: [{ telegram: { token: { file: telegram } } }]
          sms:
            enabled: false
            transports:
              - gateway:
                  name: mekong
                  url: https://sms.example.com/v1/send
                  secrets: { key: { file: sms } }
                  headers: { Authorization: "Bearer {secret.key}" }
                  json: { to: "{to}", text: "{text}", ref: "{id}", parts: 2, flash: false, from: null }
                  success: { status: [200, 202], only_if: { state: [queued] }, id: message.id }
                  outcomes:
                    - { status: 400, words: invalid number, outcome: hard }
                    - { words: blocked sender, outcome: policy }
                  repeat_safe: true
          webhook:
            transports: [{ endpoint: { disable_after: 3d } }]
          operator:
            to: ops@example.com
        """

    /// Reads a text whose secrets lie beside it.
    private static func read(_ text: String, as reader: ChannelBook.Reader = .daemon) async throws -> ChannelBook {
        try await withFolder { folder in
            for name in ["smtp", "telegram", "sms"] { write("secret-of-\(name)\n", to: "\(folder)/\(name)") }
            write("123456:ABC-def_9\r\n", to: "\(folder)/telegram")
            write("", to: "\(folder)/empty")
            write("two\nlines\n", to: "\(folder)/lines")
            write(text, to: "\(folder)/channels.yaml")
            return try ChannelBook.load("\(folder)/channels.yaml", folder: "/spool", as: reader)
        }
    }

    @Test("Every key is read")
    func whole() async throws {
        let book = try await Self.read(Self.whole)
        let email = try #require(book[.email])
        #expect(email.mail?.sender == .init(name: "Sabay Fibre", address: "billing@example.com"))
        #expect(email.mail?.replyTo == .init(address: "help@example.com"))
        #expect(email.mail?.bounceDomain == "bounces.example.com")
        #expect(email.transports.map(\.name) == ["smtp:main", "smtp:spare", "maildir"])
        #expect(email.limits == .init(rate: 20, burst: 40, perDay: 5000))
        #expect(email.connections == 8)
        guard case .smtp(let main) = email.transports[0], case .smtp(let spare) = email.transports[1],
            case .maildir(let late) = email.transports[2]
        else {
            Issue.record("\(email.transports)")
            return
        }
        #expect((main.host, main.port, main.security) == ("mail.example.com", 587, .starttls))
        #expect((main.user, main.password?.revealed) == ("bursar", "secret-of-smtp"))
        #expect((spare.port, spare.timeout, spare.hello) == (25, .seconds(5), "bursar.example.com"))
        #expect(late.hasSuffix("/late") && late.hasPrefix("/tmp/"), "beside the file")
        #expect(book[.telegram]?.limits == .init(rate: 30, burst: 30))
        #expect(book[.telegram]?.transports == [.telegram(.init(token: HiddenText("123456:ABC-def_9")))])
        #expect(book[.webhook]?.transports == [.endpoint(.init(disableAfter: .seconds(3 * 86_400)))])
        #expect(book[.operator]?.operatorAddress == "ops@example.com")
        #expect(book[.operator]?.transports == email.transports)
        #expect(book[.operator]?.mail == email.mail)
        guard case .gateway(let gateway)? = book[.sms]?.transports.first else {
            Issue.record("no gateway")
            return
        }
        #expect(book[.sms]?.isEnabled == false)
        #expect(gateway.secrets == ["key": HiddenText("secret-of-sms")])
        #expect(
            gateway.success
                == .init(
                    statuses: [200, 202],
                    conditions: [.init(path: "state", words: ["queued"])],
                    idPath: "message.id"
                )
        )
        #expect(
            gateway.rules == [
                .init(status: 400, words: "invalid number", outcome: .hard),
                .init(words: "blocked sender", outcome: .policy),
            ]
        )
        #expect(gateway.knowsRepeats)
        #expect(
            gateway.body
                == .json(
                    .object([
                        "to": .text("{to}"), "text": .text("{text}"), "ref": .text("{id}"), "parts": .integer(2),
                        "flash": .boolean(false), "from": .null,
                    ])
                )
        )
        #expect(!"\(book)".contains("secret-of"))
    }

    @Test("A channel that the file does not name is off, but what the house is told is never lost")
    func unnamed() async throws {
        let book = try await Self.read("version: 1\nchannels:\n  email:\n    transports: [{ maildir: {} }]\n")
        let desk = ChannelDesk(book, ChannelParts())
        #expect(NoticeChannel.allCases.filter(desk.isOn) == [.email, .operator])
        #expect(book[.email]?.transports == [.maildir(folder: "/spool/email")])
        #expect(book[.operator]?.transports == [.maildir(folder: "/spool/operator")])
    }

    @Test("Nothing configured is a maildir for every channel, and it says that nothing leaves")
    func standard() {
        let book = ChannelBook.standard(folder: "/spool")
        for channel in NoticeChannel.allCases {
            #expect(book[channel]?.transports == [.maildir(folder: "/spool/\(channel.rawValue)")])
            #expect(book.staysHere(channel))
        }
    }

    /// A file with one line in place of another, the place of the first problem, and words of it.
    struct Fault: CustomTestStringConvertible, Sendable {
        let was: String
        let becomes: String
        let place: String
        let words: String

        init(_ was: String, _ becomes: String, _ place: String, _ words: String) {
            (self.was, self.becomes, self.place, self.words) = (was, becomes, place, words)
        }

        var testDescription: String { words }
    }

    @Test(
        "What is wrong is told with its line and column, and nothing of the file counts",
        arguments: [
            Fault("version: 1", "version: 2", "1:10", "version must be 1"),
            Fault("version: 1\n", "", "1:1", "which version"),
            Fault("  email:\n", "  e-mail:\n", "3:3", "a channel must be one of email"),
            Fault("reply_to:", "replyto:", "5:5", "unknown key \"replyto\""),
            Fault("help@example.com", "help at example", "5:15", "is no mailbox"),
            Fault("\"Sabay Fibre <billing@example.com>\"", "\"A <b@c>\\r\\nBcc: x@y\"", "4:11", "is no mailbox"),
            Fault("    from: \"Sabay Fibre <billing@example.com>\"\n", "", "3:3", "whom its mail is from"),
            Fault("host: mail.example.com, ", "", "8:15", "has no host"),
            Fault("bounces: bounces.example.com", "bounces: here", "6:14", "is no domain"),
            Fault("user: bursar, ", "", "8:15", "needs user and password"),
            Fault("{ file: smtp }", "{ file: missing }", "8:", "No such file"),
            Fault("{ file: smtp }", "{ file: empty }", "8:", "not one line of text"),
            Fault("{ file: smtp }", "{ file: lines }", "8:", "not one line of text"),
            Fault("{ file: smtp }", "{ file: smtp, credential: smtp }", "8:", "a file or a credential"),
            Fault("{ file: smtp }", "hunter2", "8:", "must be a mapping"),
            Fault("tls: none", "tls: maybe", "9:", "tls of smtp of channel email must be one of"),
            Fault(
                "host: 127.0.0.1, tls: none,",
                "host: mail.example.com, tls: none, user: u, password: { file: smtp },",
                "9:",
                "in the open"
            ),
            Fault("timeout: 5s", "timeout: 5 h", "9:", "timeout of smtp"),
            Fault("timeout: 5s", "timeout: 500s", "9:", "longer than 120s"),
            Fault("name: spare", "name: main", "9:", "two transports named smtp:main"),
            Fault("name: spare", "name: Spare Relay", "9:", "no name for a transport"),
            Fault("per_second: 20", "per_second: 0", "11:", "per_second of limits"),
            Fault("connections: 8", "connections: 0", "12:18", "connections of channel email"),
            Fault("- maildir: { folder: late }", "- telegram: {}", "10:", "does not go by telegram"),
            Fault("- maildir: { folder: late }", "- {}", "10:", "needs one kind"),
            Fault("[{ telegram: { token: { file: telegram } } }]", "[{ telegram: {} }]", "14:", "has no token"),
            Fault(
                "{ file: telegram } }",
                "{ file: telegram }, url: \"http://example.com\" }",
                "14:",
                "not fit for secrets"
            ),
            Fault(
                "{ file: telegram } }",
                "{ file: telegram }, url: \"https://u@example.com\" }",
                "14:",
                "not fit for secrets"
            ),
            Fault("url: https://sms.example.com/v1/send", "method: POST", "19:", "has no url"),
            Fault("\"{to}\"", "\"{tel}\"", "19:", "says {tel}, which is nothing"),
            Fault("\"{to}\"", "\"someone\"", "19:", "no number"),
            Fault("\"{text}\"", "\"hello\"", "19:", "no text"),
            Fault("\"{id}\"", "\"x\"", "19:", "gets no reference"),
            Fault("{secret.key}", "{secret.keys}", "19:", "says {secret.keys}"),
            Fault("outcome: policy", "outcome: polite", "27:", "outcome of one of outcomes"),
            Fault(
                "{ words: blocked sender, outcome: policy }",
                "{ outcome: policy }",
                "27:",
                "needs outcome, and status or words"
            ),
            Fault("status: [200, 202]", "status: [302]", "24:", "status of success"),
            Fault("disable_after: 3d", "disable_after: 0s", "30:", "longer than 0s"),
            Fault("disable_after: 3d", "allow_private: perhaps", "30:", "must be true or false"),
            Fault("    to: ops@example.com", "    to: ops", "32:9", "is no mailbox"),
            Fault("    to: ops@example.com", "    enabled: true", "31:3", "whom it writes to"),
        ]
    )
    func faults(_ fault: Fault) async throws {
        #expect(Self.whole.contains(fault.was))
        let text = Self.whole.replacing(fault.was, with: fault.becomes, maxReplacements: 1)
        let error = await #expect(throws: ChannelProblems.self) { try await Self.read(text) }
        let problems = error?.problems.map(\.description) ?? []
        #expect(
            problems.contains { $0.contains(fault.words) && $0.contains("channels.yaml:\(fault.place)") },
            "\(problems)"
        )
        #expect(!"\(problems)".contains("secret-of"))
    }

    @Test("An empty file, no YAML and a file that is not there are told as such")
    func noFile() async throws {
        for (text, words) in [
            ("", "the file is empty"), ("version: [", "not YAML"), ("version: 1\n", "has no channels"),
        ] {
            let error = await #expect(throws: ChannelProblems.self) { try await Self.read(text) }
            #expect(error?.description.contains(words) == true, "\(text)")
        }
        #expect(throws: ChannelProblems.self) { try ChannelBook.load("/nowhere/channels.yaml", folder: "/spool") }
    }

    @Test(
        "Whoever may not read the secrets checks everything else",
        .enabled(if: geteuid() != 0, "root may read everything")
    )
    func checker() async throws {
        try await withFolder { folder in
            write("x", to: "\(folder)/telegram")
            chmod("\(folder)/telegram", 0)
            let text =
                "version: 1\nchannels:\n  telegram:\n    transports: [{ telegram: { token: { file: telegram } } }]\n"
            write(text, to: "\(folder)/channels.yaml")
            #expect(throws: Never.self) {
                try ChannelBook.load("\(folder)/channels.yaml", folder: "/spool", as: .checker)
            }
            #expect(throws: ChannelProblems.self) { try ChannelBook.load("\(folder)/channels.yaml", folder: "/spool") }
        }
    }
}
