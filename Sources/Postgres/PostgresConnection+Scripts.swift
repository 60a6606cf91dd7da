internal import CLibpq

extension PostgresConnection {
    /// Runs a text of many statements, by the simple protocol.
    ///
    /// Without transaction commands of its own it is one transaction. It has no time limit but the server's and the
    /// given one.
    ///
    /// - Parameters:
    ///   - sql: the text; never one that holds values.
    ///   - name: what errors call it.
    ///   - deadline: when it must be done; nil leaves that to the server's limits.
    /// - Throws: `PostgresError` of the first statement that failed; those before it may have happened.
    package func executeScript(
        _ sql: String,
        name: String = "script",
        deadline: ContinuousClock.Instant? = nil
    ) async throws {
        var work = Work(deadline: deadline)
        try await enter(work)
        defer { leave() }
        let handle = try openHandle()
        if let deadline { work.deadline = deadline }
        guard PQsendQuery(handle.raw, sql) == 1 else { throw drop(PostgresError(.connectionLost, handle.errorMessage)) }
        do throws(PostgresError) {
            try await flush(handle, &work)
            try await finish(handle, &work, name)
        } catch {
            throw work.explain(error).naming(name)
        }
    }

    /// Reads what is left of a statement's results, and throws the first failure among them.
    func finish(_ handle: ConnectionHandle, _ work: inout Work, _ name: String) async throws(PostgresError) {
        var failure: PostgresError?
        while let result = try await nextResult(handle, &work) {
            switch result.status {
            case PGRES_COMMAND_OK, PGRES_TUPLES_OK, PGRES_EMPTY_QUERY: continue
            case PGRES_COPY_IN, PGRES_COPY_OUT, PGRES_COPY_BOTH:
                throw drop(PostgresError(.misuse, "COPY needs copyIn or copyOut", statement: name))
            default:
                let error = PostgresError(result, statement: name)
                failure = failure ?? error
                if error.code == .connectionLost { throw drop(failure ?? error) }
            }
        }
        if let failure { throw failure }
    }
}
