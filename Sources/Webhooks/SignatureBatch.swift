package import CivilTime
internal import FoundationEssentials

/// A line of `bursar webhooks verify --jsonl`.
private struct SignatureQuestion: Decodable {
    var scheme: String
    var kind: String?
    var now: Int?
    var toleranceS: Int?
    var secrets: [String]?
    var publicKey: String?
    var headers: [String: HeaderValues]?
    var bodyB64: String?
    var body: String?
    var signatureHeader: String?
    var timestampHeader: String?
    var idHeader: String?
    var algorithm: String?
    var encoding: String?
    var prefix: String?
    var signedContent: String?

    enum CodingKeys: String, CodingKey {
        case scheme, kind, now, secrets, headers, body, algorithm, encoding, prefix
        case toleranceS = "tolerance_s"
        case publicKey = "public_key"
        case bodyB64 = "body_b64"
        case signatureHeader = "signature_header"
        case timestampHeader = "timestamp_header"
        case idHeader = "id_header"
        case signedContent = "signed_content"
    }

    /// The values of a header: one, or a list where it was sent more than once.
    struct HeaderValues: Decodable {
        let values: [String]

        init(from decoder: any Decoder) throws {
            let container = try decoder.singleValueContainer()
            if let one = try? container.decode(String.self) {
                values = [one]
            } else {
                values = try container.decode([String].self)
            }
        }
    }

    /// What is wrong with a line, in words for its author.
    struct Fault: Error {
        let text: String

        init(_ text: String) { self.text = text }
    }

    func post() throws(Fault) -> ReceivedPost {
        let bytes: [UInt8]
        if let bodyB64 {
            guard let decoded = SignatureText.base64(bodyB64.utf8) else {
                throw Fault("\"body_b64\" is not base64")
            }
            bytes = decoded
        } else {
            bytes = Array((body ?? "").utf8)
        }
        let pairs = (headers ?? [:]).sorted { $0.key < $1.key }.flatMap { name, value in value.values.map { (name, $0) }
        }
        return ReceivedPost(headers: pairs.map { (name: $0.0, value: $0.1) }, body: bytes)
    }

    func signatureScheme() throws -> SignatureScheme {
        guard let usual = SignatureScheme.named(scheme) else {
            throw Fault("\"scheme\" is '\(scheme)'; one of \(SignatureScheme.names.joined(separator: ", "))")
        }
        guard usual.name == "generic" else { return usual }
        guard let algorithm = SignatureAlgorithm(rawValue: algorithm ?? "sha256") else {
            throw Fault("\"algorithm\" is '\(algorithm ?? "")'; one of sha256, sha384, sha512")
        }
        guard let encoding = GenericHMAC.Encoding(rawValue: encoding ?? "hex") else {
            throw Fault("\"encoding\" is '\(encoding ?? "")'; one of hex, base64, base64url")
        }
        return .generic(
            try GenericHMAC(
                algorithm: algorithm,
                encoding: encoding,
                signatureHeader: signatureHeader ?? "X-Signature",
                prefix: prefix ?? "",
                timestampHeader: timestampHeader,
                idHeader: idHeader,
                signedContent: signedContent ?? "{body}"
            )
        )
    }
}

/// Answers one line of `bursar webhooks verify --jsonl`: a post with its source's scheme and secrets becomes
/// `{"valid": true}` or `{"valid": false, "reason": …}`, and a line that asks something else `{"error": …}`.
///
/// A line has `scheme`, `secrets` (or `public_key`), `headers` (a value, or a list where one was sent more than once) and
/// `body_b64` or `body`; `now` in seconds since the epoch, or the given instant; `tolerance_s`, or 300. A scheme `hmac`
/// may have `algorithm`, `encoding`, `prefix`, `signature_header`, `timestamp_header`, `id_header` and `signed_content`.
///
/// - Parameters:
///   - line: the question.
///   - now: the instant for lines that name none.
/// - Returns: one JSON object without a line end.
package func webhooksVerifyJSONLine(_ line: String, now: Instant) -> String {
    do {
        let question = try JSONDecoder().decode(SignatureQuestion.self, from: Data(line.utf8))
        if let kind = question.kind {
            throw SignatureQuestion.Fault("a line of kind '\(kind)' is nothing to verify")
        }
        let scheme = try question.signatureScheme()
        let post = try question.post()
        let secrets = (question.secrets ?? []) + [question.publicKey].compactMap(\.self)
        let verifier = try SignatureVerifier(
            scheme: scheme,
            secrets: secrets.map { WebhookSecret($0) },
            tolerance: .seconds(question.toleranceS ?? 300)
        )
        let instant = question.now.map { Instant(secondsSinceEpoch: $0) } ?? now
        return answer(verifier.verdict(on: post, at: instant).reason)
    } catch let error as SchemeError {
        return error.code == .badSecret ? answer(.badSecret) : answer(error: error.description)
    } catch let fault as SignatureQuestion.Fault {
        return answer(error: fault.text)
    } catch DecodingError.typeMismatch(_, let context) where !context.codingPath.isEmpty {
        return answer(error: "\"\(context.codingPath[0].stringValue)\" is of the wrong type")
    } catch {
        return answer(error: "the line is no JSON object with \"scheme\", \"secrets\", \"headers\" and \"body_b64\"")
    }
}

private func answer(_ reason: Verdict.Reason?) -> String {
    reason.map { "{\"valid\":false,\"reason\":\"\($0.rawValue)\"}" } ?? "{\"valid\":true}"
}

private func answer(error: String) -> String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.withoutEscapingSlashes]
    guard let data = try? encoder.encode(["error": error]) else { return "{\"error\":\"unanswerable\"}" }
    return String(decoding: data, as: UTF8.self)
}
