import Glibc

/// Small files of the configuration.
enum TextFile {
    /// The file's text; null where it is missing and need not be there.
    static func read(_ path: String, isRequired: Bool = true) throws(CommandFailure) -> String? {
        let file = open(path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else {
            let number = errno
            if number == ENOENT || number == ENOTDIR, !isRequired { return nil }
            throw CommandFailure(
                number == EACCES ? .notPermitted : .configuration,
                "\(path) cannot be read: \(String(cString: strerror(number)))",
                remedy: number == EACCES ? "let this user read it" : "check the path"
            )
        }
        defer { close(file) }
        var bytes: [UInt8] = []
        var piece = [UInt8](repeating: 0, count: 64 << 10)
        while bytes.count <= 1 << 20 {
            let count = Glibc.read(file, &piece, piece.count)
            if count == 0 { return String(decoding: bytes, as: UTF8.self) }
            if count < 0 {
                if errno == EINTR { continue }
                throw CommandFailure(.configuration, "\(path) cannot be read: \(String(cString: strerror(errno)))")
            }
            bytes.append(contentsOf: piece[..<count])
        }
        throw CommandFailure(.configuration, "\(path) is longer than 1 MiB", remedy: "check the path")
    }

    /// A file's only line.
    static func secret(_ path: String, isRequired: Bool = true) throws(CommandFailure) -> String? {
        guard let text = try read(path, isRequired: isRequired) else { return nil }
        let value = String(text.drop { $0.isWhitespace }.reversed().drop { $0.isWhitespace }.reversed())
        guard !value.isEmpty else {
            throw CommandFailure(.configuration, "\(path) is empty", remedy: "write the value into it, on one line")
        }
        return value
    }
}
