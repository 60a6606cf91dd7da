import CivilTime
import Foundation
import Testing
import Webhooks

@Suite("Stripe, GitHub, and senders of their own way")
struct SchemeTests {
    private let key = "a phrase of two sides"

    private func hex(_ message: String, _ algorithm: SignatureAlgorithm = .sha256) -> String {
        SignatureText.hex(SignatureCrypto.hmac(algorithm, key: Array(key.utf8), message: Array(message.utf8)))
    }

    private func verdict(_ scheme: SignatureScheme, _ headers: [String: String], body: String = "{}") throws -> Verdict
    {
        let verifier = try SignatureVerifier(scheme: scheme, secrets: [WebhookSecret(key)])
        let post = ReceivedPost(
            headers: headers.map { (name: $0.key, value: $0.value) },
            body: Array(body.utf8)
        )
        return verifier.verdict(on: post, at: Sample.now)
    }

    @Test("Stripe: what its header may be")
    func stripe() throws {
        let time = Sample.now.secondsSinceEpoch
        let good = hex("\(time).{}")
        for (text, reason) in [
            ("t=\(time),v1=\(good)", nil), ("v1=\(good),t=\(time)", nil), ("t=\(time),v1=00,v1=\(good),v0=1,v2=2", nil),
            ("t=\(time),v1=\(good),junk", nil), ("v1=\(good)", Verdict.Reason.malformedSignature),
            ("junk", .malformedSignature),
            ("t=soon,v1=\(good)", .badTimestamp), ("t=,v1=\(good)", .badTimestamp), ("t=\(time)", .noV1),
            ("t=\(time),v1=\(good.uppercased())", .noMatch), ("t=\(time),v1=", .noMatch),
            ("t=\(time + 301),v1=\(hex("\(time + 301).{}"))", .future),
            ("t=\(time - 301),v1=\(hex("\(time - 301).{}"))", .stale),
            ("t=\(time)" + String(repeating: ",v1=\(good)", count: 17), .tooManySignatures),
        ] as [(String, Verdict.Reason?)] {
            #expect(try verdict(.stripe, ["stripe-signature": text]).reason == reason, "\(text)")
        }
    }

    @Test("GitHub: the delivery's id is told, and told to be unsigned")
    func github() throws {
        let headers = ["X-Hub-Signature-256": "sha256=" + hex("{}"), "X-GitHub-Delivery": "72d3162e-cc78"]
        let good = try verdict(.github, headers)
        #expect(good.isValid && good.claimedID == "72d3162e-cc78" && good.verifiedHeaders == ["X-Hub-Signature-256"])
        for (text, reason) in [
            (hex("{}"), Verdict.Reason.malformedSignature), ("sha256=" + hex("{}").uppercased(), .malformedSignature),
            ("sha256=" + hex("{} "), .noMatch), ("sha256=" + hex("{}", .sha512), .malformedSignature),
            ("", .missingHeader),
        ] {
            let changed = headers.merging(["X-Hub-Signature-256": text]) { $1 }
            #expect(try verdict(.github, changed).reason == reason, "\(text)")
        }
        let long = headers.merging(["X-GitHub-Delivery": String(repeating: "1", count: 256)]) { $1 }
        #expect(try verdict(.github, long).reason == .badID)
    }

    @Test("A sender's own way: algorithm, writing, prefix, headers and template")
    func generic() throws {
        let time = "\(Sample.now.secondsSinceEpoch)123"
        let scheme = SignatureScheme.generic(
            try GenericHMAC(
                algorithm: .sha384,
                encoding: .base64url,
                signatureHeader: "X-Sign",
                prefix: "v0=",
                timestampHeader: "X-Time",
                timestampUnit: .milliseconds,
                idHeader: "X-Message",
                signedContent: "v0:{id}:{timestamp}:{body}"
            )
        )
        let value = SignatureCrypto.hmac(.sha384, key: Array(key.utf8), message: Array("v0:m/1:\(time):{}".utf8))
        let text = SignatureText.base64(encoding: value).replacing("+", with: "-").replacing("/", with: "_")
        let headers = ["x-sign": "v0=\(text)", "X-TIME": time, "x-message": "m/1"]
        let good = try verdict(scheme, headers)
        #expect(good.isValid && good.verifiedHeaders == ["X-Sign", "X-Time", "X-Message"] && good.claimedID == "m/1")
        for (name, value, reason) in [
            ("x-sign", text, Verdict.Reason.malformedSignature), ("X-TIME", "\(Sample.now.secondsSinceEpoch)", .stale),
            ("x-message", "m/2", .noMatch), ("x-message", "", .missingHeader), ("x-message", "\u{1}", .badID),
        ] {
            #expect(try verdict(scheme, headers.merging([name: value]) { $1 }).reason == reason, "\(name): \(value)")
        }
    }

    @Test("An id that is not signed is told, and not among what was covered; hexadecimal digits may be large")
    func unsignedID() throws {
        let scheme = SignatureScheme.generic(try GenericHMAC(idHeader: "X-Id"))
        let verdict = try verdict(scheme, ["X-Signature": hex("{}").uppercased(), "X-Id": "7"])
        #expect(verdict.isValid && verdict.claimedID == "7" && verdict.verifiedHeaders == ["X-Signature"])
    }

    @Test(
        "A template that would leave a gap is refused",
        arguments: [
            "{body", "{bodies}", "{}", "}{body}", "{{body}}", "{body}{body}", "{id}", "", "{id}.{body}", "body",
        ]
    )
    func template(text: String) {
        let error = #expect(throws: SchemeError.self) { try GenericHMAC(signedContent: text) }
        #expect(error?.code == .badTemplate)
    }

    @Test("A timestamp's header must be signed, and headers must be names of headers, each for one thing")
    func options() {
        func code(_ make: () throws -> Void) -> SchemeError.Code? {
            #expect(throws: SchemeError.self, performing: make)?.code
        }
        #expect(code { _ = try GenericHMAC(timestampHeader: "X-Time") } == .badTemplate)
        #expect(code { _ = try GenericHMAC(signatureHeader: "X Signature") } == .badHeader)
        #expect(code { _ = try GenericHMAC(signatureHeader: "X-A", idHeader: "x-a") } == .badHeader)
        #expect(code { _ = try StandardWebhooks(headerPrefix: "a:b") } == .badHeader)
        #expect(code { _ = try PayWayPushback(signatureHeader: "X-A", precision: 18) } == .badOption)
    }

    @Test("Every scheme has its name, and reasons their class of answer")
    func names() {
        for name in SignatureScheme.names { #expect(SignatureScheme.named(name)?.name == name) }
        #expect(SignatureScheme.named("nonsense") == nil)
        #expect(Verdict.Reason.allCases.count == 11)
        #expect(Verdict.Reason.allCases.filter { $0.suggestedStatus == 401 } == [.noMatch])
    }
}
