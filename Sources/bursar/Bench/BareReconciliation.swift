import Postgres
import SocketLoop

/// What somebody would write who knew that every row has a bill number, and that its attempt is open and asked for just as
/// much: one statement a chunk, which joins and writes all the rows that placing writes.
///
/// It runs as the superuser on one connection, one transaction a chunk, on clones with the same constraints and indexes. It
/// locks nothing beforehand, looks at no other tier, and the state of no row surprises it. What triggers of the originals
/// write, it writes itself.
struct BareReconciliation: Sendable {
    let cluster: BenchCluster
    let chunk: Int
    let rows: Int

    /// The database with the tables and the values, which every run copies.
    private static let template = "bare_reconciliation"

    func prepare(from template: String) async throws {
        try await cluster.copy(template)
        try await cluster.script(
            BareTables.clones(
                of: [
                    "receivable", "payment_intent", "payment_attempt", "payment_event", "observation_unplaced",
                    "payment_match",
                    "allocation", "event", "audit_entry",
                ],
                filledBy: """
                    set local session_replication_role = replica;
                    insert into bare.receivable select * from bursar.receivable order by invoice_id;
                    insert into bare.payment_intent overriding system value select * from bursar.payment_intent order by id;
                    insert into bare.payment_attempt overriding system value select * from bursar.payment_attempt order by id;
                    insert into bare.observation_unplaced select * from bursar.observation_unplaced order by observation_id;
                    """,
                triggers: "refuse%"
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
            for number in 0..<(rows + chunk - 1) / chunk {
                _ = try await pool.withTransaction {
                    try await $0.query(Self.place, number * chunk, (number + 1) * chunk)
                }
            }
            let took = clock.now - began
            await pool.close()
            return took
        }
    }

    /// Observations after `$1` up to `$2`.
    private static let place = Statement(
        "bare.place",
        """
        with gone as (
            delete from bare.observation_unplaced u
            where not u.is_claim and u.observation_id > $1::bigint and u.observation_id <= $2::bigint
            returning u.tenant_id, u.observation_id
        ), found as materialized (
            select o.id as observation_id, o.issuer_id, o.account_id, o.kind, o.source, o.provider_hash, o.currency, o.amount, o.occurred_at,
                a.tenant_id, a.id as attempt_id, a.version, a.state, i.id as intent_id, i.version as intent_version,
                i.state as intent_state, i.invoice_id, clock_timestamp() as moment
            from gone g
            join bursar.observation o on o.tenant_id = g.tenant_id and o.id = g.observation_id
            join bare.payment_attempt a on a.issuer_id = o.issuer_id and a.bill_number = o.bill_number
            join bare.payment_intent i on i.tenant_id = a.tenant_id and i.id = a.intent_id
        ), matched as (
            insert into bare.payment_match (tenant_id, issuer_id, account_id, observation_id, attempt_id, intent_id, invoice_id, kind, role,
                result, tier, provider_hash, currency, amount, occurred_at, run_id, fence, actor, matched_at)
            select tenant_id, issuer_id, account_id, observation_id, attempt_id, intent_id, invoice_id, kind, 'settles', 'exact', 3,
                provider_hash, currency, amount, occurred_at, 1, 1, 'job:bakong-reconciliation', moment
            from found
            returning id, tenant_id, invoice_id, amount, currency, matched_at
        ), allocated as (
            insert into bare.allocation (tenant_id, invoice_id, currency, amount, kind, match_id, run_id, actor, at)
            select tenant_id, invoice_id, currency, amount, 'payment', id, 1, 'job:bakong-reconciliation', matched_at from matched
        ), owed as (
            update bare.receivable r
            set open_amount = r.open_amount - f.amount, state = case when r.open_amount = f.amount then 'settled' else 'open' end,
                settled_at = case when r.open_amount = f.amount then f.moment end
            from found f
            where r.tenant_id = f.tenant_id and r.invoice_id = f.invoice_id
        ), attempts as (
            update bare.payment_attempt a set state = 'confirmed', version = a.version + 1, cause = 'money_came', source = f.source
            from found f
            where a.tenant_id = f.tenant_id and a.id = f.attempt_id
        ), intents as (
            update bare.payment_intent i set state = 'paid', version = i.version + 1, cause = 'money_came', source = f.source
            from found f
            where i.tenant_id = f.tenant_id and i.id = f.intent_id
        ), moves as (
            insert into bare.payment_event (tenant_id, machine, object_id, seq, from_state, to_state, cause, source, run_id, fence, actor, at)
            select tenant_id, 'attempt', attempt_id, version + 1, state, 'confirmed', 'money_came', source, 1, 1,
                'job:bakong-reconciliation', moment
            from found
            union all
            select tenant_id, 'intent', intent_id, intent_version + 1, intent_state, 'paid', 'money_came', source, 1, 1,
                'job:bakong-reconciliation', moment
            from found
        ), told as materialized (
            select f.tenant_id, f.invoice_id, f.moment, jsonb_build_object('result', 'exact', 'attempt', f.attempt_id, 'observation',
                f.observation_id, 'source', f.source, 'currency', f.currency, 'amount', f.amount, 'invoice', f.invoice_id) as content
            from found f
        ), events as (
            insert into bare.event (tenant_id, at, kind, subject_kind, subject_id, run_id, actor, content)
            select tenant_id, moment, 'payment.received', 'invoice', invoice_id, 1, 'job:bakong-reconciliation', content from told
        )
        insert into bare.audit_entry (tenant_id, at, actor, action, object, run_id, canonical)
        select tenant_id, moment, 'job:bakong-reconciliation', 'payment.received', 'invoice:' || invoice_id, 1,
            bursar.audit_canonical(tenant_id, moment, 'job:bakong-reconciliation', 'payment.received', 'invoice:' || invoice_id, 1, content)
        from told
        """
    )
}
