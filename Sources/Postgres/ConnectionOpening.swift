internal import CLibpq
internal import Glibc
internal import SocketLoop

/// Makes a connection on a thread of its own: PQconnectStart, and PQconnectPoll for every further host, resolve names and
/// read password and service files, all of which blocks.
enum ConnectionOpening {
    static func open(
        _ configuration: PostgresConfiguration,
        on loop: SocketLoop,
        isolation: isolated (any Actor)? = #isolation
    ) async throws(PostgresError) -> OpenedConnection {
        let options = try ConnectionOptions(configuration)
        let deadline = ContinuousClock.now + configuration.connectTimeout
        let call = BlockingCall<Result<OpenedConnection, PostgresError>> { isAbandoned in
            connect(options, until: deadline, isAbandoned: isAbandoned)
        } discard: { late in
            if case .success(let opened) = late { PQfinish(opened.raw) }
        }
        // A little longer than the thread's own deadline: its message says where it got stuck.
        let result = await call.value(on: loop, deadline: deadline + .milliseconds(500), isolation: isolation)
        if let result { return try result.get() }
        if Task.isCancelled { throw PostgresError(.cancelled, "cancelled while connecting to the database") }
        throw PostgresError(
            .connectionFailed,
            "no connection to the database within \(configuration.connectTimeout); is its host name resolved?"
        )
    }

    private static func connect(
        _ options: ConnectionOptions,
        until deadline: ContinuousClock.Instant,
        isAbandoned: () -> Bool
    ) -> Result<OpenedConnection, PostgresError> {
        guard let raw = start(options) else { return .failure(PostgresError(.connectionFailed, "out of memory")) }
        if let failure = poll(raw, until: deadline, isAbandoned: isAbandoned) {
            PQfinish(raw)
            return .failure(failure)
        }
        PQsetnonblocking(raw, 1)
        // Notices would be printed on standard error; warnings reach nobody there.
        PQsetNoticeReceiver(raw, { _, _ in }, nil)
        return .success(OpenedConnection(raw: raw))
    }

    private static func start(_ options: ConnectionOptions) -> OpaquePointer? {
        let texts = options.values.flatMap { [$0.keyword, $0.value] }
        return CStrings(texts).withPointers { pointers in
            var keywords: [UnsafePointer<CChar>?] = []
            var values: [UnsafePointer<CChar>?] = []
            for index in stride(from: 0, to: pointers.count, by: 2) {
                keywords.append(pointers[index])
                values.append(pointers[index + 1])
            }
            return PQconnectStartParams(keywords + [nil], values + [nil], 0)
        }
    }

    /// Nil when the connection stands.
    private static func poll(
        _ raw: OpaquePointer,
        until deadline: ContinuousClock.Instant,
        isAbandoned: () -> Bool
    ) -> PostgresError? {
        var status = PGRES_POLLING_WRITING
        while PQstatus(raw) != CONNECTION_BAD {
            switch status {
            case PGRES_POLLING_OK: return nil
            case PGRES_POLLING_FAILED: return failure(raw)
            default: break
            }
            let events = status == PGRES_POLLING_READING ? POLLIN : POLLOUT
            // The socket may be another one after each step: further hosts, a retry without TLS.
            var watched = pollfd(fd: PQsocket(raw), events: Int16(events), revents: 0)
            let ready = Glibc.poll(&watched, 1, 50)
            if ready > 0 { status = PQconnectPoll(raw) }
            if status == PGRES_POLLING_OK { return nil }
            if isAbandoned() { return PostgresError(.cancelled, "cancelled while connecting to the database") }
            if ContinuousClock.now >= deadline {
                return PostgresError(.connectionFailed, "the database did not answer the connection attempt in time")
            }
        }
        return failure(raw)
    }

    private static func failure(_ raw: OpaquePointer) -> PostgresError {
        let text = String(cString: PQerrorMessage(raw)).split(separator: "\n").map(String.init).joined(separator: "; ")
        return PostgresError(.connectionFailed, text.isEmpty ? "cannot connect to the database" : text)
    }
}
