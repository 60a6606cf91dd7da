import Postgres
import SocketLoop

/// How fast runs are asked for by the web application's login, from commit to commit, beside bare inserts.
struct QueueRequests: Sendable {
    let cluster: BenchCluster
    var single = 5_000
    var batches = 50
    var batch = 1_000

    func measure() async throws -> [BenchFigure] {
        let one = try await rate(cluster.client(), single, 1, Statements.enqueue.bind())
        let bareOne = try await rate(cluster.superuser(), single, 1, BareQueue.Statements.insertOne.bind())
        let many = try await rate(cluster.client(), batches, batch, Statements.enqueueMany.bind(batch))
        let bareMany = try await rate(cluster.superuser(), batches, batch, BareQueue.Statements.insertMany.bind(batch))
        return [
            BenchFigure("enqueue, one by one", [one], "runs/s", limits: [bareOne], .atLeast(0)),
            BenchFigure("enqueue, \(batch) at once", [many], "runs/s", limits: [bareMany], .atLeast(0)),
        ]
    }

    private func rate(
        _ configuration: PostgresConfiguration,
        _ times: Int,
        _ each: Int,
        _ statement: BoundStatement
    ) async throws -> Double {
        try await DatabaseSession.with(configuration) { connection in
            let began = ContinuousClock.now
            for _ in 0..<times { _ = try await connection.query(statement) }
            return Double(times * each) / ((ContinuousClock.now - began) / .seconds(1))
        }
    }

    enum Statements {
        static let enqueue = Statement(
            "bench.client_enqueue",
            "select run_id from bursar.enqueue('trial', '{}')"
        )

        static let enqueueMany = Statement(
            "bench.client_enqueue_many",
            "select count(*) from bursar.enqueue_many('trial', array_fill('{}'::jsonb, array[$1::integer]))"
        )

        static let all = [enqueue, enqueueMany]
    }
}
