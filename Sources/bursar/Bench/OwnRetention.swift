import Custody
import Engine
import JobKit
import Logging
import Postgres
import RetentionPurge
import SocketLoop

/// A purge as the daemon works it: the same node, pools, roles, functions, holds, fences, checkpoints and receipts; with no rest.
struct OwnRetention: Sendable {
    let cluster: BenchCluster

    /// - Returns: what deleting took, from the first batch to the last.
    /// - Throws: `BenchFailure` where not every row has gone, or more have.
    func run(expecting count: Int) async throws -> Duration {
        let settings = cluster.settings
        var configuration = settings.database.configuration(for: "node")
        configuration.idleInTransactionTimeout = settings.nodeLease / 3
        configuration.checkoutAssertions = BenchStatements.assertions
        let loop = try SocketLoop(name: "database")
        let leaseLoop = try SocketLoop(name: "lease")
        defer {
            loop.stop()
            leaseLoop.stop()
        }
        let database = PostgresPool(configuration, size: settings.nodeConnections, loop: loop)
        let leaseDatabase = PostgresPool(configuration, size: 1, loop: leaseLoop)
        var policy = RetentionRows.policy
        policy.pause = .zero
        let policies = RetentionPolicies([policy])
        let node = Node(
            settings.nodeConfiguration,
            registry: JobRegistry([AnyJob(RetentionPurge { policies })]),
            database: database,
            leaseDatabase: leaseDatabase,
            logger: Logger(label: "bursar")
        )
        var request = RunRequest(job: "\(RetentionPurge.name)")
        request.reason = "bursar bench"
        _ = try await node.workOnly(request, by: "operator:\(OperatorName.current)")
        await database.close()
        await leaseDatabase.close()
        return try await PurgeFacts.of(cluster, expecting: count).took
    }
}

/// What receipts tell of a purge.
struct PurgeFacts: Sendable {
    let took: Duration
    /// In seconds.
    let longestBatch: Double

    static func of(_ cluster: BenchCluster, expecting count: Int) async throws -> PurgeFacts {
        let rows = try await cluster.asSuperuser { try await $0.query(RetentionBenchStatements.receipts) }
        guard let row = rows.first, try row.get("rows", as: Int.self) == count,
            let took = try row.get("took", as: Duration?.self)
        else {
            let told = try rows.first?.get("rows", as: Int.self) ?? 0
            throw BenchFailure("receipts tell of \(told) rows instead of \(count)")
        }
        return PurgeFacts(took: took, longestBatch: try row.get("longest"))
    }
}

enum RetentionBenchStatements {
    static let receipts = Statement(
        "bench.receipts",
        """
        select coalesce(sum(row_count), 0)::bigint as rows, max(at) - min(at - took) as took,
            extract(epoch from max(took))::float8 as longest
        from bursar.purge_receipt
        """
    )

    /// The longest that a statement waits for a lock now, in seconds.
    static let waits = Statement(
        "bench.waits",
        """
        select coalesce(max(extract(epoch from clock_timestamp() - query_start)), 0)::float8 as longest
        from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'
        """
    )

    static let purge = Statement(
        "bench.purge",
        "select run_id from bursar.enqueue('retention-purge', reason => 'bursar bench')"
    )

    /// Whether a run has ended, and how.
    static let ended = Statement("bench.ended", "select state from bursar.run_history where id = $1::bigint")

    static let dead = Statement(
        "bench.dead",
        """
        select n_dead_tup as dead, autovacuum_count as cleaned from pg_stat_user_tables
        where schemaname = 'bursar' and relname = 'attempt_line'
        """
    )

    static let all = [receipts, waits, purge, ended, dead]
}
