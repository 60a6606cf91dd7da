internal import COpenSSL
internal import Webhooks

/// The key by which this house knows its own links and return addresses again.
///
/// Every kind of token is signed with a key of its own, so that a token of one kind is none of another.
package struct ReturnKey: Sendable {
    private let bytes: [UInt8]

    /// The shortest secret that is taken, in bytes.
    package static let shortest = 32

    /// A key out of the text of its file; nil where the text is too short to be a secret.
    package init?(_ text: String) {
        guard text.utf8.count >= Self.shortest else { return nil }
        bytes = Array(text.utf8)
    }

    /// What a token may be for.
    enum Purpose: String {
        case bounce = "bursar/bounce/1"
        case unsubscribe = "bursar/unsubscribe/1"
    }

    /// The first bytes of HMAC-SHA-256 over a content, with the key of a purpose.
    func signature(of content: [UInt8], for purpose: Purpose, bytes count: Int) -> [UInt8] {
        let key = SignatureCrypto.hmac(.sha256, key: bytes, message: Array(purpose.rawValue.utf8))
        return Array(SignatureCrypto.hmac(.sha256, key: key, message: content).prefix(count))
    }

    /// The content of a token whose last bytes are its signature; nil where it is not ours.
    func content(ofToken token: [UInt8], for purpose: Purpose, signatureBytes count: Int) -> [UInt8]? {
        guard token.count > count else { return nil }
        let content = Array(token.dropLast(count))
        let right = signature(of: content, for: purpose, bytes: count)
        return EqualBytes.isSame(right, Array(token.suffix(count))) ? content : nil
    }
}

/// Comparison of secrets.
package enum EqualBytes {
    /// Takes as long whatever the first bytes are; nothing equals an empty value.
    package static func isSame(_ left: [UInt8], _ right: [UInt8]) -> Bool {
        guard left.count == right.count, !left.isEmpty else { return false }
        return CRYPTO_memcmp(left, right, left.count) == 0
    }
}

/// The secret that whoever brings reports must show.
package struct InboundSecret: Sendable {
    private let digest: [UInt8]

    package init(_ text: String) { digest = SignatureCrypto.sha256(Array(text.utf8)) }

    /// Whether what was shown is the secret; the time taken tells nothing of it, nor of its length.
    package func matches(_ shown: String) -> Bool {
        EqualBytes.isSame(digest, SignatureCrypto.sha256(Array(shown.utf8)))
    }
}
