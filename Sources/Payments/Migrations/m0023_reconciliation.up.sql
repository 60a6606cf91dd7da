-- Reconciliation: when an attempt is asked about again, until when bank data is complete, statement files, and the control
-- totals by which all of it must add up.

set local role bursar_owner;

-- Lookups ----------------------------------------------------------------------------------------------------------------

-- When an attempt is asked about next: soon and then less often while its QR lives, at its end, and three slow sweeps after
-- that, since money may land late. Null: never again; only a statement would show it.
create function bursar.next_lookup(asked_at timestamptz, expires_at timestamptz, tries integer) returns timestamptz
language sql immutable parallel safe
begin atomic
    select case
        when asked_at < expires_at
            then least(asked_at + least(interval '60 s', interval '5 s' * power(2, least(tries, 10))), expires_at + interval '30 s')
        else (
            select min(expires_at + sweep)
            from unnest(array[interval '30 s', interval '1 hour', interval '24 hours', interval '72 hours']) as sweep
            where expires_at + sweep > asked_at
        )
    end;
end;

-- Records what lookups have found out about attempts, beside the money seen, which is an observation of its own.
-- Findings: found, not_found, failed, static_qr, refunded, unknown. The transaction names the attempts' tenants.
create function bursar.conclude_lookups(
    of_tenants bigint[], of_attempts bigint[], with_findings text[], with_details text[], asked_at timestamptz
) returns integer
language plpgsql as
$$
declare
    concluded integer;
begin
    perform from bursar.payment_attempt a join unnest(of_tenants, of_attempts) as g (tenant, id) on a.tenant_id = g.tenant and a.id = g.id
    order by a.id for no key update of a;

    update bursar.payment_attempt a
    set state = wanted.state, version = a.version + 1, cause = wanted.cause, source = 'lookup'
    from (
        select g.tenant, g.id, case when g.finding in ('failed', 'static_qr') then 'failed' else 'expired' end as state,
            case when g.finding in ('failed', 'static_qr') then 'provider_said_no' else 'time_over' end as cause
        from unnest(of_tenants, of_attempts, with_findings) as g (tenant, id, finding)
        join bursar.payment_attempt b on b.tenant_id = g.tenant and b.id = g.id
        join bursar.payment_lookup l on l.tenant_id = g.tenant and l.attempt_id = g.id and l.purpose = 'payment'
        where g.finding in ('failed', 'static_qr') or (g.finding = 'not_found' and b.expires_at <= asked_at)
    ) as wanted
    where a.tenant_id = wanted.tenant and a.id = wanted.id and a.state <> wanted.state
        and exists (select from bursar.payment_move v
            where v.machine = 'attempt' and v.from_state = a.state and v.to_state = wanted.state and v.cause = wanted.cause);

    -- An intent runs out with the last of its QRs.
    update bursar.payment_intent i
    set state = 'expired', version = i.version + 1, cause = 'time_over', source = 'lookup'
    from (
        select distinct a.tenant_id, a.intent_id
        from unnest(of_tenants, of_attempts) as g (tenant, id)
        join bursar.payment_attempt a on a.tenant_id = g.tenant and a.id = g.id and a.state = 'expired'
    ) as over
    where i.tenant_id = over.tenant_id and i.id = over.intent_id and i.state in ('open', 'pending')
        and not exists (
            select from bursar.payment_attempt a
            where a.tenant_id = i.tenant_id and a.intent_id = i.id and a.state in ('created', 'presented', 'observed', 'unknown')
        );

    update bursar.payment_lookup l
    set tries = l.tries + 1, hinted = false,
        conclusive_at = case when g.finding = 'unknown' then l.conclusive_at else greatest(l.conclusive_at, asked_at) end,
        last_finding = g.finding || coalesce(': ' || g.detail, ''),
        due_at = case
            when g.finding = 'unknown' then asked_at + least(interval '10 minutes', interval '15 s' * power(2, least(l.tries, 10)))
            when g.finding = 'found' and l.purpose = 'payment' then asked_at + interval '1 day'
            when l.purpose = 'refund' then asked_at + interval '6 days'
            else coalesce(bursar.next_lookup(asked_at, a.expires_at, l.tries + 1), asked_at)
        end
    from unnest(of_tenants, of_attempts, with_findings, with_details) as g (tenant, id, finding, detail)
    join bursar.payment_attempt a on a.tenant_id = g.tenant and a.id = g.id
    where l.tenant_id = g.tenant and l.attempt_id = g.id;
    get diagnostics concluded = row_count;

    delete from bursar.payment_lookup l
    using unnest(of_tenants, of_attempts, with_findings) as g (tenant, id, finding), bursar.payment_attempt a
    where l.tenant_id = g.tenant and l.attempt_id = g.id and a.tenant_id = g.tenant and a.id = g.id
        and case l.purpose
            when 'payment' then g.finding = 'static_qr'
                -- Money that settled nothing is found again and again: after the last sweep that is no news.
                or (g.finding <> 'unknown' and bursar.next_lookup(asked_at, a.expires_at, l.tries) is null)
            -- Asked after a day and after a week.
            else g.finding <> 'unknown' and l.tries >= 2
        end;
    return concluded;
end
$$;

-- Makes lookups due now, since somebody says that their attempts were paid; those attempts are observed.
create function bursar.hint_lookups(of_tenants bigint[], of_attempts bigint[], told_by text[]) returns integer
language plpgsql as
$$
declare
    hinted integer;
begin
    perform from bursar.payment_attempt a join unnest(of_tenants, of_attempts) as g (tenant, id) on a.tenant_id = g.tenant and a.id = g.id
    order by a.id for no key update of a;
    update bursar.payment_attempt a
    set state = 'observed', version = a.version + 1, cause = 'claimed', source = g.source
    from (select distinct on (tenant, id) * from unnest(of_tenants, of_attempts, told_by) as g (tenant, id, source)) as g
    where a.tenant_id = g.tenant and a.id = g.id and a.state in ('presented', 'unknown');
    update bursar.payment_lookup l set due_at = least(l.due_at, bursar.business_now()), hinted = true
    from unnest(of_tenants, of_attempts) as g (tenant, id)
    where l.tenant_id = g.tenant and l.attempt_id = g.id and l.purpose = 'payment' and not l.hinted;
    get diagnostics hinted = row_count;
    return hinted;
end
$$;

-- Statement files --------------------------------------------------------------------------------------------------------

-- A file of an account's statement. The same bytes are read once. It covers a stretch of time: every payment of it is in.
create table bursar.statement_import (
    id          bigint generated always as identity primary key,
    account_id  bigint not null references bursar.receiving_account,
    layout      text not null,
    file_name   text not null,
    sha256      text not null,
    covers      tstzrange not null check (not isempty(covers) and lower(covers) is not null and upper(covers) is not null),
    good_rows   bigint not null default 0,
    bad_rows    bigint not null default 0,
    known_rows  bigint not null default 0,     -- that an earlier file had told already
    other_rows  bigint not null default 0,     -- money out that is none of ours, and lines without money
    finished_at timestamptz,                   -- null: reading it was broken off; read it again
    imported_by text not null default bursar.actor(),
    imported_at timestamptz not null default bursar.business_now(),
    unique (account_id, sha256)
);
create table bursar.statement_bad_row (
    import_id bigint not null references bursar.statement_import,
    line      integer not null,
    problem   text not null,
    content   text not null,
    primary key (import_id, line)
);
grant select on bursar.statement_import, bursar.statement_bad_row to bursar_app, bursar_scan, bursar_ops, bursar_backup;
grant insert, update on bursar.statement_import to bursar_app;
grant insert on bursar.statement_bad_row to bursar_app;

-- The end of the stretch that statements cover without a hole, from the first one on.
create function bursar.covered_until(account bigint) returns timestamptz
language plpgsql stable as
$$
declare
    until timestamptz;
    more  tstzrange;
begin
    for more in
        select s.covers from bursar.statement_import s
        where s.account_id = account and s.finished_at is not null order by lower(s.covers), upper(s.covers)
    loop
        exit when until is not null and lower(more) > until;
        until := greatest(until, upper(more));
    end loop;
    return until;
end
$$;

-- The watermark ----------------------------------------------------------------------------------------------------------

-- The latest T up to which bank data is complete, by account: every attempt presented before T had a conclusive lookup after
-- T (those that are no longer asked about have had all of theirs), the configured statement covers T, and nothing that was
-- seen lies unplaced. The minute is for transactions that present a QR just now.
create function bursar.watermarks_reached(as_of timestamptz) returns table (account_id bigint, reached timestamptz, waits_for text)
language sql stable
begin atomic
    select a.id,
        least(as_of - interval '1 minute', asked.reached, unplaced.oldest, case when a.statement_required then coalesce(covered.until, '-infinity') end),
        case
            when a.statement_required and coalesce(covered.until, '-infinity') <= least(as_of, asked.reached, unplaced.oldest) then 'statement'
            when unplaced.oldest < least(as_of, asked.reached) then 'unplaced money'
            when asked.reached < as_of - interval '1 minute' then 'lookups'
        end
    from bursar.receiving_account a
    left join lateral (
        select min(case when l.conclusive_at > l.presented_at then l.conclusive_at else l.presented_at end) as reached
        from bursar.payment_lookup l where l.account_id = a.id and l.purpose = 'payment'
    ) as asked on true
    left join lateral (
        select min(o.occurred_at) as oldest
        from bursar.observation_unplaced u join bursar.observation o on o.tenant_id = u.tenant_id and o.id = u.observation_id
        where not u.is_claim and o.account_id = a.id
    ) as unplaced on true
    left join lateral (select bursar.covered_until(a.id) as until where a.statement_required) as covered on true
    where a.retired_at is null and (a.provider = 'bakong' or a.statement_required);
end;

-- Moves the watermarks of all accounts forward, never back.
create function bursar.advance_watermarks(as_of timestamptz) returns table (account_id bigint, watermark timestamptz, waits_for text)
language sql security definer set search_path = pg_catalog, bursar as
$$
    with reached as materialized (
        select * from bursar.watermarks_reached(as_of)
    ), moved as (
        update bursar.receiving_account a set watermark = r.reached
        from reached r
        where a.id = r.account_id and r.reached > coalesce(a.watermark, '-infinity') and isfinite(r.reached)
        returning a.id, a.watermark
    )
    select r.account_id, coalesce(m.watermark, a.watermark), r.waits_for
    from reached r join bursar.receiving_account a on a.id = r.account_id left join moved m on m.id = r.account_id
    order by r.account_id
$$;

-- Control totals ---------------------------------------------------------------------------------------------------------

-- By account, local day and currency: what was seen, and where it lies. Seen money that another witness only confirms counts
-- once. The drift is what nobody can account for, and must be nothing.
create function bursar.control_totals(from_day date, to_day date) returns table (
    account_id bigint, day date, currency text, seen bigint, settled bigint, suspense bigint, unplaced bigint, went_back bigint, drift bigint
)
language sql stable
begin atomic
    with bounds as (
        select a.id, a.issuer_id, i.time_zone, (from_day::timestamp at time zone i.time_zone) as starts,
            ((to_day + 1)::timestamp at time zone i.time_zone) as ends
        from bursar.receiving_account a join bursar.issuer i on i.id = a.issuer_id
    ), money as (
        select o.account_id, (o.occurred_at at time zone b.time_zone)::date as day, o.currency, o.amount as seen, 0::bigint as settled,
            0::bigint as suspense, 0::bigint as unplaced, 0::bigint as went_back
        from bounds b
        join bursar.observation o on o.account_id = b.id and o.occurred_at >= b.starts and o.occurred_at < b.ends
        left join bursar.payment_match m on m.issuer_id = o.issuer_id and m.observation_id = o.id and m.released_at is null
        where o.kind <> 'claim' and not o.reverses and o.amount is not null and (m.id is null or m.role = 'settles')
            -- A confirming match that was released has left its witness in suspense, as no money.
            and not exists (select from bursar.suspense s where s.issuer_id = o.issuer_id and s.observation_id = o.id and not s.is_money)
        union all
        select m.account_id, (m.occurred_at at time zone b.time_zone)::date, m.currency, 0, m.amount, 0, 0,
            coalesce((select sum(f.amount)::bigint from bursar.refund f
                where f.tenant_id = m.tenant_id and f.match_id = m.id and f.done_at is not null), 0)
        from bounds b
        join bursar.payment_match m on m.account_id = b.id and m.occurred_at >= b.starts and m.occurred_at < b.ends
            and m.role = 'settles' and m.released_at is null
        union all
        select s.account_id, (s.occurred_at at time zone b.time_zone)::date, s.currency, 0, 0, s.amount, 0, 0
        from bounds b
        join bursar.suspense s on s.account_id = b.id and s.occurred_at >= b.starts and s.occurred_at < b.ends and s.is_money
        where s.amount is not null and s.resolution is distinct from 'assigned'
        union all
        select o.account_id, (o.occurred_at at time zone b.time_zone)::date, o.currency, 0, 0, 0, o.amount, 0
        from bounds b
        join bursar.observation o on o.account_id = b.id and o.occurred_at >= b.starts and o.occurred_at < b.ends
        join bursar.observation_unplaced u on u.tenant_id = o.tenant_id and u.observation_id = o.id and not u.is_claim
        where not o.reverses and o.amount is not null
    )
    select m.account_id, m.day, m.currency, sum(m.seen)::bigint, sum(m.settled)::bigint, sum(m.suspense)::bigint, sum(m.unplaced)::bigint,
        sum(m.went_back)::bigint, (sum(m.seen) - sum(m.settled) - sum(m.suspense) - sum(m.unplaced))::bigint
    from money m
    group by m.account_id, m.day, m.currency
    order by m.account_id, m.day, m.currency;
end;

grant execute on function bursar.next_lookup(timestamptz, timestamptz, integer) to bursar_app, bursar_scan, bursar_ops;
grant execute on function
    bursar.conclude_lookups(bigint[], bigint[], text[], text[], timestamptz), bursar.hint_lookups(bigint[], bigint[], text[]),
    bursar.advance_watermarks(timestamptz)
to bursar_app;
grant execute on function bursar.watermarks_reached(timestamptz), bursar.covered_until(bigint), bursar.control_totals(date, date)
to bursar_scan, bursar_ops;

reset role;
