import Billing
import Postgres

/// A database with months of business behind it, made by this program's own work: every month's invoices by renewals, and
/// payments of all but the last month's by reconciliation.
struct LivedPortfolio: Sendable {
    let cluster: BenchCluster
    var subscriptions = 100_000
    var tenants = 1000
    var months = 3

    private static let template = "lived"

    /// Leaves it as the database that the daemon works in, analysed and vacuumed, with every invariant held.
    func make(_ say: (String) -> Void) async throws {
        say("loading \(subscriptions) subscriptions of \(tenants) tenants …")
        try await cluster.makeEmpty(Self.template, extra: Self.noon(15, ofMonth: 1))
        try await cluster.copy(Self.template)
        try await DatabaseSession.withLoop { loop in
            let pool = PostgresPool(cluster.settings.database.migrationConfiguration(), size: 1, loop: loop)
            let portfolio = DemoPortfolio.due(count: subscriptions, tenants: tenants)
            _ = try await pool.withTransaction(DemoPortfolio.transaction) { try await portfolio.load(in: $0) }
            await pool.close()
        }
        for month in 1...max(1, months) {
            say("month \(month) of \(months): the invoices …")
            try await cluster.script(Self.noon(15, ofMonth: month))
            try await cluster.script("vacuum (analyze)")
            _ = try await OwnRenewals(cluster: cluster, chunk: 500).run(expecting: subscriptions)
        }
        let paid = (months - 1) * subscriptions
        if paid > 0 {
            say("payments of \(paid) invoices …")
            try await cluster.script(Self.statement(rows: paid))
            try await cluster.script("vacuum (analyze)")
            _ = try await OwnReconciliation(cluster: cluster, chunk: 2000).run(expecting: paid)
        }
        say("verifying the books …")
        // On the day after it something is due again: a drill's rehearsal has invoices to issue.
        try await cluster.script(Self.noon(18, ofMonth: max(1, months)))
        try await cluster.script("vacuum (analyze)")
        try await OwnRenewals(cluster: cluster, chunk: 500).verify()
        try await cluster.script("checkpoint")
    }

    /// Puts business time to a day of a month, 2026-01 and those that follow, with that day's rate.
    ///
    /// Of the portfolio everything that is due from the 19th to the 15th is issued on the 15th.
    private static func noon(_ day: Int, ofMonth month: Int) -> String {
        """
        update bursar.installation
        set business_offset = timestamptz '2026-01-\(day) 12:00+07' + interval '\(month - 1) months' - clock_timestamp();
        insert into bursar.exchange_rate (source, base, quote, rate_date, rate)
        values ('nbc', 'USD', 'KHR', (bursar.business_now() at time zone 'Asia/Phnom_Penh')::date, 4015)
        on conflict do nothing;
        """
    }

    /// A QR for each of the oldest invoices, and a bank statement with a row for each.
    ///
    /// The states' events are written with them, since triggers are not asked while it is filled.
    private static func statement(rows: Int) -> String {
        """
        set session_replication_role = replica;
        set work_mem = '256MB';
        set bursar.actor = 'bench';
        insert into bursar.receiving_account (issuer_id, provider, account, name) select id, 'bank', '000123', 'Bank' from bursar.issuer;
        insert into bursar.payment_intent (tenant_id, issuer_id, invoice_id, currency, amount, state, version, cause)
        select r.tenant_id, v.issuer_id, v.id, r.currency, r.open_amount, 'pending', 2, 'presented'
        from (select * from bursar.invoice order by id limit \(rows)) as v
        join bursar.receivable as r on r.tenant_id = v.tenant_id and r.invoice_id = v.id
        order by v.id;
        insert into bursar.payment_attempt (tenant_id, issuer_id, intent_id, account_id, currency, amount, bill_number, qr, md5, state,
            version, cause, created_at, presented_at, expires_at)
        select i.tenant_id, i.issuer_id, i.id, a.id, i.currency, i.amount, v.number, 'qr ' || v.id, md5('qr ' || v.id), 'presented', 2,
            'presented', shown.at, shown.at, shown.at + interval '10 minutes'
        from bursar.payment_intent as i
        join bursar.invoice as v on v.tenant_id = i.tenant_id and v.id = i.invoice_id
        join bursar.receiving_account as a on a.issuer_id = i.issuer_id
        cross join lateral (select v.issued_at + (i.id & 4095) * interval '10 minutes') as shown (at)
        order by i.id;
        insert into bursar.payment_event (tenant_id, machine, object_id, seq, from_state, to_state, cause, source, actor, at)
        select o.tenant_id, o.machine, o.id, o.seq, o.from_state, o.to_state, o.cause, 'bench', 'bench', o.at
        from (
            select a.tenant_id, m.*, case m.machine when 'intent' then a.intent_id else a.id end as id, a.created_at as at
            from bursar.payment_attempt as a
            cross join (values ('intent', 1, 'new', 'open', 'created'), ('intent', 2, 'open', 'pending', 'presented'),
                ('attempt', 1, 'new', 'created', 'created'), ('attempt', 2, 'created', 'presented', 'presented'))
                as m (machine, seq, from_state, to_state, cause)
            order by a.id, m.machine desc, m.seq
        ) as o;
        insert into bursar.observation (tenant_id, issuer_id, account_id, kind, source, external_key, bill_number, bank_reference, payer,
            currency, amount, occurred_at, raw)
        select 0, a.issuer_id, a.account_id, 'statement', 'statement:bench', 'R' || a.id, a.bill_number, 'R' || a.id, 'Payer ' || a.id,
            a.currency, a.amount, a.presented_at + interval '3 minutes',
            'R' || a.id || ',' || a.amount || ',' || a.currency || ',payment of ' || a.bill_number
        from bursar.payment_attempt as a
        order by a.presented_at;
        insert into bursar.observation_unplaced (tenant_id, observation_id, issuer_id, is_claim)
        select 0, id, issuer_id, false from bursar.observation order by id;
        reset session_replication_role;
        """
    }
}
