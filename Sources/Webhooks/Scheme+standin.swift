// A stand-in for the signature schemes, which are built beside this: the shapes that the inbox uses, and one scheme,
// the HMAC-SHA256 of the body in hexadecimal. The merge removes this file.

package import CivilTime
internal import COpenSSL

package struct ReceivedPost: Sendable {
    package var headers: [(name: String, value: String)]
    package var body: [UInt8]

    package init(headers: [(name: String, value: String)], body: [UInt8]) {
        self.headers = headers
        self.body = body
    }
}

package struct WebhookSecret: Sendable {
    let bytes: [UInt8]
    package let validFrom: Instant?
    package let validUntil: Instant?

    package init(bytes: [UInt8], validFrom: Instant? = nil, validUntil: Instant? = nil) {
        var bytes = bytes
        while let last = bytes.last, last == 0x0A || last == 0x0D { bytes.removeLast() }
        self.bytes = bytes
        self.validFrom = validFrom
        self.validUntil = validUntil
    }

    package var fingerprint: String { String(SignatureText.hex(SignatureCrypto.sha256(bytes)).prefix(8)) }

    package func isValid(at now: Instant) -> Bool {
        validFrom.map { $0 <= now } ?? true && validUntil.map { now < $0 } ?? true
    }
}

package struct SchemeError: Error, Sendable {
    package let problem: String
    package let remedy: String
}

package enum SignatureAlgorithm: String, Sendable, CaseIterable { case sha256, sha384, sha512 }

package struct GenericHMAC: Sendable {
    package enum Encoding: String, Sendable, CaseIterable { case hex, base64, base64url }
    package enum TimestampUnit: String, Sendable, CaseIterable { case seconds, milliseconds }

    let signatureHeader: String
    let idHeader: String?

    package init(
        algorithm: SignatureAlgorithm = .sha256,
        encoding: Encoding = .hex,
        signatureHeader: String = "X-Signature",
        prefix: String = "",
        timestampHeader: String? = nil,
        timestampUnit: TimestampUnit = .seconds,
        idHeader: String? = nil,
        signedContent: String = "{body}"
    ) throws(SchemeError) {
        self.signatureHeader = signatureHeader
        self.idHeader = idHeader
    }
}

package struct StandardWebhooks: Sendable {
    package init(headerPrefix: String) throws(SchemeError) {}
}

package struct StripeWebhooks: Sendable {
    package init(signatureHeader: String) throws(SchemeError) {}
}

package struct GitHubWebhooks: Sendable {
    package init(signatureHeader: String, deliveryHeader: String) throws(SchemeError) {}
}

package struct PayWayPushback: Sendable {
    package init(signatureHeader: String, precision: Int = 14) throws(SchemeError) {}
}

package struct SignatureScheme: Sendable {
    package var name: String
    var header = "X-Signature"
    var idHeader: String?

    package static let names = ["standard-webhooks", "stripe", "github", "payway", "generic"]

    package static func named(_ name: String) -> SignatureScheme? {
        names.contains(name) ? SignatureScheme(name: name) : nil
    }

    package static func standardWebhooks(_ options: StandardWebhooks) -> Self { Self(name: "standard-webhooks") }
    package static func stripe(_ options: StripeWebhooks) -> Self { Self(name: "stripe") }
    package static func github(_ options: GitHubWebhooks) -> Self { Self(name: "github") }
    package static func payway(_ options: PayWayPushback) -> Self { Self(name: "payway") }
    package static func generic(_ options: GenericHMAC) -> Self {
        Self(name: "generic", header: options.signatureHeader, idHeader: options.idHeader)
    }
}

package struct Verdict: Sendable {
    package enum Reason: String, Sendable {
        case missingHeader = "missing_header"
        case malformedSignature = "malformed_signature"
        case noMatch = "no_match"

        package var suggestedStatus: Int { self == .noMatch ? 401 : 400 }
    }

    package var reason: Reason?
    package var verifiedHeaders: [String] = []
    package var claimedID: String?
    package var secretFingerprint: String?

    package var isValid: Bool { reason == nil }

    package init(
        reason: Reason? = nil,
        verifiedHeaders: [String] = [],
        claimedID: String? = nil,
        secretFingerprint: String? = nil
    ) {
        self.reason = reason
        self.verifiedHeaders = verifiedHeaders
        self.claimedID = claimedID
        self.secretFingerprint = secretFingerprint
    }
}

package enum SignatureCrypto {
    package static func sha256(_ bytes: [UInt8]) -> [UInt8] {
        var digest = [UInt8](repeating: 0, count: Int(SHA256_DIGEST_LENGTH))
        _ = SHA256(bytes, bytes.count, &digest)
        return digest
    }
}

package enum SignatureText {
    package static func hex(_ bytes: [UInt8]) -> String {
        let digits = Array("0123456789abcdef".utf8)
        var text: [UInt8] = []
        for byte in bytes {
            text.append(digits[Int(byte >> 4)])
            text.append(digits[Int(byte & 15)])
        }
        return String(decoding: text, as: UTF8.self)
    }
}

package struct SignatureVerifier: Sendable {
    private let scheme: SignatureScheme
    private let secrets: [WebhookSecret]

    package init(
        scheme: SignatureScheme,
        secrets: [WebhookSecret],
        tolerance: Duration = .seconds(300)
    ) throws(SchemeError) {
        if secrets.isEmpty { throw SchemeError(problem: "there is no secret", remedy: "name the sender's secret") }
        if secrets.contains(where: { $0.bytes.count < 12 }) {
            throw SchemeError(problem: "a secret is too short", remedy: "have the sender make a longer one")
        }
        self.scheme = scheme
        self.secrets = secrets
    }

    package func verdict(on post: ReceivedPost, at now: Instant) -> Verdict {
        func value(_ name: String) -> String? {
            post.headers.first { $0.name.lowercased() == name.lowercased() }?.value
        }
        guard let given = value(scheme.header) else { return Verdict(reason: .missingHeader) }
        guard given.utf8.count == 64 else { return Verdict(reason: .malformedSignature) }
        for secret in secrets where secret.isValid(at: now) {
            var digest = [UInt8](repeating: 0, count: 32)
            var length: UInt32 = 0
            HMAC(EVP_sha256(), secret.bytes, Int32(secret.bytes.count), post.body, post.body.count, &digest, &length)
            let hex = SignatureText.hex(digest)
            guard zip(hex.utf8, given.utf8).reduce(0, { $0 | ($1.0 ^ $1.1) }) == 0 else { continue }
            var verdict = Verdict(verifiedHeaders: [scheme.header], secretFingerprint: secret.fingerprint)
            verdict.claimedID = scheme.idHeader.flatMap(value)
            return verdict
        }
        return Verdict(reason: .noMatch)
    }
}
