internal import Glibc
internal import Synchronization
internal import Webhooks

/// A folder of messages as mail programs read it: written in `tmp`, seen in `new`, moved to `cur` by whoever reads.
///
/// Its calls block. A message is in `new` whole or not at all, and on disk before anybody is told.
struct Maildir: Sendable {
    enum Delivery: Equatable {
        case stored
        /// A message of that name lies there already.
        case known
    }

    let folder: String
    private static let counter = Atomic(0)

    /// Puts a message into `new`, unless one of this name is there or was read.
    ///
    /// Of any number of processes that do it at once, one stores it.
    func deliver(_ bytes: [UInt8], named name: String) throws(MaildirError) -> Delivery {
        if try isKnown(name) { return .known }
        let draft = "tmp/\(name).\(getpid()).\(Self.counter.add(1, ordering: .relaxed).newValue)"
        do {
            try write(bytes, to: draft)
        } catch  where error.number == ENOENT {
            try makeFolders()
            try write(bytes, to: draft)
        }
        defer { unlink(path(draft)) }
        // Not a rename: it would replace what another has put there.
        if link(path(draft), path("new/\(name)")) != 0 {
            guard errno == EEXIST else { throw MaildirError("link", path("new/\(name)")) }
            try synchronize(path("new"))
            return .known
        }
        try synchronize(path("new"))
        return .stored
    }

    /// Whether a message of this name is there, whatever a reader has made of it.
    private func isKnown(_ name: String) throws(MaildirError) -> Bool {
        if access(path("new/\(name)"), F_OK) == 0 {
            // Its writer may have died before it was told that it lies safely.
            try synchronize(path("new"))
            return true
        }
        guard let stream = opendir(path("cur")) else { return false }
        defer { closedir(stream) }
        while let entry = readdir(stream) {
            let found = withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
                // A reader adds a colon and flags.
                let base = bytes.prefix { $0 != 0 && $0 != UInt8(ascii: ":") }
                return base.elementsEqual(name.utf8)
            }
            if found { return true }
        }
        return false
    }

    private func write(_ bytes: [UInt8], to draft: String) throws(MaildirError) {
        let place = path(draft)
        let descriptor = open(place, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw MaildirError("open", place) }
        var written = 0
        while written < bytes.count {
            let count = bytes.withUnsafeBytes { buffer in
                Glibc.write(descriptor, buffer.baseAddress?.advanced(by: written), buffer.count - written)
            }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { throw abandoned("write", place, descriptor) }
            written += count
        }
        guard fsync(descriptor) == 0 else { throw abandoned("write", place, descriptor) }
        close(descriptor)
    }

    private func abandoned(_ step: String, _ place: String, _ descriptor: Int32) -> MaildirError {
        let error = MaildirError(step, place)
        close(descriptor)
        unlink(place)
        return error
    }

    private func makeFolders() throws(MaildirError) {
        var parent = ""
        for part in folder.split(separator: "/") {
            parent += (parent.isEmpty && !folder.hasPrefix("/") ? "" : "/") + part
            try make(parent)
        }
        for name in ["tmp", "new", "cur"] { try make(path(name)) }
        try synchronize(folder)
    }

    private func make(_ place: String) throws(MaildirError) {
        if mkdir(place, 0o700) == 0 || errno == EEXIST { return }
        throw MaildirError("open", place)
    }

    private func synchronize(_ place: String) throws(MaildirError) {
        let descriptor = open(place, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { throw MaildirError("open", place) }
        defer { close(descriptor) }
        guard fsync(descriptor) == 0 else { throw MaildirError("write", place) }
    }

    private func path(_ name: String) -> String { "\(folder)/\(name)" }

    /// The file of a Message-ID: the same for the same one, another for another one.
    static func name(of messageID: String) -> String {
        let letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789@._-".utf8
        let isPlain = messageID.utf8.allSatisfy(letters.contains) && !messageID.hasPrefix(".")
        if isPlain, (1...200).contains(messageID.utf8.count) { return messageID }
        let digits = Array("0123456789abcdef")
        let digest = SignatureCrypto.sha256(Array(messageID.utf8))
        return "=" + String(digest.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] })
    }
}

/// Why a message could not be put into a maildir.
struct MaildirError: Error, Equatable, CustomStringConvertible {
    /// `open`, `write` or `link`.
    let step: String
    let place: String
    /// The system's number.
    let number: Int32

    /// With the number that the system has just left.
    init(_ step: String, _ place: String) { self.init(step, place, errno) }

    init(_ step: String, _ place: String, _ number: Int32) {
        (self.step, self.place, self.number) = (step, place, number)
    }

    /// Whether a person must change a right or a name; what else goes wrong may pass.
    var isForAPerson: Bool {
        [EACCES, EPERM, EROFS, ENOENT, ENOTDIR, EISDIR, ELOOP, ENAMETOOLONG].contains(number)
    }

    var description: String {
        let reason = String(cString: strerror(number))
        let remedy =
            switch number {
            case ENOSPC, EDQUOT: "make room there"
            case EACCES, EPERM, EROFS: "let the daemon's user write there"
            case ENOTDIR, EISDIR, ENOENT: "name a folder"
            default: "see the system's log"
            }
        return "\(place): \(reason); \(remedy)"
    }
}
