package import Postgres

/// A run that is under a node's lease and that the node does not work on.
struct Stray: Hashable, Sendable {
    let run: Int64
    let fence: Int64
}

/// Strays come of answers that were lost on the way: a claim that was committed and not heard of, an end that was not. The
/// lease of a node that goes on would keep them for ever.
extension RunStore {
    /// The runs under a node's lease but those that it works on.
    func strays(of node: String, workingOn runs: [Int64]) async throws -> Set<Stray> {
        let rows = try await database.withTransaction(.engine) { try await $0.query(StrayStatements.find, node, runs) }
        return Set(try rows.map { Stray(run: try $0.get("id"), fence: try $0.get("fence")) })
    }

    /// Gives strays to whoever claims next; as after a crash, those that failed too often are dead.
    /// - Returns: those that were strays still.
    func takeBack(_ strays: Set<Stray>) async throws -> [Int64] {
        try await database.withTransaction(.engine) { transaction in
            let held = try await transaction.query(StrayStatements.hold, strays.map(\.run), strays.map(\.fence))
            let runs = try held.map { row in
                (id: try row.get("id", as: Int64.self), spent: try row.get("spent", as: Bool.self))
            }
            guard !runs.isEmpty else { return [] }
            let why = "its node did not know of it"
            _ = try await transaction.pipeline([
                StrayStatements.closeAttempts.bind(runs.map(\.id), why),
                StrayStatements.release.bind(runs.filter { !$0.spent }.map(\.id), why),
                Statements.endRuns.bind(
                    runs.filter(\.spent).map(\.id),
                    "dead",
                    "failed as often as it may, at last: \(why)"
                ),
            ])
            return runs.map(\.id)
        }
    }

    package enum StrayStatements {
        static let find = Statement(
            "engine.find_strays",
            """
            select id, fence from bursar.run where state = 'running' and node_id = $1 and id <> all ($2)
            """
        )

        static let hold = Statement(
            "engine.hold_strays",
            """
            select r.id, r.failures + 1 >= r.max_attempts as spent
            from unnest($1::bigint[], $2::bigint[]) as stray (id, fence)
            join bursar.run r on r.id = stray.id and r.fence = stray.fence and r.state = 'running'
            for no key update of r skip locked
            """
        )

        static let closeAttempts = Statement(
            "engine.close_stray_attempts",
            """
            update bursar.attempt a
            set ended_at = clock_timestamp(), outcome = 'crashed', error = $2
            from bursar.run r
            where r.id = any ($1) and a.run_id = r.id and a.number = r.attempts and a.ended_at is null
            """
        )

        static let release = Statement(
            "engine.release_strays",
            """
            update bursar.run
            set state = 'ready', node_id = null, failures = failures + 1, run_at = clock_timestamp(), last_error = $2
            where id = any ($1)
            """
        )

        package static let all = [find, hold, closeAttempts, release]
    }
}
