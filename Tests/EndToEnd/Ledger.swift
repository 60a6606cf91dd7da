import Testing

/// What stands in the books after a run, and what must hold of it.
struct Ledger: Equatable, Sendable {
    /// Every invoice, subscription and receivable, and how many events and audit rows of each kind there are.
    ///
    /// Two runs that did the same have the same lines.
    let lines: [String]

    static func read(_ house: House) async throws -> Ledger {
        Ledger(lines: try await house.list(content))
    }

    /// How the lines differ from others, a few of them.
    func difference(from other: Ledger) -> String {
        let (mine, theirs) = (Set(lines), Set(other.lines))
        let more = mine.subtracting(theirs).sorted().prefix(5).map { "+ \($0)" }
        let less = theirs.subtracting(mine).sorted().prefix(5).map { "- \($0)" }
        return (more + less).joined(separator: "\n")
    }

    /// Expects that nothing is doubled, left out or miscounted, and that `bursar verify` says so too.
    static func expectSound(
        _ house: House,
        run: Int64,
        _ comment: Comment = "",
        sourceLocation: SourceLocation = #_sourceLocation
    ) async throws {
        let findings = try await house.list(findings(run))
        #expect(findings.isEmpty, comment, sourceLocation: sourceLocation)
        let verify = try await house.bursar("verify", within: .seconds(120))
        #expect(verify.status == 0, "\(comment) \(verify)", sourceLocation: sourceLocation)
    }

    private static let content = """
        select line from (
            select concat_ws('|', 'invoice', i.number, i.subscription_id, p.schedule_version, p.k, p.part, p.during, i.issue_date,
                i.due_date, i.currency, i.subtotal, i.tax, i.total, i.khr_total) as line
            from bursar.invoice i join bursar.period p on p.tenant_id = i.tenant_id and p.id = i.period_id
            union all
            select concat_ws('|', 'subscription', id, state, transitions, next_k, next_part, next_from, issue_on, charged_through,
                parked_at is not null) from bursar.subscription
            union all
            select concat_ws('|', 'receivable', i.number, r.state, r.open_amount, r.total, r.due_date)
            from bursar.receivable r join bursar.invoice i on i.tenant_id = r.tenant_id and i.id = r.invoice_id
            union all
            select concat_ws('|', 'event', kind, count(*)) from bursar.event where kind not like 'run.%' group by kind
            union all
            select concat_ws('|', 'audit', action, count(*)) from bursar.audit_entry where action not like 'run.%' group by action
        ) as everything
        order by line collate "C"
        """

    /// Looked for by this test's own statements, apart from those of `bursar verify`.
    private static func findings(_ run: Int64) -> String {
        """
        select 'run \(run) is ' || h.state || ': ' || h.outcome from bursar.run_history h where h.id = \(run) and h.state <> 'succeeded'
        union all
        select 'run \(run) has not ended' where not exists (select from bursar.run_history where id = \(run))
        union all
        select format('a period of subscription %s is still due', d.subscription_id)
        from bursar.renewals_due(bursar.business_now()) d where not d.held and not d.waits_for_rate
        union all
        select format('subscription %s, period %s: %s invoices', p.subscription_id, p.during, count(i.id))
        from bursar.period p left join bursar.invoice i on i.period_id = p.id
        group by p.id, p.subscription_id, p.during having count(i.id) <> 1
        union all
        select format('subscription %s is billed twice on some days', a.subscription_id)
        from bursar.period a join bursar.period b on a.subscription_id = b.subscription_id and a.id < b.id and a.during && b.during
        union all
        select format('series %s %s ends at %s, with %s numbers, the last of them %s', s.series, s.year, s.last_number,
            count(i.id), max(i.sequence))
        from bursar.number_series s
        left join bursar.invoice i on i.issuer_id = s.issuer_id and i.series = s.series and i.year = s.year
        group by s.issuer_id, s.series, s.year, s.last_number
        having count(i.id) <> s.last_number or max(i.sequence) <> s.last_number or count(distinct i.sequence) <> s.last_number
        union all
        select format('the checkpoint counts %s invoices, there are %s', h.checkpoint -> 'counters' -> 'invoices', ledger.count)
        from bursar.run_history h, lateral (select count(*) from bursar.invoice where run_id = h.id) as ledger
        where h.id = \(run) and coalesce((h.checkpoint -> 'counters' ->> 'invoices')::bigint, 0) <> ledger.count
        union all
        select format('the checkpoint sums %s, the invoices %s, the receivables %s', h.checkpoint -> 'totals', invoices.totals,
            receivables.totals)
        from bursar.run_history h
        cross join lateral (
            select coalesce(jsonb_object_agg(currency, total), '{}') as totals
            from (select currency, sum(total)::bigint as total from bursar.invoice where run_id = h.id group by currency) as sums
        ) as invoices
        cross join lateral (
            select coalesce(jsonb_object_agg(currency, total), '{}') as totals
            from (
                select r.currency, sum(r.total)::bigint as total
                from bursar.receivable r join bursar.invoice i on i.tenant_id = r.tenant_id and i.id = r.invoice_id
                where i.run_id = h.id group by r.currency
            ) as sums
        ) as receivables
        where h.id = \(run)
            and (coalesce(h.checkpoint -> 'totals', '{}') <> invoices.totals or invoices.totals <> receivables.totals)
        """
    }
}
