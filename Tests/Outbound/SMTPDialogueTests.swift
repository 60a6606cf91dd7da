import Outbound
import Testing

@testable import bursar

@Suite("What is said to a relay")
struct SMTPDialogueTests {
    @Test(
        "What could end a command or begin another is refused before anybody is spoken to",
        arguments: [
            "payer@example.com\r\nRCPT TO:<other@example.com>", "payer@example.com\n", "pay\rer@example.com",
            "payer@example.com> SIZE=1", "<payer@example.com", "payer@exam ple.com", "payer@example.com\u{0}",
            "payer@example.com\u{85}", "payer@example.com\u{2028}", "pay\u{200B}er@example.com", "", "nobody",
            "@example.com", "payer@",
            String(repeating: "x", count: 250) + "@example.com",
        ]
    )
    func injection(_ address: String) async throws {
        try await MailSimulator.with { simulator in
            let relay = MailWorld.relay(simulator.port)
            let asRecipient = await MailWorld.send(MailWorld.envelope(address), relay)
            #expect(asRecipient.phase == .recipient && asRecipient.error?.code == .invalidRequest, "\(asRecipient)")
            #expect(!asRecipient.isUnknown)
            if !address.isEmpty {
                let asSender = SMTPEnvelope(sender: address, recipient: "p@example.com", message: [0x41])
                let outcome = await MailWorld.send(asSender, relay)
                #expect(outcome.phase == .sender && outcome.error?.code == .invalidRequest, "\(outcome)")
            }
            #expect(simulator.counts.connections == 0)
        }
    }

    @Test(
        "A message without a byte, or with a byte of value 0, is not sent",
        arguments: [[], [0x41, 0x00, 0x0A]] as [[UInt8]]
    )
    func noMessage(_ message: [UInt8]) async throws {
        try await MailSimulator.with { simulator in
            let envelope = SMTPEnvelope(sender: "", recipient: "p@example.com", message: message)
            let outcome = await MailWorld.send(envelope, MailWorld.relay(simulator.port))
            #expect(outcome.phase == .content && outcome.error?.code == .invalidRequest)
            #expect(simulator.counts.connections == 0)
        }
    }

    @Test(
        "A relay that cannot be used says why, and is not spoken to",
        arguments: [
            (SMTPRelay(host: "192.0.2.1", port: 25, security: .none), "in the clear"),
            (SMTPRelay(host: "relay.example", port: 25, security: .none), "in the clear"),
            (SMTPRelay(host: "127.0.0.1.relay.example", port: 25, security: .none), "in the clear"),
            (SMTPRelay(host: "relay.example/x", port: 587, security: .starttls), "no name of a host"),
            (SMTPRelay(host: "relay.example\r\n", port: 587, security: .starttls), "no name of a host"),
            (SMTPRelay(host: "relay.example", port: 0, security: .tls), "no port"),
            (SMTPRelay(host: "relay.example", port: 465, security: .tls, helloName: "a b"), "greet with"),
            (SMTPRelay(host: "relay.example", port: 465, security: .tls, connections: 0), "from 1 to 64"),
            (
                SMTPRelay(host: "r.example", port: 465, security: .tls, credentials: .init(user: "u\n", password: "p")),
                "one line each"
            ),
        ]
    )
    func unusableRelay(_ relay: SMTPRelay, _ words: String) async {
        let outcome = await MailWorld.send(relay)
        #expect(outcome.error?.code == .invalidRequest && outcome.error?.message.contains(words) == true, "\(outcome)")
    }

    @Test("A report about nothing has no sender, and that is said as it must be")
    func nullSender() async throws {
        try await MailSimulator.with { simulator in
            let envelope = SMTPEnvelope(sender: "", recipient: "p@example.com", message: Array("A: b\n\n".utf8))
            #expect(await MailWorld.send(envelope, MailWorld.relay(simulator.port)).isAccepted)
            #expect(simulator.kept.first?.sender == "")
        }
    }

    @Test("An address beyond ASCII goes to a relay that takes such, and to no other")
    func utf8() async throws {
        for isKnown in [true, false] {
            var script = MailScript()
            if !isKnown { script.lacks = ["SMTPUTF8"] }
            try await MailSimulator.with(script) { simulator in
                let outcome = await MailWorld.send(
                    MailWorld.envelope("សុខ@example.com"),
                    MailWorld.relay(simulator.port)
                )
                #expect(outcome.isAccepted == isKnown && simulator.counts.messages == (isKnown ? 1 : 0), "\(outcome)")
                if !isKnown { #expect(outcome.phase == .recipient && outcome.reply?.code == 553) }
            }
        }
    }

    /// A greeting, the reply to EHLO, and what follows.
    private static func with<R>(
        _ hello: String,
        _ replies: [String],
        _ body: (ParrotServer) async throws -> R
    ) async throws -> R {
        try await ParrotServer.with("220 parrot\r\n", [hello] + replies, body)
    }

    @Test("A relay that wants a message to nobody, having refused the recipient, gets no byte of it")
    func messageToNobody() async throws {
        let replies = ["250 ok\r\n", "550 5.1.1 no such user\r\n", "354 go on\r\n"]
        try await Self.with("250-parrot\r\n250 PIPELINING\r\n", replies) { server in
            let outcome = await MailWorld.send(MailWorld.relay(server.port))
            #expect(outcome.phase == .recipient && outcome.reply?.status?.description == "5.1.1", "\(outcome)")
            #expect(!server.text.contains("Subject:") && server.text.contains("DATA"), "\(server.text)")
        }
    }

    @Test("Everything up to DATA is said at once where the relay allows it, and step by step where not")
    func pipelining() async throws {
        // Of three commands in one piece, the parrot answers each; without the extension it says nothing after MAIL.
        for (hello, heard) in [("250-parrot\r\n250 PIPELINING\r\n", true), ("250 parrot\r\n", false)] {
            try await Self.with(hello, ["", "", ""]) { server in
                _ = await MailWorld.send(MailWorld.relay(server.port, timeout: .seconds(1)))
                #expect(server.text.contains("MAIL FROM:<bounces+t@example.com>\r\n"))
                #expect(server.text.contains("RCPT TO:<payer@example.com>\r\nDATA\r\n") == heard, "\(server.text)")
            }
        }
    }

    @Test("A reply of several lines is one reply, and its first status counts")
    func severalLines() async throws {
        let refusal = "550-5.7.26 This mail is\r\n550-5.7.26 not authenticated\r\n550 5.7.26 go away\r\n"
        try await Self.with("250 parrot\r\n", ["250 ok\r\n", refusal]) { server in
            let outcome = await MailWorld.send(MailWorld.relay(server.port))
            #expect(outcome.reply?.description == "550 5.7.26 This mail is not authenticated go away", "\(outcome)")
        }
    }

    @Test(
        "What is no SMTP is a failure at its step, and no reply",
        arguments: ["HTTP/1.1 400 Bad Request\r\n", "99 low\r\n", "2500 long\r\n", "250-one\r\n251 two\r\n", "\r\n"]
    )
    func noSMTP(_ reply: String) async throws {
        try await Self.with("250 parrot\r\n", ["250 ok\r\n", reply]) { server in
            let outcome = await MailWorld.send(MailWorld.relay(server.port))
            #expect(outcome.phase == .recipient && outcome.error?.code == .failed, "\(outcome)")
            #expect(outcome.error?.message.contains("no SMTP") == true && !outcome.isUnknown)
        }
    }

    @Test(
        "A word that follows the digits is a status only in its form and of its class",
        arguments: [
            ("550 5.1.1 no", "5.1.1", "no"), ("550 4.1.1 no", nil, "4.1.1 no"), ("550 5.1 no", nil, "5.1 no"),
            ("550 5.1.1", "5.1.1", ""), ("550 5.1.1000 no", nil, "5.1.1000 no"), ("550", nil, ""),
            ("250 2.0.0 Ok: queued as X", "2.0.0", "Ok: queued as X"), ("354 2.0.0 go", nil, "2.0.0 go"),
        ] as [(String, String?, String)]
    )
    func status(_ line: String, _ status: String?, _ text: String) async throws {
        try await Self.with("250 parrot\r\n", ["250 ok\r\n", "250 ok\r\n", line + "\r\n"]) { server in
            let outcome = await MailWorld.send(MailWorld.relay(server.port, timeout: .milliseconds(500)))
            guard let reply = outcome.reply else {
                #expect(line.hasPrefix("354"), "354 is no end: \(outcome)")
                return
            }
            #expect(reply.status?.description == status && reply.text == text, "\(reply)")
        }
    }
}
