import CivilTime
import Foundation
import Testing
import Webhooks

/// Posts that nobody signed: whatever they hold, they get a verdict.
enum SignatureFuzz {
    /// Judges so many posts of random bytes, and of good ones with a few bytes changed.
    static func run(seed: UInt64, count: Int) throws {
        var random = WebhookRandom(seed: seed)
        let verifiers = try Self.verifiers()
        for _ in 0..<count {
            guard let (scheme, verifier) = verifiers.randomElement(using: &random) else { return }
            let isMutation = Bool.random(using: &random)
            let post = isMutation ? mutated(scheme, &random) : noise(scheme, &random)
            let verdict = verifier.verdict(on: post, at: Sample.now)
            if verdict.isValid && !isMutation {
                Issue.record("seed \(seed): noise was accepted by \(scheme.name): \(post)")
            }
            if let id = verdict.claimedID { #expect((1...255).contains(id.utf8.count), "seed \(seed)") }
            if Int.random(in: 0...9, using: &random) == 0 { secret(scheme, &random) }
        }
    }

    private static func verifiers() throws -> [(SignatureScheme, SignatureVerifier)] {
        let all: [SignatureScheme] = [
            .standardWebhooks, .stripe, .github, .payway,
            .generic(
                try GenericHMAC(
                    encoding: .base64,
                    timestampHeader: "X-Time",
                    idHeader: "X-Id",
                    signedContent: "{id}.{timestamp}.{body}"
                )
            ),
        ]
        let publicKey = "whpk_A6EHv/POEL4dcN0Y50vAmWfk1jCbpQ1fHdyGZBJVMbg="
        return try all.map { scheme in
            let more = scheme == .standardWebhooks ? [WebhookSecret(publicKey)] : []
            let verifier = try SignatureVerifier(scheme: scheme, secrets: [WebhookSecret(Sample.secret)] + more)
            return (scheme, verifier)
        }
    }

    /// The scheme's headers, and a body, of random bytes.
    private static func noise(_ scheme: SignatureScheme, _ random: inout WebhookRandom) -> ReceivedPost {
        var headers = scheme.headers.map { (name: $0, value: text(&random)) }
        if Int.random(in: 0...5, using: &random) == 0 { headers.shuffle(using: &random) }
        if Int.random(in: 0...9, using: &random) == 0 { headers.append((name: text(&random), value: text(&random))) }
        return ReceivedPost(headers: headers, body: body(&random))
    }

    private static func text(_ random: inout WebhookRandom) -> String {
        switch Int.random(in: 0...4, using: &random) {
        case 0: return String(decoding: random.bytes(upTo: 60), as: UTF8.self)
        case 1: return "\(Sample.now.secondsSinceEpoch + Int.random(in: -400...400, using: &random))"
        default:
            let pieces = [
                "v1,", "v1a,", "v0=", "t=", "v1=", "sha256=", ",", " ", "=", "1769580000", "-", "AAAA", "ffff", "@",
                "\u{0}",
                Sample.signature(), String(repeating: "0", count: 64), String(repeating: "A", count: 86) + "==",
            ]
            return (0..<Int.random(in: 0...8, using: &random)).map { _ in pieces.randomElement(using: &random) ?? "" }
                .joined()
        }
    }

    private static func body(_ random: inout WebhookRandom) -> [UInt8] {
        guard Bool.random(using: &random) else { return random.bytes(upTo: 120) }
        var body = Array(random.object().utf8)
        change(&body, &random)
        return body
    }

    /// A post that is good but for a few bytes of its headers or its body.
    private static func mutated(_ scheme: SignatureScheme, _ random: inout WebhookRandom) -> ReceivedPost {
        var post = Sample.post()
        if scheme != .standardWebhooks {
            post.headers = scheme.headers.map { (name: $0, value: text(&random)) }
            post.body = body(&random)
        }
        if let place = post.headers.indices.randomElement(using: &random) {
            var value = Array(post.headers[place].value.utf8)
            change(&value, &random)
            post.headers[place].value = String(decoding: value, as: UTF8.self)
        }
        return post
    }

    private static func change(_ bytes: inout [UInt8], _ random: inout WebhookRandom) {
        for _ in 0..<Int.random(in: 0...4, using: &random) {
            guard let place = bytes.indices.randomElement(using: &random) else { return }
            switch Int.random(in: 0...2, using: &random) {
            case 0: bytes[place] = UInt8.random(in: 0...255, using: &random)
            case 1: bytes.remove(at: place)
            default: bytes.insert(contentsOf: random.bytes(upTo: 4), at: place)
            }
        }
    }

    /// A secret of random bytes makes a verifier, or is refused.
    private static func secret(_ scheme: SignatureScheme, _ random: inout WebhookRandom) {
        let prefix = ["", "whsec_", "whpk_", "whsk_"].randomElement(using: &random) ?? ""
        let bytes = Bool.random(using: &random) ? random.bytes(upTo: 80) : Array(text(&random).utf8)
        let secret = WebhookSecret(bytes: Array(prefix.utf8) + bytes)
        _ = try? SignatureVerifier(scheme: scheme, secrets: [secret]).verdict(on: Sample.post(), at: Sample.now)
        _ = try? GenericHMAC(signatureHeader: text(&random), signedContent: text(&random) + "{body}")
    }
}

@Suite("Posts of random bytes")
struct SignatureFuzzTests {
    @Test(
        "However headers, body and secret are broken, half a million strings in all, there is a verdict, and none of noise is accepted"
    )
    func noise() throws {
        try SignatureFuzz.run(seed: WebhookOracle.seed, count: 150_000)
    }

    @Test("However a line of the batch form is broken, there is one answer of one line")
    func lines() {
        var random = WebhookRandom(seed: WebhookOracle.seed)
        for _ in 0..<3_000 {
            var line = Array((WebhookVector.lines.randomElement(using: &random) ?? "").utf8)
            for _ in 0..<Int.random(in: 1...6, using: &random) {
                let place = Int.random(in: 0..<line.count, using: &random)
                switch Int.random(in: 0...2, using: &random) {
                case 0: line[place] = UInt8.random(in: 0...255, using: &random)
                case 1: line.removeSubrange(place..<min(place + 5, line.count))
                default: line.insert(contentsOf: Array("\"{[:,0e".utf8).shuffled(using: &random).prefix(2), at: place)
                }
                if line.isEmpty { line = [0] }
            }
            let answer = webhooksVerifyJSONLine(String(decoding: line, as: UTF8.self), now: Sample.now)
            #expect(answer.hasPrefix("{\"valid\":") || answer.hasPrefix("{\"error\":"), "seed \(WebhookOracle.seed)")
            #expect(!answer.contains("\n"))
        }
    }
}

@Suite("Posts of random bytes, for long", .enabled(if: ProcessInfo.processInfo.environment["BURSAR_SOAK"] != nil))
struct SignatureFuzzSoakTests {
    @Test("Two million posts of random bytes get their verdicts")
    func noise() throws {
        for round in 0..<20 { try SignatureFuzz.run(seed: WebhookOracle.seed &+ UInt64(round), count: 100_000) }
    }
}
