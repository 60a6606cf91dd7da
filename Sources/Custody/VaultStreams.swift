internal import Glibc

/// Reads a file in pieces of one length, and tells of each whether it is the last: it is always one piece ahead.
struct PieceReader {
    struct Piece {
        /// Valid until the next piece is asked for.
        let bytes: UnsafeRawBufferPointer
        let isLast: Bool
    }

    private let file: Int32
    private let path: String
    private var now: UnsafeMutableRawBufferPointer
    private var ahead: UnsafeMutableRawBufferPointer
    private var aheadCount: Int?
    private var isOver = false

    init(_ file: Int32, _ path: String, length: Int) {
        self.file = file
        self.path = path
        now = .allocate(byteCount: length, alignment: 16)
        ahead = .allocate(byteCount: length, alignment: 16)
    }

    /// The next piece; an empty file has one, which is empty.
    mutating func next() throws(VaultError) -> Piece? {
        if isOver { return nil }
        let first = aheadCount == nil
        let count = if let aheadCount { aheadCount } else { try VaultFiles.fill(now, from: file, path) }
        if !first { swap(&now, &ahead) }
        let following = count == now.count ? try VaultFiles.fill(ahead, from: file, path) : 0
        aheadCount = following
        isOver = following == 0
        return Piece(bytes: UnsafeRawBufferPointer(rebasing: now[..<count]), isLast: isOver)
    }

    /// Gives the memory back.
    func end() {
        now.deallocate()
        ahead.deallocate()
    }
}

/// A new file that is written from its beginning to its end, with its digest.
struct SealedOutput {
    private let file: Int32
    private let path: String
    private let sum: VaultDigest
    private(set) var count: Int64 = 0

    init(_ path: String) throws(VaultError) {
        sum = try VaultDigest()
        self.path = path
        file = try VaultFiles.open(path, O_WRONLY | O_CREAT | O_EXCL)
    }

    mutating func write(_ bytes: [UInt8]) throws(VaultError) {
        let place = UnsafeMutableRawBufferPointer.allocate(byteCount: bytes.count, alignment: 16)
        defer { place.deallocate() }
        place.copyBytes(from: bytes)
        try write(UnsafeRawBufferPointer(place))
    }

    mutating func write(_ bytes: UnsafeRawBufferPointer) throws(VaultError) {
        sum.add(bytes)
        count += Int64(bytes.count)
        try VaultFiles.write(bytes, to: file, path)
    }

    /// Puts the file on the disk, and answers its digest in hexadecimal.
    func finish() throws(VaultError) -> String {
        guard fsync(file) == 0 else { throw VaultFiles.cannot("put on the disk", path) }
        return sum.finish()
    }

    func digest() -> String { sum.finish() }

    /// Closes the file; nothing can be written after it.
    func end() { close(file) }
}
