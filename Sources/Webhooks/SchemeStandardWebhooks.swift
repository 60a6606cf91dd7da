/// Standard Webhooks 1.0.0 (standardwebhooks.com): `id.timestamp.body` under HMAC-SHA256 (`v1`) or ed25519 (`v1a`).
package struct StandardWebhooks: Sendable, Equatable {
    let idHeader: String
    let timestampHeader: String
    let signatureHeader: String

    /// The scheme with the headers of the specification.
    package init() { (idHeader, timestampHeader, signatureHeader) = Self.usual("webhook") }

    /// The scheme with headers of another prefix, as `svix` for `svix-id`, `svix-timestamp` and `svix-signature`.
    ///
    /// - Throws: the prefix is no beginning of a header's name.
    package init(headerPrefix: String) throws(SchemeError) {
        (idHeader, timestampHeader, signatureHeader) = Self.usual(headerPrefix)
        try HeaderName.check([idHeader, timestampHeader, signatureHeader])
    }

    private static func usual(_ prefix: String) -> (String, String, String) {
        ("\(prefix)-id", "\(prefix)-timestamp", "\(prefix)-signature")
    }
}

extension StandardWebhooks: SchemeCheck {
    func verdict(on post: ReceivedPost, keys: [SigningKey], window: TimeWindow) -> Verdict {
        var verdict = Verdict()
        do {
            let id = try required(idHeader, of: post).get()
            let timestamp = try required(timestampHeader, of: post).get()
            let list = try required(signatureHeader, of: post).get()
            let sent = try window.sentAt(timestamp)
            verdict.sentAt = sent
            try window.check(sent)
            // A dot would let the same bytes be read as another id with another timestamp.
            guard SignatureText.isID(id, without: UInt8(ascii: ".")) else { throw Verdict.Refusal(.badID) }
            verdict.claimedID = id
            let signatures = try Signatures(list)
            let message = Array("\(id).\(timestamp).".utf8) + post.body
            let shared = keys.match(signatures.shared, .sha256, message: message)
            let signed = keys.match(publicKeySignatures: signatures.publicKey, message: message)
            guard let key = shared ?? signed else {
                throw Verdict.Refusal(signatures.isBroken ? .malformedSignature : .noMatch)
            }
            verdict.secretFingerprint = key.secret.fingerprint
            verdict.verifiedHeaders = [idHeader, timestampHeader, signatureHeader]
        } catch let refusal as Verdict.Refusal {
            verdict.reason = refusal.reason
        } catch {
            verdict.reason = .malformedSignature
        }
        return verdict
    }
}

/// The list of signatures in a header: `v1,BASE64` and `v1a,BASE64`, with a space between.
///
/// What is neither is passed over, as the specification wants of versions that a receiver does not know: the list is the
/// sender's, and another entry may fit. Only where none fits, an entry that was damaged on its way is told as such.
private struct Signatures {
    private(set) var shared: [[UInt8]] = []
    private(set) var publicKey: [[UInt8]] = []
    /// One of the known versions is not what base64 makes of a signature, and was one before.
    private(set) var isBroken = false

    init(_ text: String) throws(Verdict.Refusal) {
        let entries = text.utf8.split(separator: UInt8(ascii: " "))
        guard entries.count <= SignatureVerifier.mostSignatures else { throw Verdict.Refusal(.tooManySignatures) }
        for entry in entries {
            let parts = entry.split(separator: UInt8(ascii: ","), maxSplits: 1, omittingEmptySubsequences: false)
            guard parts.count == 2 else { continue }
            let (version, value) = (String(parts[0]) ?? "", Array(parts[1]))
            guard version == "v1" || version == "v1a" else { continue }
            guard let signature = SignatureText.base64(value) else {
                isBroken = isBroken || Self.isDamaged(value, length: version == "v1" ? 32 : 64)
                continue
            }
            if version == "v1" { shared.append(signature) } else { publicKey.append(signature) }
        }
    }

    /// Whether a text that is no base64 has its letters only, so that it was cut or lost its padding, or has as many of
    /// them as a signature of that length, so that something came in between.
    private static func isDamaged(_ value: [UInt8], length: Int) -> Bool {
        let letters = value.count { SignatureText.Alphabet.standard.value(of: $0) != nil }
        let padding = value.count { $0 == UInt8(ascii: "=") }
        return letters + padding == value.count || letters == (length * 8 + 5) / 6
    }
}
