internal import Glibc

/// The vault's way with files: plain descriptors, every error in words; everything here blocks.
enum VaultFiles {
    static func open(_ path: String, _ flags: Int32, mode: mode_t = 0o600) throws(VaultError) -> Int32 {
        let descriptor = Glibc.open(path, flags | O_CLOEXEC, mode)
        guard descriptor >= 0 else { throw cannot(flags & O_CREAT != 0 ? "make" : "read", path) }
        return descriptor
    }

    /// Reads until the place is full or the file ends.
    static func fill(_ place: UnsafeMutableRawBufferPointer, from file: Int32, _ path: String) throws(VaultError) -> Int
    {
        var count = 0
        while count < place.count {
            let got = read(file, place.baseAddress?.advanced(by: count), place.count - count)
            if got < 0, errno == EINTR { continue }
            guard got >= 0 else { throw cannot("read", path) }
            if got == 0 { break }
            count += got
        }
        return count
    }

    static func write(_ bytes: UnsafeRawBufferPointer, to file: Int32, _ path: String) throws(VaultError) {
        var done = 0
        while done < bytes.count {
            let count = Glibc.write(file, bytes.baseAddress?.advanced(by: done), bytes.count - done)
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { throw cannot("write", path) }
            done += count
        }
    }

    /// Makes sure that a file or folder is on the disk.
    static func sync(_ path: String) throws(VaultError) {
        let file = try open(path, O_RDONLY)
        defer { close(file) }
        guard fsync(file) == 0 else { throw cannot("put on the disk", path) }
    }

    /// A small text; a secret must not be open to every user of the machine.
    static func smallText(
        _ path: String,
        code: VaultError.Code = .file,
        isSecret: Bool = false
    ) throws(VaultError) -> String {
        let file = Glibc.open(path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { throw VaultError(code, cannot("read", path).reason) }
        defer { close(file) }
        var status = stat()
        guard fstat(file, &status) == 0, status.st_mode & S_IFMT == S_IFREG, status.st_size <= 64 << 20 else {
            throw VaultError(code, "\(path) is no file of a readable size")
        }
        guard !isSecret || status.st_mode & 0o007 == 0 else {
            throw VaultError(code, "\(path) is open to every user of this machine; close it with: chmod 600 \(path)")
        }
        let place = UnsafeMutableRawBufferPointer.allocate(byteCount: Int(status.st_size), alignment: 16)
        defer { place.deallocate() }
        let count = try fill(place, from: file, path)
        return String(decoding: place[..<count], as: UTF8.self)
    }

    /// Writes a text that was not there before, and puts it on the disk.
    static func store(_ text: String, _ path: String, mode: mode_t = 0o600) throws(VaultError) {
        let file = try open(path, O_WRONLY | O_CREAT | O_EXCL, mode: mode)
        defer { close(file) }
        let bytes = Array(text.utf8)
        let place = UnsafeMutableRawBufferPointer.allocate(byteCount: bytes.count, alignment: 16)
        defer { place.deallocate() }
        place.copyBytes(from: bytes)
        try write(UnsafeRawBufferPointer(place), to: file, path)
        guard fsync(file) == 0 else { throw cannot("put on the disk", path) }
    }

    static func cannot(_ what: String, _ path: String) -> VaultError {
        let error = errno
        return VaultError(.file, "cannot \(what) \(path): \(String(cString: strerror(error)))")
    }
}

extension VaultFiles {
    /// What a gzip file says at its end of the length of what was compressed (RFC 1952); at least 1 MiB for a long file,
    /// whose length may have gone round.
    static func gzipLength(_ path: String) throws(VaultError) -> Int {
        let file = try open(path, O_RDONLY)
        defer { close(file) }
        let size = lseek(file, 0, SEEK_END)
        guard size >= 18, lseek(file, -4, SEEK_END) >= 0 else { throw VaultError(.damaged, "\(path) is no gzip file") }
        let place = UnsafeMutableRawBufferPointer.allocate(byteCount: 4, alignment: 4)
        defer { place.deallocate() }
        guard try fill(place, from: file, path) == 4 else { throw cannot("read", path) }
        let length = Int(UInt32(littleEndian: place.load(as: UInt32.self)))
        return size > 1 << 20 ? max(length, 1 << 20) : length
    }
}
