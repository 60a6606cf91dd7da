internal import Glibc

/// The zone files of the system: finds them by name and reads their bytes.
enum ZoneFile {
    /// Larger than any zone file there is.
    private static let sizeLimit = 1 << 20

    /// Names are relative paths of plain words, so that no name can leave the folder.
    static func isPlausible(_ name: String) -> Bool {
        guard name.utf8.count <= 128 else { return false }
        return name.split(separator: "/", omittingEmptySubsequences: false).allSatisfy { part in
            guard let first = part.utf8.first, isLetterOrDigit(first) else { return false }
            return part.utf8.allSatisfy { byte in
                isLetterOrDigit(byte) || byte == UInt8(ascii: "_") || byte == UInt8(ascii: "-")
                    || byte == UInt8(ascii: "+")
            }
        }
    }

    /// The bytes of a zone's file.
    static func read(_ name: String, in directory: String) throws(ZoneError) -> [UInt8] {
        guard isPlausible(name) else { throw .badName(name) }
        let descriptor = open("\(directory)/\(name)", O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw missing(name, in: directory, errno: errno) }
        defer { close(descriptor) }
        var bytes = [UInt8](repeating: 0, count: 4096)
        var count = 0
        while true {
            let room = bytes.count - count
            let received = bytes.withUnsafeMutableBytes { buffer in
                buffer.baseAddress.map { Glibc.read(descriptor, $0 + count, room) } ?? 0
            }
            if received < 0, errno == EINTR { continue }
            if received < 0, errno == EISDIR { throw .unknown(name, suggestion: nil) }
            guard received >= 0 else { throw .unreadable(name, reason: text(of: errno)) }
            count += received
            if received == 0 { return Array(bytes[..<count]) }
            guard count < sizeLimit else { throw .malformed(name, reason: "it is larger than a zone file can be") }
            if count == bytes.count { bytes.append(contentsOf: repeatElement(0, count: count)) }
        }
    }

    private static func missing(_ name: String, in directory: String, errno code: Int32) -> ZoneError {
        if access(directory, F_OK) != 0 { return .noDatabase(directory: directory) }
        guard code == ENOENT || code == ENOTDIR else { return .unreadable(name, reason: text(of: code)) }
        return .unknown(name, suggestion: sameButForCase(name, in: directory))
    }

    /// A zone whose name differs only in upper and lower case, to be suggested.
    private static func sameButForCase(_ name: String, in directory: String) -> String? {
        var found: [String] = []
        for part in name.split(separator: "/") {
            let folder = ([directory] + found).joined(separator: "/")
            guard let match = entries(of: folder).first(where: { $0.lowercased() == part.lowercased() }) else {
                return nil
            }
            found.append(match)
        }
        return found.joined(separator: "/")
    }

    private static func entries(of folder: String) -> [String] {
        guard let stream = opendir(folder) else { return [] }
        defer { closedir(stream) }
        var names: [String] = []
        while let entry = readdir(stream) {
            names.append(
                withUnsafePointer(to: &entry.pointee.d_name) { pointer in
                    pointer.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
                }
            )
        }
        return names
    }

    private static func isLetterOrDigit(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"):
            true
        default: false
        }
    }

    private static func text(of code: Int32) -> String {
        String(cString: strerror(code))
    }
}
