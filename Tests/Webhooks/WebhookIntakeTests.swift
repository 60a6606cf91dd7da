import CivilTime
import TestSupport
import Testing
import Webhooks

@Suite("Taking posts in")
struct WebhookIntakeTests {
    private static let secret = "a secret of some length"

    /// Two sources with small rates.
    private static func sources(_ names: String...) throws -> WebhookSources {
        let scheme = SignatureScheme.generic(try GenericHMAC(idHeader: "X-Id"))
        let secrets = [WebhookSecret(bytes: Array(secret.utf8))]
        let sources = try names.map { name in
            let verifier = try SignatureVerifier(scheme: scheme, secrets: secrets)
            var source = WebhookSource(name: name, scheme: "generic", verifier: verifier)
            source.secrets = secrets
            source.sourceRate = PostRate(perSecond: 1, burst: 5)
            source.addressRate = PostRate(perSecond: 1, burst: 10)
            return source
        }
        return WebhookSources(sources, file: "test")
    }

    private func sender(_ source: String, _ address: String = "203.0.113.7") -> WebhookIntake.Sender {
        WebhookIntake.Sender(source: source, address: address, counted: address)
    }

    /// The status of a post: of its head, or of the whole.
    private func status(
        _ intake: WebhookIntake,
        _ sender: WebhookIntake.Sender,
        id: String,
        body: String = "{}",
        signature: String? = nil,
        type: String = "application/json; charset=utf-8"
    ) async -> Int {
        if case .refuse(let refusal) = intake.admit(sender, contentType: type) { return refusal.status }
        let bytes = Array(body.utf8)
        let headers = [("X-Signature", signature ?? InboxWorld.signature(bytes, Self.secret)), ("X-Id", id)]
        let post = ReceivedPost(headers: headers, body: bytes)
        return await withCheckedContinuation { continuation in
            intake.take(post, from: sender, contentType: type) { reply in
                switch reply {
                case .taken(let answer): continuation.resume(returning: answer.status)
                case .refused(let refusal): continuation.resume(returning: refusal.status)
                }
            }
        }
    }

    @Test("What is wrong with a post decides its status, and nothing else is told of it")
    func statuses() async throws {
        try await InboxWorld.with { world in
            try await world.ready()
            let intake = WebhookIntake(writer: world.writer)
            #expect(await status(intake, sender("relay"), id: "1") == 503, "no sources are in force")
            intake.use(try Self.sources("relay"))
            #expect(await status(intake, sender("relay"), id: "1") == 200)
            #expect(await status(intake, sender("other"), id: "1") == 404)
            #expect(await status(intake, sender("relay"), id: "1", type: "text/plain") == 415)
            let wrong = String(repeating: "0", count: 64)
            #expect(await status(intake, sender("relay"), id: "1", signature: wrong) == 401)
            #expect(await status(intake, sender("relay"), id: "1", signature: "short") == 400)
            #expect(await status(intake, sender("relay"), id: String(repeating: "i", count: 300)) == 400)
            #expect(try await world.count("webhook_event") == 1)
        }
    }

    @Test("A flood without the secret spends nothing but its own address's share")
    func flood() async throws {
        try await InboxWorld.with { world in
            try await world.ready()
            let intake = WebhookIntake(writer: world.writer)
            intake.use(try Self.sources("relay", "bank"))
            let wrong = String(repeating: "0", count: 64)
            var statuses: [Int: Int] = [:]
            for number in 0..<50 {
                let status = await status(intake, sender("relay", "198.51.100.9"), id: "\(number)", signature: wrong)
                statuses[status, default: 0] += 1
            }
            #expect(statuses[401] == 10 && statuses[429] == 40, "\(statuses)")
            // Neither the source's own sender, nor the flood's address at another source, is refused for it.
            #expect(await status(intake, sender("relay"), id: "a") == 200)
            #expect(await status(intake, sender("bank", "198.51.100.9"), id: "a") == 200)
        }
    }

    @Test("A source that sends more than it may is refused, and another is not")
    func sourceRate() async throws {
        try await InboxWorld.with { world in
            try await world.ready()
            let intake = WebhookIntake(writer: world.writer)
            intake.use(try Self.sources("relay", "bank"))
            var statuses: [Int] = []
            for number in 0..<7 {
                statuses.append(await status(intake, sender("relay", "10.0.0.\(number)"), id: "\(number)"))
            }
            #expect(statuses == [200, 200, 200, 200, 200, 429, 429])
            #expect(await status(intake, sender("bank"), id: "x") == 200)
        }
    }

    @Test("Guesses at names of sources spend the guesser's own share")
    func guesses() async throws {
        try await InboxWorld.with { world in
            try await world.ready()
            let intake = WebhookIntake(writer: world.writer)
            intake.use(try Self.sources("relay"))
            var last = 0
            for number in 0..<300 { last = await status(intake, sender("guess-\(number)"), id: "1") }
            #expect(last == 429)
            #expect(await status(intake, sender("relay"), id: "1") == 200)
        }
    }
}
