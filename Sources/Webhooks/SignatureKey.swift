/// A secret as its scheme uses it.
struct SigningKey: Sendable {
    enum Material: Sendable {
        /// The key of an HMAC.
        case shared([UInt8])
        /// An ed25519 public key of 32 bytes.
        case publicKey([UInt8])
    }

    let material: Material
    let secret: WebhookSecret

    /// The fewest bytes of a secret that sender and receiver agreed on.
    ///
    /// Whoever sees one signed post can try secrets offline, as fast as a machine hashes: 12 characters of a password
    /// generator (71 bits) are out of reach, 8 (47 bits) are an afternoon. Standard Webhooks asks for 24 bytes itself.
    static let fewestBytes = 12

    /// - Throws: the secret is not one of the scheme, or counts at no time.
    init(_ secret: WebhookSecret, for scheme: SignatureScheme) throws(SchemeError) {
        if let from = secret.validFrom, let until = secret.validUntil, until <= from {
            throw SchemeError(
                .badSecret,
                "\(secret) counts at no time: it ends at \(until) and begins at \(from)",
                remedy: "put its beginning before its end"
            )
        }
        self.secret = secret
        if case .standardWebhooks = scheme.kind {
            material = try Self.standard(secret)
        } else {
            guard secret.bytes.count >= Self.fewestBytes else {
                throw SchemeError(
                    .badSecret,
                    "\(secret) has \(secret.bytes.count) bytes, and \(Self.fewestBytes) are the least",
                    remedy: "have the sender make a longer one: a short secret can be guessed from one signed post"
                )
            }
            material = .shared(secret.bytes)
        }
    }

    /// Reads `whsec_` and base64 (the prefix and the padding may be missing), or `whpk_` and a public key.
    private static func standard(_ secret: WebhookSecret) throws(SchemeError) -> Material {
        if secret.bytes.starts(with: "whsk_".utf8) {
            throw SchemeError(
                .badSecret,
                "\(secret) is a private key, which only the sender may have",
                remedy: "use its public key, whpk_…, and have the sender replace this one"
            )
        }
        if let text = rest(of: secret.bytes, after: "whpk_") {
            guard let key = SignatureText.base64(text, padding: .optional), key.count == 32 else {
                throw SchemeError(
                    .badSecret,
                    "\(secret) is no ed25519 public key",
                    remedy: "copy it whole: whpk_ and the base64 of 32 bytes"
                )
            }
            return .publicKey(key)
        }
        let text = rest(of: secret.bytes, after: "whsec_") ?? secret.bytes[...]
        guard let key = SignatureText.base64(text, padding: .optional) else {
            throw SchemeError(
                .badSecret,
                "\(secret) is not base64",
                remedy: "copy it whole, as the sender shows it: whsec_ and base64"
            )
        }
        guard (24...64).contains(key.count) else {
            throw SchemeError(
                .badSecret,
                "\(secret) has \(key.count) bytes, and Standard Webhooks asks for 24 to 64",
                remedy: "have the sender make another one"
            )
        }
        return .shared(key)
    }

    private static func rest(of bytes: [UInt8], after prefix: String) -> ArraySlice<UInt8>? {
        bytes.starts(with: prefix.utf8) ? bytes.dropFirst(prefix.utf8.count) : nil
    }
}

extension [SigningKey] {
    /// The key under which one of the candidates is the message's HMAC.
    ///
    /// Every key is tried on every candidate, also after one fits: how long it takes tells nothing about which did.
    func match(_ candidates: [[UInt8]], _ algorithm: SignatureAlgorithm, message: [UInt8]) -> SigningKey? {
        var found: Int?
        for (place, key) in enumerated() {
            guard case .shared(let bytes) = key.material else { continue }
            let expected = SignatureCrypto.hmac(algorithm, key: bytes, message: message)
            for candidate in candidates where SignatureCrypto.isEqual(candidate, expected) { found = place }
        }
        return found.map { self[$0] }
    }

    /// The public key that one of the candidates is an ed25519 signature by.
    func match(publicKeySignatures candidates: [[UInt8]], message: [UInt8]) -> SigningKey? {
        var found: Int?
        for (place, key) in enumerated() {
            guard case .publicKey(let bytes) = key.material else { continue }
            for candidate in candidates where SignatureCrypto.isSigned(message, by: candidate, publicKey: bytes) {
                found = place
            }
        }
        return found.map { self[$0] }
    }
}
