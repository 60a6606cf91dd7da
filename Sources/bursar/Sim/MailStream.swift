import COpenSSL
import Glibc

/// A connection of the simulated mail server, in the clear or in TLS; its thread alone uses it, and may block.
final class MailStream {
    /// The certificate with which TLS is offered.
    ///
    /// `@unchecked Sendable`: an SSL_CTX counts its own references, and is not changed after it was made.
    final class Certificate: @unchecked Sendable {
        fileprivate let context: OpaquePointer

        /// - Throws: where the files are no certificate and its key.
        init(certificate: String, key: String) throws(CommandFailure) {
            guard let context = SSL_CTX_new(TLS_server_method()) else {
                throw CommandFailure(.internal, "OpenSSL has no memory")
            }
            self.context = context
            guard SSL_CTX_use_certificate_chain_file(context, certificate) == 1,
                SSL_CTX_use_PrivateKey_file(context, key, SSL_FILETYPE_PEM) == 1
            else {
                throw CommandFailure(.configuration, "\(certificate) and \(key) are no certificate and its key, in PEM")
            }
        }

        deinit { SSL_CTX_free(context) }
    }

    private let socket: Int32
    private var tls: OpaquePointer?
    private var buffer: [UInt8] = []
    /// Where the unread part of the buffer begins.
    private var start = 0
    private var pending: [UInt8] = []

    init(_ socket: Int32) { self.socket = socket }

    deinit { if let tls { SSL_free(tls) } }

    var isSecure: Bool { tls != nil }

    /// Agrees on TLS as the server; false where the client will not.
    ///
    /// What came before it in the clear is forgotten.
    func secure(_ certificate: Certificate) -> Bool {
        (buffer, start) = ([], 0)
        guard let tls = SSL_new(certificate.context), SSL_set_fd(tls, socket) == 1 else { return false }
        self.tls = tls
        return SSL_accept(tls) == 1
    }

    /// The next line without its end; nil where the client has gone, or the line is longer than a server takes.
    func line() -> [UInt8]? {
        var searched = 0
        while true {
            if let end = newline(from: start + searched) {
                defer { start = end + 1 }
                let last = end > start && buffer[end - 1] == UInt8(ascii: "\r") ? end - 1 : end
                return Array(buffer[start..<last])
            }
            searched = buffer.count - start
            guard searched < 1 << 20, flush(), fill() else { return nil }
        }
    }

    /// Keeps an answer until there is nothing more to read: commands that came together are answered together.
    func say(_ text: String) { pending += Array(text.utf8) }

    /// Sends what was said; false where the client has gone.
    func flush() -> Bool {
        guard !pending.isEmpty else { return true }
        defer { pending.removeAll(keepingCapacity: true) }
        return pending.withUnsafeBytes { bytes in
            var rest = bytes[...]
            while !rest.isEmpty {
                let piece = UnsafeRawBufferPointer(rebasing: rest)
                let count =
                    if let tls { Int(SSL_write(tls, piece.baseAddress, Int32(piece.count))) } else {
                        send(socket, piece.baseAddress, piece.count, Int32(MSG_NOSIGNAL))
                    }
                guard count > 0 else { return false }
                rest = rest.dropFirst(count)
            }
            return true
        }
    }

    /// Waits until the client has gone.
    func waitForEnd() { while fill() { (buffer, start) = ([], 0) } }

    private func newline(from place: Int) -> Int? {
        guard place < buffer.count else { return nil }
        return buffer.withUnsafeBytes { bytes in
            guard let base = bytes.baseAddress, let found = memchr(base + place, 0x0A, bytes.count - place) else {
                return nil
            }
            return UnsafeRawPointer(found) - base
        }
    }

    private func fill() -> Bool {
        if start > 0 {
            buffer.removeFirst(start)
            start = 0
        }
        let size = 64 << 10
        var count = 0
        let piece = [UInt8](unsafeUninitializedCapacity: size) { space, filled in
            count =
                if let tls { Int(SSL_read(tls, space.baseAddress, Int32(size))) } else {
                    recv(socket, space.baseAddress, size, 0)
                }
            filled = max(0, count)
        }
        buffer += piece
        return count > 0
    }
}
