import Dispatch
import Glibc
import Testing

/// A sender that says exactly what the test wants, byte by byte, over one connection.
final class RawClient: Sendable {
    private let descriptor: Int32

    /// Connects to a port of this machine.
    init(port: Int) throws {
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = UInt16(port).bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        let failed = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        try #require(failed == 0, "nobody listens on \(port)")
        // No test waits for ever.
        var patience = timeval(tv_sec: 20, tv_usec: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &patience, socklen_t(MemoryLayout<timeval>.size))
    }

    deinit { close(descriptor) }

    func send(_ text: String) {
        let bytes = Array(text.utf8)
        _ = Glibc.send(descriptor, bytes, bytes.count, Int32(MSG_NOSIGNAL))
    }

    /// Says that nothing more will be sent.
    func finish() { shutdown(descriptor, Int32(SHUT_WR)) }

    /// Everything that is answered until the other side closes the connection.
    func untilClosed() async -> String { await reading { _ in false } }

    /// What is answered until it ends with a text, or the other side closes.
    func until(_ end: String) async -> String { await reading { $0.hasSuffix(end) } }

    private func reading(_ isEnough: @escaping @Sendable (String) -> Bool) async -> String {
        let descriptor = descriptor
        return await withCheckedContinuation { continuation in
            DispatchQueue.global().async {
                var answer = ""
                var buffer = [UInt8](repeating: 0, count: 16 << 10)
                while !isEnough(answer) {
                    let count = recv(descriptor, &buffer, buffer.count, 0)
                    guard count > 0 else { break }
                    answer += String(decoding: buffer[..<count], as: UTF8.self)
                }
                continuation.resume(returning: answer)
            }
        }
    }
}
