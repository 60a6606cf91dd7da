internal import COpenSSL

/// The hash functions with which messages are signed.
package enum SignatureAlgorithm: String, Sendable, CaseIterable {
    case sha256, sha384, sha512

    /// How long its values are, in bytes.
    var length: Int {
        switch self {
        case .sha256: 32
        case .sha384: 48
        case .sha512: 64
        }
    }
}

/// OpenSSL's part in checking signatures.
package enum SignatureCrypto {
    /// HMAC (RFC 2104) of a message; empty where OpenSSL refuses, which equals no signature.
    package static func hmac(_ algorithm: SignatureAlgorithm, key: [UInt8], message: [UInt8]) -> [UInt8] {
        guard let keyLength = Int32(exactly: key.count) else { return [] }
        let function =
            switch algorithm {
            case .sha256: EVP_sha256()
            case .sha384: EVP_sha384()
            case .sha512: EVP_sha512()
            }
        var value = [UInt8](repeating: 0, count: algorithm.length)
        var length: UInt32 = 0
        let isDone = HMAC(function, key, keyLength, message, message.count, &value, &length) != nil
        return isDone && Int(length) == value.count ? value : []
    }

    package static func sha256(_ bytes: [UInt8]) -> [UInt8] {
        var digest = [UInt8](repeating: 0, count: Int(SHA256_DIGEST_LENGTH))
        _ = SHA256(bytes, bytes.count, &digest)
        return digest
    }

    /// Compares all bytes whatever the first ones are, so that the time taken tells nothing about them.
    ///
    /// Lengths are compared openly: they are the algorithm's, and no secret. Nothing equals an empty value.
    static func isEqual(_ left: [UInt8], _ right: [UInt8]) -> Bool {
        guard left.count == right.count, !left.isEmpty else { return false }
        return CRYPTO_memcmp(left, right, left.count) == 0
    }

    /// Whether an ed25519 signature (RFC 8032) of 64 bytes fits a public key of 32.
    static func isSigned(_ message: [UInt8], by signature: [UInt8], publicKey: [UInt8]) -> Bool {
        guard signature.count == 64, publicKey.count == 32,
            let key = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nil, publicKey, publicKey.count)
        else { return false }
        defer { EVP_PKEY_free(key) }
        guard let context = EVP_MD_CTX_new() else { return false }
        defer { EVP_MD_CTX_free(context) }
        guard EVP_DigestVerifyInit(context, nil, nil, nil, key) == 1 else { return false }
        return EVP_DigestVerify(context, signature, signature.count, message, message.count) == 1
    }
}
