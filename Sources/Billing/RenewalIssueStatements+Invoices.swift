internal import Postgres

extension RenewalIssueStatements {
    /// Issues everything that is due for these subscriptions: tenants, subscriptions, as_of, run.
    ///
    /// In the order in which it may wait: locks the subscriptions that are still due, by id; inserts their due periods, unless
    /// there are more than the catch-up cap (the exclusion may refuse them); takes one number a period in the series of its
    /// issuer and local year; and then, with nothing left to wait for, writes each invoice with its lines, receivable, event
    /// and audit row, and moves the subscription on to its next period. Every sum is rounded once, and then shared out to the
    /// lines. It answers with the count and total of each currency, and with how many subscriptions were due and how many billed.
    static let invoices = Statement(
        "billing.issue_invoices",
        """
        with moment as materialized (
            select bursar.business_now() as issued_at, bursar.actor() as actor
        ), locked as materialized (
            select s.tenant_id, s.id as subscription_id, s.issuer_id, s.currency, s.plan_version_id as sold_version_id, s.policy_id as own_policy_id,
                s.schedule_version as from_version, s.next_k, s.next_part, s.next_from, s.catch_up_through,
                i.policy_id as issuer_policy_id, i.invoice_prefix, local.today, least(local.today + 1, s.cancel_on) as bill_before
            from unnest($1::bigint[], $2::bigint[]) as due (tenant_id, id)
            join bursar.subscription s on s.tenant_id = due.tenant_id and s.id = due.id
            join bursar.issuer i on i.id = s.issuer_id
            cross join lateral (select ($3::timestamptz at time zone i.time_zone)::date as today offset 0) as local
            where s.state in ('active', 'past_due') and s.parked_at is null
                and s.issue_on <= local.today
                and (s.cancel_on is null or s.issue_on < s.cancel_on)
            order by s.id
            for no key update of s
        ), chunk as materialized (
            select counted.*, nextval('bursar.period_id_seq') as period_id, nextval('bursar.invoice_id') as invoice_id,
                extract(year from counted.today)::integer as year
            from (
                select l.*, p.*, p.ends - p.starts as days, coalesce(l.own_policy_id, v.policy_id, l.issuer_policy_id) as policy_id,
                    count(*) filter (where p.starts > coalesce(l.catch_up_through, '-infinity')) over (
                        partition by l.subscription_id order by p.starts rows between unbounded preceding and unbounded following
                    ) as periods,
                    cap.catch_up_periods
                from locked l
                cross join lateral bursar.periods_due(
                    l.tenant_id, l.subscription_id, l.from_version, l.next_k, l.next_part, l.next_from, l.bill_before
                ) as p
                join bursar.plan_version v on v.id = p.plan_version_id
                join bursar.plan_version sold on sold.id = l.sold_version_id
                join bursar.policy cap on cap.id = coalesce(l.own_policy_id, sold.policy_id, l.issuer_policy_id)
            ) as counted
            where periods <= catch_up_periods
        ), rules as materialized (
            select used.today, used.currency, p.*, r.rate, r.rate_date
            from (select distinct policy_id, today, currency from chunk) as used
            join bursar.policy p on p.id = used.policy_id
            left join lateral (
                select r.rate, r.rate_date
                from bursar.exchange_rate r
                where r.source = p.rate_source and r.base = used.currency and r.quote = 'KHR'
                    and r.rate_date between used.today - p.rate_max_age_days and used.today
                order by r.rate_date desc
                limit 1
            ) as r on true
        ), periods as (
            insert into bursar.period (id, tenant_id, subscription_id, schedule_version, k, part, plan_version_id, of_days, during)
            overriding system value
            select period_id, tenant_id, subscription_id, schedule_version, k, part, plan_version_id, of_days, daterange(starts, ends)
            from chunk
            returning id
        ), taken as materialized (
            select issuer_id, year, count(*) as count from chunk group by issuer_id, year
        ), numbers as materialized (
            insert into bursar.number_series as series (issuer_id, series, year, last_number)
            select issuer_id, 'invoice', year, count
            from taken
            where (select count(*) from periods) > 0
            order by issuer_id, year
            on conflict (issuer_id, series, year) do update set last_number = series.last_number + excluded.last_number
            returning issuer_id, year, last_number
        ), priced as materialized (
            select c.*,
                rules.net_days, rules.payment_grace_days, rules.tax_rate_basis_points as basis_points,
                case c.currency when 'KHR' then rules.tolerance_khr else rules.tolerance_usd end as tolerance,
                rules.rate, case when rules.rate is not null then rules.rate_source end as rate_source, rules.rate_date,
                sold.*, bursar.prorated(sold.whole, c.days, c.of_days) as subtotal,
                c.today + rules.net_days as due_date, c.today + rules.net_days + rules.payment_grace_days as grace_end,
                n.first + row_number() over (partition by c.issuer_id, c.year order by c.starts, c.subscription_id) as sequence
            from chunk c
            join (
                select n.issuer_id, n.year, n.last_number - taken.count as first
                from numbers n
                join taken on taken.issuer_id = n.issuer_id and taken.year = n.year
                offset 0
            ) as n on n.issuer_id = c.issuer_id and n.year = c.year
            left join rules on rules.id = c.policy_id and rules.today = c.today and rules.currency = c.currency
            cross join lateral (
                select count(*)::integer as line_count, coalesce(sum(amount), 0)::bigint as whole,
                    array_agg(amount) as amounts,
                    array_agg(row(id, price_id, description, quantity, unit_amount)::bursar.billed_item) as items
                from (
                    select i.id, i.price_id, pr.description, i.quantity, pr.unit_amount,
                        i.quantity * pr.unit_amount as amount
                    from bursar.subscription_item i
                    join bursar.price pr on pr.id = i.price_id
                    where i.tenant_id = c.tenant_id and i.subscription_id = c.subscription_id
                        and i.valid_from <= c.starts and (i.valid_until is null or c.starts < i.valid_until)
                    order by i.id
                ) as in_force
            ) as sold
        ), taxed as materialized (
            select s.*, s.subtotal + s.tax as total,
                case s.line_count when 1 then array[s.tax] else bursar.allocated(s.tax, s.line_amounts) end as line_taxes,
                case s.currency
                    when 'KHR' then s.subtotal + s.tax
                    else round((s.subtotal + s.tax) * s.rate / 100)::bigint
                end as khr_total,
                concat(s.invoice_prefix, '-', s.year, '-', lpad(s.sequence::text, greatest(6, length(s.sequence::text)), '0')) as number
            from (
                select p.*, bursar.tax_on(p.subtotal, p.basis_points) as tax,
                    case when p.days = p.of_days then p.amounts else bursar.allocated(p.subtotal, p.amounts) end as line_amounts
                from priced p
                offset 0
            ) s
        ), draft as materialized (
            select t.*, moment.issued_at, moment.actor,
                sha256(convert_to(bursar.invoice_content(
                    t.invoice_id, t.tenant_id, t.issuer_id, t.subscription_id, t.period_id, t.number, t.today, t.due_date,
                    t.grace_end, t.currency, t.subtotal, t.tax, t.total, t.basis_points, t.policy_id, t.rate,
                    t.rate_source, t.rate_date, t.khr_total, moment.issued_at, line.contents
                ), 'UTF8')) as content_hash,
                jsonb_build_object(
                    'number', t.number, 'currency', t.currency, 'total', t.total, 'due_date', t.due_date,
                    'subscription', t.subscription_id, 'from', t.starts, 'until', t.ends
                ) as content
            from taxed t
            cross join moment
            cross join lateral (
                select string_agg(bursar.invoice_line_content(
                    l.line, (l.item).item_id, (l.item).price_id, (l.item).description, (l.item).quantity,
                    (l.item).unit_amount, t.days, t.of_days, l.amount, l.tax
                ), ', ') as contents
                from (
                    select generate_series(1, t.line_count) as line, unnest(t.items) as item,
                        unnest(t.line_amounts) as amount, unnest(t.line_taxes) as tax
                ) as l
            ) as line
        ), invoices as (
            insert into bursar.invoice (
                id, tenant_id, issuer_id, subscription_id, period_id, year, sequence, number, issue_date, due_date,
                grace_end, currency, line_count, subtotal, tax, total, tax_rate_basis_points, policy_id, net_days,
                payment_grace_days, exchange_rate, rate_source, rate_date, khr_total, run_id, as_of, issued_at, content_hash
            )
            select invoice_id, tenant_id, issuer_id, subscription_id, period_id, year, sequence, number, today, due_date,
                grace_end, currency, line_count, subtotal, tax, total, basis_points, policy_id, net_days,
                payment_grace_days, rate, rate_source, rate_date, khr_total, $4::bigint, $3, issued_at, content_hash
            from draft
        ), lines as (
            insert into bursar.invoice_line (
                tenant_id, invoice_id, line, subscription_id, period_id, item_id, price_id, description, quantity,
                unit_amount, days, of_days, amount, tax
            )
            select d.tenant_id, d.invoice_id, l.line, d.subscription_id, d.period_id, (l.item).item_id, (l.item).price_id,
                (l.item).description, (l.item).quantity, (l.item).unit_amount, d.days, d.of_days, l.amount, l.tax
            from draft d
            cross join lateral (
                select generate_series(1, d.line_count) as line, unnest(d.items) as item,
                    unnest(d.line_amounts) as amount, unnest(d.line_taxes) as tax
            ) as l
        ), receivables as (
            insert into bursar.receivable (
                tenant_id, invoice_id, subscription_id, currency, total, open_amount, tolerance, due_date, grace_end,
                state, settled_at
            )
            select tenant_id, invoice_id, subscription_id, currency, total, total, tolerance, due_date, grace_end,
                case total when 0 then 'settled' else 'open' end, case total when 0 then issued_at end
            from draft
        ), events as (
            insert into bursar.event (tenant_id, at, kind, subject_kind, subject_id, run_id, actor, content)
            select tenant_id, issued_at, 'invoice.issued', 'invoice', invoice_id, $4, actor, content
            from draft
        ), audited as (
            insert into bursar.audit_entry (tenant_id, at, actor, action, object, run_id, canonical)
            select tenant_id, issued_at, actor, 'invoice.issued', 'invoice:' || invoice_id, $4,
                bursar.audit_canonical(
                    tenant_id, issued_at, actor, 'invoice.issued', 'invoice:' || invoice_id, $4, content
                )
            from draft
        ), advanced as (
            update bursar.subscription s
            set schedule_version = last.schedule_version, plan_version_id = last.plan_version_id, next_k = last.k + 1,
                next_part = 0, next_from = last.ends, issue_on = last.ends, charged_through = last.ends
            from (
                select distinct on (subscription_id)
                    tenant_id, subscription_id, schedule_version, plan_version_id, k, ends
                from draft
                order by subscription_id, starts desc
            ) as last
            where s.tenant_id = last.tenant_id and s.id = last.subscription_id
        )
        select issued.currency, coalesce(issued.invoices, 0) as invoices, issued.total, found.due, found.billed
        from (
            select (select count(*) from locked) as due, (select count(distinct subscription_id) from draft) as billed
        ) as found
        left join (
            select currency, count(*) as invoices, sum(total)::bigint as total from draft group by currency
        ) as issued on true
        """
    )
}
