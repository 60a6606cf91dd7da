internal import JobKit
package import Postgres
internal import CivilTime
package import Logging

/// Keeps the lines of attempts in the database, in batches and beside the work: a chunk never waits for them.
package struct AttemptLineStore: Sendable {
    private let database: PostgresPool
    private let logger: Logger

    package init(database: PostgresPool, logger: Logger) {
        self.database = database
        self.logger = logger
    }

    /// Stores lines; what cannot be stored is put back, and told in the log.
    func store(_ batch: [AttemptLine], of run: RunIdentity, orPutBackInto lines: AttemptLines) async {
        guard !batch.isEmpty else { return }
        do {
            try await insert(batch, of: run)
        } catch {
            lines.putBack(batch)
            logger.notice(
                "lines of an attempt could not be stored",
                metadata: ["run": "\(run.id)", "attempt": "\(run.attempt)", "error": "\(error)"]
            )
        }
    }

    private func insert(_ batch: [AttemptLine], of run: RunIdentity) async throws {
        var options = TransactionOptions.engine
        // Nothing is decided by these lines: the disk need not be waited for.
        options.settings = [("synchronous_commit", "off")]
        try await database.withTransaction(options) { transaction in
            _ = try await transaction.execute(
                Statements.store,
                run.id,
                run.attempt,
                batch.map(\.place),
                batch.map(\.at.microsecondsSinceEpoch),
                batch.map(\.source.rawValue),
                batch.map { $0.level ?? "" },
                batch.map(\.text)
            )
        }
    }

    package enum Statements {
        static let store = Statement(
            "engine.store_lines",
            """
            insert into bursar.attempt_line (run_id, attempt, place, at, source, level, text)
            select $1, $2, line.place, timestamptz 'epoch' + line.at * interval '1 microsecond', line.source, nullif(line.level, ''),
                line.text
            from unnest($3::integer[], $4::bigint[], $5::text[], $6::text[], $7::text[]) as line (place, at, source, level, text)
            on conflict do nothing
            """
        )

        package static let all = [store]
    }
}
