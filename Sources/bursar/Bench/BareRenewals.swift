import Postgres
import SocketLoop

/// What a renewals run does, as plain SQL: the same rows into tables with the same constraints, indexes and triggers.
///
/// It runs as the superuser on one connection, one transaction a chunk: no walls, fences, checkpoints, proposals.
struct BareRenewals: Sendable {
    let cluster: BenchCluster
    let chunk: Int
    let subscriptions: Int

    /// The database with the tables and the values, which every run copies.
    private static let template = "bare"

    /// Makes the template, with what a real run over the portfolio writes.
    func prepare() async throws {
        try await cluster.copyPortfolio()
        try await cluster.script(BareTables.rowsBefore)
        _ = try await OwnRenewals(cluster: cluster, chunk: chunk).run(expecting: subscriptions)
        try await cluster.script(BareTables.clones)
        try await cluster.script(BareStatement.texts)
        try await cluster.asSuperuser { connection in
            for sheet in BareInserts.sheets(chunk: chunk) {
                try await connection.executeScript(sheet, name: "bench.sheet")
            }
        }
        try await cluster.script(BareTables.emptied)
        try await cluster.script("vacuum (analyze)")
        try await cluster.rename(DatabaseSettings.name, to: Self.template)
    }

    /// A fresh database for one run.
    func reset() async throws { try await cluster.copy(Self.template) }

    /// The whole work of a chunk as one statement that knows nothing of what a subscription may be.
    func runStatement() async throws -> Duration {
        try await run { pool in
            let asOf = try await pool.withConnection { try await $0.query(BareStatement.now) }
            let now: String = try asOf.first?.get("now") ?? ""
            return { number in
                [BareStatement.chunk.bind(number * chunk, min((number + 1) * chunk, subscriptions), now)]
            }
        }
    }

    /// Nothing but the inserts and the update of a chunk, from values that lie ready.
    func runInserts() async throws -> Duration {
        try await run { pool in
            let rows = try await pool.withConnection { try await $0.query(BareInserts.columns) }
            let columns = try rows.map { row in
                (try row.get("name", as: String.self), try row.get("columns", as: String.self))
            }
            let statements = BareInserts.chunkStatements(Dictionary(columns) { first, _ in first })
            return { number in statements.map { $0.bind(number) } }
        }
    }

    private func run(
        _ prepare: (PostgresPool) async throws -> (Int) -> [BoundStatement]
    ) async throws -> Duration {
        try await DatabaseSession.withLoop { loop in
            let pool = PostgresPool(cluster.superuser(), size: 1, loop: loop)
            let work = try await prepare(pool)
            let clock = ContinuousClock()
            let began = clock.now
            for number in 0..<(subscriptions + chunk - 1) / chunk {
                let batch = work(number)
                _ = try await pool.withTransaction { try await $0.pipeline(batch) }
            }
            let took = clock.now - began
            await pool.close()
            return took
        }
    }
}

/// What a run has written: rows and bytes by table.
struct WrittenRows: Equatable, Sendable {
    private let tables: [String]

    /// Counts what stands in the tables of schema `bursar`, or of `bare`.
    static func of(
        _ schema: String,
        _ cluster: BenchCluster,
        _ written: [(String, String)] = BareTables.written
    ) async throws -> WrittenRows {
        let query = written.map { table, condition in
            "select '\(table)' as name, count(*) as rows, coalesce(sum(pg_column_size(t.*)), 0) as bytes"
                + " from \(schema).\(table) t where \(condition)"
        }
        let statement = Statement("bench.written", query.joined(separator: " union all ") + " order by 1")
        let rows = try await cluster.asSuperuser { try await $0.query(statement) }
        return WrittenRows(
            tables: try rows.map { row throws(PostgresError) in
                let name: String = try row.get("name")
                let count: Int = try row.get("rows")
                let bytes: Int = try row.get("bytes")
                return "\(name): \(count) rows, \(bytes) bytes"
            }
        )
    }

    /// What stands in the one and not in the other.
    func differences(from other: WrittenRows) -> String {
        let mine = tables.filter { !other.tables.contains($0) }
        let theirs = other.tables.filter { !tables.contains($0) }
        return "\(mine.joined(separator: "; ")) against \(theirs.joined(separator: "; "))"
    }
}
