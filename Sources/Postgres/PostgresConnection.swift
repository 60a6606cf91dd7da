internal import CLibpq
package import SocketLoop

/// One session of the database, driven without blocking on a `SocketLoop`.
///
/// Calls made at the same time are served one after another, in order. A call that fails with `connectionLost`, or whose
/// cancel request stayed unanswered, closes the connection; every later call fails the same way.
package actor PostgresConnection {
    package nonisolated let configuration: PostgresConfiguration
    nonisolated let loop: SocketLoop
    nonisolated let canceller: CancelHandle

    package nonisolated var unownedExecutor: UnownedSerialExecutor { loop.asUnownedSerialExecutor() }

    /// Nil once the connection is closed or broken.
    var handle: ConnectionHandle?
    private var brokenBy: PostgresError?
    /// The text of every statement that this session has prepared, by its name.
    var prepared: [String: String] = [:]
    var hasStalePlans = false
    /// Of the statements since a scope began; nil takes the configuration's.
    private var scopeTimeout: Duration?
    private var scope: UInt64 = 0
    /// What the scope has to say before its next statement: it goes out with that one, in the same round trip.
    private var postponed: [BoundStatement] = []
    /// Whether the server has done anything in this scope.
    private(set) var hasAnswered = false
    private var isBusy = false
    private var queue: [CheckedContinuation<Void, Never>] = []

    private init(
        _ handle: ConnectionHandle,
        _ canceller: CancelHandle,
        _ configuration: PostgresConfiguration,
        _ loop: SocketLoop
    ) {
        self.handle = handle
        self.canceller = canceller
        self.configuration = configuration
        self.loop = loop
    }

    /// Connects; name resolution and the handshake happen on a thread of their own.
    ///
    /// - Throws: `PostgresError` with code `connectionFailed`, `cancelled`, or `misuse` for an unreadable URL.
    package static func connect(
        _ configuration: PostgresConfiguration,
        on loop: SocketLoop
    ) async throws(PostgresError) -> PostgresConnection {
        let opened = try await ConnectionOpening.open(configuration, on: loop)
        let handle = ConnectionHandle(opened)
        guard let canceller = CancelHandle(handle) else { throw PostgresError(.connectionFailed, "out of memory") }
        return PostgresConnection(handle, canceller, configuration, loop)
    }

    /// Runs one statement.
    @discardableResult
    package func query(
        _ statement: Statement,
        _ parameters: any PostgresEncodable...
    ) async throws -> Rows {
        try await query(BoundStatement(statement, parameters))
    }

    /// Runs one statement, with a deadline of its own.
    @discardableResult
    package func query(
        _ bound: BoundStatement,
        deadline: ContinuousClock.Instant? = nil
    ) async throws -> Rows {
        let answers = try await pipeline([bound], deadline: deadline)
        guard let rows = answers.first else {
            throw PostgresError(.misuse, "no answer", statement: bound.statement.name)
        }
        return rows
    }

    /// Sends all the statements at once and then reads their answers, in one round trip.
    ///
    /// Outside a transaction the statements are one: when one fails, none has happened, the rest is skipped, and the
    /// connection stays usable.
    package func pipeline(
        _ batch: [BoundStatement],
        deadline: ContinuousClock.Instant? = nil
    ) async throws -> [Rows] {
        try await run(batch, Work(deadline: deadline))
    }

    /// Asks the server to stop what this session runs, if anything.
    ///
    /// Returns when the server has taken the request.
    package nonisolated func cancel() async -> Bool {
        let canceller = canceller
        let call = BlockingCall<Bool> { _ in canceller.send() }
        return await call.value(on: loop, deadline: .now + configuration.cancelGrace) ?? false
    }

    /// Closes the connection; what waits on it fails with `connectionLost`.
    package func close() {
        _ = drop(PostgresError(.connectionLost, "the connection was closed"))
    }
}

// MARK: - State

extension PostgresConnection {
    /// Whether the connection still stands, as far as this side knows.
    package var isOpen: Bool { handle != nil }

    /// Whether a transaction is open, failed or not.
    var isInTransaction: Bool {
        guard let handle else { return false }
        return PQtransactionStatus(handle.raw) != PQTRANS_IDLE
    }

    /// Looks, without waiting, whether the server has ended the session meanwhile.
    func noticesLoss() -> Bool {
        guard let handle else { return true }
        // The first read may take in the server's last words, the second one then meets the end.
        for _ in 0..<2 where PQconsumeInput(handle.raw) != 1 || PQstatus(handle.raw) != CONNECTION_OK {
            _ = drop(PostgresError(.connectionLost, handle.errorMessage))
            return true
        }
        return false
    }

    /// Forgets the connection; the last user of the handle closes it.
    func drop(_ error: PostgresError) -> PostgresError {
        if let handle {
            loop.forget(handle.socket)
            brokenBy = error
            self.handle = nil
        }
        return error
    }

    func openHandle() throws(PostgresError) -> ConnectionHandle {
        if let handle { return handle }
        throw PostgresError(.connectionLost, brokenBy?.message ?? "the connection is closed")
    }

    /// Begins a scope: until it ends, calls that carry its number are served.
    ///
    /// What it begins with is sent together with its first statement, and not at all where there is none.
    func beginScope(timeout: Duration?, with beginning: [BoundStatement]) -> UInt64 {
        scope += 1
        scopeTimeout = timeout
        postponed = beginning
        hasAnswered = false
        return scope
    }

    /// Adds statements whose answers nobody reads to what goes out with the scope's next statement.
    func postpone(_ statements: [BoundStatement], _ work: Work) {
        if work.scope == scope { postponed += statements }
    }

    /// What goes out first; the caller sends it now.
    func takePostponed(_ work: Work) -> [BoundStatement] {
        guard work.scope == scope else { return [] }
        defer { postponed = [] }
        return postponed
    }

    /// The server has done something.
    func noteAnswer() { hasAnswered = true }

    /// Ends a scope: whoever still holds its number is refused from here on.
    func endScope() {
        scope += 1
        scopeTimeout = nil
        postponed = []
    }

    /// Waits for the calls before this one, and checks that the call is still welcome.
    func enter(_ work: Work) async throws(PostgresError) {
        if isBusy {
            await withCheckedContinuation { queue.append($0) }
        } else {
            isBusy = true
        }
        if let wanted = work.scope, wanted != scope {
            leave()
            throw PostgresError(.transactionEnded, "the transaction has ended; its handle cannot be used any more")
        }
        if work.isCancellable, Task.isCancelled {
            leave()
            throw PostgresError(.cancelled, "cancelled before the statement was sent")
        }
    }

    func leave() {
        if queue.isEmpty { isBusy = false } else { queue.removeFirst().resume() }
    }

    /// How long one answer may take before it is cancelled from here.
    var answerTimeout: Duration? {
        guard let timeout = scopeTimeout ?? configuration.statementTimeout else { return nil }
        return timeout + configuration.answerGrace
    }
}
