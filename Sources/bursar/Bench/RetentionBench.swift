import Custody
import Postgres

/// How fast rows are purged, beside a bare statement that deletes the same rows in the same run, and what the queue notices of a
/// purge at the pace that ships.
struct RetentionBench: Sendable {
    var rows = 5_000_000
    var due = 1_000_000
    var runs = 3

    /// What of the speed of the bare statement is wanted at least.
    static let demand = 0.5
    /// MiB, of the daemon that purges and works the queue.
    static let memory = 150.0
    /// Seconds that no statement may wait, and no batch may take.
    static let patience = 2.0
    private static let template = "retention"

    func measure(
        _ cluster: BenchCluster,
        _ machine: inout Machine,
        _ say: (String) -> Void
    ) async throws -> [BenchFigure] {
        say("writing \(rows) lines of attempts, of which \(due) are past their cutoff …")
        try await cluster.makeEmpty(Self.template, extra: RetentionRows.script(rows: rows, due: due))
        let own = OwnRetention(cluster: cluster)
        let bare = BareRetention(cluster: cluster)
        var (purged, plain) = ([Double](), [Double]())
        for number in 1...max(1, runs) {
            say("run \(number) of \(runs): bursar, without a rest …")
            try await cluster.copy(Self.template)
            try await machine.waitForQuiet()
            purged.append(Double(due) / (try await own.run(expecting: due) / .seconds(1)))
            say("run \(number) of \(runs): the bare statement …")
            try await cluster.copy(Self.template)
            try await machine.waitForQuiet()
            plain.append(Double(due) / (try await bare.run(expecting: due) / .seconds(1)))
        }
        say("a daemon that purges as it ships, beside a queue that is asked all the time …")
        try await cluster.copy(Self.template)
        try await machine.waitForQuiet()
        let load = try await RetentionLoad(cluster: cluster, rows: rows, due: due).measure(say)
        return [BenchFigure("purge", purged, "rows/s", limits: plain, .atLeast(Self.demand))]
            + load.figures(due, of: rows)
    }
}

/// What the bench begins with.
enum RetentionRows {
    /// The policy that the rows are purged by.
    static var policy: RetentionPolicy {
        var policy = RetentionPolicy(.attemptLine, keep: .seconds(90 * 86_400))
        (policy.observeDays, policy.maxRowsPerRun) = (0, 1_000_000_000)
        // As many in a transaction as the bare statement takes.
        policy.batch = 1_000
        return policy
    }

    /// The same for a daemon.
    static let file = """
        version: 1
        retention:
          - table: attempt_line
            clock: at
            keep: 90d
            action: delete
            legal_basis: bench
            observe_days: 0
            max_rows_per_run: 1000000000

        """

    /// A line a run, the oldest first.
    static func script(rows: Int, due: Int) -> String {
        """
        insert into bursar.attempt_line (run_id, attempt, place, at, source, level, text)
        select n, 1, 1, case when n <= \(due) then now() - interval '100 days' else now() - interval '1 day' end, 'log', 'info',
            'line ' || n || ' of what a program has written while it worked'
        from generate_series(1, \(rows)) as n;
        select setval('bursar.run_id', \(rows + 1000));
        """
    }
}
