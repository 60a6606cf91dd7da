/// The beginning of a sealed file: for whom it was sealed.
///
/// 8 bytes `BURSARV1`; 8 random bytes that name the file; the count of recipients, one byte; of each: the length of its key's
/// name, one byte, the name, 12 bytes of nonce, and the file's own key encrypted under that key, 32 bytes with a tag of 16.
struct VaultHeader {
    static let magic = Array("BURSARV1".utf8)
    static let longest = 8 + 8 + 1 + 8 * (1 + 64 + 12 + 32 + 16)

    let fileID: [UInt8]
    let bytes: [UInt8]
    /// The file's own key.
    let key: [UInt8]

    /// Makes a new file's: a random key, sealed for each recipient.
    init(for recipients: [VaultKey]) throws(VaultError) {
        fileID = try VaultDigest.randomBytes(8)
        key = try VaultDigest.randomBytes(32)
        var bytes = Self.magic + fileID + [UInt8(recipients.count)]
        for recipient in recipients {
            let nonce = try VaultDigest.randomBytes(VaultCipher.nonceLength)
            let cipher = try VaultCipher(key: recipient.bytes, seals: true)
            var wrapped = [UInt8](repeating: 0, count: 32 + VaultCipher.tagLength)
            try Self.wrap(cipher, key, nonce, Self.known(fileID, recipient.id), &wrapped)
            bytes += [UInt8(recipient.id.utf8.count)] + Array(recipient.id.utf8) + nonce + wrapped
        }
        self.bytes = bytes
    }

    /// Reads a file's beginning, and opens its key with the first of the keys that fits.
    ///
    /// - Throws: `damaged` where it is no beginning, or was changed; `foreign` where no key's name is in it.
    init(_ start: [UInt8], keys: [VaultKey], path: String) throws(VaultError) {
        let damaged = VaultError(.damaged, "\(path) is no sealed file, or its beginning was changed")
        guard start.count > 17, Array(start[0..<8]) == Self.magic else { throw damaged }
        fileID = Array(start[8..<16])
        var place = 17
        var names: [String] = []
        var found: [UInt8]?
        for _ in 0..<start[16] {
            guard place < start.count, start.count >= place + 1 + Int(start[place]) + 60 else { throw damaged }
            let end = place + 1 + Int(start[place])
            let name = String(decoding: start[(place + 1)..<end], as: UTF8.self)
            names.append(name)
            if found == nil, let key = keys.first(where: { $0.id == name }) {
                found = try Self.unwrap(Array(start[end..<(end + 60)]), key, fileID)
                if found == nil {
                    throw VaultError(
                        .damaged,
                        "\(path): the key \(name) at hand does not open it: it is another key, or the file was changed"
                    )
                }
            }
            place = end + 60
        }
        guard let found else {
            let known = keys.map(\.id).joined(separator: ", ")
            throw VaultError(
                .foreign,
                "\(path) was sealed for \(names.joined(separator: " and ")); the keys at hand are \(known)"
            )
        }
        key = found
        bytes = Array(start[..<place])
    }

    private static func known(_ fileID: [UInt8], _ name: String) -> [UInt8] { magic + fileID + Array(name.utf8) }

    private static func wrap(
        _ cipher: VaultCipher,
        _ key: [UInt8],
        _ nonce: [UInt8],
        _ known: [UInt8],
        _ wrapped: inout [UInt8]
    ) throws(VaultError) {
        let place = UnsafeMutableRawBufferPointer.allocate(byteCount: wrapped.count, alignment: 16)
        defer { place.deallocate() }
        let plain = UnsafeMutableRawBufferPointer.allocate(byteCount: key.count, alignment: 16)
        defer { plain.deallocate() }
        plain.copyBytes(from: key)
        try cipher.seal(UnsafeRawBufferPointer(plain), nonce: nonce, with: known, into: place)
        wrapped = Array(place)
    }

    private static func unwrap(_ sealed: [UInt8], _ key: VaultKey, _ fileID: [UInt8]) throws(VaultError) -> [UInt8]? {
        let cipher = try VaultCipher(key: key.bytes, seals: false)
        let plain = UnsafeMutableRawBufferPointer.allocate(byteCount: 32, alignment: 16)
        defer { plain.deallocate() }
        let nonce = Array(sealed.prefix(VaultCipher.nonceLength))
        let body = Array(sealed.dropFirst(VaultCipher.nonceLength))
        let place = UnsafeMutableRawBufferPointer.allocate(byteCount: body.count, alignment: 16)
        defer { place.deallocate() }
        place.copyBytes(from: body)
        let isWhole = cipher.open(UnsafeRawBufferPointer(place), nonce: nonce, with: known(fileID, key.id), into: plain)
        return isWhole ? Array(plain) : nil
    }
}
