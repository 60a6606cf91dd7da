internal import Postgres

extension Invariant {
    static let documents = [
        Invariant(
            "I6",
            "Numbers of a series have no gap, and go up with the time of issue",
            Statement(
                "billing.invariant_i6",
                """
                with counted as (
                    select issuer_id, series, year, count(*) as invoices, min(sequence) as first, max(sequence) as last
                    from bursar.invoice
                    group by issuer_id, series, year
                ), ordered as (
                    select id, number, year, sequence, issue_date, issued_at,
                           lag(issued_at) over of_series as issued_before, lag(number) over of_series as number_before,
                           lag(sequence) over of_series as sequence_before
                    from bursar.invoice
                    window of_series as (partition by issuer_id, series, year order by sequence)
                ), judged as (
                    select format('series %s %s of issuer %s: %s invoices, the last has number %s, the counter stands at %s',
                                  series, year, issuer_id, coalesce(invoices, 0), coalesce(last, 0), last_number) as example
                    from counted
                    full join bursar.number_series using (issuer_id, series, year)
                    where (coalesce(invoices, 0), coalesce(last, 0), coalesce(first, 1)) is distinct from (last_number, last_number, 1::bigint)
                    union all
                    select case
                               when sequence - sequence_before > 1 then format('between %s and %s numbers are missing', number_before, number)
                               when issued_at < issued_before
                                   then format('%s was issued at %s, %s before it at %s', number, issued_at, number_before, issued_before)
                               else format('%s is number %s of %s', number, sequence, year)
                           end
                    from ordered
                    where sequence - sequence_before > 1 or issued_at < issued_before
                        or number not like format('%%-%s-%s', year, lpad(sequence::text, greatest(6, length(sequence::text)), '0'))
                        or year <> extract(year from issue_date)
                )
                select count(*) over () as violations, example from judged order by example limit 20
                """
            ),
            breaker: Breaker(
                "moves a series on by a number that no invoice has",
                """
                update bursar.number_series set last_number = last_number + 1
                where (issuer_id, series, year) = (select issuer_id, series, year from bursar.invoice order by id limit 1);
                """
            )
        ),
        Invariant(
            "I7",
            "Every issued invoice still says what it said when it was issued",
            Statement(
                "billing.invariant_i7",
                """
                with lined as (
                    select l.tenant_id, l.invoice_id, string_agg(bursar.invoice_line_content(l.line, l.item_id, l.price_id, l.description,
                               l.quantity, l.unit_amount, l.days, l.of_days, l.amount, l.tax), ', ' order by l.line) as lines
                    from bursar.invoice_line as l
                    group by l.tenant_id, l.invoice_id
                )
                select count(*) over () as violations, format('invoice %s (%s) is not what was issued', i.number, i.id) as example
                from bursar.invoice as i
                left join lined as l on l.tenant_id = i.tenant_id and l.invoice_id = i.id
                where i.content_hash is distinct from sha256(convert_to(bursar.invoice_content(i.id, i.tenant_id, i.issuer_id,
                    i.subscription_id, i.period_id, i.number, i.issue_date, i.due_date, i.grace_end, i.currency, i.subtotal, i.tax,
                    i.total, i.tax_rate_basis_points, i.policy_id, i.exchange_rate, i.rate_source, i.rate_date, i.khr_total,
                    i.issued_at, l.lines), 'UTF8'))
                order by i.id
                limit 20
                """
            ),
            breaker: Breaker(
                "rewords a line of an issued invoice",
                """
                update bursar.invoice_line set description = description || ', corrected'
                where (invoice_id, line) = (select invoice_id, line from bursar.invoice_line order by invoice_id desc, line limit 1);
                """
            )
        ),
    ]
}
