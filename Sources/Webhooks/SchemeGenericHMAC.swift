/// A sender that signs with an HMAC in a way of its own, described piece by piece.
package struct GenericHMAC: Sendable, Equatable {
    /// How the signature is written.
    package enum Encoding: String, Sendable, CaseIterable {
        /// Hexadecimal digits of either case.
        case hex
        /// Base64 with its padding.
        case base64
        /// Base64 with `-` and `_`; its padding may be missing.
        case base64url
    }

    /// What the timestamp's header counts since the epoch.
    package enum TimestampUnit: String, Sendable, CaseIterable {
        case seconds, milliseconds

        var perSecond: Int64 { self == .seconds ? 1 : 1000 }
    }

    let algorithm: SignatureAlgorithm
    let encoding: Encoding
    let signatureHeader: String
    let prefix: String
    let timestampHeader: String?
    let timestampUnit: TimestampUnit
    let idHeader: String?
    let content: SignedContent

    /// HMAC-SHA256 of the body in hexadecimal, in the header `X-Signature`.
    package static let plain = GenericHMAC()

    private init() {
        (algorithm, encoding, signatureHeader, prefix) = (.sha256, .hex, "X-Signature", "")
        (timestampHeader, timestampUnit, idHeader, content) = (nil, .seconds, nil, .body)
    }

    /// Describes a sender.
    ///
    /// - Parameters:
    ///   - algorithm: the hash function of the HMAC.
    ///   - encoding: how the signature is written.
    ///   - signatureHeader: the header that has it.
    ///   - prefix: what stands before it in the header, as `sha256=`.
    ///   - timestampHeader: the header with the time of sending. It must be part of what is signed: a time that anybody
    ///     could change proves nothing.
    ///   - timestampUnit: what the timestamp counts.
    ///   - idHeader: the header with the message's id. Where it is not part of what is signed, the id is a hint only.
    ///   - signedContent: what is signed, with the placeholders `{id}`, `{timestamp}` and `{body}`, each at most once
    ///     and the body always, as `{id}.{timestamp}.{body}`.
    /// - Throws: a name is no header's, the template has an unknown placeholder or one without its header.
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
        try HeaderName.check([signatureHeader, timestampHeader, idHeader].compactMap(\.self))
        content = try SignedContent(signedContent, hasID: idHeader != nil, hasTimestamp: timestampHeader != nil)
        (self.algorithm, self.encoding) = (algorithm, encoding)
        (self.signatureHeader, self.prefix) = (signatureHeader, prefix)
        (self.timestampHeader, self.timestampUnit, self.idHeader) = (timestampHeader, timestampUnit, idHeader)
    }
}

extension GenericHMAC: SchemeCheck {
    func verdict(on post: ReceivedPost, keys: [SigningKey], window: TimeWindow) -> Verdict {
        var verdict = Verdict()
        do {
            let text = try required(signatureHeader, of: post).get()
            let timestamp = try timestampHeader.map { try required($0, of: post).get() } ?? ""
            let id = try idHeader.map { try required($0, of: post).get() } ?? ""
            guard let signature = signature(in: text) else { throw Verdict.Refusal(.malformedSignature) }
            if timestampHeader != nil {
                let sent = try window.sentAt(timestamp, unitsPerSecond: timestampUnit.perSecond)
                verdict.sentAt = sent
                try window.check(sent)
            }
            if idHeader != nil {
                guard SignatureText.isID(id) else { throw Verdict.Refusal(.badID) }
                verdict.claimedID = id
            }
            let message = content.message(id: id, timestamp: timestamp, body: post.body)
            guard let key = keys.match([signature], algorithm, message: message) else {
                throw Verdict.Refusal(.noMatch)
            }
            verdict.secretFingerprint = key.secret.fingerprint
            verdict.verifiedHeaders =
                [signatureHeader] + [timestampHeader, content.hasID ? idHeader : nil].compactMap(\.self)
        } catch let refusal as Verdict.Refusal {
            verdict.reason = refusal.reason
        } catch {
            verdict.reason = .malformedSignature
        }
        return verdict
    }

    private func signature(in text: String) -> [UInt8]? {
        guard text.utf8.starts(with: prefix.utf8) else { return nil }
        let value = text.utf8.dropFirst(prefix.utf8.count)
        let bytes =
            switch encoding {
            case .hex: SignatureText.hex(value)
            case .base64: SignatureText.base64(value)
            case .base64url: SignatureText.base64(value, alphabet: .urlSafe, padding: .optional)
            }
        return bytes?.count == algorithm.length ? bytes : nil
    }
}
