import HTTPTypes
import Hummingbird
import Logging
import Monetary
import NIOCore
import ServiceLifecycle
import Synchronization
import Testing

@testable import bursar

@Suite("The simulated gateway")
struct SimGatewayTests {
    private static func wish(_ number: Int) -> SimWish {
        SimWish(
            md5: md5Like(number),
            toAccount: "shop@bank",
            amount: Money(minorUnits: Int64(number), currency: .khr)
        )
    }

    @Test("Callbacks are signed as Standard Webhooks says, with that standard's published value")
    func signature() throws {
        let key = try #require(Base64.bytes("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"))
        let signed = HMAC256.of("msg_p5jXN8AQM9LWM0D4loKWxJek.1614265330.{\"test\": 2432232314}", key: key)
        #expect(Base64.text(signed) == "g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=")
    }

    @Test(
        "Of 300 callbacks those are lost, late, doubled, altered and tampered with that the seed chooses, and no others",
        arguments: [Int.random(in: 1...1_000_000), 7]
    )
    func misbehaviour(_ seed: Int) async throws {
        let receiver = CallbackReceiver()
        try await receiver.serve { url in
            var script = BakongScript()
            script[.seed] = seed
            for fault in [BakongScript.Fault.callbackLost, .callbackLate, .callbackDoubled, .callbackTampered] {
                script[fault] = 0.1
            }
            script[.callbackAltered] = 0.1
            script[.retryPause] = 10
            let chosen = script
            try await BakongSimulator.with(chosen, callbacks: url + "/hooks") { simulator in
                receiver.refuseOnce()
                for number in 1...300 { simulator.pay(Self.wish(number)) }
                try await simulator.gateway.untilQuiet()
                let early = receiver.posts.count
                let held = simulator.gateway.release()
                try await simulator.gateway.untilQuiet()
                try await receiver.untilQuiet()
                #expect(receiver.posts.count >= early + held, "seed \(seed)")

                var secret = simulator.gateway.secretText[...]
                secret.removeFirst("whsec_".count)
                let key = try #require(Base64.bytes(secret))
                let posts = Dictionary(grouping: receiver.posts, by: \.md5)
                for number in 1...300 {
                    let md5 = md5Like(number)
                    let got = posts[md5] ?? []
                    let isLost = chosen.strikes(.callbackLost, md5)
                    let isLate = chosen.strikes(.callbackLate, md5)
                    let isDoubled = chosen.strikes(.callbackDoubled, md5) && !isLate
                    #expect(got.count == (isLost ? 0 : isDoubled ? 2 : 1), "\(number), seed \(seed)")
                    #expect(Set(got.map(\.id)).count <= 1, "a repeat has the same id, seed \(seed)")
                    for post in got {
                        let isTampered = chosen.strikes(.callbackTampered, md5)
                        #expect(post.isSigned(with: key) == !isTampered, "\(number), seed \(seed)")
                        let isAltered = isTampered || chosen.strikes(.callbackAltered, md5)
                        #expect(post.text.contains("\"amount\":\"\(number)\"") == !isAltered, "\(number), seed \(seed)")
                    }
                }
                #expect(simulator.gateway.standings.contains { $0.tries > 1 }, "what was refused for now came again")
            }
        }
    }

    @Test("The same seed makes the same payments, refunds and dice, in whatever order they come")
    func determinism() {
        var script = BakongScript()
        script[.seed] = 42
        script[.paidTwice] = 0.3
        script[.refunded] = 0.3
        script[.paysOtherAmount] = 0.3
        let (one, other) = (BakongBank(script: script), BakongBank(script: script))
        for number in 1...200 { _ = one.pay(Self.wish(number)) }
        for number in (1...200).reversed() { _ = other.pay(Self.wish(number)) }
        func facts(_ bank: BakongBank) -> Set<String> {
            Set(bank.truth.map { "\($0.hash) \($0.md5) \($0.amount) \($0.ordinal) \($0.willBeRefunded)" })
        }
        #expect(facts(one) == facts(other))
        #expect((230...290).contains(one.truth.count))
        #expect(one.truth.contains { $0.amount != $0.asked })
        #expect(Set(one.refundChosen()) == Set(other.refundChosen()))
        script[.seed] = 43
        let third = BakongBank(script: script)
        for number in 1...200 { _ = third.pay(Self.wish(number)) }
        #expect(facts(third) != facts(one))
    }

    @Test("A statement has every payment and every refund, and adds up to what is there")
    func statement() throws {
        var script = BakongScript()
        script[.paidTwice] = 0.2
        script[.refunded] = 0.2
        let bank = BakongBank(script: script)
        for number in 1...100 { _ = bank.pay(Self.wish(number)) }
        let refunded = Set(bank.refundChosen())
        let lines = SimStatement.text(bank.truth).split(separator: "\r\n").map {
            $0.split(separator: ",", omittingEmptySubsequences: false)
        }
        #expect(lines.first?.joined(separator: ",") == SimStatement.columns.joined(separator: ","))
        #expect(lines.count == 1 + bank.truth.count + refunded.count)
        let sum = lines.dropFirst().reduce(Int64(0)) { $0 + (Int64($1[2]) ?? 0) }
        #expect(sum == bank.truth.reduce(0) { $0 + (refunded.contains($1.hash) ? 0 : $1.amount.minorUnits) })
    }

    @Test("Callbacks leave this machine for nowhere, and scripts with a slip are refused by name")
    func refusals() {
        for url in [
            "http://10.0.0.1/x", "https://127.0.0.1/x", "http://localhost/x", "http://127.0.0.1.example/x", "x",
        ] {
            #expect(throws: CommandFailure.self, "\(url)") { try SimGateway(target: url, seed: 1) }
        }
        #expect(throws: CommandFailure.self) { try SimGateway(target: nil, secret: "whsec_short", seed: 1) }
        for text in ["callback_lots: 0.1", "callback_lost: 2", "seed: x", "[1]", "a: b: c"] {
            #expect(throws: CommandFailure.self, "\(text)") { try BakongScript(text) }
        }
    }

    @Test("A script is YAML or JSON, and says itself back")
    func scripts() throws {
        let yaml = try BakongScript("seed: 5\ncallback_lost: 0.05\n")
        #expect(try BakongScript("{\"seed\": 5, \"callback_lost\": 0.05}") == yaml)
        #expect(yaml[.callbackLost] == 0.05 && yaml[.seed] == 5)
        #expect(try BakongScript(yaml.json)[.callbackLost] == 0.05)
        #expect(try BakongScript("") == BakongScript())
    }
}

/// Takes callbacks, and remembers them.
final class CallbackReceiver: Sendable {
    struct Post: Sendable {
        let id: String
        let at: String
        let signature: String
        let text: String

        /// The md5 that it tells of.
        var md5: String { text.firstRange(of: "\"md5\":\"").map { String(text[$0.upperBound...].prefix(32)) } ?? "" }

        func isSigned(with key: [UInt8]) -> Bool {
            signature == "v1," + Base64.text(HMAC256.of("\(id).\(at).\(text)", key: key))
        }
    }

    private struct State {
        var posts: [Post] = []
        var refuses = false
    }

    private let state = Mutex(State())

    var posts: [Post] { state.withLock(\.posts) }

    /// Answers the next one with 503, and does not count it.
    func refuseOnce() { state.withLock { $0.refuses = true } }

    /// Waits until no more came for a moment.
    func untilQuiet() async throws {
        var last = -1
        while posts.count != last {
            last = posts.count
            // Waiting: a doubled callback is one to the gateway, and its second post may still be on its way.
            try await Task.sleep(for: .milliseconds(150))
        }
    }

    func serve(_ body: @escaping @Sendable (String) async throws -> Void) async throws {
        let router = Router(context: BasicRequestContext.self)
        router.post("/hooks") { request, _ in
            func header(_ name: String) -> String { HTTPField.Name(name).flatMap { request.headers[$0] } ?? "" }
            let post = Post(
                id: header("webhook-id"),
                at: header("webhook-timestamp"),
                signature: header("webhook-signature"),
                text: String(buffer: try await request.body.collect(upTo: 1 << 20))
            )
            let isRefused = self.state.withLock { state in
                defer { state.refuses = false }
                if !state.refuses { state.posts.append(post) }
                return state.refuses
            }
            return isRefused ? HTTPResponse.Status.serviceUnavailable : .ok
        }
        let (ports, tell) = AsyncStream.makeStream(of: Int?.self)
        let quiet = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        let application = Application(
            router: router,
            configuration: ApplicationConfiguration(address: .hostname("127.0.0.1", port: 0)),
            onServerRunning: { channel in tell.yield(channel.localAddress?.port) },
            logger: quiet
        )
        let services = ServiceGroup(services: [application], logger: quiet)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await services.run() }
            let port = await ports.first { _ in true } ?? nil
            try await body("http://127.0.0.1:\(port ?? 0)")
            await services.triggerGracefulShutdown()
            try await group.waitForAll()
        }
    }
}
