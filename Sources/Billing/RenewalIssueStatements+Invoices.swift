internal import Postgres

extension RenewalIssueStatements {
    /// Issues the invoice of each period, with its lines, receivable, event and audit row: tenants, periods, as_of, run.
    ///
    /// The subscriptions move on to their next period. It answers with the count and total of each currency. Every sum is rounded once, and then shared out to the lines. The numbers are those that `numbers` has taken.
    static let invoices = Statement(
        "billing.issue_invoices",
        """
        with moment as materialized (
            select bursar.business_now() as issued_at, bursar.actor() as actor
        ), chunk as materialized (
            select s.tenant_id, s.issuer_id, s.id as subscription_id, s.currency, i.invoice_prefix, local.today,
                extract(year from local.today)::integer as year,
                coalesce(s.policy_id, v.policy_id, i.policy_id) as policy_id,
                p.id as period_id, p.schedule_version, p.k, p.plan_version_id,
                lower(p.during) as starts, upper(p.during) as ends, upper(p.during) - lower(p.during) as days, p.of_days
            from unnest($1::bigint[], $2::bigint[]) as billed (tenant_id, id)
            cross join lateral (
                -- One by one, whatever the planner believes of a table that grows while its plan is kept.
                select p.* from bursar.period p where p.tenant_id = billed.tenant_id and p.id = billed.id offset 0
            ) as p
            join bursar.subscription s on s.tenant_id = p.tenant_id and s.id = p.subscription_id
            join bursar.issuer i on i.id = s.issuer_id
            cross join lateral (
                select ($3::timestamptz at time zone i.time_zone)::date as today offset 0
            ) as local
            join bursar.plan_version v on v.id = p.plan_version_id
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
        ), priced as (
            select c.*, nextval('bursar.invoice_id') as invoice_id,
                rules.net_days, rules.payment_grace_days, rules.tax_rate_basis_points as basis_points,
                case c.currency when 'KHR' then rules.tolerance_khr else rules.tolerance_usd end as tolerance,
                rules.rate, case when rules.rate is not null then rules.rate_source end as rate_source, rules.rate_date,
                sold.*, bursar.prorated(sold.whole, c.days, c.of_days) as subtotal,
                row_number() over (partition by c.issuer_id, c.year order by c.starts, c.subscription_id)
                    - count(*) over (partition by c.issuer_id, c.year) as place
            from chunk c
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
        ), summed as materialized (
            select p.*, s.last_number + p.place as sequence,
                p.today + p.net_days as due_date, p.today + p.net_days + p.payment_grace_days as grace_end,
                bursar.tax_on(p.subtotal, p.basis_points) as tax,
                case when p.days = p.of_days then p.amounts else bursar.allocated(p.subtotal, p.amounts) end
                    as line_amounts
            from priced p
            join bursar.number_series s on s.issuer_id = p.issuer_id and s.series = 'invoice' and s.year = p.year
        ), taxed as materialized (
            select s.*, s.subtotal + s.tax as total,
                case s.line_count when 1 then array[s.tax] else bursar.allocated(s.tax, s.line_amounts) end as line_taxes,
                case s.currency
                    when 'KHR' then s.subtotal + s.tax
                    else round((s.subtotal + s.tax) * s.rate / 100)::bigint
                end as khr_total,
                format('%s-%s-%s', s.invoice_prefix, s.year, lpad(s.sequence::text, greatest(6, length(s.sequence::text)), '0')) as number
            from summed s
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
                select distinct on (tenant_id, subscription_id)
                    tenant_id, subscription_id, schedule_version, plan_version_id, k, ends
                from draft
                order by tenant_id, subscription_id, starts desc
            ) as last
            where s.tenant_id = last.tenant_id and s.id = last.subscription_id
        )
        select currency, count(*) as invoices, sum(total)::bigint as total from draft group by currency
        """
    )
}
