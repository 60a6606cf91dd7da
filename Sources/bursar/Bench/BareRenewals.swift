import Postgres
import SocketLoop

/// What a renewals run writes, as plain SQL: the same rows into tables with the same constraints, indexes and triggers.
///
/// It runs as the superuser on one connection, one transaction a chunk: without walls, fences, checkpoints and events to
/// think about, and with every value computed beforehand. Nothing that writes these rows can be much faster.
struct BareRenewals: Sendable {
    let cluster: BenchCluster

    /// The database with the tables and the values, which every run copies.
    static let template = "bare"

    /// Makes the template of what a run over the portfolio writes.
    static func prepare(_ cluster: BenchCluster, chunk: Int, count: Int) async throws {
        try await cluster.copyPortfolio()
        try await cluster.script(BareTables.rowsBefore)
        _ = try await OwnRenewals(cluster: cluster, chunk: chunk).run(expecting: count)
        try await cluster.script(BareTables.clones)
        try await cluster.asSuperuser { connection in
            for sheet in BareTables.sheets(chunk: chunk) {
                try await connection.executeScript(sheet, name: "bench.sheet")
            }
        }
        try await cluster.script(BareTables.emptied)
        try await cluster.script("vacuum (analyze)")
        try await cluster.rename(DatabaseSettings.name, to: template)
    }

    func run(chunks: Int) async throws -> Duration {
        try await DatabaseSession.withLoop { loop in
            let pool = PostgresPool(cluster.superuser(), size: 1, loop: loop)
            let statements = try await statements(pool)
            let clock = ContinuousClock()
            let began = clock.now
            for chunk in 0..<chunks {
                let batch = statements.map { $0.bind(chunk) }
                _ = try await pool.withTransaction { try await $0.pipeline(batch) }
            }
            let took = clock.now - began
            await pool.close()
            return took
        }
    }

    private func statements(_ pool: PostgresPool) async throws -> [Statement] {
        let rows = try await pool.withConnection { try await $0.query(BareTables.columns) }
        let columns = try rows.map { row in
            (try row.get("name", as: String.self), try row.get("columns", as: String.self))
        }
        return BareTables.chunkStatements(Dictionary(columns) { first, _ in first })
    }
}

/// What a run has written: rows and bytes by table.
struct WrittenRows: Equatable, Sendable {
    private let tables: [String]

    /// Counts what stands in the tables of schema `bursar`, or of `bare`.
    static func of(_ schema: String, _ cluster: BenchCluster) async throws -> WrittenRows {
        let query = BareTables.written.map { table, condition in
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
