import COpenSSL
import Glibc
import Synchronization

extension BakongBank {
    /// A new token, good from now on; the ones before it stay good.
    func newToken() -> String { state.withLock { $0.newToken() } }

    /// From here on no token is good that was given out so far.
    func expireTokens() { state.withLock { $0.tokens = [] } }
}

extension BakongBank.State {
    mutating func newToken() -> String {
        lastToken += 1
        let issued = BakongBank.now(script) / 1000
        let header = Base64.text(Array("{\"alg\":\"HS256\",\"typ\":\"JWT\"}".utf8), isForURLs: true)
        let ends = issued + Int64(script[.tokenDays]) * 86_400
        let claims = "{\"data\":{\"id\":\"\(lastToken)\"},\"iat\":\(issued),\"exp\":\(ends)}"
        let body = header + "." + Base64.text(Array(claims.utf8), isForURLs: true)
        let token = body + "." + Base64.text(HMAC256.of(body, key: Array("simulated".utf8)), isForURLs: true)
        tokens.insert(token)
        return token
    }
}

/// The system's clock, in milliseconds since the epoch.
enum SystemClockMilliseconds {
    static var now: Int64 {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return Int64(time.tv_sec) * 1000 + Int64(time.tv_nsec) / 1_000_000
    }
}

/// RFC 2104 with SHA-256.
enum HMAC256 {
    static func of(_ text: String, key: [UInt8]) -> [UInt8] {
        let bytes = Array(text.utf8)
        var result = [UInt8](repeating: 0, count: Int(SHA256_DIGEST_LENGTH))
        var length: UInt32 = 0
        _ = HMAC(EVP_sha256(), key, Int32(key.count), bytes, bytes.count, &result, &length)
        return result
    }
}

/// RFC 4648.
enum Base64 {
    /// With padding, or for URLs without.
    static func text(_ bytes: [UInt8], isForURLs: Bool = false) -> String {
        let end = isForURLs ? "-_" : "+/"
        let alphabet = Array(("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789" + end).utf8)
        var result: [UInt8] = []
        for start in stride(from: 0, to: bytes.count, by: 3) {
            let part = bytes[start..<min(start + 3, bytes.count)]
            let bits = (0..<3).reduce(0) { $0 << 8 | (start + $1 < bytes.count ? Int(bytes[start + $1]) : 0) }
            for place in 0..<4 {
                if place <= part.count {
                    result.append(alphabet[bits >> (18 - 6 * place) & 63])
                } else if !isForURLs {
                    result.append(UInt8(ascii: "="))
                }
            }
        }
        return String(decoding: result, as: UTF8.self)
    }

    /// Nil where the text is something else; padding may be missing.
    static func bytes(_ text: some StringProtocol) -> [UInt8]? {
        let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
        var result: [UInt8] = []
        var (bits, count) = (0, 0)
        for byte in text.utf8 where byte != UInt8(ascii: "=") {
            guard let digit = alphabet.firstIndex(of: byte) else { return nil }
            (bits, count) = ((bits << 6 | digit) & 0xFFFF, count + 6)
            guard count >= 8 else { continue }
            count -= 8
            result.append(UInt8(truncatingIfNeeded: bits >> count))
        }
        return result
    }
}
