internal import Glibc

/// A folder for one run of one program, which nobody but the program's user may enter: its secrets, and what stands on its
/// standard input.
///
/// Whoever makes it removes it; the program's keeper does so too, should the daemon be gone by then. Everything here blocks.
package struct PrivateFolder: Equatable, Sendable {
    package let path: String
    package private(set) var hasInput = false

    /// The file that becomes standard input.
    var inputPath: String { "\(path)/.input" }

    /// Makes a folder of this name, which must be new, in one that is made where it is missing.
    ///
    /// - Throws: what the system said, with the path.
    package init(_ name: String, in parent: String, owner: Account?) throws(ProgramRefused) {
        try Self.makeParent(parent)
        path = "\(parent)/\(name)"
        guard mkdir(path, 0o700) == 0 else { throw Self.cannot("make the folder \(path)") }
        if let owner, owner.isOther, chown(path, owner.user, owner.group) != 0 {
            let refusal = Self.cannot("give the folder \(path) to \(owner.name)")
            rmdir(path)
            throw refusal
        }
    }

    /// Writes a secret, readable by the program's user alone.
    package func write(_ bytes: [UInt8], to name: String, owner: Account?) throws(ProgramRefused) {
        try store(bytes, "\(path)/\(name)", owner)
    }

    /// Writes what stands on standard input.
    package mutating func writeInput(_ text: String, owner: Account?) throws(ProgramRefused) {
        try store(Array(text.utf8), inputPath, owner)
        hasInput = true
    }

    /// Removes the folder with all that is in it; one that is gone already is no fault.
    package func remove() {
        if let folder = opendir(path) {
            while let entry = readdir(folder) {
                let name = withUnsafeBytes(of: entry.pointee.d_name) {
                    String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
                }
                unlink("\(path)/\(name)")
            }
            closedir(folder)
        }
        rmdir(path)
    }

    private func store(_ bytes: [UInt8], _ file: String, _ owner: Account?) throws(ProgramRefused) {
        let descriptor = open(file, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o400)
        guard descriptor >= 0 else { throw Self.cannot("make the file \(file)") }
        defer { close(descriptor) }
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { throw Self.cannot("write \(file)") }
            rest = rest.dropFirst(count)
        }
        if let owner, owner.isOther, fchown(descriptor, owner.user, owner.group) != 0 {
            throw Self.cannot("give \(file) to \(owner.name)")
        }
    }

    /// Others may pass through it to a folder that is theirs, and see nothing; it may stand where everybody can write, so one
    /// that somebody else made there is not trusted.
    private static func makeParent(_ path: String) throws(ProgramRefused) {
        guard mkdir(path, 0o711) == 0 || errno == EEXIST else { throw cannot("make the folder \(path)") }
        var status = stat()
        guard lstat(path, &status) == 0 else { throw cannot("look at the folder \(path)") }
        guard status.st_mode & S_IFMT == S_IFDIR, status.st_uid == geteuid(), status.st_mode & 0o022 == 0 else {
            throw ProgramRefused(
                "\(path) is no folder of this process's user that others cannot write to; remove it or set commands.directory"
            )
        }
        // The process's mask may have taken away the way through.
        if status.st_mode & 0o777 != 0o711 { chmod(path, 0o711) }
    }

    private static func cannot(_ what: String) -> ProgramRefused {
        let error = errno
        let isPassing = [ENOSPC, EMFILE, ENFILE, EDQUOT, EIO, EINTR].contains(error)
        return ProgramRefused("cannot \(what): \(String(cString: strerror(error)))", isPassing: isPassing)
    }
}
