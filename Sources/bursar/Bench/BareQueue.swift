import Postgres
import SocketLoop

/// What anybody would write first who needs a queue in PostgreSQL: rows that are leased and completed by batches.
///
/// The job table has what a real queue needs (an index to fetch by, a dedupe key, a lease), and an attempt is written with every
/// lease. It runs as the superuser, with no fence compared, no limits, no fairness, no history.
struct BareQueue: Sendable {
    let cluster: BenchCluster
    var batch = 500
    var connections = 2

    static let schema = """
        create schema bare;
        create table bare.job (
            id bigint generated always as identity primary key, queue text not null default 'default',
            state text not null default 'available', priority smallint not null default 1,
            run_at timestamptz not null default now(), attempt smallint not null default 0,
            max_attempts smallint not null default 25, lease_until timestamptz, fence bigint not null default 0, node text,
            kind text not null, args jsonb not null default '{}', dedupe_key text,
            created_at timestamptz not null default now(), finished_at timestamptz
        );
        create index job_fetch on bare.job (queue, priority, run_at, id) where state = 'available';
        create unique index job_dedupe on bare.job (kind, dedupe_key) where dedupe_key is not null and state <> 'done';
        create index job_lease on bare.job (lease_until) where state = 'running';
        create table bare.attempt (
            job_id bigint not null, number smallint not null, fence bigint not null, node text not null,
            started_at timestamptz not null default clock_timestamp(), ended_at timestamptz, outcome text,
            primary key (job_id, number)
        );
        """

    /// Leases and completes everything that is there, and tells how long it took.
    func drain(_ count: Int) async throws -> Duration {
        try await cluster.asSuperuser { connection in
            _ = try await connection.query(Statements.insertMany, count)
            try await connection.executeScript("vacuum analyze bare.job", name: "bench.vacuum")
        }
        try await cluster.script("checkpoint")
        let clock = ContinuousClock()
        let began = clock.now
        let done = try await DatabaseSession.withLoop { loop in
            try await withThrowingTaskGroup(of: Int.self) { group in
                for _ in 0..<connections {
                    group.addTask {
                        let connection = try await PostgresConnection.connect(cluster.superuser(), on: loop)
                        let done = try await work(connection)
                        await connection.close()
                        return done
                    }
                }
                return try await group.reduce(0, +)
            }
        }
        let took = clock.now - began
        guard done == count else { throw BenchFailure("the bare queue completed \(done) of \(count)") }
        return took
    }

    private func work(_ connection: PostgresConnection) async throws -> Int {
        var done = 0
        while true {
            let leased = try await connection.query(Statements.lease, batch)
            guard !leased.isEmpty else { return done }
            let ids = try leased.map { try $0.get("id", as: Int64.self) }
            _ = try await connection.query(Statements.complete, ids)
            done += ids.count
        }
    }

    enum Statements {
        static let insertOne = Statement(
            "bare.enqueue",
            #"insert into bare.job (kind, args) values ('noop', '{"subscription": 12345}')"#
        )

        static let insertMany = Statement(
            "bare.enqueue_many",
            """
            insert into bare.job (kind, args)
            select 'noop', jsonb_build_object('subscription', g) from generate_series(1, $1::integer) as g
            """
        )

        static let lease = Statement(
            "bare.lease",
            """
            with leased as (
                update bare.job j
                set state = 'running', attempt = attempt + 1, fence = fence + 1, lease_until = now() + interval '60 s', node = 'n'
                from (
                    select id from bare.job where queue = 'default' and state = 'available' and run_at <= now()
                    order by priority, run_at, id limit $1 for update skip locked
                ) as p
                where j.id = p.id
                returning j.id, j.attempt, j.fence, j.kind, j.args
            ), tried as (
                insert into bare.attempt (job_id, number, fence, node) select id, attempt, fence, 'n' from leased
            )
            select id, attempt, fence, kind, args from leased
            """
        )

        static let complete = Statement(
            "bare.complete",
            """
            update bare.job set state = 'done', finished_at = now(), lease_until = null
            where id = any ($1::bigint[]) and state = 'running'
            """
        )
    }
}
