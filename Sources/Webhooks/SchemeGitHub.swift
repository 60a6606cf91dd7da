/// GitHub: `sha256=HEX` over the body, in lower-case digits.
///
/// There is no timestamp, and the delivery's id is not signed.
package struct GitHubWebhooks: Sendable, Equatable {
    let signatureHeader: String
    let deliveryHeader: String

    /// The scheme with GitHub's own headers.
    package init() { (signatureHeader, deliveryHeader) = ("X-Hub-Signature-256", "X-GitHub-Delivery") }

    /// The scheme in other headers.
    ///
    /// - Throws: a name is no name of a header, or both are the same.
    package init(signatureHeader: String, deliveryHeader: String) throws(SchemeError) {
        (self.signatureHeader, self.deliveryHeader) = (signatureHeader, deliveryHeader)
        try HeaderName.check([signatureHeader, deliveryHeader])
    }
}

extension GitHubWebhooks: SchemeCheck {
    private static let prefix = "sha256="

    func verdict(on post: ReceivedPost, keys: [SigningKey], window: TimeWindow) -> Verdict {
        var verdict = Verdict()
        do {
            let text = try required(signatureHeader, of: post).get()
            verdict.claimedID = try delivery(of: post)
            guard text.utf8.starts(with: Self.prefix.utf8),
                let signature = SignatureText.hex(text.utf8.dropFirst(Self.prefix.utf8.count), takesUpperCase: false),
                signature.count == SignatureAlgorithm.sha256.length
            else { throw Verdict.Refusal(.malformedSignature) }
            guard let key = keys.match([signature], .sha256, message: post.body) else {
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

    /// The delivery's id, nil where there is none: it is no part of what is checked.
    private func delivery(of post: ReceivedPost) throws(Verdict.Refusal) -> String? {
        switch post.header(deliveryHeader) {
        case .missing, .once(""): return nil
        case .twice: throw Verdict.Refusal(.malformedSignature)
        case .once(let id):
            guard SignatureText.isID(id) else { throw Verdict.Refusal(.badID) }
            return id
        }
    }
}
