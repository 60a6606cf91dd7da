import Postgres

/// What anybody would write first: a thousand rows a transaction, in order of their key.
///
/// It runs as the superuser on one connection, asks nobody whether something is held, and tells nobody what is gone.
struct BareRetention: Sendable {
    let cluster: BenchCluster
    var batch = 1_000

    /// Deletes everything that is past its cutoff.
    func run(expecting count: Int) async throws -> Duration {
        try await cluster.asSuperuser { connection in
            let began = ContinuousClock.now
            var (gone, key) = (0, Int64.min)
            while true {
                let rows = try await connection.query(Self.delete, key, batch)
                guard let row = rows.first, let last = try row.get("last_key", as: Int64?.self) else { break }
                gone += try row.get("gone", as: Int.self)
                key = last
            }
            guard gone == count else {
                throw BenchFailure("the bare statement deleted \(gone) rows instead of \(count)")
            }
            return ContinuousClock.now - began
        }
    }

    private static let delete = Statement(
        "bare.purge",
        """
        with batch as (
            select l.run_id, l.attempt, l.place from bursar.attempt_line l
            where l.run_id > $1::bigint and l.at < now() - interval '90 days'
            order by l.run_id limit $2::integer
        ), gone as (
            delete from bursar.attempt_line l using batch b
            where l.run_id = b.run_id and l.attempt = b.attempt and l.place = b.place
            returning l.run_id
        )
        select count(*) as gone, max(run_id) as last_key from gone
        """
    )

    static let all = [delete]
}
