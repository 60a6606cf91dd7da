import CivilTime
import Foundation
import Testing
import Webhooks

@Suite("Standard Webhooks, rule by rule")
struct SignatureRuleTests {
    private func reason(_ post: ReceivedPost, at instant: Instant = Sample.now) throws -> Verdict.Reason? {
        try Sample.verdict(post, at: instant).reason
    }

    @Test("A good post tells its id, its time, what was covered and which secret fits")
    func good() throws {
        let secret = WebhookSecret(Sample.secret)
        let verdict = try Sample.verdict(Sample.post(), secrets: [WebhookSecret(Sample.other), secret])
        #expect(
            verdict
                == Verdict(
                    verifiedHeaders: ["webhook-id", "webhook-timestamp", "webhook-signature"],
                    claimedID: "msg_1",
                    sentAt: Sample.now,
                    secretFingerprint: secret.fingerprint
                )
        )
        #expect(secret.fingerprint.count == 8)
    }

    @Test(
        "The tolerance counts both ways, to the second",
        arguments: [(-301, false), (-300, true), (300, true), (301, false)]
    )
    func tolerance(offset: Int, isValid: Bool) throws {
        let post = Sample.post(at: Sample.now.secondsSinceEpoch + offset)
        #expect(try reason(post) == (isValid ? nil : (offset < 0 ? .stale : .future)))
    }

    @Test("A tolerance of zero is the same second, and no way to switch the check off")
    func zero() throws {
        let verifier = try SignatureVerifier(
            scheme: .standardWebhooks,
            secrets: [WebhookSecret(Sample.secret)],
            tolerance: .zero
        )
        func reason(_ offset: Int) -> Verdict.Reason? {
            verifier.verdict(on: Sample.post(at: Sample.now.secondsSinceEpoch + offset), at: Sample.now).reason
        }
        #expect([reason(-1), reason(0), reason(1)] == [.stale, nil, .future])
    }

    @Test("Times at the ends of 64 bits are stale or future, and end nothing")
    func extremes() throws {
        for (text, reason) in [
            ("-9223372036854775808", Verdict.Reason.stale), ("9223372036854775807", .future),
            ("9223372036854775808", .badTimestamp), ("-0", .badTimestamp), ("٣", .badTimestamp), ("0", .stale),
        ] {
            var post = Sample.post()
            post.headers[1].value = text
            for instant in [Sample.now, .epoch.adding(.seconds(1 << 40))] {
                #expect(try self.reason(post, at: instant) == reason, "\(text)")
            }
        }
    }

    @Test("Names of headers are read without their case; one that came twice is refused, even with the same value")
    func headerNames() throws {
        var post = Sample.post()
        post.headers = post.headers.map { (name: $0.name.uppercased(), value: $0.value) }
        #expect(try reason(post) == nil)
        for name in ["webhook-id", "Webhook-Timestamp", "WEBHOOK-SIGNATURE"] {
            let same = try #require(post.headers.first { $0.name == name.uppercased() }).value
            let twice = Sample.post(more: [(name: name, value: same)])
            #expect(try reason(twice) == .malformedSignature, "\(name)")
        }
        #expect(try reason(Sample.post(more: [(name: "date", value: "a"), (name: "date", value: "b")])) == nil)
    }

    @Test("A header that is missing or empty is told as missing", arguments: 0..<3)
    func missing(place: Int) throws {
        var post = Sample.post()
        post.headers[place].value = ""
        #expect(try reason(post) == .missingHeader)
        post.headers.remove(at: place)
        #expect(try reason(post) == .missingHeader)
    }

    @Test("Ids have 1 to 255 bytes, no dot and no control character")
    func ids() throws {
        let long = String(repeating: "a", count: 255)
        for (id, isGood) in [
            (long, true), (long + "a", false), (String(repeating: "ក", count: 86), false), ("a.b", false),
            ("a b", true),
            ("a\u{0}b", false), ("a\tb", false), ("a\u{7F}", false), ("a\u{85}", false), ("លេខ", true),
        ] {
            #expect(try reason(Sample.post(id: id)) == (isGood ? nil : .badID), "\(id)")
        }
    }

    @Test("Sixteen signatures are tried, more are refused")
    func sixteen() throws {
        let wrong = Sample.signature(Sample.other)
        func list(_ count: Int) -> String {
            (Array(repeating: wrong, count: count - 1) + [Sample.signature()]).joined(separator: " ")
        }
        #expect(try reason(Sample.post(signature: list(16))) == nil)
        #expect(try reason(Sample.post(signature: list(17))) == .tooManySignatures)
    }

    @Test("An entry that cannot be read does not spoil one that fits; where none fits, a base64 cut short is told")
    func entries() throws {
        let good = Sample.signature()
        for (list, expected) in [
            ("v1 \(good)", nil), ("nonsense  \(good) v9,x", nil), ("v1,@@@@ \(good)", nil), ("v1,AAA \(good)", nil),
            ("v1", Verdict.Reason.noMatch), ("V1,\(good.dropFirst(3))", .noMatch), ("v1,", .noMatch),
            ("v1,\(good.dropFirst(3).dropLast())", .malformedSignature),
            ("v1,\(good.dropFirst(4))", .malformedSignature),
            ("v1,\(good.dropFirst(3).replacing("=", with: "=="))", .malformedSignature), (" \(good) ", nil),
            ("v1a,\(good.dropFirst(3))", .noMatch),
            ("v1,\u{A0}\(good.dropFirst(3))", .malformedSignature), ("v1,**\(good.dropFirst(3))", .malformedSignature),
            ("\(good),x", .noMatch), ("\(good)\tv1,AAAA", .noMatch), ("v1,\(good.dropFirst(3))\n", .malformedSignature),
            ("v1, \(good.dropFirst(3))", .noMatch),
        ] as [(String, Verdict.Reason?)] {
            #expect(try reason(Sample.post(signature: list)) == expected, "\(list)")
        }
    }

    @Test("A signature that fits in its first or last bytes only does not fit")
    func partly() throws {
        let key = Sample.key(Sample.secret)
        let message = Array("msg_1.\(Sample.now.secondsSinceEpoch).".utf8) + Sample.body
        let right = SignatureCrypto.hmac(.sha256, key: key, message: message)
        for place in right.indices {
            var wrong = right
            wrong[place] ^= 1
            let entry = "v1," + SignatureText.base64(encoding: wrong)
            #expect(try reason(Sample.post(signature: entry)) == .noMatch)
        }
        for short in [Array(right.prefix(16)), [], right + [0]] {
            let entry = "v1," + SignatureText.base64(encoding: short)
            #expect(try reason(Sample.post(signature: entry)) == .noMatch)
        }
    }

    @Test("Another prefix of the headers is the same scheme")
    func prefix() throws {
        let scheme = SignatureScheme.standardWebhooks(try StandardWebhooks(headerPrefix: "svix"))
        let verifier = try SignatureVerifier(scheme: scheme, secrets: [WebhookSecret(Sample.secret)])
        var post = Sample.post()
        #expect(verifier.verdict(on: post, at: Sample.now).reason == .missingHeader)
        post.headers = post.headers.map { (name: $0.name.replacing("webhook", with: "svix"), value: $0.value) }
        #expect(verifier.verdict(on: post, at: Sample.now).isValid)
        #expect(scheme.headers == ["svix-id", "svix-timestamp", "svix-signature"])
    }
}
