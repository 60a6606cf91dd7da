import CivilTime
import Outbound
import Testing

@testable import Notices
@testable import bursar

@Suite("What a relay's answer means")
struct SMTPVerdictTests {
    @Test(
        "Each refusal is blamed on the right one",
        arguments: [
            // Before MAIL it is about the relay.
            (.greeting, 421, nil, "too many connections", .transport),
            (.greeting, 554, nil, "no SMTP service here", .policy),
            (.tls, 454, "4.7.0", "TLS not available", .transport),
            (.auth, 535, "5.7.8", "wrong password", .configuration),
            (.auth, 454, "4.7.0", "temporary authentication failure", .transport),
            // The sender is ours.
            (.sender, 550, "5.1.8", "sender unknown", .configuration), (.sender, 553, nil, "not yours", .configuration),
            (.sender, 530, "5.7.0", "authentication required", .configuration),
            (.sender, 550, "5.7.1", "listed", .policy), (.sender, 554, nil, "listed", .policy),
            (.sender, 452, "4.3.1", "queue full", .soft),
            // The recipient.
            (.recipient, 450, "4.2.1", "mailbox busy", .soft), (.recipient, 550, "5.1.1", "no such user", .hard),
            (.recipient, 550, "5.1.2", "no such domain", .hard), (.recipient, 501, "5.1.3", "bad address", .hard),
            (.recipient, 550, "5.2.1", "mailbox disabled", .hard), (.recipient, 552, "5.2.2", "mailbox full", .soft),
            (.recipient, 550, nil, "no such user", .hard), (.recipient, 551, nil, "moved", .hard),
            (.recipient, 553, nil, "not allowed here", .hard), (.recipient, 550, "5.0.0", "no such user", .hard),
            (.recipient, 552, nil, "over quota", .soft), (.recipient, 550, "5.1.8", "sender unknown", .configuration),
            (.recipient, 550, "5.7.1", "rejected", .policy), (.recipient, 554, nil, "rejected", .policy),
            (.recipient, 550, nil, "blocked using a blocklist", .policy),
            (.recipient, 550, nil, "message looks like SPAM", .policy),
            (.recipient, 553, "5.6.7", "no SMTPUTF8", .soft), (.recipient, 550, "5.4.4", "no route", .soft),
            (.recipient, 530, "5.7.0", "authenticate", .configuration),
            // After DATA the message itself is refused.
            (.content, 451, "4.3.0", "not now", .soft), (.content, 554, nil, "no", .policy),
            (.finalDot, 550, nil, "no", .policy), (.finalDot, 554, "5.7.1", "spam", .policy),
            (.finalDot, 552, "5.3.4", "too big", .policy), (.finalDot, 550, "5.1.1", "no such user", .hard),
            (.finalDot, 550, "5.2.1", "disabled", .hard), (.finalDot, 552, "5.2.2", "full", .soft),
            (.finalDot, 452, "4.3.1", "disk full", .soft),
            // Limits.
            (.recipient, 450, "4.7.1", "rate limit, try again in 90 seconds", .rateLimited(.seconds(90))),
            (.recipient, 421, nil, "Too much mail; wait 5 minutes", .rateLimited(.seconds(300))),
            (.finalDot, 421, "4.7.28", "Retry after 2h", .rateLimited(.seconds(7200))),
            (.greeting, 421, "4.7.0", "retry in 30s", .rateLimited(.seconds(30))),
            (.recipient, 450, "4.7.1", "limited, try again in 40 days 5 hours", .soft),
            (.recipient, 450, "4.7.1", "slow down", .soft),
            (.recipient, 450, "4.7.1", "Greylisted, try again in 300 seconds", .soft),
            (.recipient, 450, "4.2.0", "try again in 300 seconds", .soft),
            (.recipient, 450, "4.7.1", "try again in 99999999999999999999 seconds", .soft),
        ] as [(SMTPOutcome.Phase, Int, String?, String, SendOutcome.Verdict)]
    )
    func refusals(
        _ phase: SMTPOutcome.Phase,
        _ code: Int,
        _ status: String?,
        _ text: String,
        _ verdict: SendOutcome.Verdict
    ) {
        let numbers = status.map { $0.split(separator: ".").compactMap { Int($0) } }
        let reply = SMTPReply(code: code, status: numbers.map { .init($0[0], $0[1], $0[2]) }, text: text)
        let outcome = SendOutcome(SMTPOutcome(phase, .refused(reply)), recipient: "p@example.com")
        #expect(outcome.verdict == verdict, "\(outcome)")
        #expect(outcome.code == code && outcome.phase == phase.rawValue && outcome.reply.contains(text))
    }

    @Test(
        "Without a reply it is the way there, or unknown where the whole message was on it",
        arguments: [
            (.connect, .couldNotConnect, false, .transport), (.connect, .couldNotResolve, false, .transport),
            (.tls, .insecure, false, .transport), (.greeting, .timedOut, false, .transport),
            (.auth, .failed, false, .configuration), (.auth, .timedOut, false, .transport),
            (.auth, .interrupted, false, .transport), (.sender, .interrupted, false, .transport),
            (.recipient, .failed, false, .transport), (.content, .interrupted, false, .transport),
            (.finalDot, .interrupted, true, .unknown), (.finalDot, .timedOut, true, .unknown),
            (.finalDot, .cancelled, true, .unknown), (.finalDot, .failed, true, .unknown),
            (.connect, .cancelled, false, .transport), (.connect, .closed, false, .transport),
            (.connect, .invalidRequest, false, .configuration), (.sender, .invalidRequest, false, .configuration),
            (.recipient, .invalidRequest, false, .hard), (.content, .invalidRequest, false, .configuration),
        ] as [(SMTPOutcome.Phase, OutboundError.Code, Bool, SendOutcome.Verdict)]
    )
    func failures(
        _ phase: SMTPOutcome.Phase,
        _ code: OutboundError.Code,
        _ mayHaveArrived: Bool,
        _ verdict: SendOutcome.Verdict
    ) {
        let error = OutboundError(code: code, endpoint: "smtp://relay:25", message: "x", mayHaveArrived: mayHaveArrived)
        let outcome = SendOutcome(SMTPOutcome(phase, .failed(error)), recipient: "p@example.com")
        #expect(outcome.verdict == verdict && outcome.code == nil && outcome.reply == "x")
    }

    @Test(
        "No address stays in the words that are kept",
        arguments: [
            ("<sok.dara@example.com>: user unknown", "<(address)>: user unknown"),
            ("550 \"Sok\" <other@x.example>, no", "550 \"Sok\" <(address)>, no"),
            ("recipient sok.dara unknown", "recipient (address) unknown"),
            ("SOK.DARA@EXAMPLE.COM rejected", "(address) rejected"),
            ("no @ here", "no (address) here"), ("see https://relay.example/help", "see https://relay.example/help"),
        ]
    )
    func addresses(_ said: String, _ kept: String) {
        #expect(SMTPWords.withoutAddresses(said, recipient: "sok.dara@example.com") == kept)
    }

    @Test("At most 500 characters of a reply are kept")
    func length() {
        let reply = SMTPReply(code: 550, text: String(repeating: "គ", count: 2000))
        let outcome = SendOutcome(SMTPOutcome(.finalDot, .refused(reply)), recipient: "p@example.com")
        #expect(outcome.reply.count == 500)
    }

    @Test(
        "What the relay calls a message is kept",
        arguments: [
            ("Ok: queued as 4ABC12", "4ABC12"), ("OK id=1rXyZ-0001-AB", "1rXyZ-0001-AB"),
            ("d2b8a0f3 Message accepted for delivery", "d2b8a0f3"), ("Ok", nil), ("queued", nil),
        ] as [(String, String?)]
    )
    func queueID(_ text: String, _ id: String?) {
        let outcome = SendOutcome(
            SMTPOutcome(.finalDot, .accepted(SMTPReply(code: 250, text: text))),
            recipient: "p@x.y"
        )
        #expect(outcome.verdict == .accepted && outcome.providerID == id)
    }
}

@Suite("The mail transport")
struct SMTPTransportTests {
    static func message(_ recipient: String) -> OutgoingMessage {
        OutgoingMessage(
            messageID: "1.2@example.com",
            channel: .email,
            recipient: recipient,
            content: RenderedNotice(
                subject: "Invoice",
                text: "Pay\n",
                locale: "en",
                source: "global/en/x",
                version: ""
            ),
            date: Instant(microsecondsSinceEpoch: 0)
        )
    }

    private static func transport(_ port: Int) -> SMTPTransport {
        SMTPTransport(
            name: "smtp:relay",
            relay: SMTPRelay(host: "127.0.0.1", port: port, security: .none, timeout: .seconds(10))
        ) { message in
            SMTPTransport.bounceAddress(token: String(message.messageID.prefix { $0 != "@" }), domain: "b.example")
        } compose: { message in
            guard let subject = message.content.subject else { return .failure(.init("no subject")) }
            return .success(
                Array("Subject: \(subject)\nMessage-ID: <\(message.messageID)>\n\n\(message.content.text)".utf8)
            )
        }
    }

    @Test("451, 451, 250: two soft outcomes and one message, which reports about it can be traced to")
    func softTwice() async throws {
        var script = MailScript()
        try script.add(.rcpt, "limp@example.com=451 4.2.1 later,451,250")
        try script.add(.rcpt, "ghost@example.com=550 5.1.1 no such user")
        try script.add(.dot, "lost@example.com=drop-kept")
        try script.add(.dot, "liar@example.com=550")
        try await MailSimulator.with(script) { simulator in
            let transport = Self.transport(simulator.port)
            #expect(transport.name == "smtp:relay" && !transport.knowsRepeats)
            var verdicts: [SendOutcome.Verdict] = []
            for _ in 0..<3 { verdicts.append(await transport.send(Self.message("limp@example.com")).verdict) }
            #expect(verdicts == [.soft, .soft, .accepted])
            #expect(simulator.kept.map(\.sender) == ["bounces+1.2@b.example"])
            #expect(await transport.send(Self.message("ghost@example.com")).verdict == .hard)
            #expect(await transport.send(Self.message("lost@example.com")).verdict == .unknown)
            #expect(await transport.send(Self.message("liar@example.com")).verdict == .policy)
            let broken = await transport.send(Self.message("a@example.com\r\nRCPT TO:<b@example.com>"))
            #expect(broken.verdict == .hard && broken.phase == "recipient" && !broken.reply.contains("b@"))
            transport.close()
        }
    }

    @Test("A message that cannot be written is not sent, and says why")
    func notComposed() async throws {
        try await MailSimulator.with { simulator in
            let transport = Self.transport(simulator.port)
            let template = Self.message("p@example.com")
            var content = template.content
            content.subject = nil
            let message = OutgoingMessage(
                messageID: template.messageID,
                channel: .email,
                recipient: template.recipient,
                content: content,
                date: template.date
            )
            let outcome = await transport.send(message)
            #expect(outcome == SendOutcome(.configuration, phase: "compose", reply: "no subject"))
            #expect(simulator.counts.connections == 0)
            transport.close()
        }
    }
}
