internal import Glibc
internal import JobKit
internal import Postgres

/// Which process something belongs to, so that what it left behind can be told from what it still works on.
///
/// A number alone says nothing: it is given to another process one day. Everything here blocks.
struct ProcessMark: Codable, Equatable, Sendable {
    let host: String
    /// The machine's start, which no other one shares.
    let boot: String
    let process: Int32
    /// In ticks since the machine's start.
    let started: UInt64

    static let file = "owner.json"

    /// This process.
    static func own() -> ProcessMark {
        ProcessMark(host: hostName, boot: bootID, process: getpid(), started: startTime(of: getpid()) ?? 0)
    }

    /// Makes a folder that belongs to this process: from the moment it has its name it says so.
    static func makeFolder(_ path: String, mode: mode_t) throws(VaultError) {
        // A hidden one first, since a folder and the file in it are not made at once.
        let parts = path.split(separator: "/", omittingEmptySubsequences: false)
        let making = (parts.dropLast() + [".\(parts.last ?? "").\(getpid())"]).joined(separator: "/")
        FolderTree.remove(making)
        guard mkdir(making, mode) == 0 else { throw VaultFiles.cannot("make the folder", path) }
        let text = (try? JSONText(encoding: own()).text) ?? "{}"
        do throws(VaultError) {
            try VaultFiles.store(text, "\(making)/\(file)")
            guard access(path, F_OK) != 0, rename(making, path) == 0 else {
                throw VaultFiles.cannot("make the folder", path)
            }
        } catch {
            FolderTree.remove(making)
            throw error
        }
    }

    /// Whether the process that a folder belongs to has certainly ended; a folder without a mark belongs to none.
    static func isAbandoned(_ folder: String) -> Bool {
        let path = "\(folder)/\(file)"
        if access(path, F_OK) != 0 { return errno == ENOENT }
        guard let text = try? VaultFiles.smallText(path), let mark: ProcessMark = try? JSONText(text).decoded() else {
            return false
        }
        return mark.hasEnded
    }

    /// Whether the process certainly has ended: it ran on this machine, and is there no more.
    ///
    /// Of another machine's nobody here can tell.
    var hasEnded: Bool {
        guard host == Self.hostName else { return false }
        guard boot == Self.bootID else { return true }
        return Self.startTime(of: process) != started
    }

    static var hostName: String {
        var bytes = [CChar](repeating: 0, count: 256)
        guard gethostname(&bytes, bytes.count - 1) == 0 else { return "localhost" }
        return String(decoding: bytes.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    private static var bootID: String {
        (try? procText("/proc/sys/kernel/random/boot_id")).map { $0.filter { !$0.isWhitespace } } ?? ""
    }

    /// When a process started; nil where there is none, or one that ended and was not waited for.
    static func startTime(of process: Int32) -> UInt64? {
        guard let text = try? procText("/proc/\(process)/stat"), let name = text.lastIndex(of: ")") else { return nil }
        let fields = text[text.index(after: name)...].split(separator: " ")
        guard fields.count > 19, fields[0] != "Z", fields[0] != "X" else { return nil }
        return UInt64(fields[19])
    }

    /// The words that a process was started with; none where there is no such process.
    static func words(of process: Int32) -> [String] {
        guard let text = try? procText("/proc/\(process)/cmdline") else { return [] }
        return text.split(separator: "\0").map(String.init)
    }

    /// Files of /proc say that they are empty.
    private static func procText(_ path: String) throws(VaultError) -> String {
        let file = try VaultFiles.open(path, O_RDONLY)
        defer { close(file) }
        let place = UnsafeMutableRawBufferPointer.allocate(byteCount: 64 << 10, alignment: 16)
        defer { place.deallocate() }
        let count = try VaultFiles.fill(place, from: file, path)
        return String(decoding: place[..<count], as: UTF8.self)
    }
}
