import Postgres
import TestSupport
import Testing

/// A run as the database tells it, whether it can still change or has ended.
struct RunRow: Sendable, CustomStringConvertible {
    let state: String
    let attempts: Int
    let failures: Int?
    /// JSON, as stored.
    let checkpoint: String
    let outcome: String?

    var hasEnded: Bool { ["succeeded", "dead", "cancelled"].contains(state) }
    var description: String { "\(state) after \(attempts) attempts, checkpoint \(checkpoint): \(outcome ?? "")" }
}

extension House {
    /// Asks for a run of the renewals, which is dead after that many attempts.
    func askForRenewals(chunk: Int = 50, attempts: Int = 8) async throws -> Int64 {
        try await value(
            """
            select run_id from bursar.enqueue('renewals', '{"chunk": \(chunk)}',
                retry => '{"attempts": \(attempts), "initial": "1 second", "jitter": 0}')
            """
        )
    }

    func run(_ id: Int64) async throws -> RunRow {
        let rows = try await query(
            """
            select state, attempts, failures, checkpoint::text as checkpoint, last_error as outcome from bursar.run where id = \(id)
            union all
            select state, attempts, null, checkpoint::text, outcome from bursar.run_history where id = \(id)
            """
        )
        let row = try #require(rows.first, "there is no run \(id)")
        return RunRow(
            state: try row.get("state"),
            attempts: try row.get("attempts"),
            failures: try row.get("failures"),
            checkpoint: try row.get("checkpoint"),
            outcome: try row.get("outcome")
        )
    }

    /// Waits until a run has ended.
    @discardableResult
    func ended(_ id: Int64, within limit: Duration = .seconds(60)) async throws -> RunRow {
        try await waitUntil("run \(id) has ended", within: limit) { try await run(id).hasEnded }
        return try await run(id)
    }

    /// Waits until a run has committed this many checkpoints' worth of invoices.
    func issued(atLeast count: Int, by run: Int64, within limit: Duration = .seconds(30)) async throws {
        try await waitUntil("run \(run) has issued \(count) invoices", within: limit) {
            try await value("select count(*) from bursar.invoice where run_id = \(run)", as: Int.self) >= count
        }
    }

    // MARK: SQL

    /// Runs one statement as the superuser; while the server is away it tries again.
    @discardableResult
    func query(_ sql: String) async throws -> Rows {
        let statement = Statement("test.\(UInt(bitPattern: sql.hashValue))", sql)
        let deadline = ContinuousClock.now + .seconds(20)
        while true {
            do {
                return try await books.withConnection { try await $0.query(statement) }
            } catch let error as PostgresError where error.isTransient && ContinuousClock.now < deadline {
                // A restarting server is in another process: it can only be asked again.
                try await Task.sleep(for: .milliseconds(100))
            }
        }
    }

    /// The one value of a query's one row.
    func value<Value: PostgresDecodable & Sendable>(
        _ sql: String,
        as type: Value.Type = Value.self
    ) async throws -> Value {
        let rows = try await query(sql)
        return try #require(rows.first, "no row: \(sql)").get(0)
    }

    /// The first column of a query.
    func list(_ sql: String) async throws -> [String] {
        try await query(sql).map { try $0.get(0) }
    }
}
