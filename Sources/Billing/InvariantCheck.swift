package import CivilTime
package import Postgres

/// What a look at one invariant found.
package struct InvariantCheck: Sendable {
    package let id: String
    package let title: String
    /// How many there are in all.
    package let violations: Int
    /// Some of them in words, at most ``Invariant/exampleLimit``.
    package let examples: [String]
    /// How long the look took.
    package let took: Duration

    package var held: Bool { violations == 0 }
}

extension Invariant {
    /// How a transaction that checks invariants begins: it reads every tenant, sees one moment of the database, and may take long.
    ///
    /// Nested loops are switched off since these statements read whole tables: right after a bulk load, before the server
    /// has counted its rows, it would choose them and take minutes.
    package static let transaction = TransactionOptions(
        role: "bursar_ops",
        settings: [("enable_nestloop", "off"), ("jit", "off"), ("work_mem", "64MB")],
        isolation: .repeatableRead,
        readOnly: true,
        statementTimeout: .seconds(3600)
    )

    /// Looks for violations, as of an instant where that matters.
    package func check(asOf: Instant, in transaction: Transaction) async throws -> InvariantCheck {
        let start = ContinuousClock.now
        let rows = try await transaction.query(takesInstant ? statement.bind(asOf) : statement.bind())
        return InvariantCheck(
            id: id,
            title: title,
            violations: try rows.first?.get("violations") ?? 0,
            examples: try rows.map { row in try row.get("example") },
            took: ContinuousClock.now - start
        )
    }

    /// Business time now, by the database.
    package static func businessNow(in transaction: Transaction) async throws -> Instant {
        guard let row = try await transaction.query(InvariantStatements.businessNow).first else {
            throw PostgresError(.decoding, "business time is missing", statement: InvariantStatements.businessNow.name)
        }
        return try row.get("now")
    }
}

/// The statements of the invariants.
package enum InvariantStatements {
    static let businessNow = Statement("billing.invariants_as_of", "select bursar.business_now() as now")

    package static let all: [Statement] = [businessNow] + Invariant.all.map(\.statement)
}
