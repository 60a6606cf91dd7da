internal import COpenSSL

/// The key of 256 bits that tokens are encrypted with in the database; it lives in a file of its own.
package struct BakongSealingKey: Sendable, Equatable, CustomStringConvertible, CustomReflectable {
    private let bytes: [UInt8]

    /// Reads 64 hexadecimal digits, as `openssl rand -hex 32` writes them.
    /// - Throws: it is something else; the text is not repeated.
    package init(_ text: String) throws(BakongSettingsError) {
        let digits = text.utf8.compactMap { Character(Unicode.Scalar($0)).hexDigitValue }
        guard digits.count == 64, text.utf8.count == 64 else {
            throw BakongSettingsError(
                "the key that tokens are encrypted with is not 64 hexadecimal digits",
                remedy: "make one with: openssl rand -hex 32"
            )
        }
        bytes = stride(from: 0, to: 64, by: 2).map { UInt8(digits[$0] << 4 | digits[$0 + 1]) }
    }

    package var description: String { "(secret)" }
    package var customMirror: Mirror { Mirror(self, children: []) }

    /// Tells keys apart without showing them.
    var fingerprint: String { BakongDigest.fingerprint(bytes) }

    /// Encrypts and authenticates: 12 bytes of nonce, the text, 16 bytes of tag (AES-256-GCM, NIST SP 800-38D).
    /// - Throws: OpenSSL had no random bytes or no memory.
    func seal(_ text: String) throws(BakongSettingsError) -> [UInt8] {
        var nonce = [UInt8](repeating: 0, count: Self.nonceLength)
        guard RAND_bytes(&nonce, Int32(nonce.count)) == 1, let context = EVP_CIPHER_CTX_new() else { throw Self.broken }
        defer { EVP_CIPHER_CTX_free(context) }
        let plain = Array(text.utf8)
        var sealed = [UInt8](repeating: 0, count: plain.count)
        var tag = [UInt8](repeating: 0, count: Self.tagLength)
        var length: Int32 = 0
        guard EVP_EncryptInit_ex(context, EVP_aes_256_gcm(), nil, bytes, nonce) == 1,
            EVP_EncryptUpdate(context, nil, &length, Self.purpose, Int32(Self.purpose.count)) == 1,
            EVP_EncryptUpdate(context, &sealed, &length, plain, Int32(plain.count)) == 1, Int(length) == plain.count,
            EVP_EncryptFinal_ex(context, nil, &length) == 1,
            EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_GCM_GET_TAG, Int32(tag.count), &tag) == 1
        else { throw Self.broken }
        return nonce + sealed + tag
    }

    /// - Throws: the key is another one, or the bytes were changed.
    func open(_ sealed: [UInt8]) throws(BakongSettingsError) -> String {
        guard sealed.count > Self.nonceLength + Self.tagLength, let context = EVP_CIPHER_CTX_new() else {
            throw Self.foreign
        }
        defer { EVP_CIPHER_CTX_free(context) }
        let nonce = Array(sealed.prefix(Self.nonceLength))
        let body = Array(sealed.dropFirst(Self.nonceLength).dropLast(Self.tagLength))
        var tag = Array(sealed.suffix(Self.tagLength))
        var plain = [UInt8](repeating: 0, count: body.count)
        var length: Int32 = 0
        guard EVP_DecryptInit_ex(context, EVP_aes_256_gcm(), nil, bytes, nonce) == 1,
            EVP_DecryptUpdate(context, nil, &length, Self.purpose, Int32(Self.purpose.count)) == 1,
            EVP_DecryptUpdate(context, &plain, &length, body, Int32(body.count)) == 1,
            EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_GCM_SET_TAG, Int32(tag.count), &tag) == 1,
            EVP_DecryptFinal_ex(context, nil, &length) == 1
        else { throw Self.foreign }
        return String(decoding: plain, as: UTF8.self)
    }

    private static let nonceLength = 12
    private static let tagLength = 16
    /// Authenticated with it, so that bytes sealed for another purpose do not open here.
    private static let purpose = Array("bursar bakong token 1".utf8)
    private static let broken = BakongSettingsError("OpenSSL could not encrypt", remedy: "look at the machine's memory")
    private static let foreign = BakongSettingsError(
        "the stored token was encrypted with another key, or was changed",
        remedy: "put the right key in place, or store a token anew: bursar bakong token set FILE"
    )
}

/// SHA-256, for fingerprints and for keys in the journal.
enum BakongDigest {
    static func sha256(_ bytes: [UInt8]) -> [UInt8] {
        var digest = [UInt8](repeating: 0, count: Int(SHA256_DIGEST_LENGTH))
        _ = SHA256(bytes, bytes.count, &digest)
        return digest
    }

    /// The first 48 bits, in hexadecimal.
    static func fingerprint(_ bytes: [UInt8]) -> String {
        "sha256:" + sha256(bytes).prefix(6).map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }
}
