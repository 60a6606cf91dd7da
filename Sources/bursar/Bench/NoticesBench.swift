import Dunning
import JobKit
import NoticeDelivery
import Notices
import Postgres

/// How fast notices are planned, beside one bare statement that inserts the same rows, and sent to a mail server that takes all.
struct NoticesBench: Sendable {
    var count = 100_000
    var chunk = 5000
    var runs = 3

    /// What of the speed of the bare statement is wanted at least.
    static let demand = 0.6
    /// Messages a second to a mail server, with eight connections.
    static let sent = 500.0
    /// MiB, of this process, the simulated mail server in it included.
    static let memory = 150.0
    private static let template = "notices"

    /// Plans and compares, each run on a fresh copy of the same database; then sends what the last run has planned.
    func measure(
        _ cluster: BenchCluster,
        _ machine: inout Machine,
        _ say: (String) -> Void
    ) async throws -> [BenchFigure] {
        let own = OwnNotices(cluster: cluster, chunk: chunk)
        let bare = BareNotices(cluster: cluster, chunk: chunk, count: count)
        say("writing \(count) unpaid invoices of as many payers …")
        try await cluster.makeEmpty(Self.template, extra: NoticeRows.script(count: count))
        try await bare.prepare(from: Self.template)
        var (planned, plain) = ([Double](), [Double]())
        for number in 1...max(1, runs) {
            say("run \(number) of \(runs): the bare statement …")
            try await bare.reset()
            try await machine.waitForQuiet()
            plain.append(rate(try await bare.run()))
            let compared = try await WrittenRows.of("bare", cluster, [("notice", "true")])

            say("run \(number) of \(runs): bursar …")
            try await cluster.copy(Self.template)
            try await machine.waitForQuiet()
            planned.append(rate(try await own.plan(expecting: count)))
            let written = try await WrittenRows.of("bursar", cluster, [("notice", "true")])
            guard written == compared else {
                throw BenchFailure("the rows are not the same: \(written.differences(from: compared))")
            }
        }
        say("sending \(count) messages …")
        try await machine.waitForQuiet()
        let sent = rate(try await own.send(expecting: count))
        guard
            let peak = Machine.field("VmHWM", of: "/proc/self/status")?.split(separator: " ").first.flatMap({
                Double($0)
            })
        else { throw BenchFailure("/proc/self/status cannot be read") }
        return [
            BenchFigure("notices, planned", planned, "notices/s", limits: plain, .atLeast(Self.demand)),
            BenchFigure("notices, sent by mail", [sent], "messages/s", limits: [Self.sent], .atLeast(1)),
            BenchFigure("notices, memory", [peak / 1024], "MiB", limits: [Self.memory], .atMost(1)),
        ]
    }

    private func rate(_ took: Duration) -> Double { Double(count) / (took / .seconds(1)) }
}

/// What the bench begins with.
enum NoticeRows {
    /// The policy of which one step is due.
    static let policy = DunningPolicy(steps: [
        DunningStep("before", offsetDays: -3, minuteOfDay: 0, category: "courtesy"),
        DunningStep("late", offsetDays: 1, minuteOfDay: 0, category: "overdue", ladder: [.email, .operator]),
        DunningStep("last", offsetDays: 6, minuteOfDay: 0, category: "final"),
    ])

    /// Payers with an address and an unpaid invoice each, due yesterday and issued the day before, so that one step of the policy
    /// is due.
    ///
    /// Constraints are not looked at while it is filled.
    static func script(count: Int) -> String {
        """
        set session_replication_role = replica;
        set work_mem = '256MB';
        set bursar.actor = 'bench';
        select bursar.create_issuer('Bench', 'Bench Co., Ltd.');
        select bursar.create_plan_version(1, 'monthly', '[{"code": "a", "description": "A", "unit_amount": 40000}]', 'KHR');
        insert into bursar.tenant (id, issuer_id, external_ref, name, locale) overriding system value
        select n, 1, 'T' || n, 'Tenant ' || n, case n % 2 when 0 then 'km' else 'en' end from generate_series(1, \(count)) as n;
        insert into bursar.subscription (id, tenant_id, issuer_id, external_ref, plan_version_id, currency, state, starts_on, next_from,
            issue_on, charged_through) overriding system value
        select n, n, 1, 'S' || n, 1, 'KHR', 'past_due', current_date - 40, current_date + 20, current_date + 20, current_date + 20
        from generate_series(1, \(count)) as n;
        insert into bursar.invoice (id, tenant_id, issuer_id, subscription_id, period_id, year, sequence, number, issue_date, due_date,
            grace_end, currency, line_count, subtotal, tax, total, tax_rate_basis_points, policy_id, net_days, payment_grace_days,
            khr_total, as_of, issued_at, content_hash)
        select n, n, 1, n, n, 2026, n, 'INV-2026-' || n, current_date - 3, current_date - 2, current_date + 5, 'KHR',
            1, 40000 + n % 1000 * 10, 4000, 44000 + n % 1000 * 10, 1000, 1, 1, 7, 44000 + n % 1000 * 10, now(), now(), '\\x00'
        from generate_series(1, \(count)) as n;
        insert into bursar.receivable (tenant_id, invoice_id, subscription_id, currency, total, open_amount, tolerance, due_date, grace_end,
            state)
        select tenant_id, id, subscription_id, currency, total, total, 1, due_date, grace_end, 'open' from bursar.invoice order by id;
        insert into bursar.payer_address (tenant_id, channel, address, hash)
        select n, 'email', 'payer' || n || '@bursar.example', bursar.address_hash('email', 'payer' || n || '@bursar.example')
        from generate_series(1, \(count)) as n;
        reset session_replication_role;
        """
    }
}
