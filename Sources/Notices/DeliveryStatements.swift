package import Postgres

/// The statements by which notices become messages.
package enum DeliveryStatements {
    /// Notices whose time has come, and those of messages that are to be tried again, by tenant: all of a tenant
    /// together, so that they can share a message.
    ///
    /// As_of, after which tenant, about how many.
    static let due = Statement(
        "notices.due",
        """
        with first as (
            select tenant_id
            from (
                (select n.tenant_id from bursar.notice n
                    where n.state = 'planned' and n.not_before <= $1 and n.tenant_id > $2 order by n.tenant_id limit $3)
                union all
                (select m.tenant_id from bursar.message m
                    where m.state = 'waiting' and m.not_before <= $1 and m.tenant_id > $2 order by m.tenant_id limit $3)
            ) as t
            order by tenant_id
            limit $3
        ), reach as materialized (
            select max(tenant_id) as last from first
        )
        select n.tenant_id, n.id
        from bursar.notice n
        where n.state = 'planned' and n.not_before <= $1 and n.tenant_id > $2 and n.tenant_id <= (select last from reach)
        union all
        select n.tenant_id, n.id
        from (
            select m.tenant_id, m.id
            from bursar.message m
            where m.state = 'waiting' and m.not_before <= $1 and m.tenant_id > $2 and m.tenant_id <= (select last from reach)
            order by m.tenant_id
            offset 0
        ) as m
        join bursar.notice n on n.tenant_id = m.tenant_id and n.message_id = m.id and n.state = 'claimed'
        order by 1, 2
        """
    )

    static let now = Statement("notices.now", "select bursar.business_now() as now")

    static let lockNotices = Statement(
        "notices.lock",
        """
        select n.id
        from unnest($1::bigint[], $2::bigint[]) as c (tenant_id, id)
        join bursar.notice n on n.tenant_id = c.tenant_id and n.id = c.id
        order by n.id
        for no key update of n
        """
    )

    /// The invoices that these notices speak of, held so that nobody pays them until the claim is written.
    ///
    /// One that somebody is paying just now is not waited for: its notice has time.
    static let lockReceivables = Statement(
        "notices.lock_receivables",
        """
        select r.invoice_id
        from unnest($1::bigint[], $2::bigint[]) as c (tenant_id, id)
        join bursar.notice n on n.tenant_id = c.tenant_id and n.id = c.id and n.kind = 'dunning'
        join bursar.receivable r on r.tenant_id = n.tenant_id and r.invoice_id = n.invoice_id
        order by r.invoice_id
        for share of r skip locked
        """
    )

    /// Everything that decides about these notices.
    static let facts = Statement(
        "notices.facts",
        """
        select n.tenant_id, n.id, n.issuer_id, n.kind, n.category, n.class, n.guarantee, n.channel, n.template, n.invoice_id,
            n.subscription_id, n.event_id, n.step, n.policy_version, n.after_due, n.valid_until, n.state,
            local.zone, coalesce(p.locale, t.locale, 'en') as locale, coalesce(p.name, t.name, 'operator') as payer,
            coalesce(t.name, 'the house') as tenant_name, t.external_ref as tenant_ref,
            a.id as address_id, a.address, a.hash,
            a.id is null and exists (
                select from bursar.payer_address e
                where e.tenant_id = n.tenant_id and e.channel = n.channel and e.retired_why = 'erased'
            ) as was_erased,
            bursar.suppressed_for(n.tenant_id, n.channel, a.hash, moment.at) as suppression,
            n.class <> 'optional' or bursar.has_consent(n.tenant_id, n.category, n.channel) as has_consent,
            r.open_amount, coalesce(r.tolerance, 0) as tolerance,
            (
                select l.step
                from bursar.notice l
                where n.kind = 'dunning' and l.tenant_id = n.tenant_id and l.invoice_id = n.invoice_id and l.kind = 'dunning'
                    and l.planned_for > n.planned_for
                limit 1
            ) as later_step,
            (
                select s.what || ' by ' || s.by || ': ' || s.reason
                from bursar.notice_stop s
                where s.what in ('all', 'channel:' || n.channel, 'category:' || n.category)
                limit 1
            ) as stop,
            b.parked_at is not null as is_parked, h.source as hold_source,
            h.valid_until::timestamp at time zone u.time_zone as hold_until,
            n.after_due and coalesce((
                select sum(e.amount) > 0 from bursar.credit_entry e where e.tenant_id = n.tenant_id and e.currency = r.currency
            ), false) as has_credit,
            coalesce(k.accounts, 0) as accounts, case when k.complete then k.watermark end as watermark,
            b.state as subscription_state,
            coalesce((
                select string_agg(m.class, ',')
                from bursar.message m
                where m.tenant_id = n.tenant_id and m.channel = n.channel and m.local_day = local.today and m.state <> 'skipped'
                    and m.id is distinct from n.message_id and m.class in ('optional', 'mandatory')
            ), '') as sent_today,
            rest.until as rest_until, local.today, moment.at as now, n.message_id as message, g.message_id as message_name,
            exists (
                select from bursar.message_attempt d
                where d.tenant_id = g.tenant_id and d.message_id = g.id and d.outcome = 'unknown'
            ) as in_doubt
        from unnest($1::bigint[], $2::bigint[]) as c (tenant_id, id)
        join bursar.notice n on n.tenant_id = c.tenant_id and n.id = c.id and n.state in ('planned', 'claimed')
        cross join (select bursar.business_now() as at offset 0) as moment
        left join bursar.channels_at_rest() as rest on rest.channel = n.channel
        left join bursar.message g on g.tenant_id = n.tenant_id and g.id = n.message_id and g.state = 'waiting'
        left join bursar.issuer u on u.id = n.issuer_id
        left join bursar.tenant t on t.id = n.tenant_id
        left join bursar.payer p on p.tenant_id = n.tenant_id
        cross join lateral (
            select z.zone, (moment.at at time zone z.zone)::date as today
            from (select coalesce(p.time_zone, u.time_zone, 'UTC') as zone) as z
            offset 0
        ) as local
        left join bursar.payer_address a on a.tenant_id = n.tenant_id and a.channel = n.channel and a.retired_at is null
        left join bursar.receivable r on r.tenant_id = n.tenant_id and r.invoice_id = n.invoice_id
        left join bursar.subscription b on b.tenant_id = n.tenant_id and b.id = n.subscription_id
        left join lateral (
            select x.source, x.valid_until
            from bursar.billing_hold x
            where n.kind = 'dunning' and x.tenant_id = n.tenant_id and x.subscription_id = n.subscription_id and x.released_at is null
                and coalesce(x.valid_until > local.today, true)
            order by x.valid_until desc nulls first
            limit 1
        ) as h on true
        left join lateral (
            select count(*) as accounts, min(w.watermark) as watermark, bool_and(w.watermark is not null) as complete
            from bursar.receiving_account w
            where n.after_due and w.issuer_id = n.issuer_id and w.retired_at is null
                and (w.provider = 'bakong' or w.statement_required)
        ) as k on true
        order by n.tenant_id, n.id
        """
    )

    /// How many messages channels have sent, by the payers' day, from a day on.
    static let usedBudgets = Statement(
        "notices.used_budgets",
        """
        select m.channel, m.local_day, count(*) as count
        from bursar.message m
        where m.channel = any ($1::text[]) and m.local_day >= $2::date and m.attempts > 0
        group by m.channel, m.local_day
        """
    )

    /// What becomes of notices that are not said now: tenants, notices, states, reasons, not before.
    static let setAside = Statement(
        "notices.set_aside",
        """
        update bursar.notice n
        set state = c.state, reason = c.reason, not_before = coalesce(c.not_before, n.not_before),
            message_id = case when c.state = 'planned' then null else n.message_id end
        from unnest($1::bigint[], $2::bigint[], $3::text[], $4::text[], $5::timestamptz[])
            as c (tenant_id, id, state, reason, not_before)
        where n.tenant_id = c.tenant_id and n.id = c.id
        """
    )

    /// Plans the same thing on the next channel of the ladder that is left, for notices that failed on theirs.
    static let climb = Statement(
        "notices.climb",
        "select bursar.plan_next_rung($1::bigint[], $2::bigint[], $3::timestamptz) as planned"
    )

    /// Makes messages, or takes up again those that were given back or wait: tenants, issuers, channels, classes,
    /// days, addresses, hashes, Message-IDs, guarantees, locales, valid until, run, fence.
    ///
    /// In the order given.
    static let makeMessages = Statement(
        "notices.make_messages",
        """
        insert into bursar.message as m (tenant_id, issuer_id, channel, class, local_day, address_id, address_hash, message_id, guarantee,
            locale, valid_until, not_before, run_id, fence)
        select c.tenant_id, c.issuer_id, c.channel, c.class, c.local_day, c.address_id, decode(c.hash, 'hex'), c.message_id, c.guarantee,
            c.locale, c.valid_until, bursar.business_now(), $12, $13
        from unnest($1::bigint[], $2::bigint[], $3::text[], $4::text[], $5::date[], $6::bigint[], $7::text[], $8::text[], $9::text[],
            $10::text[], $11::timestamptz[])
            as c (tenant_id, issuer_id, channel, class, local_day, address_id, hash, message_id, guarantee, locale, valid_until)
        on conflict (tenant_id, message_id) do update
            set state = 'claimed', reason = null, address_id = excluded.address_id, address_hash = excluded.address_hash,
                guarantee = excluded.guarantee, locale = excluded.locale, valid_until = excluded.valid_until,
                local_day = excluded.local_day, run_id = excluded.run_id, fence = excluded.fence
            where m.state in ('skipped', 'waiting')
        returning m.tenant_id, m.id, m.message_id, m.attempts,
            (select count(*) from bursar.message_attempt a
                where a.tenant_id = m.tenant_id and a.message_id = m.id and a.outcome = 'soft') as soft,
            (select count(*) from bursar.message_attempt a
                where a.tenant_id = m.tenant_id and a.message_id = m.id and a.outcome = 'unknown') as doubtful
        """
    )

    /// Puts notices into their messages: tenants, notices, messages.
    static let claim = Statement(
        "notices.claim",
        """
        update bursar.notice n
        set state = 'claimed', reason = null, message_id = c.message_id
        from unnest($1::bigint[], $2::bigint[], $3::bigint[]) as c (tenant_id, id, message_id)
        where n.tenant_id = c.tenant_id and n.id = c.id
        """
    )

    /// Messages whose next try is put off with all that they say: tenants, Message-IDs, instants.
    static let postpone = Statement(
        "notices.postpone",
        """
        update bursar.message m
        set not_before = c.until
        from unnest($1::bigint[], $2::text[], $3::timestamptz[]) as c (tenant_id, message_id, until)
        where m.tenant_id = c.tenant_id and m.message_id = c.message_id and m.state = 'waiting'
        """
    )

    /// Messages that wait and have no notice left to say.
    ///
    /// One that may have arrived stays in doubt: it was today's message, and its Message-ID says nothing else.
    static let dropEmpty = Statement(
        "notices.drop_empty",
        """
        update bursar.message m
        set state = case when doubt.is_there then 'unknown' else 'skipped' end,
            reason = coalesce((
                select n.reason from bursar.notice n
                where n.tenant_id = m.tenant_id and n.message_id = m.id and n.reason is not null
                order by n.id
                limit 1
            ), 'retry')
        from unnest($1::bigint[]) as c (tenant_id)
        join bursar.message w on w.tenant_id = c.tenant_id and w.state = 'waiting'
        cross join lateral (
            select exists (
                select from bursar.message_attempt a
                where a.tenant_id = w.tenant_id and a.message_id = w.id and a.outcome = 'unknown'
            ) as is_there
        ) as doubt
        where m.tenant_id = w.tenant_id and m.id = w.id
            and not exists (
                select from bursar.notice n where n.tenant_id = m.tenant_id and n.message_id = m.id and n.state = 'claimed'
            )
        """
    )

    package static let all = [
        due, now, lockNotices, lockReceivables, facts, usedBudgets, setAside, climb, postpone, makeMessages, claim,
        dropEmpty,
    ]
}
