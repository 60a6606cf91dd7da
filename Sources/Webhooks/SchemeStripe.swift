/// Stripe: `t=SECONDS,v1=HEX` over `timestamp.body`, under the whole text of the `whsec_…` secret.
package struct StripeWebhooks: Sendable, Equatable {
    let signatureHeader: String

    /// The scheme with Stripe's own header.
    package init() { signatureHeader = "Stripe-Signature" }

    /// The scheme in another header.
    ///
    /// - Throws: the name is no name of a header.
    package init(signatureHeader: String) throws(SchemeError) {
        self.signatureHeader = signatureHeader
        try HeaderName.check([signatureHeader])
    }
}

extension StripeWebhooks: SchemeCheck {
    func verdict(on post: ReceivedPost, keys: [SigningKey], window: TimeWindow) -> Verdict {
        var verdict = Verdict()
        do {
            let parts = try Parts(try required(signatureHeader, of: post).get())
            let sent = try window.sentAt(parts.timestamp)
            verdict.sentAt = sent
            guard !parts.signatures.isEmpty else { throw Verdict.Refusal(.noV1) }
            guard parts.signatures.count <= SignatureVerifier.mostSignatures else {
                throw Verdict.Refusal(.tooManySignatures)
            }
            try window.check(sent)
            let candidates = parts.signatures.compactMap { SignatureText.hex($0.utf8, takesUpperCase: false) }
            let message = Array("\(parts.timestamp).".utf8) + post.body
            guard let key = keys.match(candidates, .sha256, message: message) else {
                throw Verdict.Refusal(.noMatch)
            }
            verdict.secretFingerprint = key.secret.fingerprint
            verdict.verifiedHeaders = [signatureHeader]
        } catch let refusal as Verdict.Refusal {
            verdict.reason = refusal.reason
        } catch {
            verdict.reason = .malformedSignature
        }
        return verdict
    }

    /// What the header says.
    ///
    /// Keys that we do not know (`v0`, and what may come) are passed over.
    private struct Parts {
        let timestamp: String
        var signatures: [String] = []

        init(_ text: String) throws(Verdict.Refusal) {
            var timestamps: [String] = []
            for item in text.utf8.split(separator: UInt8(ascii: ","), omittingEmptySubsequences: false) {
                let parts = item.split(separator: UInt8(ascii: "="), maxSplits: 1, omittingEmptySubsequences: false)
                let value = parts.count == 2 ? String(parts[1]) ?? "" : ""
                switch String(parts[0]) ?? "" {
                case "t": timestamps.append(value)
                case "v1": signatures.append(value)
                default: break
                }
            }
            // Two times: which of them was signed would be ours to pick.
            guard timestamps.count == 1 else { throw Verdict.Refusal(.malformedSignature) }
            timestamp = timestamps[0]
        }
    }
}
