import Billing
import CivilTime
import Custody
import Engine
import Events
import JobKit
import Logging
import Notices
import Payments
import Postgres
import RetentionPurge
import Standing
import Synchronization
import Tenancy
import TestSupport
import Testing
import Webhooks

/// A database with lines of attempts to purge, and the job as a node would run it.
///
/// Line n belongs to run n. Lines 1 to `old` were written 100 days ago and a minute apart; the others yesterday.
struct RetentionWorld {
    let database: TestDatabase
    let pool: PostgresPool

    static let migrations =
        TenancyMigrations.all + EngineMigrations.all + EventsMigrations.all + BillingMigrations.all
        + PaymentsMigrations.all + WebhooksMigrations.all + NoticesMigrations.all + StandingMigrations.all
        + CustodyMigrations.all

    static func open(old: Int = 0, young: Int = 0, _ body: (RetentionWorld) async throws -> Void) async throws {
        try await TestDatabase.with(migrations: migrations) { database in
            try await database.withPool(size: 12) { pool in
                let world = RetentionWorld(database: database, pool: pool)
                if old + young > 0 { try await world.seed(old: old, young: young) }
                try await body(world)
            }
        }
    }

    func seed(old: Int, young: Int) async throws {
        try await change(
            """
            insert into bursar.attempt_line (run_id, attempt, place, at, source, level, text)
            select n, 1, 1, case when n <= \(old) then now() - interval '100 days' + n * interval '1 millisecond' else now() - interval '1 day' end,
                'log', 'info', 'line ' || n
            from generate_series(1, \(old + young)) as n;
            select setval('bursar.run_id', \(old + young + 1000));
            """
        )
    }

    /// The policy of lines in these tests: 90 days, no observation, no rest.
    static func lines(batch: Int = 10, _ change: (inout RetentionPolicy) -> Void = { _ in }) -> RetentionPolicy {
        var policy = RetentionPolicy(.attemptLine, keep: .seconds(90 * 86_400))
        policy.batch = batch
        policy.pause = .zero
        policy.observeDays = 0
        policy.maxPercent = 100
        change(&policy)
        return policy
    }

    /// What a run came to.
    struct Ran {
        let id: Int64
        let outcome: Outcome
        let kept: Postcondition
        let checkpoint: Checkpoint

        var report: String { if case .succeeded(let text) = outcome { text } else { "\(outcome)" } }
    }

    /// Runs the job once under a fence; `again` goes on with a run where its checkpoint says.
    @discardableResult
    func purge(
        _ policies: [RetentionPolicy],
        _ parameters: RetentionPurge.Parameters = RetentionPurge.Parameters(),
        dryRun: Bool = false,
        again: Int64? = nil,
        ahead: Duration = .zero
    ) async throws -> Ran {
        let id = if let again { again } else { try await newRun() }
        let context = try await context(of: id, dryRun: dryRun, ahead: ahead)
        let job = RetentionPurge { RetentionPolicies(policies) }
        let outcome = try await job.run(parameters, in: context)
        let kept = try await job.postcondition(parameters, in: context)
        return Ran(id: id, outcome: outcome, kept: kept, checkpoint: context.checkpoint)
    }

    /// What an attempt at a run would work with, where its checkpoint says.
    func context(of id: Int64, dryRun: Bool = false, ahead: Duration = .zero) async throws -> JobContext {
        let checkpoint: Checkpoint = try await JSONText(one("select checkpoint::text from bursar.run where id = \(id)"))
            .decoded()
        let asOf = try await pool.withTransaction(TransactionOptions(role: "bursar_ops")) {
            try await Invariant.businessNow(in: $0)
        }
        return JobContext(
            run: RunIdentity(
                id: id,
                job: "\(RetentionPurge.name)",
                schedule: nil,
                attempt: 1,
                fence: 7,
                asOf: asOf.adding(ahead),
                isDryRun: dryRun
            ),
            checkpoint: checkpoint,
            database: pool,
            signals: RunSignals(),
            logger: Logger(label: "test")
        )
    }

    func newRun() async throws -> Int64 {
        let id = try await one(
            """
            insert into bursar.run (job, state, as_of, requested_by, max_attempts, retry_initial, retry_max, retry_jitter,
                attempts, fence, node_id)
            values ('retention-purge', 'running', bursar.business_now(), 'test', 8, interval '1 s', interval '1 s', 0, 1, 7, 'test')
            returning id
            """
        )
        return try #require(Int64(id))
    }

    /// A plan: its run stops, and waits as the engine would leave it.
    func plan(
        _ policies: [RetentionPolicy],
        table: String? = nil
    ) async throws -> (run: Int64, proposal: Int64, why: String) {
        let run = try await newRun()
        let stop = try await #require(throws: NeedsApproval.self) {
            try await purge(policies, RetentionPurge.Parameters(table: table, plan: true), again: run)
        }
        try await change("update bursar.run set state = 'needs_approval', node_id = null where id = \(run)")
        return (run, stop.proposal, stop.why)
    }

    /// Has a policy been there for a year.
    func seenLongAgo(_ policy: RetentionPolicy) async throws {
        try await change(
            """
            insert into bursar.retention_seen (policy_hash, table_name, content, seen_at)
            values ('\(policy.hash)', '\(policy.table.rawValue)', '{}', now() - interval '1 year')
            """
        )
    }

    /// Three tenants T1 to T3 of one issuer.
    func tenants() async throws {
        try await change(
            """
            select bursar.create_issuer('Mekong', 'Mekong Co., Ltd.');
            select bursar.create_tenant(1, 'T' || n, 'Tenant ' || n) from generate_series(1, 3) as n
            """
        )
    }

    /// Partitions of runs that ended in these months, `2025_01`, with runs of an id, a tenant and a day each.
    func history(_ months: [String], _ runs: [(id: Int, tenant: Int?, day: String)]) async throws {
        let partitions = months.map { name in
            let day = "date '\(name.replacing("_", with: "-"))-01'"
            return """
                execute format('create table bursar.run_history_\(name) partition of bursar.run_history for values from (%L) to (%L)',
                    \(day)::text || 'Z', (\(day) + interval '1 month')::date::text || 'Z');
                alter table bursar.run_history_\(name) owner to bursar_owner;
                """
        }
        let rows = runs.map { "(\($0.id), \($0.tenant.map { "\($0)" } ?? "null::bigint"), timestamptz '\($0.day)Z')" }
        try await change(
            """
            do $$ begin \(partitions.joined(separator: "\n")) end $$;
            insert into bursar.run_history (id, job, tenant_id, parameters, state, dry_run, requested_by, attempts, checkpoint, created_at, finished_at)
            select id, 'x', tenant, '{}', 'succeeded', false, 'test', 1, '{}', now(), at from (values \(rows.joined(separator: ", "))) as r (id, tenant, at)
            """
        )
    }

    /// Says yes to a plan, as `bursar retention apply` does; its run is claimed again.
    func apply(_ proposal: Int64) async throws {
        try await operate("bursar.apply_retention(\(proposal), 'looked at it')")
        try await change("update bursar.run set state = 'running', node_id = 'test' where state = 'ready'")
    }

    /// Has the statement run in the transaction that writes the receipt of this number.
    func atReceipt(_ number: Int, _ statement: String) async throws {
        try await change(
            """
            create function bursar.at_receipt() returns trigger language plpgsql security definer as $$ begin \(statement); return new; end $$;
            alter function bursar.at_receipt() owner to postgres;
            create trigger at_receipt before insert on bursar.purge_receipt for each row
                when (new.id = \(number)) execute function bursar.at_receipt()
            """
        )
    }

    /// Calls a function of the contract as an operator.
    @discardableResult
    func operate(_ sql: String) async throws -> String {
        let options = TransactionOptions(role: "bursar_ops", settings: [("bursar.actor", "operator:sok")])
        return try await pool.withTransaction(options) { transaction in
            let statement = Statement("test.operate_\(sql.hashValue)", "select (\(sql))::text as answer")
            return try await transaction.query(statement).first?.get("answer", as: String?.self) ?? "null"
        }
    }

    func count(_ table: String, _ condition: String = "true") async throws -> Int {
        Int(try await one("select count(*)::text from bursar.\(table) where \(condition)")) ?? -1
    }

    /// Rows of a query as the superuser, each as its columns with bars between.
    func list(_ sql: String) async throws -> [String] {
        let rows = try await database.asSuperuser { connection in
            try await connection.pipeline([BoundStatement(Statement("test.\(sql.hashValue)", sql))])[0]
        }
        return try rows.map { row in
            try rows.columns.indices.map { try row.get($0, as: String?.self) ?? "-" }.joined(separator: "|")
        }
    }

    func one(_ sql: String) async throws -> String { try await list(sql).first ?? "nothing" }

    func change(_ sql: String) async throws { try await database.setUp(sql) }
}
