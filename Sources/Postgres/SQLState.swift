/// The five characters by which PostgreSQL names a condition (its documentation's appendix A).
///
/// In a `catch` the general condition of a class matches the whole class:
/// `catch SQLState.integrityConstraintViolation` takes 23505, 23503 and their kin, `catch SQLState.uniqueViolation`
/// takes 23505 alone.
package struct SQLState: Hashable, RawRepresentable, Sendable, CustomStringConvertible {
    package let rawValue: String

    package init(rawValue: String) { self.rawValue = rawValue }

    /// The first two characters: "23" for integrity violations.
    package var `class`: String { String(rawValue.prefix(2)) }

    package var description: String { rawValue }

    /// Whether this pattern covers the given state: equal, or the general condition of its class.
    package func covers(_ state: SQLState) -> Bool {
        self == state || (rawValue.hasSuffix("000") && self.class == state.class)
    }

    package static func ~= (pattern: SQLState, error: PostgresError) -> Bool {
        error.sqlState.map(pattern.covers) ?? false
    }

    package static func ~= (pattern: SQLState, error: any Error) -> Bool {
        guard let state = (error as? PostgresError)?.sqlState else { return false }
        return pattern.covers(state)
    }
}

extension SQLState {
    package static let connectionException = SQLState(rawValue: "08000")
    package static let featureNotSupported = SQLState(rawValue: "0A000")
    package static let dataException = SQLState(rawValue: "22000")
    package static let integrityConstraintViolation = SQLState(rawValue: "23000")
    package static let notNullViolation = SQLState(rawValue: "23502")
    package static let foreignKeyViolation = SQLState(rawValue: "23503")
    package static let uniqueViolation = SQLState(rawValue: "23505")
    package static let checkViolation = SQLState(rawValue: "23514")
    package static let exclusionViolation = SQLState(rawValue: "23P01")
    package static let inFailedTransaction = SQLState(rawValue: "25P02")
    package static let idleInTransactionTimeout = SQLState(rawValue: "25P03")
    package static let invalidStatementName = SQLState(rawValue: "26000")
    package static let invalidAuthorization = SQLState(rawValue: "28000")
    package static let transactionRollback = SQLState(rawValue: "40000")
    package static let serializationFailure = SQLState(rawValue: "40001")
    package static let deadlockDetected = SQLState(rawValue: "40P01")
    package static let syntaxErrorOrAccessRule = SQLState(rawValue: "42000")
    package static let insufficientPrivilege = SQLState(rawValue: "42501")
    package static let undefinedTable = SQLState(rawValue: "42P01")
    package static let undefinedFunction = SQLState(rawValue: "42883")
    package static let undefinedObject = SQLState(rawValue: "42704")
    package static let insufficientResources = SQLState(rawValue: "53000")
    package static let diskFull = SQLState(rawValue: "53100")
    package static let tooManyConnections = SQLState(rawValue: "53300")
    package static let lockNotAvailable = SQLState(rawValue: "55P03")
    package static let operatorIntervention = SQLState(rawValue: "57000")
    package static let queryCanceled = SQLState(rawValue: "57014")
    package static let adminShutdown = SQLState(rawValue: "57P01")
    package static let cannotConnectNow = SQLState(rawValue: "57P03")
    package static let raiseException = SQLState(rawValue: "P0001")

    /// Bursar's own conditions, raised by its SQL functions.
    package static let noTenantSet = SQLState(rawValue: "BU001")
    package static let leaseLost = SQLState(rawValue: "BU002")
    package static let refusedByRule = SQLState(rawValue: "BU003")
    package static let notFound = SQLState(rawValue: "BU004")
    package static let notPermittedHere = SQLState(rawValue: "BU005")
    package static let pastLost = SQLState(rawValue: "BU008")
    package static let inQuarantine = SQLState(rawValue: "BU009")
}
