package import CivilTime
internal import Postgres

/// A token as it is stored, opened.
struct BakongToken: Sendable {
    let id: Int64
    let text: BakongSecret
    /// Whether Bakong has answered to it once; until then its predecessor is kept.
    let hasAnswered: Bool
    /// Whether it ends so soon that it should be renewed.
    let isDue: Bool

    /// How long before its end a token is renewed.
    static let renewedBefore = Duration.seconds(7 * 86_400)
}

/// What is read out of a token without knowing its key: it is a JWT, whose payload says when it ends.
///
/// The signature is Bakong's business: a token that was changed is refused there.
package enum BakongTokenText {
    /// When a token ends.
    /// - Throws: it is no JWT, or says no end; the text is not repeated.
    package static func expiry(of token: String) throws(BakongSettingsError) -> Instant {
        let parts = token.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 3, let payload = base64URL(parts[1]), let json = try? ExactJSON(parsing: payload),
            let seconds = json["exp"]?.words.flatMap({ BakongDecimal($0) })?.whole(timesTenTo: 0)?.value,
            (1...253_402_300_799).contains(seconds)
        else {
            throw BakongSettingsError(
                "this is no token of Bakong: three parts with points between them, of which the second says when it ends",
                remedy: "copy it whole from the page or the mail that it came in"
            )
        }
        return Instant(secondsSinceEpoch: Int(seconds))
    }

    /// RFC 4648 section 5, without padding; nil where it is something else.
    private static func base64URL(_ text: Substring) -> [UInt8]? {
        let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_".utf8)
        var result: [UInt8] = []
        var (bits, count) = (UInt32(0), 0)
        for byte in text.utf8.reversed().drop(while: { $0 == UInt8(ascii: "=") }).reversed() {
            guard let digit = alphabet.firstIndex(of: byte) else { return nil }
            (bits, count) = ((bits << 6 | UInt32(digit)) & 0xFFFF, count + 6)
            guard count >= 8 else { continue }
            count -= 8
            result.append(UInt8(truncatingIfNeeded: bits >> UInt32(count)))
        }
        return result
    }
}
