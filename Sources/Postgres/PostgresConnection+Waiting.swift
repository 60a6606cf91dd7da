internal import CLibpq
internal import SocketLoop

/// How one call is waited for.
struct Work {
    /// The scope (a transaction) that the call belongs to.
    var scope: UInt64?
    /// When the whole call must be done.
    var deadline: ContinuousClock.Instant?
    /// False for what must happen in a cancelled task too: ROLLBACK, and COMMIT once begun.
    var isCancellable = true
    /// When the next answer must have come.
    fileprivate var limit: ContinuousClock.Instant?
    /// Set once a cancel request was sent: why.
    fileprivate(set) var interruption: PostgresError.Code?

    init(scope: UInt64? = nil, deadline: ContinuousClock.Instant? = nil, isCancellable: Bool = true) {
        self.scope = scope
        self.deadline = deadline
        self.isCancellable = isCancellable
    }

    /// The error as the caller should see it: a cancelled statement was cancelled for the reason we had.
    func explain(_ error: PostgresError) -> PostgresError {
        guard let interruption, error.sqlState == .queryCanceled else { return error }
        if interruption == .cancelled { return error.with(code: .cancelled) }
        return error.with(code: .timedOut, message: "the statement did not finish in time and was cancelled")
    }
}

extension PostgresConnection {
    /// Grants the next answer its time.
    ///
    /// A call that is being cancelled gets no more of it.
    func renew(_ work: inout Work) {
        guard work.interruption == nil else { return }
        work.limit = answerTimeout.map { ContinuousClock.now + $0 }
        if let deadline = work.deadline { work.limit = work.limit.map { min($0, deadline) } ?? deadline }
    }

    /// Waits for the socket.
    ///
    /// When time is up, or the task is cancelled, asks the server to stop and grants it a little more time to say so.
    func wait(
        _ handle: ConnectionHandle,
        for interest: SocketLoop.Interest,
        _ work: inout Work
    ) async throws(PostgresError) {
        let outcome = await loop.ready(
            handle.socket,
            interest,
            deadline: work.limit,
            cancellable: work.isCancellable
        )
        switch outcome {
        case .ready: return
        case .closed: throw drop(PostgresError(.connectionLost, "the connection was closed"))
        case .timedOut, .cancelled:
            if let interruption = work.interruption {
                throw drop(PostgresError(interruption, "the server did not answer; the connection is dropped"))
            }
            await interrupt(&work, outcome == .cancelled ? .cancelled : .timedOut)
        }
    }

    private func interrupt(_ work: inout Work, _ reason: PostgresError.Code) async {
        let limit = ContinuousClock.now + configuration.cancelGrace
        work.interruption = reason
        work.isCancellable = false
        work.limit = limit
        let canceller = canceller
        // Waited for: a request still under way could hit the statement after this one.
        let call = BlockingCall<Bool> { _ in canceller.send() }
        _ = await call.value(on: loop, deadline: limit, cancellable: false)
    }

    /// Sends what libpq has buffered, reading meanwhile so that neither side waits for the other.
    func flush(_ handle: ConnectionHandle, _ work: inout Work) async throws(PostgresError) {
        while true {
            switch PQflush(handle.raw) {
            case 0: return
            case 1:
                try await wait(handle, for: .either, &work)
                try consume(handle)
            default: throw drop(PostgresError(.connectionLost, handle.errorMessage))
            }
        }
    }

    /// The next result, or nil at the end of a statement's results.
    func nextResult(_ handle: ConnectionHandle, _ work: inout Work) async throws(PostgresError) -> ResultHandle? {
        while PQisBusy(handle.raw) == 1 {
            try await wait(handle, for: .read, &work)
            try consume(handle)
        }
        if let raw = PQgetResult(handle.raw) { return ResultHandle(raw) }
        if PQstatus(handle.raw) == CONNECTION_BAD { throw drop(PostgresError(.connectionLost, handle.errorMessage)) }
        return nil
    }

    /// Reads what the socket holds.
    ///
    /// A lost connection shows in the results, with the server's last words if it had any.
    func consume(_ handle: ConnectionHandle) throws(PostgresError) {
        if PQconsumeInput(handle.raw) == 1 { return }
        if PQisBusy(handle.raw) == 1 { throw drop(PostgresError(.connectionLost, handle.errorMessage)) }
    }
}
