package import CivilTime
internal import JobKit
package import Postgres

/// A run asked for by hand or by a program, as `bursar.enqueue` takes it.
package struct RunRequest: Sendable {
    package var job: String
    package var parameters = JSONText("{}")
    package var tenant: Int64?
    package var dedupeKey: String?
    package var asOf: Instant?
    package var isDryRun = false
    package var reason: String?
    /// Attempts before the run is dead.
    package var attempts = 8

    package init(job: String) { self.job = job }

    /// Asks for the run in the caller's transaction.
    ///
    /// A repeat of a dedupe key answers with the first run.
    /// - Throws: BU003 and BU005 with the words of the refusal.
    package func enqueue(in transaction: Transaction) async throws -> (run: Int64, created: Bool) {
        let rows = try await transaction.query(
            Self.statement,
            job,
            parameters,
            tenant,
            dedupeKey,
            asOf,
            isDryRun,
            reason,
            try JSONText(encoding: ["attempts": attempts])
        )
        guard let row = rows.first else { throw PostgresError(.decoding, "bursar.enqueue answered nothing") }
        return (try row.get("run_id"), try row.get("created"))
    }

    static let statement = Statement(
        "engine.enqueue",
        """
        select run_id, created
        from bursar.enqueue($1, $2::jsonb, tenant => $3::bigint, dedupe_key => $4, as_of => $5::timestamptz, dry_run => $6::boolean,
            reason => $7, retry => $8::jsonb)
        """
    )
}
