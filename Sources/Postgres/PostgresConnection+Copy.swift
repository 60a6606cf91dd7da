internal import CLibpq
internal import SocketLoop

extension PostgresConnection {
    /// Sends rows with `COPY … FROM STDIN`, chunk by chunk as `next` gives them, until it gives nil.
    ///
    /// Chunks need not end with a row. When `next` throws, nothing is copied.
    ///
    /// - Returns: how many rows the server took.
    @discardableResult
    package func copyIn(
        _ statement: Statement,
        next: @Sendable () async throws -> [UInt8]?
    ) async throws -> Int {
        try await copyIn(statement, Work(), next: next)
    }

    /// Reads rows with `COPY … TO STDOUT`, each as one chunk.
    ///
    /// When `consume` throws, the server is told to stop, and the error is thrown on.
    package func copyOut(
        _ statement: Statement,
        _ consume: @Sendable ([UInt8]) async throws -> Void
    ) async throws {
        try await copyOut(statement, Work(), consume)
    }

    func copyIn(_ statement: Statement, _ work: Work, next: @Sendable () async throws -> [UInt8]?) async throws -> Int {
        var work = work
        _ = try await run([], work)
        try await enter(work)
        defer { leave() }
        let handle = try openHandle()
        do {
            try await begin(statement, PGRES_COPY_IN, handle, &work)
            let sourceError = try await send(next, handle, &work)
            try await endCopy(handle, &work, sourceError == nil ? nil : "the source of the rows failed")
            let result = try await nextResult(handle, &work)
            if let sourceError {
                while try await nextResult(handle, &work) != nil {}
                throw sourceError
            }
            guard let result else { return 0 }
            let error = result.status == PGRES_COMMAND_OK ? nil : PostgresError(result, statement: statement.name)
            try await finish(handle, &work, statement.name)
            if let error { throw error.code == .connectionLost ? drop(error) : error }
            return result.affected
        } catch let error as PostgresError {
            throw work.explain(error).naming(statement.name)
        }
    }

    private func begin(
        _ statement: Statement,
        _ wanted: ExecStatusType,
        _ handle: ConnectionHandle,
        _ work: inout Work
    ) async throws(PostgresError) {
        renew(&work)
        guard PQsendQueryParams(handle.raw, statement.sql, 0, nil, nil, nil, nil, 0) == 1 else {
            throw drop(PostgresError(.connectionLost, handle.errorMessage))
        }
        try await flush(handle, &work)
        guard let result = try await nextResult(handle, &work) else {
            throw PostgresError(.misuse, "the statement is empty", statement: statement.name)
        }
        if result.status == wanted { return }
        try await finish(handle, &work, statement.name)
        if [PGRES_COMMAND_OK, PGRES_TUPLES_OK].contains(result.status) {
            throw PostgresError(.misuse, "the statement is not a COPY of that direction", statement: statement.name)
        }
        throw PostgresError(result, statement: statement.name)
    }

    /// Returns the error of the source, if it had one.
    private func send(
        _ next: @Sendable () async throws -> [UInt8]?,
        _ handle: ConnectionHandle,
        _ work: inout Work
    ) async throws(PostgresError) -> (any Error)? {
        while true {
            let chunk: [UInt8]?
            do { chunk = try await next() } catch { return error }
            guard let chunk else { return nil }
            renew(&work)
            while true {
                let taken = chunk.withUnsafeBytes { bytes in
                    PQputCopyData(handle.raw, bytes.bindMemory(to: CChar.self).baseAddress, Int32(bytes.count))
                }
                if taken == 1 { break }
                if taken < 0 { throw drop(PostgresError(.connectionLost, handle.errorMessage)) }
                try await flush(handle, &work)
            }
            if chunk.count > 0 { try await flush(handle, &work) }
        }
    }

    private func endCopy(
        _ handle: ConnectionHandle,
        _ work: inout Work,
        _ message: String?
    ) async throws(PostgresError) {
        renew(&work)
        while true {
            let taken = message.map { PQputCopyEnd(handle.raw, $0) } ?? PQputCopyEnd(handle.raw, nil)
            if taken == 1 { break }
            if taken < 0 { throw drop(PostgresError(.connectionLost, handle.errorMessage)) }
            try await flush(handle, &work)
        }
        try await flush(handle, &work)
    }

    func copyOut(
        _ statement: Statement,
        _ work: Work,
        _ consume: @Sendable ([UInt8]) async throws -> Void
    ) async throws {
        var work = work
        _ = try await run([], work)
        try await enter(work)
        defer { leave() }
        let handle = try openHandle()
        do {
            try await begin(statement, PGRES_COPY_OUT, handle, &work)
            var refusal: (any Error)?
            while let row = try await nextCopiedRow(handle, &work) {
                if refusal != nil { continue }
                do {
                    try await consume(row)
                } catch {
                    refusal = error
                    _ = await cancel()
                }
            }
            if let refusal {
                while try await nextResult(handle, &work) != nil {}
                throw refusal
            }
            try await finish(handle, &work, statement.name)
        } catch let error as PostgresError {
            throw work.explain(error).naming(statement.name)
        }
    }

    private func nextCopiedRow(_ handle: ConnectionHandle, _ work: inout Work) async throws(PostgresError) -> [UInt8]? {
        renew(&work)
        while true {
            var buffer: UnsafeMutablePointer<CChar>?
            let count = PQgetCopyData(handle.raw, &buffer, 1)
            defer { PQfreemem(buffer) }
            if count > 0, let buffer {
                return buffer.withMemoryRebound(to: UInt8.self, capacity: Int(count)) { bytes in
                    Array(UnsafeBufferPointer(start: bytes, count: Int(count)))
                }
            }
            // -1 is the end, -2 a failure that the results tell.
            if count < 0 { return nil }
            try await wait(handle, for: .read, &work)
            try consume(handle)
        }
    }
}
