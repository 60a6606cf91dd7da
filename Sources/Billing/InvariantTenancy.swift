internal import Postgres

extension Invariant {
    static let tenancy = [
        Invariant(
            "I13",
            "Whatever belongs to a tenant belongs to the tenant of what it is part of",
            Statement(
                "billing.invariant_i13",
                // Ids are unique over all tenants, so a parent is looked for by its id alone, and then the tenants are compared.
                """
                with judged as (
                    select 'subscription' as what, c.id, c.tenant_id, p.id as parent_tenant_id
                    from bursar.subscription as c left join bursar.tenant as p on p.id = c.tenant_id and p.issuer_id = c.issuer_id
                    union all
                    select 'subscription schedule', c.subscription_id, c.tenant_id, p.tenant_id
                    from bursar.subscription_schedule as c left join bursar.subscription as p on p.id = c.subscription_id
                    union all
                    select 'subscription item', c.id, c.tenant_id, p.tenant_id
                    from bursar.subscription_item as c left join bursar.subscription as p on p.id = c.subscription_id
                    union all
                    select 'subscription transition', c.subscription_id, c.tenant_id, p.tenant_id
                    from bursar.subscription_transition as c left join bursar.subscription as p on p.id = c.subscription_id
                    union all
                    select 'billing hold', c.id, c.tenant_id, p.tenant_id
                    from bursar.billing_hold as c left join bursar.subscription as p on p.id = c.subscription_id
                    union all
                    select 'billing gap', c.subscription_id, c.tenant_id, p.tenant_id
                    from bursar.billing_gap as c left join bursar.subscription as p on p.id = c.subscription_id
                    union all
                    select 'period', c.id, c.tenant_id, p.tenant_id
                    from bursar.period as c left join bursar.subscription as p on p.id = c.subscription_id
                    union all
                    select 'invoice', c.id, c.tenant_id, p.tenant_id
                    from bursar.invoice as c
                    left join bursar.subscription as p on p.id = c.subscription_id and p.issuer_id = c.issuer_id
                    union all
                    select 'invoice', c.id, c.tenant_id, p.tenant_id
                    from bursar.invoice as c
                    left join bursar.period as p on p.id = c.period_id and p.subscription_id = c.subscription_id
                    union all
                    select 'invoice line', c.invoice_id, c.tenant_id, p.tenant_id
                    from bursar.invoice_line as c left join bursar.invoice as p on p.id = c.invoice_id
                    union all
                    select 'invoice line', c.invoice_id, c.tenant_id, p.tenant_id
                    from bursar.invoice_line as c
                    left join bursar.subscription_item as p on p.id = c.item_id and p.subscription_id = c.subscription_id
                    union all
                    select 'receivable', c.invoice_id, c.tenant_id, p.tenant_id
                    from bursar.receivable as c left join bursar.invoice as p on p.id = c.invoice_id
                    union all
                    select 'allocation', c.id, c.tenant_id, p.tenant_id
                    from bursar.allocation as c left join bursar.receivable as p on p.invoice_id = c.invoice_id
                    union all
                    select 'write-off', c.id, c.tenant_id, p.tenant_id
                    from bursar.write_off as c left join bursar.receivable as p on p.invoice_id = c.invoice_id
                    union all
                    select 'event', c.id, c.tenant_id, p.tenant_id
                    from bursar.event as c left join bursar.subscription as p on p.id = c.subject_id
                    where c.subject_kind = 'subscription'
                    union all
                    select 'event', c.id, c.tenant_id, p.tenant_id
                    from bursar.event as c left join bursar.invoice as p on p.id = c.subject_id
                    where c.subject_kind = 'invoice'
                    union all
                    select 'event', c.id, c.tenant_id, p.id
                    from bursar.event as c left join bursar.tenant as p on p.id = c.tenant_id
                    where c.subject_kind not in ('subscription', 'invoice') and c.tenant_id <> 0
                    union all
                    -- Acts that belong to no tenant are written under tenant 0.
                    select 'audit entry', c.id, c.tenant_id, p.id
                    from bursar.audit_entry as c left join bursar.tenant as p on p.id = c.tenant_id
                    where c.tenant_id <> 0
                )
                select count(*) over () as violations,
                       format('%s %s is tenant %s''s, %s', what, id, tenant_id,
                              coalesce('what it is part of tenant ' || parent_tenant_id || '''s', 'what it is part of is not there')) as example
                from judged
                where parent_tenant_id is distinct from tenant_id
                order by what, id
                limit 20
                """
            ),
            breaker: Breaker(
                "moves an event to another tenant",
                """
                update bursar.event set tenant_id = (select min(id) from bursar.tenant where id <> event.tenant_id)
                where id = (select min(id) from bursar.event where subject_kind = 'invoice');
                """
            )
        )
    ]

    static let ledger = [
        Invariant(
            "C1",
            "What a run counted is what it issued",
            Statement(
                "billing.invariant_c1",
                // Runs whose history was dropped have nothing left to compare.
                """
                with ended as (
                    select id, checkpoint from bursar.run_history where job = 'renewals' and not dry_run
                    union all
                    select id, checkpoint from bursar.run where job = 'renewals' and not dry_run
                ), counted as (
                    select e.id as run_id, t.currency, t.amount::numeric as amount
                    from ended as e
                    cross join lateral jsonb_each_text(coalesce(e.checkpoint -> 'totals', '{}')) as t (currency, amount)
                ), issued as (
                    select run_id, currency, sum(total) as amount
                    from bursar.invoice
                    where run_id in (select id from ended)
                    group by run_id, currency
                )
                select count(*) over () as violations,
                       format('run %s counted %s %s, its invoices make %s', run_id, coalesce(c.amount, 0), currency, coalesce(i.amount, 0))
                           as example
                from counted as c
                full join issued as i using (run_id, currency)
                where coalesce(c.amount, 0) <> coalesce(i.amount, 0)
                order by run_id, currency
                limit 20
                """
            ),
            breaker: Breaker(
                "adds one to what every run says that it issued",
                """
                update bursar.run set checkpoint = jsonb_set(checkpoint, '{totals,KHR}',
                    to_jsonb(coalesce((checkpoint -> 'totals' ->> 'KHR')::bigint, 0) + 1))
                where job = 'renewals' and not dry_run and checkpoint ? 'totals';
                update bursar.run_history set checkpoint = jsonb_set(checkpoint, '{totals,KHR}',
                    to_jsonb(coalesce((checkpoint -> 'totals' ->> 'KHR')::bigint, 0) + 1))
                where job = 'renewals' and not dry_run and checkpoint ? 'totals';
                """
            )
        )
    ]
}
