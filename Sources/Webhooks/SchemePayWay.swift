/// ABA PayWay's pushback: the values of the body's object, in the order of their keys and printed as PHP prints them,
/// under HMAC-SHA512 in base64 (developer.payway.com.kh, "Verify pushback").
///
/// Keys and boundaries are not signed, there is no timestamp and no id: after this check, ask PayWay itself before money
/// moves, and read no field that was not expected.
package struct PayWayPushback: Sendable, Equatable {
    let signatureHeader: String
    let precision: Int

    /// The scheme with PayWay's own header, and the precision of 14 digits that PHP has unless told otherwise.
    package init() { (signatureHeader, precision) = ("X-PAYWAY-HMAC-SHA512", PHPNumber.usualPrecision) }

    /// The scheme with options.
    ///
    /// - Parameters:
    ///   - signatureHeader: the header with the signature.
    ///   - precision: how many digits the sender's PHP prints of a number with a fraction (its setting `precision`),
    ///     1 to 17.
    /// - Throws: the name is no name of a header, or the precision is out of range.
    package init(signatureHeader: String, precision: Int = 14) throws(SchemeError) {
        (self.signatureHeader, self.precision) = (signatureHeader, precision)
        try HeaderName.check([signatureHeader])
        guard (1...17).contains(precision) else {
            throw SchemeError(.badOption, "a precision of \(precision) digits", remedy: "1 to 17; PHP's own is 14")
        }
    }
}

extension PayWayPushback: SchemeCheck {
    func verdict(on post: ReceivedPost, keys: [SigningKey], window: TimeWindow) -> Verdict {
        var verdict = Verdict()
        do {
            let text = try required(signatureHeader, of: post).get()
            guard let signature = SignatureText.base64(text.utf8), signature.count == SignatureAlgorithm.sha512.length
            else { throw Verdict.Refusal(.malformedSignature) }
            guard let message = Self.message(of: post.body, precision: precision) else {
                throw Verdict.Refusal(.malformedBody)
            }
            guard let key = keys.match([signature], .sha512, message: message) else {
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

    /// What PayWay signs of a body; nil where the body is no JSON object, or not one that PHP would read.
    package static func message(of body: [UInt8], precision: Int = 14) -> [UInt8]? {
        guard let first = body.first(where: { !PHPJSONReader.isBlank($0) }), first == UInt8(ascii: "{"),
            case .array(let object)? = PHPJSONReader.value(of: body)
        else { return nil }
        return object.sortedByKey().flatMap { $0.value.printed(precision: precision) }
    }
}
