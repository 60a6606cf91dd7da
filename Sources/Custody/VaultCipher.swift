internal import COpenSSL

/// AES-256-GCM under one key (NIST SP 800-38D), by OpenSSL; one thread at a time.
final class VaultCipher {
    static let nonceLength = 12
    static let tagLength = 16

    private let context: OpaquePointer
    private let seals: Bool

    /// - Throws: `broken` where OpenSSL has no memory.
    init(key: [UInt8], seals: Bool) throws(VaultError) {
        guard let context = EVP_CIPHER_CTX_new() else { throw Self.broken }
        self.context = context
        self.seals = seals
        let isReady =
            seals
            ? EVP_EncryptInit_ex(context, EVP_aes_256_gcm(), nil, key, nil)
            : EVP_DecryptInit_ex(context, EVP_aes_256_gcm(), nil, key, nil)
        guard isReady == 1 else { throw Self.broken }
    }

    deinit { EVP_CIPHER_CTX_free(context) }

    /// Encrypts into a place of the same length and 16 bytes more, where the tag goes.
    ///
    /// A nonce is for one text only.
    func seal(
        _ plain: UnsafeRawBufferPointer,
        nonce: [UInt8],
        with known: [UInt8],
        into sealed: UnsafeMutableRawBufferPointer
    ) throws(VaultError) {
        var length: Int32 = 0
        guard seals, sealed.count >= plain.count + Self.tagLength, let count = Int32(exactly: plain.count),
            let out = sealed.baseAddress?.assumingMemoryBound(to: UInt8.self),
            EVP_EncryptInit_ex(context, nil, nil, nil, nonce) == 1,
            EVP_EncryptUpdate(context, nil, &length, known, Int32(known.count)) == 1
        else { throw Self.broken }
        if count > 0 {
            guard let from = plain.baseAddress?.assumingMemoryBound(to: UInt8.self),
                EVP_EncryptUpdate(context, out, &length, from, count) == 1, length == count
            else { throw Self.broken }
        }
        guard EVP_EncryptFinal_ex(context, nil, &length) == 1,
            EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_GCM_GET_TAG, Int32(Self.tagLength), out + Int(count)) == 1
        else { throw Self.broken }
    }

    /// Decrypts what ``seal(_:nonce:with:into:)`` made.
    ///
    /// - Returns: whether it is what was sealed; nothing of the place may be used where it is not.
    func open(
        _ sealed: UnsafeRawBufferPointer,
        nonce: [UInt8],
        with known: [UInt8],
        into plain: UnsafeMutableRawBufferPointer
    ) -> Bool {
        var length: Int32 = 0
        let size = sealed.count - Self.tagLength
        guard !seals, size >= 0, plain.count >= size, let count = Int32(exactly: size),
            let from = sealed.baseAddress?.assumingMemoryBound(to: UInt8.self),
            EVP_DecryptInit_ex(context, nil, nil, nil, nonce) == 1,
            EVP_DecryptUpdate(context, nil, &length, known, Int32(known.count)) == 1
        else { return false }
        if count > 0 {
            guard let out = plain.baseAddress?.assumingMemoryBound(to: UInt8.self),
                EVP_DecryptUpdate(context, out, &length, from, count) == 1
            else { return false }
        }
        // OpenSSL takes the tag as a pointer that it could write through, and does not.
        var tag = [UInt8](sealed[size...])
        return EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_GCM_SET_TAG, Int32(Self.tagLength), &tag) == 1
            && EVP_DecryptFinal_ex(context, nil, &length) == 1
    }

    private static let broken = VaultError(.broken, "OpenSSL could not encrypt; look at the machine's memory")
}

/// SHA-256 of what is added piece by piece.
final class VaultDigest {
    private let context: OpaquePointer

    init() throws(VaultError) {
        guard let context = EVP_MD_CTX_new(), EVP_DigestInit_ex(context, EVP_sha256(), nil) == 1 else {
            throw VaultError(.broken, "OpenSSL could not hash; look at the machine's memory")
        }
        self.context = context
    }

    deinit { EVP_MD_CTX_free(context) }

    func add(_ bytes: UnsafeRawBufferPointer) { EVP_DigestUpdate(context, bytes.baseAddress, bytes.count) }

    /// The digest, in hexadecimal; nothing can be added after it.
    func finish() -> String { Self.hexadecimal(bytes()) }

    func bytes() -> [UInt8] {
        var digest = [UInt8](repeating: 0, count: 32)
        EVP_DigestFinal_ex(context, &digest, nil)
        return digest
    }

    static func of(_ bytes: [UInt8]) -> [UInt8] {
        var digest = [UInt8](repeating: 0, count: 32)
        _ = SHA256(bytes, bytes.count, &digest)
        return digest
    }

    static func hexadecimal(_ bytes: [UInt8]) -> String {
        bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }

    static func randomBytes(_ count: Int) throws(VaultError) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: count)
        guard RAND_bytes(&bytes, Int32(count)) == 1 else {
            throw VaultError(.broken, "OpenSSL has no random bytes")
        }
        return bytes
    }
}
