package import Logging
package import SocketLoop
internal import Synchronization

/// A bounded set of connections.
///
/// A caller waits its turn for a free one, no longer than the configuration's `poolWait`; the same wait covers a server
/// that is away: connecting is tried again with growing, jittered pauses.
package final class PostgresPool: Sendable {
    package let configuration: PostgresConfiguration
    package let size: Int
    let loop: SocketLoop
    private let logger: Logger?
    private let state = Mutex(State())

    /// What a caller gets: a connection, or the room to make one.
    fileprivate enum Grant {
        case connection(PostgresConnection, idleSince: ContinuousClock.Instant)
        case room
        case refused(PostgresError)
    }

    fileprivate struct State {
        var idle: [(connection: PostgresConnection, since: ContinuousClock.Instant)] = []
        /// Connections lent, idle and being made.
        var taken = 0
        var waiters: [(number: UInt64, continuation: CheckedContinuation<Grant, Never>)] = []
        var lastWaiter: UInt64 = 0
        var isClosed = false
    }

    /// Makes a pool; connections are made when they are needed.
    package init(
        _ configuration: PostgresConfiguration,
        size: Int,
        loop: SocketLoop,
        logger: Logger? = nil
    ) {
        self.configuration = configuration
        self.size = max(1, size)
        self.loop = loop
        self.logger = logger
    }

    /// Lends a connection for the length of the body.
    ///
    /// One that comes back broken, or with a transaction open, is dropped. What the body sets for the session stays set:
    /// use a transaction and its settings instead.
    @discardableResult
    package func withConnection<Result>(
        _ body: (PostgresConnection) async throws -> Result
    ) async throws -> Result {
        let connection = try await acquire()
        do {
            let result = try await body(connection)
            await release(connection)
            return result
        } catch {
            await release(connection)
            throw error
        }
    }

    /// The thread on which the connections live, for tasks that must go on however busy the others are.
    package var thread: SocketLoop.Tasks { loop.tasks }

    /// Waits on that thread until the moment has come, or the task is cancelled.
    package func pause(until moment: ContinuousClock.Instant) async { _ = await loop.sleep(until: moment) }

    /// How many connections are lent or idle now.
    package var openConnections: Int { state.withLock(\.taken) }

    /// Closes the idle connections, refuses further callers; lent connections are closed when they come back.
    package func close() async {
        let (idle, waiters) = state.withLock { state in
            state.isClosed = true
            defer {
                state.taken -= state.idle.count
                state.idle = []
                state.waiters = []
            }
            return (state.idle.map(\.connection), state.waiters.map(\.continuation))
        }
        for waiter in waiters { waiter.resume(returning: .refused(Self.closed)) }
        for connection in idle { await connection.close() }
    }

    fileprivate static var closed: PostgresError { PostgresError(.misuse, "the connection pool is closed") }
}

// MARK: - Lending

extension PostgresPool {
    func acquire() async throws(PostgresError) -> PostgresConnection {
        let deadline = ContinuousClock.now + configuration.poolWait
        switch await nextGrant(until: deadline) {
        case .refused(let error): throw error
        case .connection(let connection, let since):
            if await isFit(connection, idleSince: since) { return connection }
            await connection.close()
            return try await make(until: deadline)
        case .room: return try await make(until: deadline)
        }
    }

    func release(_ connection: PostgresConnection) async {
        let isFit = await connection.isReusable
        if !isFit { await connection.close() }
        let leftOver = state.withLock { state -> Bool in
            guard isFit, !state.isClosed else {
                passRoomOn(&state)
                return isFit
            }
            if let waiter = state.popWaiter() {
                waiter.resume(returning: .connection(connection, idleSince: .now))
            } else {
                state.idle.append((connection, .now))
            }
            return false
        }
        if leftOver { await connection.close() }
    }

    private func passRoomOn(_ state: inout State) {
        if let waiter = state.popWaiter() { waiter.resume(returning: .room) } else { state.taken -= 1 }
    }

    private func nextGrant(until deadline: ContinuousClock.Instant) async -> Grant {
        // Most callers need not wait, and so need neither timer nor cancellation.
        if let grant = state.withLock({ $0.grant(size: size) }) { return grant }
        let number = state.withLock { state in
            state.lastWaiter += 1
            return state.lastWaiter
        }
        let timer = loop.schedule(at: deadline) { [self] in refuse(number, timedOut) }
        defer { loop.unschedule(timer) }
        return await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let grant = state.withLock { state in
                    let grant = state.grant(size: size)
                    if grant == nil { state.waiters.append((number, continuation)) }
                    return grant
                }
                if let grant {
                    continuation.resume(returning: grant)
                } else if Task.isCancelled {
                    refuse(number, Self.cancelled)
                }
            }
        } onCancel: {
            refuse(number, Self.cancelled)
        }
    }

    private func refuse(_ number: UInt64, _ error: PostgresError) {
        let waiter = state.withLock { state in
            state.waiters.firstIndex { $0.number == number }.map { state.waiters.remove(at: $0).continuation }
        }
        waiter?.resume(returning: .refused(error))
    }

    private static var cancelled: PostgresError {
        PostgresError(.cancelled, "cancelled while waiting for a connection of the pool")
    }

    private var timedOut: PostgresError {
        PostgresError(
            .poolTimedOut,
            "all \(size) connections of the pool were in use for \(configuration.poolWait); make the pool larger, or find"
                + " what holds its connections so long (pg_stat_activity, application_name \(configuration.applicationName))"
        )
    }
}

extension PostgresPool.State {
    fileprivate mutating func popWaiter() -> CheckedContinuation<PostgresPool.Grant, Never>? {
        waiters.isEmpty ? nil : waiters.removeFirst().continuation
    }

    /// What can be granted at once; nil where the caller has to wait.
    fileprivate mutating func grant(size: Int) -> PostgresPool.Grant? {
        if isClosed { return .refused(PostgresPool.closed) }
        // The one used last is the likeliest to be warm; the others may grow old and be checked.
        if let idle = idle.popLast() { return .connection(idle.connection, idleSince: idle.since) }
        if taken < size {
            taken += 1
            return .room
        }
        return nil
    }
}

// MARK: - Making and checking

extension PostgresPool {
    private func isFit(_ connection: PostgresConnection, idleSince: ContinuousClock.Instant) async -> Bool {
        if await connection.noticesLoss() { return false }
        guard ContinuousClock.now - idleSince > configuration.idleCheckAfter else { return true }
        let deadline = ContinuousClock.now + configuration.connectTimeout
        return (try? await connection.query(TransactionStatements.signOfLife.bind(), deadline: deadline)) != nil
    }

    /// Makes a connection in the room that the caller holds; gives the room back when it cannot.
    private func make(until deadline: ContinuousClock.Instant) async throws(PostgresError) -> PostgresConnection {
        var pause = Duration.milliseconds(50)
        while true {
            do throws(PostgresError) {
                let connection = try await PostgresConnection.connect(configuration, on: loop)
                try await check(connection)
                return connection
            } catch {
                let rest = pause * Double.random(in: 0.5...1.5)
                guard error.mayPass, ContinuousClock.now + rest < deadline, !Task.isCancelled else {
                    state.withLock { passRoomOn(&$0) }
                    throw error
                }
                logger?.notice("the database is away; trying again", metadata: ["error": "\(error)"])
                _ = await loop.sleep(until: .now + rest)
                pause = min(pause * 2, .seconds(2))
            }
        }
    }

    private func check(_ connection: PostgresConnection) async throws(PostgresError) {
        for assertion in configuration.checkoutAssertions {
            let rows = try await connection.run([assertion.bind()], Work())
            guard let row = rows.first?.first, try row.get(0, as: Bool?.self) == true else {
                await connection.close()
                throw PostgresError(.misuse, "a new connection failed an assertion", statement: assertion.name)
            }
        }
    }
}

extension PostgresConnection {
    fileprivate var isReusable: Bool { isOpen && !isInTransaction }
}

extension PostgresError {
    /// Whether waiting may mend a failed connection attempt.
    ///
    /// libpq gives no SQLSTATE for those; what the server refused
    /// begins with FATAL, and only a start, a stop or a crowd passes.
    fileprivate var mayPass: Bool {
        if code == .connectionLost { return true }
        guard code == .connectionFailed else { return false }
        guard let fatal = message.range(of: "FATAL:") else { return true }
        let reason = message[fatal.upperBound...]
        return ["the database system is", "too many", "remaining connection slots", "terminating connection"]
            .contains { reason.contains($0) }
    }
}

extension String {
    fileprivate func range(of word: String) -> Range<Index>? { ranges(of: word).first }
}
