internal import CivilTime
internal import Postgres

/// The cluster that is backed up, as the login of backups sees it.
struct PgBackRestSource: Sendable {
    let version: Int
    let database: String
    let system: UInt64

    /// - Throws: at `role`, where the login would not see every tenant.
    static func read(_ pool: PostgresPool) async throws -> PgBackRestSource {
        let row = try await pool.withTransaction(TransactionOptions(readOnly: true)) {
            try await $0.query(PgBackRestStatements.source).first
        }
        guard let row else { throw CustodyFailure("role", "the login of backup.database_url is no role") }
        let login: String = try row.get("login")
        guard try row.get("sees_all", as: Bool.self) else {
            throw CustodyFailure(
                "role",
                "\(login) does not bypass row-level security, so its manifest would lack every tenant;"
                    + " as a superuser: alter role \(login) bypassrls"
            )
        }
        return PgBackRestSource(
            version: try row.get("version"),
            database: try row.get("database"),
            system: UInt64(bitPattern: try row.get("system", as: Int64.self))
        )
    }
}

/// A place in the log at which the manifest is exact: what was committed before it is counted, and nothing after it.
struct PgBackRestMoment: Sendable {
    let place: String
    /// The piece of the log that holds the place; its first eight digits are the timeline.
    let log: String
    let takenAt: Instant
    let asOf: Instant
    let manifest: JSONText
    /// How long writers were held back, at most.
    let held: Duration

    /// For how long a try waits at the first table; for all of them it is less than the second after which the server
    /// looks for rings of waiters.
    static let patience = Duration.milliseconds(300)
    static let tries = 100

    /// Holds back writers for a moment, takes a snapshot and the log's place in it, lets them go, and counts.
    ///
    /// Where somebody keeps a table, the next try begins with that one: those who write it have drained by the time the
    /// others are asked for.
    ///
    /// - Parameter pool: of the login of backups, with two connections.
    /// - Returns: the moment, with its manifest.
    /// - Throws: at `moment`, where some writer did not end in all tries.
    static func take(_ pool: PostgresPool) async throws -> PgBackRestMoment {
        var kept: String?
        for _ in 0..<tries {
            switch try await attempt(pool, first: kept) {
            case .taken(let moment): return moment
            case .kept(let table):
                // The first one itself is kept: by a long transaction, or by the server's own vacuum.
                if table == kept { try await clear(table, pool) }
                kept = table
            }
            // Waiting: whoever holds its tables tells nobody when it ends, and others shall get on in between.
            try await Task.sleep(for: .milliseconds(Int.random(in: 20...200)))
        }
        throw CustodyFailure(
            "moment",
            "some transaction keeps bursar.\(kept ?? ""): no moment without a writer was found in \(tries) tries",
            isPassing: true
        )
    }

    private enum Attempt {
        case taken(PgBackRestMoment)
        /// Somebody held this table for longer.
        case kept(String)
    }

    private static func attempt(_ pool: PostgresPool, first: String?) async throws -> Attempt {
        let snapshot = TransactionOptions(isolation: .repeatableRead, readOnly: true, retries: 0, outcome: .rollBack)
        return try await pool.withTransaction(snapshot) { counting in
            let began = ContinuousClock.now
            let (row, kept) = try await whileWritersWait(pool, first, counting)
            let held = ContinuousClock.now - began
            guard let row else { return .kept(kept ?? "") }
            guard let counted = try await counting.query(BackupStatements.manifest).first else {
                throw CustodyFailure("manifest", "the database counted nothing")
            }
            return .taken(
                PgBackRestMoment(
                    place: try row.get("moment"),
                    log: try row.get("log"),
                    takenAt: try row.get("taken_at"),
                    asOf: try row.get("as_of"),
                    manifest: JSONText(try counted.get("manifest", as: String.self)),
                    held: held
                )
            )
        }
    }

    /// The first statement of the counting transaction, which takes its snapshot, while another one holds the tables.
    ///
    /// Whoever had written before has committed and is seen; whoever comes later has nothing in the log before the place.
    private static func whileWritersWait(
        _ pool: PostgresPool,
        _ first: String?,
        _ counting: Transaction
    ) async throws -> (Row?, kept: String?) {
        let holding = TransactionOptions(
            // The server lets the writers go by itself, should this process stop in between.
            settings: [("idle_in_transaction_session_timeout", "500")],
            retries: 0,
            outcome: .rollBack
        )
        do {
            return try await pool.withTransaction(holding) { transaction in
                let answer = try await transaction.query(
                    PgBackRestStatements.holdWrites,
                    first,
                    Int(patience / .milliseconds(1))
                ).first
                if let kept: String = try answer?.get("kept") { return (nil, kept) }
                let row = try await counting.query(PgBackRestStatements.moment).first
                // Still there, and so held all the while.
                _ = try await transaction.query(TransactionStatements.signOfLife)
                return (row, nil)
            }
        } catch let error as PostgresError
            where error.sqlState == .idleInTransactionTimeout || error.sqlState == .deadlockDetected
        {
            return (nil, first)
        }
    }

    private static func clear(_ table: String, _ pool: PostgresPool) async throws {
        _ = try await pool.withTransaction(TransactionOptions(outcome: .rollBack)) {
            try await $0.query(PgBackRestStatements.clearWrites, table)
        }
    }
}
