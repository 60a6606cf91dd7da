import CLinux
import Glibc

/// Why a listener cannot serve.
package enum ListenerError: Error, Equatable, CustomStringConvertible {
    case alreadyServed(path: String)
    case notASocket(path: String)
    case notUsable(path: String, reason: String)
    case notLoopback(address: String)
    case addressNotUsable(address: String, reason: String)

    package var description: String {
        switch self {
        case .alreadyServed(let path): "another daemon answers on \(path)"
        case .notASocket(let path): "\(path) is there, but is no socket"
        case .notUsable(let path, let reason): "the operator socket \(path) cannot be used: \(reason)"
        case .notLoopback(let address): "\(address) is not a loopback address"
        case .addressNotUsable(let address, let reason): "nobody can listen on \(address): \(reason)"
        }
    }

    /// What the operator can do about it.
    package var remedy: String {
        switch self {
        case .alreadyServed: "stop the other daemon, or give this one its own operator.socket"
        case .notASocket: "move the file away, or set operator.socket to another path"
        case .notUsable: "set operator.socket to a path of at most 107 bytes in a folder that this user may write"
        case .notLoopback: "set operator.listen to 127.0.0.1:PORT or [::1]:PORT; use a reverse proxy for the network"
        case .addressNotUsable: "set http.public_address to an address of this machine and a port that is free"
        }
    }
}

/// The place of a unix socket in the file system.
struct SocketPath: Sendable {
    /// Which file lies there: a later daemon may have put its own in its place.
    struct Identity: Equatable, Sendable {
        var device: UInt64
        var inode: UInt64
    }

    let path: String

    /// Makes room: removes a socket that nobody answers on any more.
    ///
    /// - Throws: `.alreadyServed` when a daemon lives there, and for a path that cannot be used.
    func claim() throws(ListenerError) {
        guard path.utf8.count <= 107 else {
            throw .notUsable(path: path, reason: "a socket's path has at most 107 bytes")
        }
        var found = clinux_file()
        guard clinux_look_at(path, &found) == 0 else {
            if errno == ENOENT { return }
            throw .notUsable(path: path, reason: String(cString: strerror(errno)))
        }
        guard found.is_socket != 0 else { throw .notASocket(path: path) }
        switch connectionError() {
        case nil: throw .alreadyServed(path: path)
        case ECONNREFUSED:
            guard unlink(path) == 0 || errno == ENOENT else {
                throw .notUsable(path: path, reason: String(cString: strerror(errno)))
            }
        case ENOENT: return
        case EAGAIN: throw .alreadyServed(path: path)
        case .some(let number): throw .notUsable(path: path, reason: String(cString: strerror(number)))
        }
    }

    /// Lets the daemon's user and group speak, and nobody else.
    func restrict() throws(ListenerError) {
        guard chmod(path, 0o660) == 0 else {
            throw .notUsable(path: path, reason: String(cString: strerror(errno)))
        }
    }

    var identity: Identity? {
        var found = clinux_file()
        guard clinux_look_at(path, &found) == 0 else { return nil }
        return Identity(device: found.device, inode: found.inode)
    }

    /// Takes the socket away if it is still the one that was served.
    func remove(_ served: Identity) {
        if identity == served { unlink(path) }
    }

    /// Why nobody can be reached there; null when somebody answers.
    ///
    /// Never waits.
    private func connectionError() -> Int32? {
        let type = Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue) | Int32(SOCK_NONBLOCK.rawValue)
        let descriptor = socket(AF_UNIX, type, 0)
        guard descriptor >= 0 else { return errno }
        defer { close(descriptor) }
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
        let result = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
                connect(descriptor, address, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        return result == 0 ? nil : errno
    }
}
