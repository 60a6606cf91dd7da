internal import SocketLoop

extension PostgresPool {
    /// Runs the body inside a transaction and commits when it returns.
    ///
    /// When the body throws or its task is cancelled, everything is rolled back: the transaction cannot be left open.
    /// After a serialization failure or a deadlock the body is run again, `options.retries` times at most, in a new
    /// transaction; it must therefore have no effect but through the transaction.
    ///
    /// - Throws: the body's error; `PostgresError` with code `commitOutcomeUnknown` when the connection broke after COMMIT
    ///   was sent, and with code `transactionAborted` when the body swallowed the error of a statement.
    @discardableResult
    package func withTransaction<Result>(
        _ options: TransactionOptions = TransactionOptions(),
        _ body: (Transaction) async throws -> Result
    ) async throws -> Result {
        var tries = 0
        while true {
            do {
                return try await attempt(options, body)
            } catch let error as PostgresError where error.isWorthRepeating && tries < options.retries {
                tries += 1
                let pause = Duration.milliseconds(10 << min(tries, 6)) * Double.random(in: 0.5...1.5)
                guard await loop.sleep(until: .now + pause) == .timedOut else { throw error }
            }
        }
    }

    private func attempt<Result>(
        _ options: TransactionOptions,
        _ body: (Transaction) async throws -> Result
    ) async throws -> Result {
        let transaction = try await begin(options)
        let connection = transaction.connection
        let result: Result
        do {
            result = try await body(transaction)
            if Task.isCancelled { throw PostgresError(.cancelled, "cancelled before the commit") }
        } catch {
            await connection.rollBack()
            await release(connection)
            throw error
        }
        if options.outcome == .rollBack {
            await connection.rollBack()
            await release(connection)
            return result
        }
        do throws(PostgresError) {
            try await connection.commit()
        } catch {
            await release(connection)
            throw error
        }
        await release(connection)
        return result
    }

    /// Begins on a connection of the pool; one that turns out to be dead is replaced, since nothing has happened yet.
    private func begin(_ options: TransactionOptions) async throws(PostgresError) -> Transaction {
        let batch = options.beginning(configuration)
        var replacements = 0
        while true {
            let connection = try await acquire()
            let scope = await connection.beginScope(timeout: options.statementTimeout)
            do throws(PostgresError) {
                _ = try await connection.run(batch, Work(scope: scope))
                return Transaction(connection: connection, scope: scope)
            } catch {
                if await connection.isOpen { await connection.rollBack() }
                await release(connection)
                guard error.code == .connectionLost, replacements < size else { throw error }
                replacements += 1
            }
        }
    }
}

extension PostgresConnection {
    /// Ends the scope and undoes everything; a connection that cannot even do that is closed, and the server rolls
    /// back.
    fileprivate func rollBack() async {
        endScope()
        let deadline = ContinuousClock.now + configuration.answerGrace
        let work = Work(deadline: deadline, isCancellable: false)
        if (try? await run([TransactionStatements.rollback.bind()], work)) == nil { close() }
    }

    fileprivate func commit() async throws(PostgresError) {
        endScope()
        // As long as COMMIT is unsent the outcome is known.
        if noticesLoss() {
            throw PostgresError(.connectionLost, "the connection broke before the commit; nothing is stored")
        }
        let rows: [Rows]
        do throws(PostgresError) {
            rows = try await run([TransactionStatements.commit.bind()], Work(isCancellable: false))
        } catch {
            if isOpen { throw error }
            throw error.with(
                code: .commitOutcomeUnknown,
                message: "the connection broke while committing; look whether the transaction's effects are there"
                    + " before doing it again (\(error.message))"
            )
        }
        if rows.first?.result.tag == "ROLLBACK" {
            throw PostgresError(
                .transactionAborted,
                "the transaction was rolled back: a statement of it had failed and the error was not passed on"
            )
        }
    }
}

extension PostgresError {
    /// Whether the same transaction, begun anew, may well go through.
    fileprivate var isWorthRepeating: Bool {
        guard code == .server, let sqlState else { return false }
        return sqlState == .serializationFailure || sqlState == .deadlockDetected || isStalePlan
    }
}
