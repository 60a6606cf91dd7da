import Glibc
import Programs
import Synchronization

/// A stand-in for a mail relay, on one loopback port, that keeps what it takes and misbehaves as its script says.
///
/// Each connection has a thread of its own. It listens on loopback and nowhere else.
///
/// ```swift
/// try await MailSimulator.with(script) { simulator in
///     let outcome = await SMTPClient(relay: relay(simulator.port)).send(envelope)
/// }
/// ```
struct MailSimulator: Sendable {
    let port: Int
    private let play: MailPlay
    private let spool: MailSpool

    /// How a server is set up.
    struct Setup: Sendable {
        var script = MailScript()
        var certificate: MailStream.Certificate?
        /// TLS from the first byte, in place of STARTTLS.
        var isSecureFromStart = false
        /// Who may send; nil: everybody.
        var login: (user: String, password: String)?
        var place = MailSpool.Place.memory
        /// 0 lets the system choose.
        var port = 0
    }

    /// What it has seen so far.
    var counts: MailPlay.Counts { play.counts }
    /// What it keeps in memory.
    var kept: [MailSpool.Kept] { spool.kept }

    /// Serves while the body runs, in this process.
    static func with<Result: Sendable>(
        _ script: MailScript = MailScript(),
        _ body: @escaping @Sendable (MailSimulator) async throws -> Result
    ) async throws -> Result {
        var setup = Setup()
        setup.script = script
        return try await serve(setup, body)
    }

    /// Serves until the body has ended; clients that are there then are let go.
    /// - Throws: `CommandFailure` where the port or the spool cannot be had; what the body throws.
    static func serve<Result: Sendable>(
        _ setup: Setup,
        _ body: @escaping @Sendable (MailSimulator) async throws -> Result
    ) async throws -> Result {
        let spool = try MailSpool(setup.place)
        let play = MailPlay(setup.script)
        let door = try MailDoor(port: setup.port)
        let simulator = MailSimulator(port: door.port, play: play, spool: spool)
        return try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                await withDiscardingTaskGroup { clients in
                    for await socket in door.clients {
                        clients.addTask {
                            await onOwnThread { MailSession(socket, play, setup, spool).run() }
                            door.bid(socket)
                        }
                    }
                }
            }
            group.addTask { await onOwnThread { door.open() } }
            defer { door.shut() }
            return try await body(simulator)
        }
    }
}

/// The listening socket, and the clients that came through it.
private final class MailDoor: Sendable {
    let port: Int
    let clients: AsyncStream<Int32>
    private let arrivals: AsyncStream<Int32>.Continuation
    private let socket: Int32
    private let inside = Mutex<Set<Int32>?>([])

    /// - Throws: where the system does not give the port.
    init(port wish: Int) throws(CommandFailure) {
        let socket = Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var yes: Int32 = 1
        setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &yes, socklen_t(MemoryLayout<Int32>.size))
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(UInt16(clamping: wish).bigEndian)
        address.sin_addr.s_addr = in_addr_t(0x7F00_0001).bigEndian
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        let isBound = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
                bind(socket, address, size) == 0 && listen(socket, 512) == 0 && getsockname(socket, address, &size) == 0
            }
        }
        guard isBound else {
            let reason = String(cString: strerror(errno))
            close(socket)
            throw CommandFailure(.unavailable, "the simulator could not listen on 127.0.0.1:\(wish): \(reason)")
        }
        self.socket = socket
        port = Int(UInt16(bigEndian: address.sin_port))
        (clients, arrivals) = AsyncStream.makeStream()
    }

    deinit { close(socket) }

    /// Lets clients in until the door is shut.
    func open() {
        while true {
            let client = accept(socket, nil, nil)
            if client < 0 {
                if [EINTR, ECONNABORTED, EMFILE, ENFILE].contains(errno) { continue }
                break
            }
            var yes: Int32 = 1
            setsockopt(client, Int32(IPPROTO_TCP), TCP_NODELAY, &yes, socklen_t(MemoryLayout<Int32>.size))
            let isIn = inside.withLock { $0?.insert(client) != nil }
            if isIn { arrivals.yield(client) } else { close(client) }
        }
        arrivals.finish()
    }

    func bid(_ client: Int32) {
        inside.withLock { _ = $0?.remove(client) }
        // The number may be another's as soon as it is closed, so it has to be forgotten before.
        close(client)
    }

    /// Nobody comes in from here on, and who is inside is shown out.
    func shut() {
        inside.withLock { inside in
            for client in inside ?? [] { shutdown(client, Int32(SHUT_RDWR)) }
            inside = nil
        }
        shutdown(socket, Int32(SHUT_RDWR))
    }
}
