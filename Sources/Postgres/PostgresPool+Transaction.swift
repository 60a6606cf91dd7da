internal import SocketLoop

extension PostgresPool {
    /// Runs the body inside a transaction and commits when it returns.
    ///
    /// When the body throws or its task is cancelled, everything is rolled back: the transaction cannot be left open.
    /// After a serialization failure or a deadlock the body is run again in a new transaction (`options.retries` times at
    /// most); so it is on a connection that was dead from the start, or whose prepared statements no longer fit tables that a
    /// migration has changed. It must therefore have no effect but through the transaction.
    ///
    /// BEGIN and the settings go out with the body's first statement: a transaction costs one round trip a call, and one
    /// for COMMIT. Without any statement nothing is sent at all.
    ///
    /// - Throws: the body's error; `PostgresError` with code `commitOutcomeUnknown` when the connection broke after COMMIT
    ///   was sent, and with code `transactionAborted` when the body swallowed the error of a statement.
    @discardableResult
    package func withTransaction<Result>(
        _ options: TransactionOptions = TransactionOptions(),
        _ body: (Transaction) async throws -> Result
    ) async throws -> Result {
        var tries = 0
        var replacements = 0
        while true {
            do {
                return try await attempt(options, body)
            } catch let error as NotBegun {
                // The connection was dead and nothing has happened on it: another one is tried.
                guard replacements < size else { throw error.reason }
                replacements += 1
            } catch let error as PostgresError where error.isStalePlan && replacements < size {
                // This connection forgets its plans; another one may still have old ones.
                replacements += 1
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
        let connection = try await acquire()
        let beginning = options.beginning(configuration)
        let scope = await connection.beginScope(timeout: options.statementTimeout, with: beginning)
        let result: Result
        do {
            result = try await body(Transaction(connection: connection, scope: scope))
            if Task.isCancelled { throw PostgresError(.cancelled, "cancelled before the commit") }
        } catch {
            let hasBegun = await connection.hasAnswered
            await connection.rollBack()
            await release(connection)
            if !hasBegun, let error = error as? PostgresError, error.code == .connectionLost {
                throw NotBegun(reason: error)
            }
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
}

/// The connection was lost before the server had done anything.
private struct NotBegun: Error {
    let reason: PostgresError
}

extension PostgresConnection {
    /// Ends the scope and undoes everything; a connection that cannot even do that is closed, and the server rolls
    /// back.
    fileprivate func rollBack() async {
        endScope()
        guard isOpen, isInTransaction else { return }
        let deadline = ContinuousClock.now + configuration.answerGrace
        let work = Work(deadline: deadline, isCancellable: false)
        if (try? await run([TransactionStatements.rollback.bind()], work)) == nil { close() }
    }

    fileprivate func commit() async throws(PostgresError) {
        endScope()
        guard !isOpen || isInTransaction else { return }
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
