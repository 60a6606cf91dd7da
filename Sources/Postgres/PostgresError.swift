/// What went wrong between Bursar and its database.
///
/// Its texts name statements, columns and constraints, and never hold a parameter's value: they may be logged. The one
/// exception is `detail`, which PostgreSQL fills with keys; `description` leaves it out.
package struct PostgresError: Error, Sendable, CustomStringConvertible {
    /// Which kind of failure it is; decide by this, or by `sqlState`.
    package struct Code: Hashable, Sendable, CustomStringConvertible {
        private enum Value: String {
            case connectionFailed, connectionLost, commitOutcomeUnknown, server, timedOut, poolTimedOut
            case transactionEnded, transactionAborted, decoding, cancelled, misuse
        }

        private let value: Value

        /// No connection could be made.
        package static let connectionFailed = Code(value: .connectionFailed)
        /// The connection broke.
        ///
        /// What ran outside a transaction may or may not have happened.
        package static let connectionLost = Code(value: .connectionLost)
        /// The connection broke after COMMIT was sent: the transaction is committed or rolled back, nobody here knows.
        package static let commitOutcomeUnknown = Code(value: .commitOutcomeUnknown)
        /// The server refused; `sqlState` says why.
        package static let server = Code(value: .server)
        /// A statement's deadline passed, here or on the server.
        package static let timedOut = Code(value: .timedOut)
        /// No connection of the pool became free in time.
        package static let poolTimedOut = Code(value: .poolTimedOut)
        /// The transaction's handle was used after its scope.
        package static let transactionEnded = Code(value: .transactionEnded)
        /// The body returned although a statement of it had failed: the server rolled back instead of committing.
        package static let transactionAborted = Code(value: .transactionAborted)
        /// A column did not hold what the caller asked for.
        package static let decoding = Code(value: .decoding)
        /// The task was cancelled; what ran was cancelled on the server too.
        package static let cancelled = Code(value: .cancelled)
        /// The calling code is at fault.
        package static let misuse = Code(value: .misuse)

        package var description: String { value.rawValue }
    }

    package let code: Code
    package let message: String
    package var sqlState: SQLState?
    /// The name of the statement that failed.
    package var statement: String?
    /// The server's detail.
    ///
    /// It may hold values of the row: never log it.
    package var detail: String?
    package var hint: String?
    package var constraint: String?
    package var table: String?

    package init(_ code: Code, _ message: String, statement: String? = nil) {
        self.code = code
        self.message = message
        self.statement = statement
    }

    /// Whether trying again, with a new connection and a new transaction, may well succeed.
    package var isTransient: Bool {
        if [.connectionFailed, .connectionLost, .poolTimedOut].contains(code) { return true }
        guard let sqlState else { return false }
        return sqlState == .serializationFailure || sqlState == .deadlockDetected || sqlState == .lockNotAvailable
            || ["08", "53"].contains(sqlState.class) || sqlState.rawValue.hasPrefix("57P")
    }

    package var description: String {
        var text = message
        if let sqlState { text += " [\(sqlState)]" }
        if let statement { text += " (statement \(statement))" }
        if let hint { text += "; hint: \(hint)" }
        return text
    }

    func with(code: Code, message: String? = nil) -> PostgresError {
        var copy = PostgresError(code, message ?? self.message, statement: statement)
        copy.sqlState = sqlState
        copy.detail = detail
        copy.hint = hint
        copy.constraint = constraint
        copy.table = table
        return copy
    }
}

/// A text from the server is not a value of the wanted type.
package struct PostgresDecodingError: Error, Sendable {
    /// What was wanted, in the database's words: "bigint".
    package let expected: String

    package init(expected: String) { self.expected = expected }
}
