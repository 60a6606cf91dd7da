internal import Glibc
internal import Synchronization

/// A unix socket between a program and its server that reads along what the program says, and can break off at any
/// named statement.
///
/// For tests of faults; plain threads and blocking sockets.
package final class PostgresProxy: Sendable {
    /// One message of the program, seen before the server gets it.
    package struct Message: Sendable {
        package enum Kind: Sendable, Hashable {
            case parse, bind, simpleQuery
        }

        package let kind: Kind
        /// The prepared statement's name; for a simple query its text.
        package let statement: String
        /// How many messages of this kind and name there were, over all connections: 1 for the first.
        package let count: Int
        /// Which connection of the proxy it came through: 1 for the first.
        package let connection: Int
    }

    /// What happens to a message.
    package enum Verdict: Sendable {
        case forward
        /// The connection is cut on both sides; the server gets nothing of the message.
        case drop
        /// The connection goes silent: neither side gets any more, and neither is told.
        case hold
        /// The server gets everything up to the next Sync, its answer is awaited and swallowed, and the connection cut.
        case dropAnswer
    }

    private struct State {
        var counts: [String: Int] = [:]
        var connections = 0
        var descriptors: [Int32: Int32] = [:]
        var isFrozen = false
        var isStopped = false
    }

    package let directory: String
    private let serverSocket: String
    private let port: Int
    private let listener: Int32
    private let state = Mutex(State())
    private let judge: @Sendable (Message) -> Verdict

    /// Opens the proxy's socket in a folder of its own.
    ///
    /// - Parameters:
    ///   - serverDirectory: the folder of the server's socket.
    ///   - port: the server's port, which is the proxy's too.
    ///   - judge: asked for every Parse, Bind and simple query, on a thread of the connection's own, before the message
    ///     goes on. It may do something meanwhile, such as end a process.
    /// - Throws: `ProxyError` when the socket cannot be opened.
    package init(
        serverDirectory: String,
        port: Int = 5432,
        judge: @escaping @Sendable (Message) -> Verdict = { _ in .forward }
    ) throws(ProxyError) {
        var template = Array("/tmp/bpx-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { throw ProxyError(call: "mkdtemp") }
        directory = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        chmod(directory, 0o755)
        serverSocket = "\(serverDirectory)/.s.PGSQL.\(port)"
        self.port = port
        self.judge = judge
        listener = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        let path = "\(directory)/.s.PGSQL.\(port)"
        guard withSocketAddress(path, { bind(listener, $0, $1) }) == 0, listen(listener, 64) == 0 else {
            throw ProxyError(call: "bind")
        }
        chmod(path, 0o777)
        Thread.run { self.accept() }
    }

    /// The URL of a database through the proxy.
    package func url(database: String, user: String) -> String {
        "postgresql://\(user)@/\(database)?host=\(directory)&port=\(port)"
    }

    /// How often a statement was bound so far.
    package func bindCount(_ statement: String) -> Int { state.withLock { $0.counts["bind \(statement)"] ?? 0 } }

    /// From here on nothing passes in either direction, on new connections neither: a network that swallows everything.
    package func freeze() { state.withLock { $0.isFrozen = true } }

    /// What was frozen flows again.
    package func thaw() { state.withLock { $0.isFrozen = false } }

    /// Cuts every connection there is; new ones are served.
    package func cut() {
        for (client, server) in state.withLock(\.descriptors) { shut(client, server) }
    }

    /// Cuts everything and removes the socket.
    package func stop() {
        state.withLock { $0.isStopped = true }
        shutdown(listener, Int32(SHUT_RDWR))
        close(listener)
        cut()
        unlink("\(directory)/.s.PGSQL.\(port)")
        rmdir(directory)
    }
}

/// The proxy could not open its socket.
package struct ProxyError: Error {
    package let call: String
}

// MARK: - Connections

extension PostgresProxy {
    private func accept() {
        while true {
            let client = Glibc.accept(listener, nil, nil)
            if client < 0 { return }
            let server = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
            guard withSocketAddress(serverSocket, { connect(server, $0, $1) }) == 0 else {
                close(client)
                close(server)
                continue
            }
            let number = state.withLock { state in
                state.descriptors[client] = server
                state.connections += 1
                return state.connections
            }
            let pair = Pair(client: client, server: server, number: number)
            Thread.run { self.relayRequests(pair) }
            Thread.run { self.relayAnswers(pair) }
        }
    }

    /// Both threads of a connection come here at their end; the second one closes the sockets.
    private func leave(_ pair: Pair) {
        shut(pair.client, pair.server)
        guard pair.users.subtract(1, ordering: .sequentiallyConsistent).newValue == 0 else { return }
        state.withLock { $0.descriptors[pair.client] = nil }
        close(pair.client)
        close(pair.server)
    }

    private func shut(_ client: Int32, _ server: Int32) {
        shutdown(client, Int32(SHUT_RDWR))
        shutdown(server, Int32(SHUT_RDWR))
    }

    private func waitWhileSilent(_ pair: Pair) {
        while pair.isSilent.load(ordering: .relaxed) || state.withLock({ $0.isFrozen && !$0.isStopped }) {
            usleep(2000)
            if state.withLock(\.isStopped) { return }
        }
    }

    private func relayAnswers(_ pair: Pair) {
        defer { leave(pair) }
        var buffer = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            let count = read(pair.server, &buffer, buffer.count)
            guard count > 0 else { return }
            if pair.swallowsAnswer.load(ordering: .sequentiallyConsistent) { return }
            waitWhileSilent(pair)
            guard writeAll(pair.client, buffer[..<count]) else { return }
        }
    }

    private func relayRequests(_ pair: Pair) {
        defer { leave(pair) }
        // The first message has no type: a start, a request for TLS, a cancel request.
        guard let start = readBody(pair.client), writeAll(pair.server, bigEndian(start.count + 4) + start) else {
            return
        }
        while let type = readExactly(pair.client, 1), let body = readBody(pair.client) {
            waitWhileSilent(pair)
            switch message(type[0], body, pair).map(judge) ?? .forward {
            case .forward: break
            case .drop: return
            case .hold: pair.isSilent.store(true, ordering: .relaxed)
            case .dropAnswer: pair.dropsAtSync.store(true, ordering: .relaxed)
            }
            waitWhileSilent(pair)
            let isSync = type[0] == UInt8(ascii: "S") || type[0] == UInt8(ascii: "Q")
            if isSync, pair.dropsAtSync.load(ordering: .relaxed) {
                pair.swallowsAnswer.store(true, ordering: .sequentiallyConsistent)
            }
            guard writeAll(pair.server, type + bigEndian(body.count + 4) + body) else { return }
        }
    }

    private func message(_ type: UInt8, _ body: [UInt8], _ pair: Pair) -> Message? {
        let texts = body.split(separator: 0, maxSplits: 2, omittingEmptySubsequences: false)
        let found: (Message.Kind, ArraySlice<UInt8>)? =
            switch type {
            case UInt8(ascii: "P"): texts.first.map { (.parse, $0) }
            // The portal's name comes first.
            case UInt8(ascii: "B"): texts.count > 1 ? (.bind, texts[1]) : nil
            case UInt8(ascii: "Q"): texts.first.map { (.simpleQuery, $0) }
            default: nil
            }
        guard let (kind, text) = found else { return nil }
        let statement = String(decoding: text, as: UTF8.self)
        let count = state.withLock { state in
            state.counts["\(kind) \(statement)", default: 0] += 1
            return state.counts["\(kind) \(statement)", default: 0]
        }
        return Message(kind: kind, statement: statement, count: count, connection: pair.number)
    }
}

/// The two sockets of one connection.
private final class Pair: Sendable {
    let client: Int32
    let server: Int32
    let number: Int
    let users = Atomic<Int>(2)
    let isSilent = Atomic<Bool>(false)
    let dropsAtSync = Atomic<Bool>(false)
    let swallowsAnswer = Atomic<Bool>(false)

    init(client: Int32, server: Int32, number: Int) {
        self.client = client
        self.server = server
        self.number = number
    }
}

// MARK: - Bytes

private func bigEndian(_ number: Int) -> [UInt8] {
    [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: number >> $0) }
}

private func readExactly(_ descriptor: Int32, _ count: Int) -> [UInt8]? {
    var bytes = [UInt8](repeating: 0, count: count)
    var position = 0
    while position < count {
        let got = bytes.withUnsafeMutableBytes {
            read(descriptor, $0.baseAddress.map { $0 + position }, count - position)
        }
        guard got > 0 else { return nil }
        position += got
    }
    return bytes
}

/// What follows a length of four bytes, which counts itself.
private func readBody(_ descriptor: Int32) -> [UInt8]? {
    guard let length = readExactly(descriptor, 4)?.reduce(0, { $0 << 8 | Int($1) }), length >= 4 else { return nil }
    return readExactly(descriptor, length - 4)
}

private func writeAll(_ descriptor: Int32, _ bytes: some Collection<UInt8>) -> Bool {
    let bytes = Array(bytes)
    var position = 0
    while position < bytes.count {
        let sent = bytes.withUnsafeBytes {
            send(descriptor, $0.baseAddress.map { $0 + position }, bytes.count - position, Int32(MSG_NOSIGNAL))
        }
        guard sent > 0 else { return false }
        position += sent
    }
    return true
}

private func withSocketAddress(_ path: String, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Int32) -> Int32 {
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    guard path.utf8.count < MemoryLayout.size(ofValue: address.sun_path) else { return -1 }
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
    return withUnsafePointer(to: &address) { pointer in
        pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
            body($0, socklen_t(MemoryLayout<sockaddr_un>.size))
        }
    }
}

/// A detached thread.
private enum Thread {
    private final class Work {
        let body: @Sendable () -> Void

        init(_ body: @escaping @Sendable () -> Void) { self.body = body }
    }

    static func run(_ body: @escaping @Sendable () -> Void) {
        var id = pthread_t()
        let work = Unmanaged.passRetained(Work(body))
        let failure = pthread_create(
            &id,
            nil,
            { raw in
                guard let raw else { return nil }
                Unmanaged<Work>.fromOpaque(raw).takeRetainedValue().body()
                return nil
            },
            work.toOpaque()
        )
        if failure == 0 { pthread_detach(id) } else { work.release() }
    }
}
