package import CivilTime
internal import JobKit
package import Postgres
internal import Synchronization

/// A quarantine in force: the database lost a past that nodes have seen, and nothing is claimed or fired until a person lifts it.
package struct QuarantineStanding: Equatable, Sendable {
    package let since: Instant
    package let why: String
}

/// What a node knows of the quarantine in force.
final class QuarantineWatch: Sendable {
    private let state = Mutex<QuarantineStanding?>(nil)

    var standing: QuarantineStanding? { state.withLock { $0 } }

    /// - Returns: whether that is news.
    func begin(_ standing: QuarantineStanding) -> Bool {
        state.withLock { state in
            defer { state = standing }
            return state == nil
        }
    }

    /// The database let a look for work through.
    /// - Returns: whether that is news.
    func end() -> Bool {
        state.withLock { state in
            defer { state = nil }
            return state != nil
        }
    }
}

extension PostgresError {
    /// The database does not hold what this node saw committed.
    var hasLostPast: Bool { sqlState == .pastLost }

    /// Nothing may be claimed or fired.
    var isOfQuarantine: Bool { sqlState == .pastLost || sqlState == .inQuarantine }
}

extension NodeStore {
    /// Puts a quarantine in force, or tells the one that is in force what this node remembers.
    func quarantine(_ marks: Marks, node: String, host: String, why: String) async throws -> QuarantineStanding {
        let memory = try JSONText(encoding: [Memory(node: node, host: host, claimed: marks.claimed, ended: marks.ended)]
        )
        return try await database.withTransaction(.engine) { transaction in
            let rows = try await transaction.query(QuarantineStatements.begin, why, marks.fence, marks.run, memory)
            return try Self.standing(rows)
        }
    }

    /// Tells a quarantine in force what this node remembers.
    /// - Returns: nil where none is in force.
    func joinQuarantine(_ marks: Marks, node: String, host: String) async throws -> QuarantineStanding? {
        let memory = try JSONText(encoding: [Memory(node: node, host: host, claimed: marks.claimed, ended: marks.ended)]
        )
        return try await database.withTransaction(.engine) { transaction in
            let rows = try await transaction.query(QuarantineStatements.join, marks.fence, marks.run, memory)
            return rows.isEmpty ? nil : try Self.standing(rows)
        }
    }

    private static func standing(_ rows: Rows) throws -> QuarantineStanding {
        guard let row = rows.first else { throw PostgresError(.decoding, "no quarantine was put in force") }
        return QuarantineStanding(since: try row.get("since"), why: try row.get("why"))
    }

    /// What a node remembers, as the quarantine keeps it.
    private struct Memory: Encodable {
        let node: String
        let host: String
        let claimed: Marks.Attempt?
        let ended: Marks.Attempt?
    }

    package enum QuarantineStatements {
        static let begin = Statement(
            "engine.begin_quarantine",
            """
            insert into bursar.quarantine as q (why, fence, run_id, told_by) values ($1, $2, $3, $4::jsonb)
            on conflict ((true)) where lifted_at is null do update
            set fence = greatest(q.fence, excluded.fence), run_id = greatest(q.run_id, excluded.run_id),
                told_by = case when q.told_by @> excluded.told_by then q.told_by else q.told_by || excluded.told_by end
            returning since, why
            """
        )

        static let join = Statement(
            "engine.join_quarantine",
            """
            update bursar.quarantine q
            set fence = greatest(q.fence, $1), run_id = greatest(q.run_id, $2),
                told_by = case when q.told_by @> $3::jsonb then q.told_by else q.told_by || $3::jsonb end
            where q.lifted_at is null
            returning since, why
            """
        )

        package static let all = [begin, join, Marks.Statements.check]
    }
}
