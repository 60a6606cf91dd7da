internal import COpenSSL

/// The digest by which Bakong looks a payment up: it protects nothing, it is a key.
enum MD5 {
    /// 32 lower-case hexadecimal digits; nil where OpenSSL refuses MD5, as in its FIPS mode.
    static func text(of bytes: some Collection<UInt8>) -> String? {
        let input = Array(bytes)
        var digest = [UInt8](repeating: 0, count: 16)
        var length = 0
        guard EVP_Q_digest(nil, "MD5", nil, input, input.count, &digest, &length) == 1, length == 16 else { return nil }
        var text = ""
        for byte in digest { text += (byte < 16 ? "0" : "") + String(byte, radix: 16) }
        return text
    }
}
