import CivilTime
import Foundation
import Testing
import Webhooks

@Suite("Secrets of webhooks")
struct SignatureSecretTests {
    private let before = Sample.now.adding(.seconds(-1))
    private let after = Sample.now.adding(.seconds(1))

    @Test("While a secret is replaced, both fit; before its time and from its end on, a secret does not")
    func rotation() throws {
        let old = WebhookSecret(Sample.other, validUntil: Sample.now)
        let new = WebhookSecret(Sample.secret, validFrom: Sample.now)
        func fits(_ secret: String, at instant: Instant, among secrets: [WebhookSecret]) throws -> Bool {
            let post = Sample.post(signature: Sample.signature(secret))
            let verdict = try Sample.verdict(post, secrets: secrets, at: instant)
            #expect(verdict.isValid || verdict.reason == .noMatch)
            return verdict.isValid
        }
        let secrets = [old, new]
        #expect(try fits(Sample.other, at: before, among: secrets))
        #expect(try !fits(Sample.secret, at: before, among: secrets))
        #expect(try !fits(Sample.other, at: Sample.now, among: secrets))
        #expect(try fits(Sample.secret, at: Sample.now, among: secrets))
        let open = [WebhookSecret(Sample.other), WebhookSecret(Sample.secret)]
        for secret in [Sample.secret, Sample.other] { #expect(try fits(secret, at: after, among: open)) }
    }

    @Test(
        "Secrets that Standard Webhooks does not allow are refused before the first post, with what to do",
        arguments: [
            "", "whsec_", "whsec_MTIzNDU2Nzg=", "whsec_not base64 at all, not at all!",
            "whsec_" + Data(repeating: 1, count: 23).base64EncodedString(),
            "whsec_" + Data(repeating: 1, count: 65).base64EncodedString(),
            "whpk_" + Data(repeating: 1, count: 31).base64EncodedString(),
            "whsk_" + Data(repeating: 1, count: 64).base64EncodedString(),
        ]
    )
    func unfit(secret: String) throws {
        let error = try #require(throws: SchemeError.self) {
            try SignatureVerifier(scheme: .standardWebhooks, secrets: [WebhookSecret(secret)])
        }
        #expect(error.code == .badSecret && !error.remedy.isEmpty)
        #expect(secret.count < 8 || !error.description.contains(secret.dropFirst(6)), "a message shows no secret")
    }

    @Test("24 and 64 bytes are allowed, and one unfit secret among good ones is still refused")
    func bounds() throws {
        for count in [24, 64] {
            let secret = WebhookSecret("whsec_" + Data(repeating: 7, count: count).base64EncodedString())
            _ = try SignatureVerifier(scheme: .standardWebhooks, secrets: [secret])
            #expect(throws: SchemeError.self) {
                try SignatureVerifier(scheme: .standardWebhooks, secrets: [secret, WebhookSecret("whsec_AAAA")])
            }
        }
    }

    @Test(
        "Elsewhere twelve bytes are the least",
        arguments: [SignatureScheme.stripe, .github, .payway, .generic(.plain)]
    )
    func shortest(scheme: SignatureScheme) throws {
        _ = try SignatureVerifier(scheme: scheme, secrets: [WebhookSecret("123456789012")])
        #expect(throws: SchemeError.self) {
            try SignatureVerifier(scheme: scheme, secrets: [WebhookSecret("12345678901")])
        }
        #expect(throws: SchemeError.self) { try SignatureVerifier(scheme: scheme, secrets: []) }
    }

    @Test("A secret that counts at no time, and a negative tolerance, are refused")
    func never() {
        let secret = WebhookSecret(Sample.secret, validFrom: Sample.now, validUntil: Sample.now)
        let error = #expect(throws: SchemeError.self) {
            try SignatureVerifier(scheme: .standardWebhooks, secrets: [secret])
        }
        #expect(error?.code == .badSecret)
        let other = #expect(throws: SchemeError.self) {
            try SignatureVerifier(
                scheme: .standardWebhooks,
                secrets: [WebhookSecret(Sample.secret)],
                tolerance: .seconds(-1)
            )
        }
        #expect(other?.code == .badTolerance)
    }

    @Test("Printed, dumped or interpolated, a secret is its fingerprint")
    func silence() {
        let secret = WebhookSecret("It's a Secret to Everybody")
        var dumped = ""
        dump(secret, to: &dumped)
        for text in ["\(secret)", String(reflecting: secret), dumped, "\([secret])"] {
            #expect(text.contains(secret.fingerprint) && !text.contains("Everybody") && !text.contains("73"), "\(text)")
        }
    }

    @Test("The line end of a secret's file is not part of the secret")
    func lineEnd() {
        for end in ["\n", "\r\n"] {
            #expect(WebhookSecret(Sample.secret + end).fingerprint == WebhookSecret(Sample.secret).fingerprint)
        }
        #expect(WebhookSecret(Sample.secret + " ").fingerprint != WebhookSecret(Sample.secret).fingerprint)
    }
}
