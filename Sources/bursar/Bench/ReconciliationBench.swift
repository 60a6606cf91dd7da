import Postgres

/// How fast seen money is placed, beside one bare statement that writes the same rows in the same run.
struct ReconciliationBench: Sendable {
    var rows = 1_000_000
    var tenants = 1000
    var chunk = 2000
    var runs = 3

    /// What of the speed of the bare statement is wanted at least.
    static let demand = 0.6
    /// MiB, of the process that is the node.
    static let memory = 200.0
    private static let template = "reconciliation"

    /// Runs both in turn, each on a fresh copy of the same database, and compares what they have written.
    func measure(
        _ cluster: BenchCluster,
        _ machine: inout Machine,
        _ say: (String) -> Void
    ) async throws -> [BenchFigure] {
        let own = OwnReconciliation(cluster: cluster, chunk: chunk)
        let bare = BareReconciliation(cluster: cluster, chunk: chunk, rows: rows)
        say("writing \(rows) open attempts of \(tenants) tenants, and as many statement rows …")
        try await cluster.makeEmpty(Self.template, extra: ReconciliationRows.script(rows: rows, tenants: tenants))
        try await bare.prepare(from: Self.template)
        var (placed, plain) = ([Double](), [Double]())
        for number in 1...max(1, runs) {
            say("run \(number) of \(runs): bursar …")
            try await cluster.copy(Self.template)
            try await machine.waitForQuiet()
            placed.append(rate(try await own.run(expecting: rows)))
            let written = try await WrittenRows.of("bursar", cluster, ReconciliationRows.written)

            say("run \(number) of \(runs): the bare statement …")
            try await bare.reset()
            try await machine.waitForQuiet()
            plain.append(rate(try await bare.run()))
            let compared = try await WrittenRows.of("bare", cluster, ReconciliationRows.written)
            guard written == compared else {
                throw BenchFailure("the rows are not the same: \(written.differences(from: compared))")
            }
        }
        guard
            let peak = Machine.field("VmHWM", of: "/proc/self/status")?.split(separator: " ").first.flatMap({
                Double($0)
            })
        else { throw BenchFailure("/proc/self/status cannot be read") }
        return [
            BenchFigure("reconciliation", placed, "rows/s", limits: plain, .atLeast(Self.demand)),
            BenchFigure("reconciliation, memory", [peak / 1024], "MiB", limits: [Self.memory], .atMost(1)),
        ]
    }

    private func rate(_ took: Duration) -> Double { Double(rows) / (took / .seconds(1)) }
}

/// What the bench begins with, and what a run writes.
enum ReconciliationRows {
    /// The tables, and which of their rows are compared.
    static let written = [
        ("receivable", "true"), ("payment_intent", "true"), ("payment_attempt", "true"), ("payment_event", "true"),
        ("observation_unplaced", "true"), ("payment_match", "true"), ("allocation", "true"),
        ("event", "run_id is not null"),
        ("audit_entry", "run_id is not null"),
    ]

    /// Invoices with a QR each, shown over sixty days, and a statement with a row for each, in the order in which they were
    /// paid: nearly that of the QRs.
    ///
    /// Constraints are not looked at while it is filled.
    static func script(rows: Int, tenants: Int) -> String {
        """
        set session_replication_role = replica;
        set work_mem = '256MB';
        set bursar.actor = 'bench';
        select bursar.create_issuer('Bench', 'Bench Co., Ltd.');
        select bursar.create_plan_version(1, 'monthly', '[{"code": "a", "description": "A", "unit_amount": 40000}]', 'KHR');
        insert into bursar.receiving_account (issuer_id, provider, account, name) values (1, 'bank', '000123', 'Bank');
        insert into bursar.tenant (id, issuer_id, external_ref, name) overriding system value
        select n, 1, 'T' || n, 'Tenant ' || n from generate_series(1, \(tenants)) as n;
        insert into bursar.subscription (id, tenant_id, issuer_id, external_ref, plan_version_id, currency, state, starts_on, next_from,
            issue_on, charged_through) overriding system value
        select n, 1 + (n - 1) % \(tenants), 1, 'S' || n, 1, 'KHR', 'active', current_date - 40, current_date + 20, current_date + 20,
            current_date + 20
        from generate_series(1, \(rows)) as n;
        insert into bursar.invoice (id, tenant_id, issuer_id, subscription_id, period_id, year, sequence, number, issue_date, due_date,
            grace_end, currency, line_count, subtotal, tax, total, tax_rate_basis_points, policy_id, net_days, payment_grace_days,
            khr_total, as_of, issued_at, content_hash)
        select n, 1 + (n - 1) % \(tenants), 1, n, n, 2026, n, 'INV-2026-' || n, current_date - 3, current_date + 4, current_date + 11, 'KHR',
            1, 40000 + n % 1000 * 10, 4000, 44000 + n % 1000 * 10, 1000, 1, 7, 7, 44000 + n % 1000 * 10, now(), now(), '\\x00'
        from generate_series(1, \(rows)) as n;
        insert into bursar.receivable (tenant_id, invoice_id, subscription_id, currency, total, open_amount, tolerance, due_date, grace_end,
            state)
        select tenant_id, id, subscription_id, currency, total, total, 1, due_date, grace_end, 'open' from bursar.invoice order by id;
        insert into bursar.payment_intent (tenant_id, id, issuer_id, invoice_id, currency, amount, state, version, cause)
        overriding system value
        select tenant_id, id, 1, id, currency, total, 'pending', 2, 'presented' from bursar.invoice order by id;
        insert into bursar.payment_attempt (tenant_id, id, issuer_id, intent_id, account_id, currency, amount, bill_number, qr, md5, state,
            version, cause, created_at, presented_at, expires_at) overriding system value
        select v.tenant_id, v.id, 1, v.id, 1, v.currency, v.total, v.number, 'qr ' || v.id, md5('qr ' || v.id), 'presented', 2, 'presented',
            shown.at, shown.at, shown.at + interval '10 minutes'
        from bursar.invoice v
        cross join lateral (select now() - interval '61 days' + v.id * interval '60 days' / \(rows)) as shown (at)
        order by v.id;
        insert into bursar.observation (tenant_id, id, issuer_id, account_id, kind, source, external_key, bill_number, bank_reference, payer,
            currency, amount, occurred_at, raw) overriding system value
        select 0, row_number() over (order by a.id + (hashint8(a.id) & 255)), 1, 1, 'statement', 'statement:bench', 'R' || a.id,
            a.bill_number, 'R' || a.id, 'Payer ' || a.id, a.currency, a.amount, a.presented_at + interval '3 minutes',
            'R' || a.id || ',' || a.amount || ',KHR,2026-01-01 00:00:00,payment of ' || a.bill_number
        from bursar.payment_attempt a
        order by a.id + (hashint8(a.id) & 255);
        insert into bursar.observation_unplaced (tenant_id, observation_id, issuer_id, is_claim)
        select 0, id, 1, false from bursar.observation order by id;
        reset session_replication_role;
        """
    }
}
