import JobKit
import Outbound
import Schedules
import Testing

@testable import Notices

@Suite("Telegram")
struct TelegramTests {
    /// A transport that speaks to a simulated Telegram; each test's chats may be written to as fast as it likes.
    private static func with(
        timeout: Duration = .seconds(10),
        token: String = TelegramSim.token,
        ratePerChat: Double = 10_000,
        _ body: (TelegramTransport, TelegramSim, ScriptedServer) async throws -> Void
    ) async throws {
        let sim = TelegramSim()
        try await ScriptedServer.with({ sim.answer($0) }) { server in
            let http = HTTPClient()
            defer { http.close() }
            let settings = TelegramSettings(
                token: HiddenText(token),
                url: server.url,
                timeout: timeout,
                ratePerChat: ratePerChat
            )
            try await body(TelegramTransport(settings, http: http), sim, server)
        }
    }

    private static func message(_ chat: String = "42", text: String = "សួស្តី \"Sok\"\nKHR 40,000") -> OutgoingMessage {
        .sample("t@h", .telegram, to: chat, text: text)
    }

    @Test("A message goes out once, and its number comes back", arguments: ["42", "-1001234", "@sabay"])
    func accepted(_ chat: String) async throws {
        try await Self.with { transport, sim, server in
            let outcome = await transport.send(Self.message(chat))
            #expect(outcome.verdict == .accepted)
            #expect(outcome.providerID == "901")
            #expect(sim.sent == [901])
            let request = try #require(server.requests.first)
            #expect(request.path == "/bot\(TelegramSim.token)/sendMessage")
            let json = try JSONValue(parsing: request.text)
            #expect(
                json
                    == .object([
                        "chat_id": .text(chat), "text": .text("សួស្តី \"Sok\"\nKHR 40,000"),
                        "link_preview_options": .object(["is_disabled": .boolean(true)]),
                    ])
            )
        }
    }

    @Test("A picture goes with its text where both fit into one message, and else the text goes alone")
    func picture() async throws {
        try await Self.with { transport, sim, server in
            let png: [UInt8] = [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A, 0, 255]
            func message(_ text: String) -> OutgoingMessage {
                .sample("p@h", .telegram, to: "42", text: text, pictures: [.init(contentID: "qr", png: png)])
            }
            #expect(await transport.send(message("scan this")).verdict == .accepted)
            #expect(await transport.send(message(String(repeating: "ក", count: 1025))).verdict == .accepted)
            #expect(server.requests.map { $0.path.hasSuffix("sendPhoto") } == [true, false])
            let photo = try #require(server.requests.first)
            #expect(photo.body.firstRange(of: png) != nil)
            #expect(photo.body.firstRange(of: Array("scan this".utf8)) != nil)
            #expect(sim.sent.count == 2)
        }
    }

    @Test("The time that a flood asks for is obeyed to the second", arguments: [1, 35, 86_411])
    func flood(_ seconds: Int) async throws {
        try await Self.with { transport, sim, _ in
            sim.meet(.flood(seconds))
            let outcome = await transport.send(Self.message())
            #expect(outcome.verdict == .rateLimited(.seconds(seconds)))
            #expect(outcome.callVerdict == .askedToWait(.seconds(seconds)))
            #expect(sim.sent == [])
        }
    }

    @Test("One chat is written to once a second, and the others do not wait for it")
    func perChat() async throws {
        try await Self.with(ratePerChat: 0.001) { transport, sim, _ in
            #expect(await transport.send(Self.message()).verdict == .accepted)
            let second = await transport.send(Self.message())
            guard case .rateLimited(let wait) = second.verdict else {
                Issue.record("\(second)")
                return
            }
            #expect(wait > .seconds(900))
            #expect(second.callVerdict == .answered, "the others may go on")
            #expect(await transport.send(Self.message("@sabay")).verdict == .accepted)
            #expect(sim.sent.count == 2)
        }
    }

    @Test(
        "A chat that is gone or shut is one that cannot be written to",
        arguments: [("13", 403), ("999", 400)]
    )
    func hard(_ chat: String, _ code: Int) async throws {
        try await Self.with { transport, _, _ in
            let outcome = await transport.send(Self.message(chat))
            #expect(outcome.verdict == .hard)
            #expect(outcome.code == code)
        }
    }

    @Test(
        "What is no chat is not even asked for",
        arguments: ["", "0", "sok@example.com", "@", "+85512345678", "@a/b"]
    )
    func noChat(_ chat: String) async throws {
        try await Self.with { transport, _, server in
            #expect(await transport.send(Self.message(chat)).verdict == .hard)
            #expect(server.requests.isEmpty)
        }
    }

    @Test("A token that Telegram does not know is a fault of configuration, and is repeated nowhere")
    func badToken() async throws {
        try await Self.with(token: "123:WRONG") { transport, _, _ in
            let outcome = await transport.send(Self.message())
            #expect(outcome.verdict == .configuration)
            #expect(!"\(outcome)".contains("WRONG"))
        }
    }

    @Test(
        "What breaks is told apart: not reached, no for now, and nobody knows",
        arguments: [
            (ScriptedServer.Answer.respond(502, "<html>bad gateway"), SendOutcome.Verdict.transport),
            (.respond(500, "{\"ok\":false}"), .transport), (.drop, .unknown), (.hang, .unknown),
            (.respond(200, "<html>"), .unknown), (.respond(200, "{\"ok\":false}"), .unknown),
            (.respond(400, "{\"ok\":false,\"description\":\"Bad Request: can't parse entities\"}"), .soft),
            (.respond(404, "{\"ok\":false,\"description\":\"Not Found\"}"), .configuration),
        ]
    )
    func faults(_ answer: ScriptedServer.Answer, _ verdict: SendOutcome.Verdict) async throws {
        try await Self.with(timeout: .seconds(2)) { transport, sim, _ in
            sim.meet(.answer(answer))
            let outcome = await transport.send(Self.message())
            #expect(outcome.verdict == verdict)
            #expect(!"\(outcome)".contains(TelegramSim.token))
        }
    }

    @Test("One send is one request, also where a connection that was used before breaks")
    func once() async throws {
        try await Self.with { transport, sim, server in
            #expect(await transport.send(Self.message()).verdict == .accepted)
            sim.meet(.answer(.drop))
            #expect(await transport.send(Self.message()).verdict == .unknown)
            #expect(server.requests.count == 2)
        }
    }

    @Test("A Telegram that is not there was not reached, and the token stands in no error")
    func away() async throws {
        let http = HTTPClient()
        let settings = TelegramSettings(token: HiddenText(TelegramSim.token), url: "http://127.0.0.1:1")
        let outcome = await TelegramTransport(settings, http: http).send(Self.message())
        #expect(outcome.verdict == .transport)
        #expect(!"\(outcome)\(settings)".contains("ABC-DEF"))
    }

    @Test("A text is cut at the end of a line, to what Telegram takes, and says that it was")
    func shortened() async throws {
        let line = String(repeating: "ក", count: 99) + "\n"
        let cut = TelegramTransport.shortened(String(repeating: line, count: 50))
        #expect(cut.utf16.count <= 4096)
        #expect(cut == String(repeating: line, count: 40) + "…")
        #expect(TelegramTransport.shortened(String(repeating: "x", count: 4096)).count == 4096)
        let long = TelegramTransport.shortened(String(repeating: "😀", count: 4000))
        #expect(long.utf16.count <= 4096 && long.utf16.count > 4090 && long.hasSuffix("…"))
        try await Self.with { transport, _, _ in
            let outcome = await transport.send(Self.message(text: String(repeating: line, count: 50)))
            #expect(outcome.verdict == .accepted)
            #expect(outcome.reply.contains("shortened"))
        }
    }
}
