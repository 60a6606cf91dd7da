import COpenSSL

/// Tells two secrets apart without showing either.
enum Fingerprint {
    /// The first 48 bits of the SHA-256, in hexadecimal.
    static func text(of secret: String) -> String {
        let bytes = Array(secret.utf8)
        var digest = [UInt8](repeating: 0, count: Int(SHA256_DIGEST_LENGTH))
        _ = SHA256(bytes, bytes.count, &digest)
        return "sha256:" + digest.prefix(6).map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }
}
