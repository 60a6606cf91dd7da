internal import Glibc

/// Named secrets: files in a few folders.
///
/// Everything here blocks.
package enum Secrets {
    /// More is no secret but a mistake.
    private static let mostBytes = 1_048_576

    /// Why one of the names cannot be given; nil where all can.
    package static func missing(_ names: [String], in folders: [String], refused: Set<String>) -> String? {
        for name in names {
            if refused.contains(name) { return "the secret \(name) is the daemon's own; no command may have it" }
            guard path(name, in: folders) == nil else { continue }
            guard !folders.isEmpty else {
                return "there is no secret \(name): no folder of secrets is configured; set commands.secrets"
            }
            return "there is no secret \(name) in \(folders.joined(separator: " or "))"
        }
        return nil
    }

    /// A secret's bytes, as they stand in its file.
    package static func read(_ name: String, in folders: [String]) throws(ProgramRefused) -> [UInt8] {
        guard let path = path(name, in: folders) else { throw ProgramRefused("there is no secret \(name)") }
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw ProgramRefused("cannot read \(path): \(String(cString: strerror(errno)))") }
        defer { close(descriptor) }
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = Glibc.read(descriptor, &buffer, buffer.count)
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw ProgramRefused("cannot read \(path): \(String(cString: strerror(errno)))") }
            guard count > 0 else { return bytes }
            bytes += buffer[..<count]
            guard bytes.count <= mostBytes else { throw ProgramRefused("\(path) has more than \(mostBytes) bytes") }
        }
    }

    private static func path(_ name: String, in folders: [String]) -> String? {
        folders.map { "\($0)/\(name)" }.first { path in
            var status = stat()
            return stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFREG
        }
    }
}
