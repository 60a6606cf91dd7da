import CivilTime
import JobKit
import Notices
import Postgres

extension OperatorCommands {
    /// Takes a mail that came back, as its bytes, and works it off at once; every other command of returns is one of the
    /// contract.
    static func returns(_ request: OperatorRequest, daemon: Daemon) async throws -> JSONText? {
        guard request.command == "dsn.ingest" else { return nil }
        guard !request.body.isEmpty else {
            throw CommandFailure(
                .badData,
                "there is no mail",
                remedy: "give the mail on standard input, or name its file"
            )
        }
        let reports = DeliveryReports(key: try daemon.settings.returns.key(), mappings: { daemon.notices.statuses })
        let desk = ReportDesk(reports: reports, database: daemon.database, actor: request.actor)
        return JSONText(JSON.text(of: try await desk.ingest(request.body)))
    }
}

/// Stores a mail that came back and reads it in a second transaction: what cannot be read is kept all the same.
struct ReportDesk: Sendable {
    let reports: DeliveryReports
    let database: PostgresPool
    /// For the audit trail.
    let actor: String

    func ingest(_ mail: [UInt8]) async throws -> DeliveryReports.Standing {
        let (report, isNew) = try await database.withTransaction(options("bursar_ops")) {
            try await DeliveryReports.take(mail, from: .mail, in: $0)
        }
        try await work([report])
        return try await database.withTransaction(options("bursar_ops")) {
            try await DeliveryReports.standing(of: report, known: !isNew, in: $0)
        }
    }

    /// Reads and applies reports that wait, in one transaction.
    private func work(_ ids: [Int64]) async throws {
        try await database.withTransaction(options("bursar_scan")) { transaction in
            let items = try await reports.pending(limit: ids.count, only: ids, in: transaction)
            guard !items.isEmpty else { return }
            let now = try await DeliveryReports.businessNow(in: transaction)
            await transaction.setRole("bursar_app")
            await transaction.setTenants(Set(items.map(\.tenant)).sorted())
            try await reports.apply(items, at: now, in: transaction)
        }
    }

    private func options(_ role: String) -> TransactionOptions {
        TransactionOptions(role: role, settings: [("bursar.actor", actor)], lockTimeout: .seconds(5))
    }
}
