import Outbound
import Schedules
import Synchronization
import Testing

@testable import Notices

/// A gateway as several of them are: it knows a reference again, refuses with words in a 200, and can break.
final class SMSGatewaySim: Sendable {
    private let state = Mutex((answers: [ScriptedServer.Answer](), sent: [String: Int]()))

    func meet(_ answers: ScriptedServer.Answer...) { state.withLock { $0.answers += answers } }

    /// How many SMS went out, by reference.
    var sent: [String: Int] { state.withLock(\.sent) }

    func answer(_ request: ScriptedServer.Request) -> ScriptedServer.Answer {
        state.withLock { state in
            let reference = request.text.firstMatch(of: /"reference":"([^"]*)"/).map { String($0.1) } ?? "?"
            if state.sent[reference] == nil, !request.text.contains("000000") { state.sent[reference] = 1 }
            if !state.answers.isEmpty { return state.answers.removeFirst() }
            if request.text.contains("000000") {
                return .respond(200, "{\"status\":\"failed\",\"error\":\"Invalid Number\"}")
            }
            return .respond(200, "{\"status\":\"queued\",\"messages\":[{\"id\":\"sm-77\"}]}")
        }
    }
}

@Suite("SMS gateways")
struct SMSGatewayTests {
    private static let json = JSONValue.object([
        "reference": .text("{id}"), "to": .text("{to}"),
        "messages": .list([.object(["body": .text("{text}"), "unicode": .boolean(true)])]),
    ])

    private static func gateway(_ url: String, repeats: Bool = false) -> SMSGateway {
        SMSGateway(
            name: "mekong",
            url: "\(url)/send",
            headers: [.init("Authorization", "Bearer {secret.key}")],
            body: .json(json),
            secrets: ["key": HiddenText("s3cr3t")],
            success: .init(
                statuses: [200],
                conditions: [.init(path: "status", words: ["queued", "sent"])],
                idPath: "messages.0.id"
            ),
            rules: [
                .init(words: "invalid number", outcome: .hard), .init(status: 402, outcome: .policy),
                .init(status: 420, outcome: .rateLimited),
            ],
            knowsRepeats: repeats,
            timeout: .seconds(2)
        )
    }

    private static func with(
        repeats: Bool = false,
        _ body: (SMSGatewayTransport, SMSGatewaySim, ScriptedServer) async throws -> Void
    ) async throws {
        let sim = SMSGatewaySim()
        try await ScriptedServer.with({ sim.answer($0) }) { server in
            let http = HTTPClient()
            defer { http.close() }
            try await body(SMSGatewayTransport(gateway(server.url, repeats: repeats), http: http), sim, server)
        }
    }

    private static func message(_ number: String = "+85512345678") -> OutgoingMessage {
        .sample("s-1@h", .sms, to: number, text: "Pay {to} & {secret.key} \"now\"")
    }

    @Test("A message is written as declared, and the provider's id comes back")
    func accepted() async throws {
        try await Self.with { transport, sim, server in
            let outcome = await transport.send(Self.message())
            #expect(outcome.verdict == .accepted)
            #expect(outcome.providerID == "sm-77")
            let request = try #require(server.requests.first)
            #expect(request.headers["authorization"] == "Bearer s3cr3t")
            #expect(request.headers["content-type"] == "application/json")
            let expected = JSONValue.object([
                "reference": .text("s-1@h"), "to": .text("+85512345678"),
                "messages": .list([
                    .object(["body": .text("Pay {to} & {secret.key} \"now\""), "unicode": .boolean(true)])
                ]),
            ])
            #expect(try JSONValue(parsing: request.text) == expected, "what a message says is never filled in")
            #expect(sim.sent == ["s-1@h": 1])
        }
    }

    @Test("A form and a URL are percent-encoded")
    func form() {
        var gateway = Self.gateway("https://sms.example.com")
        gateway.url = "https://sms.example.com/send?key={secret.key}&to={number}"
        gateway.body = .form([.init("message", "{text}"), .init("ref no", "{id}")])
        let request = gateway.request(for: Self.message())
        #expect(request.url == "https://sms.example.com/send?key=s3cr3t&to=85512345678")
        let body = String(decoding: request.body, as: UTF8.self)
        #expect(body == "message=Pay%20%7Bto%7D%20%26%20%7Bsecret.key%7D%20%22now%22&ref%20no=s-1%40h")
        #expect(request.endpoint == "https://sms.example.com/send", "no secret in what logs show")
    }

    @Test("Refusals are told apart by the declared words, then by status")
    func refusals() async throws {
        try await Self.with { transport, sim, _ in
            #expect(await transport.send(Self.message("+855000000")).verdict == .hard)
            #expect(
                await transport.send(Self.message("sok")).verdict == .hard,
                "no number at all is not even asked for"
            )
            let cases: [(ScriptedServer.Answer, SendOutcome.Verdict)] = [
                (.respond(402, "no credit"), .policy), (.respond(401, "who are you"), .configuration),
                (.respond(403, ""), .configuration), (.respond(404, ""), .configuration),
                (.respond(429, "", headers: [("Retry-After", "17")]), .rateLimited(.seconds(17))),
                (.respond(420, "", headers: [("Retry-After", "3")]), .rateLimited(.seconds(3))),
                (.respond(429, ""), .rateLimited(.seconds(30))), (.respond(422, "what"), .soft),
                (.respond(200, "{\"status\":\"rejected\"}"), .soft), (.respond(200, "OK"), .soft),
                (.respond(302, "", headers: [("Location", "http://127.0.0.1/")]), .soft),
                (.respond(503, ""), .transport), (.respond(500, ""), .unknown), (.drop, .unknown), (.hang, .unknown),
            ]
            for (answer, verdict) in cases {
                sim.meet(answer)
                let outcome = await transport.send(Self.message())
                #expect(outcome.verdict == verdict, "\(answer)")
                #expect(!"\(outcome)".contains("s3cr3t"))
            }
        }
    }

    @Test("A gateway that knows references again may be asked twice, and one that does not is not said to")
    func repeats() async throws {
        try await Self.with(repeats: true) { transport, sim, _ in
            #expect(transport.knowsRepeats)
            sim.meet(.drop)
            #expect(await transport.send(Self.message()).verdict == .unknown)
            #expect(await transport.send(Self.message()).verdict == .accepted)
            #expect(sim.sent == ["s-1@h": 1])
        }
        try await Self.with { transport, sim, server in
            // libcurl asks once more by itself where a connection that it has used before breaks.
            #expect(await transport.send(Self.message()).verdict == .accepted)
            sim.meet(.drop)
            #expect(await transport.send(Self.message()).verdict == .unknown)
            #expect(server.requests.count == 2, "one send is one request")
        }
        try await Self.with { transport, _, _ in #expect(!transport.knowsRepeats) }
    }

    @Test("A Retry-After may be a date, and never more than a day")
    func retryAfter() {
        func wait(_ value: String, _ date: String? = "Sun, 06 Nov 1994 08:49:37 GMT") -> Duration? {
            let headers = [HTTPField("Retry-After", value)] + (date.map { [HTTPField("Date", $0)] } ?? [])
            return HTTPResponse(status: 429, headers: headers).retryAfter
        }
        #expect(wait("120") == .seconds(120))
        #expect(wait("0") == .zero)
        #expect(wait("Sun, 06 Nov 1994 08:50:07 GMT") == .seconds(30))
        #expect(wait("Sun, 06 Nov 1994 08:00:00 GMT") == .zero)
        #expect(wait("9999999") == .seconds(86_400))
        for bad in ["-1", "soon", "", "Sun, 06 Xyz 1994 08:50:07 GMT", "1.5.2"] { #expect(wait(bad) == nil) }
        #expect(wait("Sun, 06 Nov 1994 08:50:07 GMT", nil) == nil)
    }

    @Test("What is kept of an answer shows no addresses and numbers, and stays one line")
    func trimmed() {
        #expect(SendOutcome.trimmed("550 <sok@example.com>\r\n unknown +85512345678 (42)") == "550 … unknown … (42)")
        #expect(SendOutcome.trimmed(String(repeating: "long ", count: 500)).count == 500)
    }
}
