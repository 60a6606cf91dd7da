internal import Synchronization

/// A handle on an open transaction, valid inside the closure that received it; used later it throws `transactionEnded`.
///
/// It cannot commit or roll back: the closure's return or error does.
package struct Transaction: Sendable {
    let connection: PostgresConnection
    let scope: UInt64

    private var work: Work { Work(scope: scope) }

    /// Runs one statement.
    @discardableResult
    package func query(
        _ statement: Statement,
        _ parameters: any PostgresEncodable...
    ) async throws -> Rows {
        try await query(BoundStatement(statement, parameters))
    }

    /// Runs one statement.
    @discardableResult
    package func query(_ bound: BoundStatement) async throws -> Rows {
        let answers = try await pipeline([bound])
        guard let rows = answers.first else {
            throw PostgresError(.misuse, "no answer", statement: bound.statement.name)
        }
        return rows
    }

    /// Runs one statement for its effect, and tells how many rows it touched.
    @discardableResult
    package func execute(
        _ statement: Statement,
        _ parameters: any PostgresEncodable...
    ) async throws -> Int {
        try await query(BoundStatement(statement, parameters)).affected
    }

    /// Sends all the statements at once and then reads their answers, in one round trip.
    ///
    /// When one fails, the rest is skipped and the transaction can only be rolled back.
    @discardableResult
    package func pipeline(_ batch: [BoundStatement]) async throws -> [Rows] {
        try await connection.run(batch, work)
    }

    /// Has statements sent in front of the next one, in the same round trip; nobody reads their answers.
    ///
    /// Where one fails, the next call throws its error.
    package func postpone(_ statements: BoundStatement...) async {
        await connection.postpone(statements, work)
    }

    /// Sends what was postponed and has not gone out yet.
    package func flush() async throws {
        _ = try await connection.run([], work)
    }

    /// Acts as another role for the rest of the transaction.
    package func setRole(_ role: String) async {
        await postpone(TransactionStatements.role.bind(role))
    }

    /// Names the tenants whose rows may be seen from here on.
    package func setTenants(_ tenants: [Int64]) async {
        await postpone(TransactionStatements.tenants.bind(tenants))
    }

    /// Runs a part that can fail on its own: when the body throws, only what it did is undone, and the error is thrown
    /// on for the caller to decide.
    @discardableResult
    package func savepoint<Result>(_ body: (Transaction) async throws -> Result) async throws -> Result {
        await postpone(TransactionStatements.savepoint.bind())
        do {
            let result = try await body(self)
            await postpone(TransactionStatements.release.bind())
            return result
        } catch {
            let undo = [TransactionStatements.rollbackTo.bind(), TransactionStatements.release.bind()]
            // Where even this fails the connection is gone, and the first error tells why.
            _ = try? await connection.run(undo, Work(scope: scope, isCancellable: false))
            throw error
        }
    }

    /// Sends rows with `COPY … FROM STDIN`; see `PostgresConnection.copyIn`.
    @discardableResult
    package func copyIn(_ statement: Statement, next: @Sendable () async throws -> [UInt8]?) async throws -> Int {
        try await connection.copyIn(statement, work, next: next)
    }

    /// Sends rows with `COPY … FROM STDIN`, each a list of its columns' values.
    @discardableResult
    package func copyIn(_ statement: Statement, rows: [[any PostgresEncodable]]) async throws -> Int {
        let next = Mutex(0)
        return try await copyIn(statement) {
            // Many rows a chunk: every chunk is a message of its own.
            let part = next.withLock { start in
                defer { start = min(start + 256, rows.count) }
                return rows[start..<min(start + 256, rows.count)]
            }
            return part.isEmpty ? nil : part.flatMap(CopyText.row)
        }
    }

    /// Reads rows with `COPY … TO STDOUT`; see `PostgresConnection.copyOut`.
    package func copyOut(_ statement: Statement, _ consume: @Sendable ([UInt8]) async throws -> Void) async throws {
        try await connection.copyOut(statement, work, consume)
    }

    /// Asks the server to stop the statement that runs in this transaction, from another task.
    package func cancel() async -> Bool { await connection.cancel() }
}
