internal import CLibpq

/// A statement with its values as libpq takes them, checked before a byte is sent.
private struct Prepared {
    let name: String
    let sql: String
    let count: Int
    let values: CStrings

    init(_ bound: BoundStatement) throws(PostgresError) {
        name = bound.statement.name
        sql = bound.statement.sql
        count = bound.parameters.count
        let texts = bound.parameters.map(\.postgresText)
        guard texts.allSatisfy({ !($0?.utf8.contains(0) ?? false) }) else {
            throw PostgresError(
                .misuse,
                "a text parameter holds a NUL character, which PostgreSQL refuses",
                statement: name
            )
        }
        guard count <= 65_535, (1...63).contains(name.utf8.count) else {
            throw PostgresError(
                .misuse,
                "a statement has a name of 1 to 63 bytes and at most 65535 parameters; pass arrays instead",
                statement: name
            )
        }
        values = CStrings(texts)
    }
}

/// What the server is asked to do, in order; its answers come in the same order.
private enum Step {
    case prepare(Prepared)
    case execute(Prepared)

    var statement: Prepared {
        switch self {
        case .prepare(let statement), .execute(let statement): statement
        }
    }
}

private let deallocateAll = Statement("postgres.deallocate_all", "deallocate all")

extension PostgresConnection {
    func run(_ batch: [BoundStatement], _ work: Work) async throws(PostgresError) -> [Rows] {
        try await enter(work)
        defer { leave() }
        let first = takePostponed(work)
        guard !batch.isEmpty || !first.isEmpty else { return [] }
        var statements: [Prepared] = []
        for bound in first + batch { statements.append(try Prepared(bound)) }
        if hasStalePlans, !isInTransaction { try await forgetPlans() }
        let wasInTransaction = isInTransaction || !first.isEmpty
        do {
            return Array(try await exchange(steps(of: statements), work).dropFirst(first.count))
        } catch  where error.isStalePlan {
            // The tables changed under a prepared statement, or somebody deallocated it.
            hasStalePlans = true
            if wasInTransaction || error.code == .connectionLost { throw error }
            try await forgetPlans()
            return try await exchange(steps(of: statements), work)
        }
    }

    /// Prepares a statement without running it: the server checks its text, tables, columns and types.
    package func prepare(_ statement: Statement) async throws {
        let work = Work()
        try await enter(work)
        defer { leave() }
        _ = try await exchange([.prepare(Prepared(statement.bind()))], work)
    }

    private func forgetPlans() async throws(PostgresError) {
        prepared = [:]
        hasStalePlans = false
        _ = try await exchange([.execute(Prepared(deallocateAll.bind()))], Work(isCancellable: false), unnamed: true)
    }

    /// Prepares what this session has not seen yet, right before its first use.
    private func steps(of statements: [Prepared]) throws(PostgresError) -> [Step] {
        guard !configuration.pooled else { return statements.map { .execute($0) } }
        var steps: [Step] = []
        var texts = prepared
        for statement in statements {
            if let known = texts[statement.name] {
                guard known == statement.sql else {
                    throw PostgresError(.misuse, "two statements have this name", statement: statement.name)
                }
            } else {
                texts[statement.name] = statement.sql
                steps.append(.prepare(statement))
            }
            steps.append(.execute(statement))
        }
        return steps
    }

    private func exchange(
        _ steps: [Step],
        _ work: Work,
        unnamed: Bool = false
    ) async throws(PostgresError) -> [Rows] {
        var work = work
        let handle = try openHandle()
        renew(&work)
        var accepted = PQenterPipelineMode(handle.raw) == 1
        for step in steps where accepted { accepted = send(step, handle, unnamed: unnamed || configuration.pooled) }
        guard accepted, PQpipelineSync(handle.raw) == 1 else {
            throw drop(PostgresError(.connectionLost, handle.errorMessage))
        }
        do throws(PostgresError) {
            try await flush(handle, &work)
            let rows = try await answers(to: steps, handle, &work)
            try leavePipeline(handle)
            return rows
        } catch {
            if isOpen { try leavePipeline(handle) }
            let error = work.explain(error)
            throw error.statement == nil ? error.naming(steps.last?.statement.name) : error
        }
    }

    private func leavePipeline(_ handle: ConnectionHandle) throws(PostgresError) {
        if PQexitPipelineMode(handle.raw) == 1 { return }
        throw drop(PostgresError(.connectionLost, handle.errorMessage))
    }

    private func send(_ step: Step, _ handle: ConnectionHandle, unnamed: Bool) -> Bool {
        switch step {
        case .prepare(let statement):
            PQsendPrepare(handle.raw, statement.name, statement.sql, 0, nil) == 1
        case .execute(let statement):
            statement.values.withPointers { values in
                let count = Int32(statement.count)
                return unnamed
                    ? PQsendQueryParams(handle.raw, statement.sql, count, nil, values, nil, nil, 0)
                    : PQsendQueryPrepared(handle.raw, statement.name, count, values, nil, nil, 0)
            } == 1
        }
    }

    /// Reads up to the sync.
    ///
    /// The first failure counts: what comes after it was skipped.
    private func answers(
        to steps: [Step],
        _ handle: ConnectionHandle,
        _ work: inout Work
    ) async throws(PostgresError) -> [Rows] {
        var rows: [Rows] = []
        var failure: PostgresError?
        var position = 0
        while true {
            guard let result = try await nextResult(handle, &work) else {
                // Nil ends the results of one step.
                position += 1
                renew(&work)
                continue
            }
            let step = position < steps.count ? steps[position] : nil
            switch result.status {
            case PGRES_PIPELINE_SYNC:
                if let failure { throw failure }
                return rows
            case PGRES_PIPELINE_ABORTED: continue
            case PGRES_COMMAND_OK, PGRES_TUPLES_OK:
                noteAnswer()
                switch step {
                case .prepare(let statement): prepared[statement.name] = statement.sql
                case .execute(let statement): rows.append(Rows(result, statement: statement.name))
                case nil: break
                }
            case PGRES_COPY_IN, PGRES_COPY_OUT, PGRES_COPY_BOTH:
                throw drop(PostgresError(.misuse, "use copyIn or copyOut for COPY", statement: step?.statement.name))
            default:
                let error = PostgresError(result, statement: step?.statement.name)
                failure = failure ?? error
                if error.code == .connectionLost { throw drop(failure ?? error) }
            }
        }
    }
}

extension PostgresError {
    /// The session's plan for a statement no longer fits the tables, or is gone.
    var isStalePlan: Bool {
        sqlState == .invalidStatementName
            || (sqlState == .featureNotSupported && message.contains("cached plan must not change result type"))
    }

    func naming(_ statement: String?) -> PostgresError {
        var copy = self
        copy.statement = statement
        return copy
    }
}
