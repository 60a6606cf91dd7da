import Notices
import Postgres
import SocketLoop

/// What somebody would write who knew that every payer has a mail address and every invoice the same step due: one statement a
/// chunk, which finds the unpaid invoices and inserts their notices.
///
/// It runs as the superuser on one connection, one transaction a chunk, on a clone with the same constraints and indexes.
struct BareNotices: Sendable {
    let cluster: BenchCluster
    let chunk: Int
    let count: Int

    /// The database with the clone, which every run copies.
    private static let template = "bare_notices"

    func prepare(from template: String) async throws {
        try await cluster.copy(template)
        try await cluster.script(
            BareTables.clones(
                of: ["notice"],
                filledBy: """
                    insert into bursar.dunning_policy (version, content) values ('\(NoticeRows.policy.version)', '{}');
                    """
            )
        )
        try await cluster.script("vacuum (analyze)")
        try await cluster.rename(DatabaseSettings.name, to: Self.template)
    }

    /// A fresh database for one run.
    func reset() async throws { try await cluster.copy(Self.template) }

    func run() async throws -> Duration {
        try await DatabaseSession.withLoop { loop in
            let pool = PostgresPool(cluster.superuser(), size: 1, loop: loop)
            let clock = ContinuousClock()
            let began = clock.now
            for number in 0..<(count + chunk - 1) / chunk {
                _ = try await pool.withTransaction {
                    try await $0.query(Self.plan, number * chunk, (number + 1) * chunk, NoticeRows.policy.version)
                }
            }
            let took = clock.now - began
            await pool.close()
            return took
        }
    }

    /// Invoices after `$1` up to `$2`, by policy `$3`.
    private static let plan = Statement(
        "bare.plan",
        """
        insert into bare.notice (tenant_id, issuer_id, kind, category, class, template, guarantee, ladder, channel, invoice_id,
            subscription_id, step, policy_version, after_due, planned_for, not_before, valid_until, state, run_id)
        select r.tenant_id, i.issuer_id, 'dunning', 'overdue', 'mandatory', 'overdue', 'at_least_once', '{email,operator}', 'email',
            r.invoice_id, r.subscription_id, 'late', $3, true, t.at, t.at, t.at + interval '3 days', 'planned', 1
        from bursar.receivable r
        join bursar.invoice i on i.tenant_id = r.tenant_id and i.id = r.invoice_id
        join bursar.issuer u on u.id = i.issuer_id
        join bursar.payer_address a on a.tenant_id = r.tenant_id and a.channel = 'email' and a.retired_at is null
        cross join lateral (select (r.due_date + 1)::timestamp at time zone u.time_zone as at) as t
        where r.invoice_id > $1::bigint and r.invoice_id <= $2::bigint and r.tenant_id > $1 and r.tenant_id <= $2
            and r.state = 'open' and r.open_amount > r.tolerance and t.at <= bursar.business_now()
        """
    )

    static let all = [plan]
}
