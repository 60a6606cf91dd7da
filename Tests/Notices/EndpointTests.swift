import Foundation
import JobKit
import Outbound
import Schedules
import Synchronization
import Testing

@testable import Notices

/// A ledger that knows what a test tells it, and keeps what it is told.
final class StubLedger: EndpointLedger {
    private let state: Mutex<(standing: EndpointStanding, notes: [EndpointEnd])>

    init(_ standing: EndpointStanding) { state = Mutex((standing, [])) }

    var notes: [EndpointEnd] { state.withLock(\.notes) }

    func standing(of url: String, tenant: Int64) async throws -> EndpointStanding { state.withLock(\.standing) }

    func note(_ end: EndpointEnd, of url: String, tenant: Int64, disableAfter: Duration) async throws {
        state.withLock { $0.notes.append(end) }
    }
}

@Suite("Signed endpoints")
struct EndpointTests {
    /// The key of the specification's own example, and another.
    private static let secrets = [
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=",
    ]

    private struct World {
        let transport: EndpointTransport
        let ledger: StubLedger
        let server: ScriptedServer
        /// A URL by a name that no DNS knows: only who is told its address comes there.
        var url: String { "http://endpoint.invalid:\(server.port)/hook?a=b" }
    }

    private static func with(
        _ standing: EndpointStanding = .open(secrets: secrets.map { HiddenText($0) }),
        settings: EndpointSettings = .init(allowsPrivate: true, allowsPlainText: true, timeout: .seconds(2)),
        resolver: EndpointResolver = EndpointResolver { _ in [IPAddress("127.0.0.1")].compactMap(\.self) },
        answering answer: ScriptedServer.Answer = .respond(204, ""),
        _ body: (World) async throws -> Void
    ) async throws {
        let ledger = StubLedger(standing)
        try await ScriptedServer.with({ _ in answer }) { server in
            let http = HTTPClient()
            defer { http.close() }
            let transport = EndpointTransport(settings, ledger: ledger, resolver: resolver, http: http) {
                1_614_265_330
            }
            try await body(World(transport: transport, ledger: ledger, server: server))
        }
    }

    private static func message(_ url: String, tenant: Int64? = 7) -> OutgoingMessage {
        .sample("msg_p5jXN8AQM9LWM0D4loKWxJek", .webhook, to: url, tenant: tenant)
    }

    @Test("A post tells category and facts, under the Message-ID, and each secret in force has signed it")
    func post() async throws {
        try await Self.with { world in
            let outcome = await world.transport.send(Self.message(world.url))
            #expect(outcome.verdict == .accepted)
            #expect(world.ledger.notes == [.taken])
            let request = try #require(world.server.requests.first)
            #expect((request.method, request.path) == ("POST", "/hook?a=b"))
            #expect(request.headers["webhook-id"] == "msg_p5jXN8AQM9LWM0D4loKWxJek")
            #expect(request.headers["webhook-timestamp"] == "1614265330")
            #expect(request.headers["host"] == "endpoint.invalid:\(world.server.port)")
            #expect(
                try JSONValue(parsing: request.text)
                    == .object([
                        "type": .text("notice.final"), "timestamp": .text("2026-03-01T02:00:00Z"),
                        "data": .object(["invoice": .text("INV-7"), "open": .integer(40000)]),
                    ])
            )
            #expect(request.headers["webhook-signature"]?.split(separator: " ").count == 2)
        }
    }

    @Test("The signature is the one that the specification shows")
    func signature() {
        let signature = EndpointTransport.signature(
            "msg_p5jXN8AQM9LWM0D4loKWxJek",
            "1614265330",
            Array("{\"test\": 2432232314}".utf8),
            HiddenText(Self.secrets[0])
        )
        #expect(signature == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=")
        for bad in ["", "whsec_", "whsec_a", "whsec_!!!!", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"] {
            let made = EndpointTransport.signature("a", "1", [], HiddenText(bad))
            #expect(made == nil || bad == "whsec_", "\(bad)")
        }
    }

    @Test("Python signs what arrived in the same way", .enabled(if: Python.isThere, "python3 is not installed"))
    func oracle() async throws {
        try await Self.with { world in
            for text in ["", "ក", String(repeating: "x", count: 70_000)] {
                _ = await world.transport.send(
                    .sample("id-\(text.utf8.count)@h", .webhook, to: world.url, facts: "{\"note\":\"\(text)\"}")
                )
            }
            #expect(world.server.requests.count == 3)
            for request in world.server.requests {
                let signed = try Python.lines(
                    """
                    import sys, hmac, hashlib, base64
                    head, body = sys.stdin.buffer.read().split(b"\\n", 1)
                    for secret in \(Self.secrets):
                        key = base64.b64decode(secret[6:])
                        print("v1," + base64.b64encode(hmac.new(key, head + b"." + body, hashlib.sha256).digest()).decode())
                    """,
                    input: Array(
                        "\(request.headers["webhook-id"] ?? "").\(request.headers["webhook-timestamp"] ?? "")\n".utf8
                    )
                        + request.body
                )
                #expect(request.headers["webhook-signature"] == signed.joined(separator: " "))
            }
        }
    }

    @Test(
        "What an endpoint answers is about that endpoint alone",
        arguments: [
            (ScriptedServer.Answer.respond(200, "ok"), SendOutcome.Verdict.accepted, EndpointEnd.taken),
            (.respond(299, ""), .accepted, .taken), (.respond(410, ""), .hard, .gone),
            (.respond(400, "no"), .soft, .failed),
            (.respond(401, ""), .soft, .failed), (.respond(404, ""), .soft, .failed),
            (.respond(500, ""), .soft, .failed),
            (.respond(301, "", headers: [("Location", "http://127.0.0.1:1/")]), .soft, .failed),
            (.respond(429, "", headers: [("Retry-After", "90")]), .rateLimited(.seconds(90)), .failed),
            (.respond(503, "", headers: [("Retry-After", "5")]), .rateLimited(.seconds(5)), .failed),
            (.respond(503, ""), .soft, .failed), (.drop, .unknown, .failed), (.hang, .unknown, .failed),
        ]
    )
    func answers(_ answer: ScriptedServer.Answer, _ verdict: SendOutcome.Verdict, _ end: EndpointEnd) async throws {
        try await Self.with(answering: answer) { world in
            let outcome = await world.transport.send(Self.message(world.url))
            #expect(outcome.verdict == verdict)
            #expect(world.ledger.notes == [end])
            #expect(outcome.callVerdict == .answered, "nobody else waits for it")
            #expect(world.server.requests.count == 1, "a redirect is not followed")
        }
    }

    @Test("A host is resolved once, and the connection goes to the address that was looked at")
    func rebinding() async throws {
        let asked = Mutex(0)
        let resolver = EndpointResolver { _ in
            let count = asked.withLock { count in
                count += 1
                return count
            }
            return [IPAddress(count == 1 ? "127.0.0.1" : "169.254.169.254")].compactMap(\.self)
        }
        try await Self.with(resolver: resolver) { world in
            // The system would go to 127.0.0.1 by itself for this name; nobody listens on 127.0.0.9.
            let other = EndpointResolver { _ in [IPAddress("127.0.0.9")].compactMap(\.self) }
            let http = HTTPClient()
            defer { http.close() }
            let settings = EndpointSettings(allowsPrivate: true, allowsPlainText: true, timeout: .seconds(2))
            let pinned = EndpointTransport(settings, ledger: world.ledger, resolver: other, http: http)
            let missed = await pinned.send(Self.message("http://localhost:\(world.server.port)/"))
            #expect(missed.verdict == .soft)
            #expect(missed.phase == "connect")
            #expect(world.server.requests.isEmpty)

            #expect(await world.transport.send(Self.message(world.url)).verdict == .accepted)
            #expect(asked.withLock { $0 } == 1)
            let second = await world.transport.send(Self.message(world.url))
            #expect(second.verdict == .soft)
            #expect(second.phase == "address")
            #expect(world.server.requests.count == 1)
        }
    }

    @Test("A private address is not connected to unless it is allowed, however it is written")
    func refused() async throws {
        let settings = EndpointSettings(allowsPrivate: false, allowsPlainText: true)
        try await Self.with(settings: settings, resolver: .system) { world in
            for host in ["127.0.0.1", "localhost", "2130706433", "0x7f.1", "[::ffff:127.0.0.1]", "127.1"] {
                let outcome = await world.transport.send(Self.message("http://\(host):\(world.server.port)/"))
                #expect([.hard, .soft].contains(outcome.verdict), "\(host)")
                #expect(outcome.phase == "address")
                #expect(outcome.reply.contains("not public"), "\(outcome.reply)")
            }
            #expect(world.server.requests.isEmpty)
        }
    }

    @Test("Another address of the host is tried where one is not reached")
    func otherAddress() async throws {
        let resolver = EndpointResolver { _ in ["127.0.0.9", "127.0.0.1"].compactMap { IPAddress($0) } }
        try await Self.with(resolver: resolver) { world in
            #expect(await world.transport.send(Self.message(world.url)).verdict == .accepted)
            #expect(world.ledger.notes == [.taken])
        }
    }

    @Test("An endpoint that nobody made, that is disabled, or of no tenant, is not written to and says what to do")
    func closed() async throws {
        try await Self.with(.unknown) { world in
            let outcome = await world.transport.send(Self.message(world.url))
            #expect(outcome.verdict == .hard)
            #expect(outcome.reply.contains("bursar endpoints put"))
            #expect(world.server.requests.isEmpty)
        }
        try await Self.with(.disabled("gone")) { world in
            let outcome = await world.transport.send(Self.message(world.url))
            #expect(outcome.verdict == .hard)
            #expect(outcome.reply.contains("bursar endpoints enable"))
            #expect(await world.transport.send(Self.message(world.url, tenant: nil)).verdict == .hard)
            #expect(world.server.requests.isEmpty)
            #expect(world.ledger.notes == [])
        }
    }

    @Test("http is refused where nobody has allowed it")
    func plainText() async throws {
        try await Self.with(settings: EndpointSettings(allowsPrivate: true)) { world in
            let outcome = await world.transport.send(Self.message(world.url))
            #expect(outcome.verdict == .hard)
            #expect(outcome.reply == "the endpoint is not https")
            #expect(world.server.requests.isEmpty)
        }
    }
}

/// Python, which shares no code with this room.
enum Python {
    static let isThere = (try? lines("print(1)", input: [])) == ["1"]

    static func lines(_ program: String, input: [UInt8]) throws -> [String] {
        let process = Process()
        let (standardInput, standardOutput) = (Pipe(), Pipe())
        process.executableURL = URL(filePath: "/usr/bin/python3")
        process.arguments = ["-c", program]
        process.standardInput = standardInput
        process.standardOutput = standardOutput
        try process.run()
        try standardInput.fileHandleForWriting.write(contentsOf: Data(input))
        try standardInput.fileHandleForWriting.close()
        let data = try standardOutput.fileHandleForReading.readToEnd() ?? Data()
        process.waitUntilExit()
        return String(decoding: data, as: UTF8.self).split(separator: "\n").map(String.init)
    }
}
