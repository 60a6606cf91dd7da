import CivilTime
import Foundation
import Testing
import Webhooks

/// A row of `Tests/Vectors/webhooks.jsonl`: a post with its secrets, and the right verdict.
struct WebhookVector: Decodable, CustomTestStringConvertible {
    struct Expected: Decodable {
        var valid: Bool?
        var reason: String?
        var signature: String?
        var hash: String?
        var macHex: String?
    }

    struct Step: Decodable {
        var id: String?
        var body: String?
        var event: String?
    }

    let id: String
    let scheme: String
    let name: String
    let now: Int?
    let toleranceS: Int?
    let secrets: [String]?
    let publicKey: String?
    let headers: [String: String]?
    let bodyB64: String?
    let algorithm: String?
    let encoding: String?
    let expect: Expected?
    let phpBase: String?
    let order: [String]?
    let values: [String: String]?
    let keyHex: String?
    let dataB64: String?
    let ts: Int?
    let steps: [Step]?

    var testDescription: String { "\(id): \(name)" }

    /// The bytes of the body.
    var body: [UInt8] { Array(Data(base64Encoded: bodyB64 ?? "") ?? Data()) }

    var post: ReceivedPost {
        ReceivedPost(headers: (headers ?? [:]).map { (name: $0.key, value: $0.value) }, body: body)
    }

    /// The rows of the file, with the text of each.
    static let lines: [String] = {
        let file = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../Vectors/webhooks.jsonl")
        guard let text = try? String(contentsOf: file.standardized, encoding: .utf8) else { return [] }
        return text.split(separator: "\n").map(String.init)
    }()

    static let all = lines.compactMap { line in
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        return try? decoder.decode(Self.self, from: Data(line.utf8))
    }

    /// The rows that ask for a verdict.
    static let verdicts = all.filter { $0.expect?.valid != nil }

    static func of(scheme: String) -> [WebhookVector] { all.filter { $0.scheme == scheme } }
}

/// What several suites sign and check with.
enum Sample {
    static let now = Instant(secondsSinceEpoch: 1_769_580_000)
    static let secret = "whsec_" + Data((1...32).map { UInt8($0) }).base64EncodedString()
    static let other = "whsec_" + Data((101...132).map { UInt8($0) }).base64EncodedString()
    static let body = Array(#"{"type":"payment.settled"}"#.utf8)

    /// The bytes of a `whsec_` secret.
    static func key(_ secret: String) -> [UInt8] { Array(Data(base64Encoded: String(secret.dropFirst(6))) ?? Data()) }

    /// A `v1,…` entry over the id, the time and the body.
    static func signature(
        _ secret: String = secret,
        id: String = "msg_1",
        at seconds: Int = now.secondsSinceEpoch,
        body: [UInt8] = body
    ) -> String {
        let message = Array("\(id).\(seconds).".utf8) + body
        return "v1,"
            + SignatureText.base64(encoding: SignatureCrypto.hmac(.sha256, key: key(secret), message: message))
    }

    /// A post in the way of Standard Webhooks.
    static func post(
        id: String = "msg_1",
        at seconds: Int = now.secondsSinceEpoch,
        signature: String? = nil,
        more: [(name: String, value: String)] = []
    ) -> ReceivedPost {
        let headers = [
            (name: "webhook-id", value: id), (name: "webhook-timestamp", value: "\(seconds)"),
            (name: "webhook-signature", value: signature ?? self.signature(id: id, at: seconds)),
        ]
        return ReceivedPost(headers: headers + more, body: body)
    }

    /// What a verifier of Standard Webhooks says of a post.
    static func verdict(
        _ post: ReceivedPost,
        secrets: [WebhookSecret] = [WebhookSecret(secret)],
        at instant: Instant = now
    ) throws -> Verdict {
        try SignatureVerifier(scheme: .standardWebhooks, secrets: secrets).verdict(on: post, at: instant)
    }
}
