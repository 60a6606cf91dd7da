internal import Glibc

/// A secret's file: beside the file that names it, at an absolute path, or a credential of the service manager.
package enum SecretFile {
    package enum Found {
        case bytes([UInt8])
        /// Why not, and whether it is for want of a right alone.
        case unreadable(String, isForbidden: Bool)
    }

    private static let mostBytes = 4096

    /// - Parameters:
    ///   - name: a path, or the credential's name.
    ///   - isCredential: whether the service manager holds it.
    ///   - file: the file that names it; a relative path lies beside it.
    /// - Returns: the bytes as they lie there.
    package static func read(_ name: String, isCredential: Bool, beside file: String) -> Found {
        let path: String
        if isCredential {
            guard let folder = getenv("CREDENTIALS_DIRECTORY") else {
                return .unreadable("there are no credentials in this process (credential \(name))", isForbidden: true)
            }
            guard !name.contains("/") else {
                return .unreadable("\(name) is no name of a credential", isForbidden: false)
            }
            path = String(cString: folder) + "/" + name
        } else if name.hasPrefix("/") {
            path = name
        } else {
            let folder = file.lastIndex(of: "/").map { file[...$0] } ?? ""
            path = folder + name
        }
        return read(path)
    }

    private static func read(_ path: String) -> Found {
        // Not to hang on a named pipe.
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else { return failed(path, errno) }
        defer { close(descriptor) }
        var bytes = [UInt8](repeating: 0, count: mostBytes + 1)
        var length = 0
        while length < bytes.count {
            let count = bytes.withUnsafeMutableBytes { buffer in
                Glibc.read(descriptor, buffer.baseAddress?.advanced(by: length), buffer.count - length)
            }
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { return failed(path, errno) }
            if count == 0 { break }
            length += count
        }
        guard length <= mostBytes else {
            return .unreadable("\(path) is longer than a secret can be", isForbidden: false)
        }
        return .bytes(Array(bytes[..<length]))
    }

    private static func failed(_ path: String, _ number: Int32) -> Found {
        .unreadable(
            "\(path) cannot be read: \(String(cString: strerror(number)))",
            isForbidden: number == EACCES || number == EPERM
        )
    }
}
