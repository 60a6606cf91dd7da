import CivilTime
import Foundation
import Testing
import Webhooks

/// Random posts, signed by Python's `hmac` and by `openssl`.
@Suite("Signatures against independent oracles")
struct SignatureOracleTests {
    private static let count = 1_500
    private let seed = WebhookOracle.seed

    @Test(
        "What Python signs is valid, and is not once a bit of it changes",
        .enabled(if: WebhookOracle.hasPython, "python3 is not installed")
    )
    func python() throws {
        var random = WebhookRandom(seed: seed)
        let cases = (0..<Self.count).map { _ in
            (key: (0..<24).map { _ in UInt8.random(in: 0...255, using: &random) }, body: random.bytes(upTo: 300))
        }
        let program = """
            import base64, hashlib, hmac, sys
            for line in sys.stdin:
                key, body = (bytes.fromhex(part) for part in line.rstrip('\\n').split(' '))
                standard = hmac.new(key, b'msg_1.1769580000.' + body, hashlib.sha256).digest()
                text = base64.b64encode(key)
                print(base64.b64encode(standard).decode(),
                      hmac.new(text, b'1769580000.' + body, hashlib.sha256).hexdigest(),
                      hmac.new(text, body, hashlib.sha256).hexdigest(),
                      base64.urlsafe_b64encode(hmac.new(text, b'1769580000:' + body, hashlib.sha512).digest()).decode())
            """
        let lines = cases.map { "\(SignatureText.hex($0.key)) \(SignatureText.hex($0.body))" }
        let answers = try WebhookOracle.python(program, input: lines)
        #expect(answers.count == cases.count)
        for (case_, answer) in zip(cases, answers) {
            let parts = answer.split(separator: " ").map(String.init)
            let secret = SignatureText.base64(encoding: case_.key)
            for (scheme, headers) in try Self.posts(parts) {
                let verifier = try SignatureVerifier(scheme: scheme, secrets: [WebhookSecret(secret)])
                var post = ReceivedPost(headers: headers, body: case_.body)
                #expect(verifier.verdict(on: post, at: Sample.now).isValid, "seed \(seed): \(scheme.name) \(case_)")
                Self.changeOneBit(of: &post.body, &random)
                #expect(verifier.verdict(on: post, at: Sample.now).reason == .noMatch, "seed \(seed): \(scheme.name)")
            }
        }
    }

    @Test(
        "PayWay's signature of any object is what Python makes of PHP's rules",
        .enabled(if: WebhookOracle.hasPython, "python3 is not installed")
    )
    func payway() throws {
        var random = WebhookRandom(seed: seed)
        let bodies = (0..<Self.count).map { _ in random.object() }
        let program =
            WebhookOracle.php + """
                for line in sys.stdin:
                    message = base(line.rstrip('\\n')).encode()
                    value = base64.b64encode(hmac.new(b'test-payway-api-key', message, hashlib.sha512).digest())
                    print(value.decode(), message.hex())
                """
        let answers = try WebhookOracle.python(program, input: bodies)
        #expect(answers.count == bodies.count)
        let verifier = try SignatureVerifier(scheme: .payway, secrets: [WebhookSecret("test-payway-api-key")])
        for (body, answer) in zip(bodies, answers) {
            let parts = answer.split(separator: " ", omittingEmptySubsequences: false)
            let post = ReceivedPost(
                headers: [(name: "X-PAYWAY-HMAC-SHA512", value: String(parts[0]))],
                body: Array(body.utf8)
            )
            let printed = PayWayPushback.message(of: post.body)
            #expect(printed.map(SignatureText.hex) == String(parts[1]), "seed \(seed): \(body)")
            #expect(verifier.verdict(on: post, at: Sample.now).isValid, "seed \(seed): \(body)")
        }
    }

    @Test(
        "What openssl signs with ed25519 is valid, and is not once a bit of it changes",
        .enabled(if: WebhookOracle.hasOpenSSL, "openssl is not installed")
    )
    func ed25519() throws {
        let program = """
            set -e
            openssl genpkey -algorithm ed25519 -out key 2>/dev/null
            openssl pkey -in key -pubout -outform DER 2>/dev/null | tail -c 32 | base64 -w0
            echo
            while read -r body; do
                printf 'msg_1.1769580000.%s' "$body" >message
                openssl pkeyutl -sign -rawin -inkey key -in message | base64 -w0
                echo
            done
            """
        var random = WebhookRandom(seed: seed)
        let bodies = (0..<20).map { _ in SignatureText.hex(random.bytes(upTo: 200)) + "-" }
        let answers = try WebhookOracle.run(["bash", "-c", program], input: bodies.joined(separator: "\n") + "\n")
        #expect(answers.count == bodies.count + 1)
        let secrets = [WebhookSecret(Sample.secret), WebhookSecret("whpk_" + (answers.first ?? ""))]
        let verifier = try SignatureVerifier(scheme: .standardWebhooks, secrets: secrets)
        for (body, signature) in zip(bodies, answers.dropFirst()) {
            var post = Sample.post(signature: "\(Sample.signature(Sample.other)) v1a,\(signature)")
            post.body = Array(body.utf8)
            let verdict = verifier.verdict(on: post, at: Sample.now)
            #expect(verdict.secretFingerprint == secrets[1].fingerprint, "seed \(seed): \(body)")
            post.headers[2].value = "v1,\(signature)"
            #expect(verifier.verdict(on: post, at: Sample.now).reason == .noMatch)
            post.headers[2].value = "v1a,\(signature)"
            Self.changeOneBit(of: &post.body, &random)
            #expect(verifier.verdict(on: post, at: Sample.now).reason == .noMatch, "seed \(seed): \(body)")
        }
    }

    /// The same post in the ways of four senders, from what Python signed.
    private static func posts(_ parts: [String]) throws -> [(SignatureScheme, [(name: String, value: String)])] {
        let time = (name: "webhook-timestamp", value: "1769580000")
        let own = try GenericHMAC(
            algorithm: .sha512,
            encoding: .base64url,
            timestampHeader: time.name,
            signedContent: "{timestamp}:{body}"
        )
        return [
            (
                .standardWebhooks,
                [(name: "webhook-id", value: "msg_1"), time, (name: "webhook-signature", value: "v1,\(parts[0])")]
            ),
            (.stripe, [(name: "Stripe-Signature", value: "t=1769580000,v1=\(parts[1])")]),
            (.github, [(name: "X-Hub-Signature-256", value: "sha256=\(parts[2])")]),
            (.generic(own), [(name: "X-Signature", value: parts[3]), time]),
        ]
    }

    private static func changeOneBit(of body: inout [UInt8], _ random: inout WebhookRandom) {
        guard let place = body.indices.randomElement(using: &random) else { return body.append(0) }
        body[place] ^= 1 << UInt8.random(in: 0...7, using: &random)
    }
}
