internal import Glibc
internal import Synchronization

/// What this node has sent, outside of the database: hashes only, a line a notice.
///
/// For the day a restore turns time back: a notice that the database believes to be planned and the journal knows to be sent is
/// not sent again. Lines are appended and never changed; a torn last line is no line.
package final class SendJournal: Sendable {
    /// A file that cannot be opened or written, with the system's reason.
    package struct Failure: Error, CustomStringConvertible, Sendable {
        package let description: String
    }

    private struct State {
        var file: Int32
        var sent: Set<UInt64>
    }

    package let path: String
    private let state: Mutex<State>

    /// Opens the journal of a folder, and reads what it knows.
    package init(folder: String) throws(Failure) {
        path = folder + "/sent.journal"
        guard mkdir(folder, 0o700) == 0 || errno == EEXIST else {
            throw Self.failure("the folder \(folder) cannot be made")
        }
        let known = try Self.read(path)
        let file = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0o600)
        guard file >= 0 else { throw Self.failure("\(path) cannot be opened") }
        state = Mutex(State(file: file, sent: known))
    }

    deinit { state.withLock { _ = Glibc.close($0.file) } }

    /// Whether a notice was accepted by a next hop, as far as this node knows.
    package func hasSent(_ key: String) -> Bool {
        let short = Self.short(digest(key))
        return state.withLock { $0.sent.contains(short) }
    }

    /// Writes down that these were accepted, and waits until the disk has it.
    ///
    /// Blocks: never call it on the cooperative pool.
    package func record(_ entries: [(key: String, recipient: String, messageID: String)]) throws(Failure) {
        guard !entries.isEmpty else { return }
        var text = ""
        var shorts: [UInt64] = []
        for entry in entries {
            let key = digest(entry.key)
            text += "1 \(key) \(entry.recipient) \(digest(entry.messageID).prefix(16))\n"
            shorts.append(Self.short(key))
        }
        let failed = state.withLock { state -> Int32? in
            var bytes = Array(text.utf8)[...]
            while !bytes.isEmpty {
                let written = bytes.withUnsafeBytes { Glibc.write(state.file, $0.baseAddress, $0.count) }
                if written < 0, errno == EINTR { continue }
                guard written >= 0 else { return errno }
                bytes = bytes.dropFirst(written)
            }
            guard fdatasync(state.file) == 0 else { return errno }
            state.sent.formUnion(shorts)
            return nil
        }
        if let failed { throw Self.failure("\(path) cannot be written", failed) }
    }

    private static func read(_ path: String) throws(Failure) -> Set<UInt64> {
        guard let file = fopen(path, "re") else {
            guard errno == ENOENT else { throw failure("\(path) cannot be read") }
            return []
        }
        defer { fclose(file) }
        var known: Set<UInt64> = []
        var line: UnsafeMutablePointer<CChar>?
        var room = 0
        defer { free(line) }
        while true {
            let length = getline(&line, &room, file)
            guard length > 0, let line else { break }
            let text = String(decoding: UnsafeRawBufferPointer(start: line, count: length), as: UTF8.self)
            let parts = text.split(separator: " ")
            if text.hasSuffix("\n"), parts.count == 4, parts[0] == "1" { known.insert(short(String(parts[1]))) }
        }
        return known
    }

    /// The first 64 bits of a hash: enough to know a notice again among millions.
    private static func short(_ hash: String) -> UInt64 { UInt64(hash.prefix(16), radix: 16) ?? 0 }

    private static func failure(_ what: String, _ number: Int32 = errno) -> Failure {
        Failure(description: "\(what): \(String(cString: strerror(number)))")
    }
}
