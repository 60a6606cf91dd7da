internal import Engine
internal import JobKit
package import Postgres

/// The alarms about endpoints that were disabled by what they did.
package enum EndpointAlarms {
    /// Makes the alarms be those that hold: they end with the endpoint, or when somebody opens it again.
    package static func settle(in database: PostgresPool) async throws {
        let rows = try await database.withTransaction(TransactionOptions(role: "bursar_scan", readOnly: true)) {
            transaction in
            try await transaction.query(EndpointStatements.disabled)
        }
        let alarms = try rows.map { row in
            Alarm(
                try row.get("key"),
                .warning,
                since: try row.get("since"),
                evidence: JSONText(try row.get("evidence", as: String.self))
            )
        }
        try await database.withTransaction(TransactionOptions(role: "bursar_engine")) { transaction in
            try await AlarmBook(in: transaction).settle(["endpoint"], alarms)
        }
    }
}
