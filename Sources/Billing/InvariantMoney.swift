internal import Postgres

extension Invariant {
    static let money = [
        Invariant(
            "I3",
            "Every invoice adds up, in one currency",
            Statement(
                "billing.invariant_i3",
                """
                with summed as (
                    select tenant_id, invoice_id, count(*) as lines, sum(amount) as amount, sum(tax) as tax,
                           min(subscription_id) as subscription_id, max(subscription_id) as last_subscription_id
                    from bursar.invoice_line
                    group by tenant_id, invoice_id
                ), judged as (
                    select i.id, i.number,
                           case
                               when l.lines is distinct from i.line_count
                                   then format('has %s lines, not %s', coalesce(l.lines, 0), i.line_count)
                               when l.amount <> i.subtotal
                                   then format('subtotal %s, but its lines make %s', i.subtotal, l.amount)
                               when l.tax <> i.tax then format('tax %s, but its lines make %s', i.tax, l.tax)
                               when i.subtotal + i.tax <> i.total
                                   then format('total %s, but subtotal and tax make %s', i.total, i.subtotal + i.tax)
                               when i.tax <> bursar.tax_on(i.subtotal, i.tax_rate_basis_points)
                                   then format('tax %s is not %s basis points of %s', i.tax, i.tax_rate_basis_points, i.subtotal)
                               when i.currency is distinct from s.currency
                                   then format('is in %s, its subscription in %s', i.currency, s.currency)
                               when l.subscription_id <> i.subscription_id or l.last_subscription_id <> i.subscription_id
                                   then 'has lines of another subscription'
                               when i.khr_total is distinct from case i.currency
                                       when 'KHR' then i.total else round(i.total * i.exchange_rate / 100) end
                                   then format('riel total %s is not its total at %s', i.khr_total, i.exchange_rate)
                           end as finding
                    from bursar.invoice as i
                    left join summed as l on l.tenant_id = i.tenant_id and l.invoice_id = i.id
                    left join bursar.subscription as s on s.id = i.subscription_id
                )
                select count(*) over () as violations, format('invoice %s (%s): %s', number, id, finding) as example
                from judged
                where finding is not null
                order by id
                limit 20
                """
            ),
            breaker: Breaker(
                "adds one to a line's amount, and makes the invoice's seal agree",
                """
                alter table bursar.invoice_line drop constraint if exists invoice_line_check1;
                update bursar.invoice_line set amount = amount + 1
                where (invoice_id, line) = (select invoice_id, line from bursar.invoice_line order by invoice_id, line limit 1);
                update bursar.invoice as i
                set content_hash = sha256(convert_to(bursar.invoice_content(i.id, i.tenant_id, i.issuer_id, i.subscription_id, i.period_id,
                    i.number, i.issue_date, i.due_date, i.grace_end, i.currency, i.subtotal, i.tax, i.total, i.tax_rate_basis_points,
                    i.policy_id, i.exchange_rate, i.rate_source, i.rate_date, i.khr_total, i.issued_at, (
                        select string_agg(bursar.invoice_line_content(l.line, l.item_id, l.price_id, l.description, l.quantity,
                            l.unit_amount, l.days, l.of_days, l.amount, l.tax), ', ' order by l.line)
                        from bursar.invoice_line as l where l.invoice_id = i.id)), 'UTF8'))
                where i.id = (select min(invoice_id) from bursar.invoice_line);
                """
            )
        ),
        Invariant(
            "I4",
            "What is owed on an invoice is its total less what was taken off it, never less than nothing",
            Statement(
                "billing.invariant_i4",
                """
                with taken as (
                    select tenant_id, invoice_id, sum(amount) as amount, min(currency) as currency, max(currency) as last_currency
                    from bursar.allocation
                    group by tenant_id, invoice_id
                ), judged as (
                    select coalesce(i.id, r.invoice_id) as id, i.number,
                           case
                               when r.invoice_id is null then 'has no receivable'
                               when i.id is null then 'is owed, but there is no such invoice'
                               when r.total <> i.total then format('owes a total of %s, not %s', r.total, i.total)
                               when r.currency <> i.currency then format('is owed in %s, not in %s', r.currency, i.currency)
                               when r.open_amount < 0 then format('%s is open: less than nothing', r.open_amount)
                               when r.open_amount <> r.total - coalesce(t.amount, 0)
                                   then format('%s of %s is open, and %s was taken off', r.open_amount, r.total, coalesce(t.amount, 0))
                               when (r.state = 'settled') <> (r.open_amount = 0)
                                   then format('is %s with %s open', r.state, r.open_amount)
                               when r.due_date <> i.due_date or r.grace_end <> i.grace_end
                                   then format('is due %s with grace to %s, not %s and %s', r.due_date, r.grace_end,
                                               i.due_date, i.grace_end)
                               when r.subscription_id <> i.subscription_id then 'is owed for another subscription'
                           end as finding
                    from bursar.invoice as i
                    full join bursar.receivable as r on r.invoice_id = i.id and r.tenant_id = i.tenant_id
                    left join taken as t on t.tenant_id = r.tenant_id and t.invoice_id = r.invoice_id
                )
                select count(*) over () as violations, format('invoice %s (%s): %s', number, id, finding) as example
                from judged
                where finding is not null
                order by id
                limit 20
                """
            ),
            breaker: Breaker(
                "takes one off an open amount that nobody paid",
                """
                update bursar.receivable set open_amount = open_amount - 1
                where invoice_id = (select min(invoice_id) from bursar.receivable where open_amount > 0 and state = 'open');
                """
            )
        ),
    ]
}
