import Postgres

/// What somebody would write who knew that every plan is monthly and every rule the same: one statement a chunk.
///
/// It finds what is due, locks it, prices it, and writes every row that a run writes. The texts that only an auditor reads
/// (hash, content of the event, canonical form) are not even computed, but taken from those of a real run.
enum BareStatement {
    /// The texts of each invoice, by subscription.
    static let texts = """
        create table bench.texts as
        select i.subscription_id, i.content_hash, e.content, a.canonical
        from bursar.invoice i
        join bursar.event e on e.tenant_id = i.tenant_id and e.subject_kind = 'invoice' and e.subject_id = i.id
        join bursar.audit_entry a on a.tenant_id = i.tenant_id and a.object = 'invoice:' || i.id
        order by i.subscription_id;
        alter table bench.texts add primary key (subscription_id);
        """

    static let now = Statement("bench.now", "select bursar.business_now()::text as now")

    /// Subscriptions after `$1` up to `$2`, as of `$3` at the zone of the issuer.
    static let chunk = Statement(
        "bare.renew",
        """
        with due as materialized (
            select s.*, today, (v.anchor_date + make_interval(months => s.next_k + 1))::date as ends,
                item.id as item_id, item.price_id, price.description, item.quantity, price.unit_amount,
                i.invoice_prefix, rules.id as rules_id, rules.net_days, rules.payment_grace_days,
                rules.tax_rate_basis_points as basis_points, rules.rate_source, rules.tolerance_usd
            from bare.subscription s
            join bare.subscription_schedule v
                on v.tenant_id = s.tenant_id and v.subscription_id = s.id and v.version = s.schedule_version
            join bursar.subscription_item item on item.tenant_id = s.tenant_id and item.subscription_id = s.id
            join bursar.price on price.id = item.price_id
            join bursar.issuer i on i.id = s.issuer_id
            join bursar.policy rules on rules.id = i.policy_id
            cross join lateral (select ($3::timestamptz at time zone i.time_zone)::date as today) as local
            where s.state in ('active', 'past_due') and s.issue_on <= today and s.id > $1::bigint and s.id <= $2::bigint
            order by s.id
            for no key update of s
        ), numbers as (
            insert into bare.number_series as series (issuer_id, series, year, last_number)
            select issuer_id, 'invoice', extract(year from today)::integer, count(*) from due group by issuer_id, today
            on conflict (issuer_id, series, year) do update set last_number = series.last_number + excluded.last_number
            returning issuer_id, year, last_number
        ), usd as materialized (
            select rate, rate_date from bursar.exchange_rate
            where base = 'USD' and rate_date <= $3::date order by rate_date desc limit 1
        ), made as materialized (
            select due.*, n.year, ends - next_from as days, quantity * unit_amount as subtotal,
                (quantity * unit_amount * basis_points + 5000) / 10000 as tax,
                n.last_number - count(*) over () + row_number() over (order by due.id) as sequence,
                nextval(pg_get_serial_sequence('bare.period', 'id')) as period_id,
                nextval('bursar.invoice_id') as invoice_id, usd.rate, usd.rate_date, t.content_hash, t.content, t.canonical,
                clock_timestamp() as issued_at
            from due
            join numbers n on n.issuer_id = due.issuer_id
            join bench.texts t on t.subscription_id = due.id
            left join usd on due.currency = 'USD'
        ), periods as (
            insert into bare.period (id, tenant_id, subscription_id, schedule_version, k, plan_version_id, of_days, during)
            overriding system value
            select period_id, tenant_id, id, schedule_version, next_k, plan_version_id, days, daterange(next_from, ends)
            from made
        ), invoices as (
            insert into bare.invoice (
                id, tenant_id, issuer_id, subscription_id, period_id, year, sequence, number, issue_date, due_date,
                grace_end, currency, line_count, subtotal, tax, total, tax_rate_basis_points, policy_id, net_days,
                payment_grace_days, exchange_rate, rate_source, rate_date, khr_total, run_id, as_of, issued_at, content_hash
            )
            select invoice_id, tenant_id, issuer_id, id, period_id, year, sequence,
                invoice_prefix || '-' || year || '-' || lpad(sequence::text, 6, '0'), today, today + net_days,
                today + net_days + payment_grace_days, currency, 1, subtotal, tax, subtotal + tax, basis_points, rules_id,
                net_days, payment_grace_days, rate, case when rate is not null then rate_source end, rate_date,
                case when rate is null then subtotal + tax else round((subtotal + tax) * rate / 100)::bigint end, 1, $3,
                issued_at, content_hash
            from made
        ), lines as (
            insert into bare.invoice_line (
                tenant_id, invoice_id, line, subscription_id, period_id, item_id, price_id, description, quantity,
                unit_amount, days, of_days, amount, tax
            )
            select tenant_id, invoice_id, 1, id, period_id, item_id, price_id, description, quantity, unit_amount, days,
                days, subtotal, tax
            from made
        ), receivables as (
            insert into bare.receivable (
                tenant_id, invoice_id, subscription_id, currency, total, open_amount, tolerance, due_date, grace_end, state
            )
            select tenant_id, invoice_id, id, currency, subtotal + tax, subtotal + tax, tolerance_usd, today + net_days,
                today + net_days + payment_grace_days, 'open'
            from made
        ), events as (
            insert into bare.event (tenant_id, at, kind, subject_kind, subject_id, run_id, actor, content)
            select tenant_id, issued_at, 'invoice.issued', 'invoice', invoice_id, 1, 'job:renewals', content from made
        ), audited as (
            insert into bare.audit_entry (tenant_id, at, actor, action, object, run_id, canonical)
            select tenant_id, issued_at, 'job:renewals', 'invoice.issued', 'invoice:' || invoice_id, 1, canonical from made
        )
        update bare.subscription s
        set next_k = made.next_k + 1, next_part = 0, next_from = made.ends, issue_on = made.ends,
            charged_through = made.ends
        from made
        where s.tenant_id = made.tenant_id and s.id = made.id
        """
    )
}
