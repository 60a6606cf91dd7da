internal import JobKit
package import Postgres

/// What an operator asks about nodes and does to them all.
///
/// Answers are JSON, as CLI, console and `/v1` show them.
package struct NodeDesk: Sendable {
    private let database: PostgresPool
    private let record: ScheduleDesk.Recorder

    package init(database: PostgresPool, record: @escaping ScheduleDesk.Recorder = { _, _ in }) {
        self.database = database
        self.record = record
    }

    /// Nodes whose lease is in force or ended within a day, the newest first.
    package func list() async throws -> JSONText { try await one(Statements.list) }

    /// Times in which the work stood still, the newest first.
    package func outages() async throws -> JSONText { try await one(Statements.outages) }

    /// Quarantines, the newest first: the one in force, and those that were lifted.
    package func quarantines() async throws -> JSONText { try await one(Statements.quarantines) }

    /// Lets work go on after a past was lost, with numbers larger than any of that past.
    /// - Returns: the quarantine that is lifted.
    /// - Throws: BU004 where none is in force, BU003 without a reason.
    package func liftQuarantine(reason: String, by actor: String) async throws -> Int64 {
        try await database.withTransaction(.engine(for: actor)) { transaction in
            let lifted = try await transaction.query(Statements.lift, reason).first?.get("quarantine") ?? Int64(0)
            let content = try JSONText(encoding: ["reason": reason])
            try await record(transaction, ScheduleDesk.Note("quarantine.lifted", "quarantine", lifted, content))
            return lifted
        }
    }

    private func one(_ statement: Statement) async throws -> JSONText {
        var options = TransactionOptions()
        options.role = "bursar_ops"
        options.readOnly = true
        return try await database.withTransaction(options) { transaction in
            try await transaction.query(statement).first?.get("answer") ?? JSONText("[]")
        }
    }

    package enum Statements {
        static let list = Statement(
            "engine.list_nodes",
            """
            select coalesce(jsonb_agg(to_jsonb(n) || jsonb_build_object('in_force', n.lease_until > clock_timestamp(),
                'running', (select count(*) from bursar.run r where r.state = 'running' and r.node_id = n.id))
                order by n.lease_until > clock_timestamp() desc, n.started_at desc), '[]')::text as answer
            from bursar.node n
            where n.lease_until > clock_timestamp() - interval '1 day'
            """
        )

        static let outages = Statement(
            "engine.list_outages",
            """
            select coalesce(jsonb_agg(jsonb_build_object('kind', o.kind, 'subject', o.subject, 'from', lower(o.during),
                'until', upper(o.during), 'seconds', extract(epoch from upper(o.during) - lower(o.during))::bigint,
                'evidence', o.evidence) order by lower(o.during) desc), '[]')::text as answer
            from bursar.outage o
            """
        )

        static let quarantines = Statement(
            "engine.list_quarantines",
            """
            select coalesce(jsonb_agg(to_jsonb(q) order by q.id desc), '[]')::text as answer from bursar.quarantine q
            """
        )

        static let lift = Statement("engine.lift_quarantine", "select bursar.lift_quarantine($1) as quarantine")

        package static let all = [list, outages, quarantines, lift]
    }
}
