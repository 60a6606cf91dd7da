package import Postgres

/// The statements that plan notices: of unpaid invoices by a policy's steps, and of events by the catalogue.
package enum PlanningStatements {
    /// The latest step whose time has come of each unpaid invoice, where it has no notice yet, by due date and invoice.
    ///
    /// Steps, as_of, only these tenants, all but those, cursor, how many. A step before the invoice was issued never comes; a
    /// warning of expiry is for the suspended. The cursor is the due date's day since 2000 and the invoice in one number.
    /// The payer's zone is asked only where the day alone does not decide: no zone is a day away from UTC. `preview` counts the
    /// same: the two must say the same of what is due.
    static let due = Statement(
        "notices.due_steps",
        """
        with steps as materialized (
            select s.*, ($2 at time zone 'UTC')::date - s.day - 2 as surely, ($2 at time zone 'UTC')::date - s.day + 1 as perhaps
            from jsonb_to_recordset($1::jsonb) as s (id text, day integer, minute integer, only_suspended boolean)
        )
        select r.tenant_id, r.invoice_id, step.id, ((r.due_date - date '2000-01-01')::bigint << 40) | r.invoice_id as cursor,
            r.subscription_id, i.issuer_id, r.due_date, i.issue_date, coalesce(p.time_zone, u.time_zone)
        from bursar.receivable r
        join bursar.invoice i on i.tenant_id = r.tenant_id and i.id = r.invoice_id
        join bursar.issuer u on u.id = i.issuer_id
        left join bursar.payer p on p.tenant_id = r.tenant_id
        cross join lateral (
            select s.id
            from steps s
            where r.due_date <= s.perhaps and r.due_date + s.day >= i.issue_date
                and (r.due_date <= s.surely
                    or (r.due_date + s.day + make_interval(mins => s.minute)) at time zone coalesce(p.time_zone, u.time_zone) <= $2)
                and (not s.only_suspended or exists (
                    select from bursar.subscription b
                    where b.tenant_id = r.tenant_id and b.id = r.subscription_id and b.state = 'suspended'
                ))
            order by s.day desc
            limit 1
        ) as step
        where r.state = 'open' and r.open_amount > r.tolerance
            and (cardinality($3::text[]) + cardinality($4::text[]) = 0 or exists (
                select from bursar.tenant t
                where t.id = r.tenant_id and (cardinality($3) = 0 or t.external_ref = any ($3))
                    and (t.external_ref is null or t.external_ref <> all ($4))
            ))
            and not exists (
                select from bursar.notice n
                where n.tenant_id = r.tenant_id and n.invoice_id = r.invoice_id and n.step = step.id and n.kind = 'dunning'
            )
            and (r.due_date, r.invoice_id) > (date '2000-01-01' + ($5::bigint >> 40)::integer, $5::bigint & 1099511627775)
        order by r.due_date, r.invoice_id
        limit $6
        """
    )

    /// How many that are in all, and a digest by which two such sets are compared: steps, as_of, only, except, in how many
    /// parts, which part.
    static let preview = Statement(
        "notices.preview",
        """
        with steps as materialized (
            select s.*, ($2 at time zone 'UTC')::date - s.day - 2 as surely, ($2 at time zone 'UTC')::date - s.day + 1 as perhaps
            from jsonb_to_recordset($1::jsonb) as s (id text, day integer, minute integer, only_suspended boolean)
        )
        select count(*) as count,
            to_hex(count(*)) || '-' || to_hex(coalesce(bit_xor(hashtextextended(r.invoice_id || step.id, 0)), 0)) as digest
        from bursar.receivable r
        join bursar.invoice i on i.tenant_id = r.tenant_id and i.id = r.invoice_id
        join bursar.issuer u on u.id = i.issuer_id
        left join bursar.payer p on p.tenant_id = r.tenant_id
        cross join lateral (
            select s.id
            from steps s
            where r.due_date <= s.perhaps and r.due_date + s.day >= i.issue_date
                and (r.due_date <= s.surely
                    or (r.due_date + s.day + make_interval(mins => s.minute)) at time zone coalesce(p.time_zone, u.time_zone) <= $2)
                and (not s.only_suspended or exists (
                    select from bursar.subscription b
                    where b.tenant_id = r.tenant_id and b.id = r.subscription_id and b.state = 'suspended'
                ))
            order by s.day desc
            limit 1
        ) as step
        where r.state = 'open' and r.open_amount > r.tolerance
            and (cardinality($3::text[]) + cardinality($4::text[]) = 0 or exists (
                select from bursar.tenant t
                where t.id = r.tenant_id and (cardinality($3) = 0 or t.external_ref = any ($3))
                    and (t.external_ref is null or t.external_ref <> all ($4))
            ))
            and not exists (
                select from bursar.notice n
                where n.tenant_id = r.tenant_id and n.invoice_id = r.invoice_id and n.step = step.id and n.kind = 'dunning'
            )
            and r.invoice_id % $5::bigint = $6::bigint
        """
    )

    static let keepPolicy = Statement(
        "notices.keep_policy",
        "insert into bursar.dunning_policy (version, content) values ($1, $2::jsonb) on conflict do nothing"
    )

    /// Plans the step that was found due for each of these invoices, and records what it overtakes: steps, as_of, policy; then
    /// what was found, a column each: tenants, invoices, step ids, subscriptions, issuers, due dates, dates of issue, zones.
    ///
    /// Invoices are not read again: one that was paid meanwhile is left out when its notice is claimed. The channel is the first
    /// of the step's ladder on which the payer has an address.
    static let plan = Statement(
        "notices.plan",
        """
        with steps as materialized (
            select *
            from jsonb_to_recordset($1::jsonb) as s (id text, day integer, minute integer, category text, class text, guarantee text,
                template text, ladder text[], valid_seconds bigint, only_suspended boolean)
        ), due as materialized (
            select f.tenant_id, f.invoice_id, f.subscription_id, f.issuer_id, s.*, f.due_date, f.issue_date, f.zone,
                (f.due_date + s.day + make_interval(mins => s.minute)) at time zone f.zone as planned_for
            from unnest($4::bigint[], $5::bigint[], $6::text[], $7::bigint[], $8::bigint[], $9::date[], $10::date[], $11::text[])
                as f (tenant_id, invoice_id, step, subscription_id, issuer_id, due_date, issue_date, zone)
            join steps s on s.id = f.step
        ), overtaken as (
            update bursar.notice n
            set state = 'superseded', reason = 'later_step', superseded_by = d.id
            from due d
            where n.tenant_id = d.tenant_id and n.invoice_id = d.invoice_id and n.kind = 'dunning' and n.step <> d.id
                and n.state = 'planned'
            returning n.id
        ), planned as (
            insert into bursar.notice (tenant_id, issuer_id, kind, category, class, template, guarantee, ladder, channel, invoice_id,
                subscription_id, step, policy_version, after_due, planned_for, not_before, valid_until, state, reason, superseded_by,
                planned_at)
            select d.tenant_id, d.issuer_id, 'dunning', d.category, d.class, d.template, d.guarantee, d.ladder,
                coalesce(rung.channel, d.ladder[1]), d.invoice_id, d.subscription_id, d.id, $3, d.day > 0, d.planned_for, d.planned_for,
                d.planned_for + make_interval(secs => d.valid_seconds),
                case when rung.channel is null or d.planned_for + make_interval(secs => d.valid_seconds) < $2 then 'skipped' else 'planned' end,
                case when rung.channel is null then 'no_address'
                    when d.planned_for + make_interval(secs => d.valid_seconds) < $2 then 'expired_message' end,
                null, (select bursar.business_now())
            from due d
            left join lateral (
                select l.channel
                from unnest(d.ladder) with ordinality as l (channel, place)
                where l.channel = 'operator' or exists (
                    select from bursar.payer_address a
                    where a.tenant_id = d.tenant_id and a.channel = l.channel and a.retired_at is null
                )
                order by l.place
                limit 1
            ) as rung on true
            union all
            select d.tenant_id, d.issuer_id, 'dunning', s.category, s.class, s.template, s.guarantee, s.ladder, s.ladder[1], d.invoice_id,
                d.subscription_id, s.id, $3, s.day > 0, early.at, early.at, early.at + make_interval(secs => s.valid_seconds),
                'superseded', 'later_step', d.id, (select bursar.business_now())
            from due d
            join steps s on s.day < d.day and not s.only_suspended and d.due_date + s.day >= d.issue_date
            cross join lateral (select (d.due_date + s.day + make_interval(mins => s.minute)) at time zone d.zone as at offset 0) as early
            where not exists (
                select from bursar.notice n
                where n.tenant_id = d.tenant_id and n.invoice_id = d.invoice_id and n.step = s.id and n.kind = 'dunning'
            )
            on conflict (tenant_id, invoice_id, step, channel) where kind = 'dunning' do nothing
            returning state
        )
        select state, count(*) as count from planned group by state
        union all
        select 'overtaken', count(*) from overtaken having count(*) > 0
        """
    )

    /// Events that nobody was told of yet, by id, over all tenants.
    static let unnoticed = Statement(
        "notices.unnoticed",
        "select tenant_id, event_id from bursar.event_unnoticed order by event_id limit $1"
    )

    /// Plans the notices of these events, and takes them from the queue: tenants, events, the catalogue, as_of.
    ///
    /// What belongs to no tenant is told to the house.
    static let tell = Statement(
        "notices.tell",
        """
        with catalogue as materialized (
            select *
            from jsonb_to_recordset($3::jsonb) as c (kind text, house boolean, category text, class text, guarantee text, ladder text[],
                valid_seconds bigint)
        ), taken as (
            delete from bursar.event_unnoticed q
            using unnest($1::bigint[], $2::bigint[]) as g (tenant_id, event_id)
            where q.tenant_id = g.tenant_id and q.event_id = g.event_id
            returning q.tenant_id, q.event_id
        ), told as materialized (
            select e.tenant_id, e.id, e.at, c.*,
                case when e.subject_kind = 'invoice' then e.subject_id else (e.content ->> 'invoice')::bigint end as invoice_id,
                case when e.subject_kind = 'subscription' then e.subject_id end as subscription_id
            from taken q
            join bursar.event e on e.tenant_id = q.tenant_id and e.id = q.event_id
            join catalogue c on c.kind = e.kind and c.house = (e.tenant_id = 0)
        ), planned as (
            insert into bursar.notice (tenant_id, issuer_id, kind, category, class, template, guarantee, ladder, channel, invoice_id,
                subscription_id, event_id, planned_for, not_before, valid_until, state, reason)
            select t.tenant_id, coalesce(n.issuer_id, 0), 'event', t.category, t.class, t.category, t.guarantee, t.ladder,
                coalesce(rung.channel, t.ladder[1]), t.invoice_id, coalesce(t.subscription_id, i.subscription_id), t.id, t.at, t.at,
                t.at + make_interval(secs => t.valid_seconds),
                case when rung.channel is null or t.at + make_interval(secs => t.valid_seconds) < $4 then 'skipped' else 'planned' end,
                case when rung.channel is null then 'no_address'
                    when t.at + make_interval(secs => t.valid_seconds) < $4 then 'expired_message' end
            from told t
            left join bursar.tenant n on n.id = t.tenant_id
            left join bursar.invoice i on i.tenant_id = t.tenant_id and i.id = t.invoice_id
            left join lateral (
                select l.channel
                from unnest(t.ladder) with ordinality as l (channel, place)
                where l.channel = 'operator' or exists (
                    select from bursar.payer_address a
                    where a.tenant_id = t.tenant_id and a.channel = l.channel and a.retired_at is null
                )
                order by l.place
                limit 1
            ) as rung on true
            on conflict (tenant_id, event_id, category, channel) where kind = 'event' do nothing
            returning state
        )
        select state, count(*) as count from planned group by state
        """
    )

    package static let all = [due, preview, keepPolicy, plan, unnoticed, tell]
}
