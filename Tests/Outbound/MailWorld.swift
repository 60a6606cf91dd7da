import Glibc
import Outbound
import Subprocess
import Synchronization
import Testing

@testable import bursar

/// What tests of mail share: a relay's address, a message, a certificate.
enum MailWorld {
    static func relay(
        _ port: Int,
        _ security: SMTPRelay.Security = .none,
        connections: Int = 8,
        timeout: Duration = .seconds(10)
    ) -> SMTPRelay {
        SMTPRelay(host: "127.0.0.1", port: port, security: security, timeout: timeout, connections: connections)
    }

    static func envelope(_ recipient: String = "payer@example.com", _ text: String = "ជំរាបសួរ\n") -> SMTPEnvelope {
        SMTPEnvelope(
            sender: "bounces+t@example.com",
            recipient: recipient,
            message: Array("Subject: invoice\nMessage-ID: <1@example.com>\n\n\(text)".utf8)
        )
    }

    /// Sends one message on a client of its own.
    static func send(_ relay: SMTPRelay) async -> SMTPOutcome { await send(envelope(), relay) }

    /// Sends one message on a client of its own.
    static func send(_ envelope: SMTPEnvelope, _ relay: SMTPRelay) async -> SMTPOutcome {
        let client = SMTPClient(relay: relay)
        defer { client.close() }
        return await client.send(envelope)
    }

    static func script(_ step: MailScript.Step, _ acts: String..., lacks: Set<String> = []) throws -> MailScript {
        var script = MailScript()
        script.rules = [.init(step: step, recipient: nil, every: nil, acts: try acts.map { try MailScript.Act($0) })]
        script.lacks = lacks
        return script
    }
}

extension SMTPOutcome {
    var isAccepted: Bool { if case .accepted = ending { true } else { false } }

    var error: OutboundError? { if case .failed(let error) = ending { error } else { nil } }
}

/// A certificate for 127.0.0.1, made once a test process.
struct TestCertificate: Sendable {
    let path: String
    let keyPath: String

    /// Believes in itself; the second is for somebody else.
    static func made(for name: String = "IP:127.0.0.1") async throws -> TestCertificate {
        var template = Array("/tmp/bursar-mail-XXXXXX".utf8CString)
        let folder = try #require(mkdtemp(&template).map { String(cString: $0) })
        let script = """
            cd \(folder) && openssl req -new -x509 -days 2 -nodes -newkey ec -pkeyopt ec_paramgen_curve:P-256 \
            -subj /CN=relay.example -addext subjectAltName=\(name) -out server.crt -keyout server.key
            """
        let made = try await Subprocess.run(
            .name("sh"),
            arguments: ["-c", script],
            output: .discarded,
            error: .discarded
        )
        try #require(made.terminationStatus.isSuccess)
        return TestCertificate(path: "\(folder)/server.crt", keyPath: "\(folder)/server.key")
    }

    func remove() {
        for file in [path, keyPath] { unlink(file) }
        rmdir(String(path.dropLast("/server.crt".count)))
    }

    var certificate: MailStream.Certificate {
        get throws { try MailStream.Certificate(certificate: path, key: keyPath) }
    }
}

/// A server that says what it is told to say, whatever is asked: one reply a line that it hears.
///
/// It serves one client after another on a thread of its own, and ends with the body.
final class ParrotServer: Sendable {
    let port: Int
    private let socket: Int32
    private let heard = Mutex<[UInt8]>([])

    /// What came in, of all clients.
    var text: String { String(decoding: heard.withLock { $0 }, as: UTF8.self) }

    static func with<Result>(
        _ greeting: String,
        _ replies: [String],
        _ body: (ParrotServer) async throws -> Result
    ) async throws -> Result {
        let server = try ParrotServer()
        let thread = Task.detached { await onThread { server.serve(greeting, replies) } }
        do {
            let result = try await body(server)
            shutdown(server.socket, Int32(SHUT_RDWR))
            await thread.value
            return result
        } catch {
            shutdown(server.socket, Int32(SHUT_RDWR))
            await thread.value
            throw error
        }
    }

    private init() throws {
        socket = Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = in_addr_t(0x7F00_0001).bigEndian
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        let socket = socket
        let isBound = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
                bind(socket, address, size) == 0 && listen(socket, 16) == 0 && getsockname(socket, address, &size) == 0
            }
        }
        port = Int(UInt16(bigEndian: address.sin_port))
        try #require(isBound)
    }

    deinit { close(socket) }

    private func serve(_ greeting: String, _ replies: [String]) {
        while true {
            let client = accept(socket, nil, nil)
            guard client >= 0 else { return }
            say(greeting, client)
            var left = replies[...]
            var byte: UInt8 = 0
            while recv(client, &byte, 1, 0) == 1 {
                heard.withLock { $0.append(byte) }
                guard byte == UInt8(ascii: "\n") else { continue }
                guard let reply = left.popFirst() else { break }
                say(reply, client)
            }
            close(client)
        }
    }

    /// A byte at a time: replies come in pieces on real lines too.
    private func say(_ text: String, _ client: Int32) {
        for byte in Array(text.utf8) {
            var byte = byte
            _ = Glibc.send(client, &byte, 1, Int32(MSG_NOSIGNAL))
        }
    }
}

/// Runs what blocks on a thread of its own.
private func onThread(_ body: @escaping @Sendable () -> Void) async {
    await withCheckedContinuation { continuation in
        var id = pthread_t()
        let work = Unmanaged<AnyObject>.passRetained(
            Work {
                body(); continuation.resume()
            }
        )
        pthread_create(
            &id,
            nil,
            { raw in
                guard let raw else { return nil }
                (Unmanaged<AnyObject>.fromOpaque(raw).takeRetainedValue() as? Work)?.run()
                return nil
            },
            work.toOpaque()
        )
        pthread_detach(id)
    }
}

private final class Work {
    let run: () -> Void
    init(_ run: @escaping () -> Void) { self.run = run }
}
