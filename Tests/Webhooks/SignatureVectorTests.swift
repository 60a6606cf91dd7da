import CivilTime
import Foundation
import Payments
import Testing
import Webhooks

@Suite("Signatures that the vectors judge")
struct SignatureVectorTests {
    @Test("Every row of the vectors is read")
    func isRead() {
        #expect(WebhookVector.lines.count == 86)
        #expect(WebhookVector.all.count == WebhookVector.lines.count)
        #expect(WebhookVector.verdicts.count == 74)
    }

    @Test("A post gets the verdict of the vectors", arguments: WebhookVector.verdicts)
    func verdicts(row: WebhookVector) throws {
        let reason: String?
        do {
            let verdict = try verifier(of: row).verdict(on: row.post, at: Instant(secondsSinceEpoch: row.now ?? 0))
            reason = verdict.reason?.rawValue
            #expect(verdict.isValid == (verdict.secretFingerprint != nil))
            #expect(verdict.isValid == !verdict.verifiedHeaders.isEmpty)
        } catch let error as SchemeError {
            reason = error.code.rawValue
        }
        #expect((reason == nil) == row.expect?.valid)
        #expect(reason == row.expect?.reason)
    }

    @Test("One line asked of the batch form gives the same verdict", arguments: WebhookVector.lines.indices)
    func batch(place: Int) throws {
        let answer = webhooksVerifyJSONLine(WebhookVector.lines[place], now: .epoch)
        let expected = WebhookVector.all[place].expect
        switch (expected?.valid, expected?.reason) {
        case (true?, _): #expect(answer == #"{"valid":true}"#)
        case (false?, let reason): #expect(answer == #"{"valid":false,"reason":"\#(reason ?? "")"}"#)
        case (nil, _): #expect(answer.hasPrefix(#"{"error":""#))
        }
    }

    @Test("What PayWay signs is what PHP prints", arguments: WebhookVector.of(scheme: "payway"))
    func php(row: WebhookVector) throws {
        let base = try #require(row.phpBase)
        let message = PayWayPushback.message(of: row.body)
        #expect(
            message.map { String(decoding: $0, as: UTF8.self) } == (row.body.first == UInt8(ascii: "[") ? nil : base)
        )
    }

    @Test("HMAC gives the values of RFC 4231", arguments: WebhookVector.of(scheme: "hmac-primitive"))
    func hmac(row: WebhookVector) throws {
        let algorithm = try #require(SignatureAlgorithm(rawValue: row.algorithm ?? ""))
        let digits = Array(row.keyHex ?? "")
        let key = try stride(from: 0, to: digits.count, by: 2).map { place in
            try #require(UInt8(String(digits[place...place + 1]), radix: 16))
        }
        let data = Array(Data(base64Encoded: row.dataB64 ?? "") ?? Data())
        #expect(SignatureText.hex(SignatureCrypto.hmac(algorithm, key: key, message: data)) == row.expect?.macHex)
    }

    @Test(
        "PayWay's requests are hashed as its published examples",
        arguments: WebhookVector.of(scheme: "payway-request")
    )
    func requests(row: WebhookVector) throws {
        let hash = PayWayRequestHash.text(of: row.values ?? [:], order: row.order ?? [], key: row.secrets?.first ?? "")
        #expect(hash == row.expect?.hash)
    }

    @Test("A signature made by the rule is the one of the upstream test suite")
    func sign() throws {
        let row = try #require(WebhookVector.all.first { $0.expect?.signature != nil })
        let message = Array("msg_p5jXN8AQM9LWM0D4loKWxJek.\(row.ts ?? 0).".utf8) + row.body
        let value = SignatureCrypto.hmac(.sha256, key: Sample.key(row.secrets?.first ?? ""), message: message)
        #expect("v1," + SignatureText.base64(encoding: value) == row.expect?.signature)
    }

    /// A verifier has no memory: each step of a sequence is judged for itself, and the id tells the inbox what repeats.
    @Test("Steps of a delivery are valid each time, and keep their id", arguments: WebhookVector.of(scheme: "sequence"))
    func sequences(row: WebhookVector) throws {
        for (place, step) in (row.steps ?? []).enumerated() {
            guard let id = step.id else { continue }
            let sent = Sample.now.secondsSinceEpoch + place * 3_600
            let verdict = try Sample.verdict(Sample.post(id: id, at: sent), at: Instant(secondsSinceEpoch: sent + 2))
            #expect(verdict.isValid && verdict.claimedID == id && verdict.sentAt == Instant(secondsSinceEpoch: sent))
        }
    }

    private func verifier(of row: WebhookVector) throws -> SignatureVerifier {
        var scheme = try #require(SignatureScheme.named(row.scheme))
        if scheme.name == "generic" {
            scheme = .generic(
                try GenericHMAC(
                    algorithm: try #require(SignatureAlgorithm(rawValue: row.algorithm ?? "")),
                    encoding: try #require(GenericHMAC.Encoding(rawValue: row.encoding ?? ""))
                )
            )
        }
        let secrets = (row.secrets ?? []) + [row.publicKey].compactMap(\.self)
        return try SignatureVerifier(
            scheme: scheme,
            secrets: secrets.map { WebhookSecret($0) },
            tolerance: .seconds(row.toleranceS ?? 300)
        )
    }
}
