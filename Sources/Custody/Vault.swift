internal import Glibc

/// Files sealed for two keys: the current one, and one for recovery that lies elsewhere.
///
/// A sealed file has a ``VaultHeader`` and then pieces of 1 MiB (the last is shorter, and may be empty), each encrypted with
/// AES-256-GCM under the file's own random key: the nonce is the file's name of 8 bytes and the piece's number of 4, and with
/// each piece the digest of the header and whether it is the last are authenticated. So a piece that was changed, moved,
/// taken away at the end or added is noticed. Memory does not grow with the file. Everything here blocks: call it on a
/// thread of its own.
package enum Vault {
    /// How long a piece is.
    package static let pieceLength = 1 << 20

    /// What a file was and what it became.
    package struct Sealed: Equatable, Sendable {
        package let plainBytes: Int64
        /// SHA-256 of the file, in hexadecimal.
        package let plainSHA256: String
        package let sealedBytes: Int64
        /// SHA-256 of the sealed file, in hexadecimal.
        package let sealedSHA256: String
    }

    /// Seals a file into one that was not there before, and puts it on the disk.
    ///
    /// - Throws: `file` and `broken`; an unfinished file is left behind then.
    @discardableResult
    package static func seal(
        _ source: String,
        into target: String,
        for recipients: [VaultKey]
    ) throws(VaultError) -> Sealed {
        let header = try VaultHeader(for: recipients)
        let cipher = try VaultCipher(key: header.key, seals: true)
        let input = try VaultFiles.open(source, O_RDONLY)
        defer { close(input) }
        var output = try SealedOutput(target)
        defer { output.end() }
        try output.write(header.bytes)
        let aside = VaultDigest.of(header.bytes)
        let plainDigest = try VaultDigest()
        var plainBytes: Int64 = 0
        var pieces = PieceReader(input, source, length: pieceLength)
        defer { pieces.end() }
        let place = UnsafeMutableRawBufferPointer.allocate(
            byteCount: pieceLength + VaultCipher.tagLength,
            alignment: 16
        )
        defer { place.deallocate() }
        var number: UInt32 = 0
        while let piece = try pieces.next() {
            plainDigest.add(piece.bytes)
            plainBytes += Int64(piece.bytes.count)
            try cipher.seal(
                piece.bytes,
                nonce: nonce(header, number),
                with: aside + [piece.isLast ? 1 : 0],
                into: place
            )
            try output.write(UnsafeRawBufferPointer(rebasing: place[..<(piece.bytes.count + VaultCipher.tagLength)]))
            if piece.isLast { break }
            number = try after(number, source)
        }
        return Sealed(
            plainBytes: plainBytes,
            plainSHA256: plainDigest.finish(),
            sealedBytes: output.count,
            sealedSHA256: try output.finish()
        )
    }

    /// Opens a sealed file into one that was not there before; it is not put on the disk.
    ///
    /// - Throws: `foreign`, `damaged`, `file`; what was written until then must not be used.
    @discardableResult
    package static func open(_ source: String, into target: String, with keys: [VaultKey]) throws(VaultError) -> Sealed
    {
        let input = try VaultFiles.open(source, O_RDONLY)
        defer { close(input) }
        let header = try header(of: input, source, keys)
        let cipher = try VaultCipher(key: header.key, seals: false)
        let aside = VaultDigest.of(header.bytes)
        let sealedDigest = try VaultDigest()
        add(header.bytes, to: sealedDigest)
        var output = try SealedOutput(target)
        defer { output.end() }
        var pieces = PieceReader(input, source, length: pieceLength + VaultCipher.tagLength)
        defer { pieces.end() }
        let place = UnsafeMutableRawBufferPointer.allocate(byteCount: pieceLength, alignment: 16)
        defer { place.deallocate() }
        var sealedBytes = Int64(header.bytes.count)
        var number: UInt32 = 0
        while let piece = try pieces.next() {
            sealedDigest.add(piece.bytes)
            sealedBytes += Int64(piece.bytes.count)
            let known = aside + [piece.isLast ? 1 : 0]
            guard cipher.open(piece.bytes, nonce: nonce(header, number), with: known, into: place) else {
                throw VaultError(
                    .damaged,
                    "\(source) is not what was sealed: piece \(number) was changed, or the file was cut short"
                )
            }
            try output.write(UnsafeRawBufferPointer(rebasing: place[..<(piece.bytes.count - VaultCipher.tagLength)]))
            if piece.isLast { break }
            number = try after(number, source)
        }
        return Sealed(
            plainBytes: output.count,
            plainSHA256: output.digest(),
            sealedBytes: sealedBytes,
            sealedSHA256: sealedDigest.finish()
        )
    }

    /// SHA-256 of a file as it lies there, in hexadecimal, and its length.
    package static func digest(_ path: String) throws(VaultError) -> (sha256: String, bytes: Int64) {
        let input = try VaultFiles.open(path, O_RDONLY)
        defer { close(input) }
        let digest = try VaultDigest()
        var bytes: Int64 = 0
        let place = UnsafeMutableRawBufferPointer.allocate(byteCount: pieceLength, alignment: 16)
        defer { place.deallocate() }
        while true {
            let count = try VaultFiles.fill(place, from: input, path)
            digest.add(UnsafeRawBufferPointer(rebasing: place[..<count]))
            bytes += Int64(count)
            if count < place.count { return (digest.finish(), bytes) }
        }
    }

    private static func nonce(_ header: VaultHeader, _ number: UInt32) -> [UInt8] {
        header.fileID + withUnsafeBytes(of: number.bigEndian) { Array($0) }
    }

    private static func after(_ number: UInt32, _ path: String) throws(VaultError) -> UInt32 {
        guard number < .max else { throw VaultError(.file, "\(path) is too long to be sealed") }
        return number + 1
    }

    private static func add(_ bytes: [UInt8], to digest: VaultDigest) {
        bytes.withUnsafeBytes { digest.add($0) }
    }

    /// Reads the beginning and stands behind it.
    private static func header(of file: Int32, _ path: String, _ keys: [VaultKey]) throws(VaultError) -> VaultHeader {
        let place = UnsafeMutableRawBufferPointer.allocate(byteCount: VaultHeader.longest, alignment: 16)
        defer { place.deallocate() }
        let count = try VaultFiles.fill(place, from: file, path)
        let header = try VaultHeader(Array(place[..<count]), keys: keys, path: path)
        guard lseek(file, off_t(header.bytes.count), SEEK_SET) >= 0 else { throw VaultFiles.cannot("read", path) }
        return header
    }
}
