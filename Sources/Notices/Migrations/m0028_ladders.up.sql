-- Ladders: where a channel fails, the same thing is planned on the next one that the payer can be reached on.

set local role bursar_owner;

-- Plans the next rung of each of these notices; what was said on a later channel already is not said again. The transaction
-- names the tenants.
create function bursar.plan_next_rung(of_tenants bigint[], of_notices bigint[], moment timestamptz) returns integer
language plpgsql as
$$
declare
    planned integer;
begin
    insert into bursar.notice (tenant_id, issuer_id, kind, category, class, template, guarantee, ladder, channel, invoice_id,
        subscription_id, event_id, step, policy_version, after_due, planned_for, not_before, valid_until)
    select n.tenant_id, n.issuer_id, n.kind, n.category, n.class, n.template, n.guarantee, n.ladder, rung.channel, n.invoice_id,
        n.subscription_id, n.event_id, n.step, n.policy_version, n.after_due, n.planned_for, moment, n.valid_until
    from unnest(of_tenants, of_notices) as c (tenant_id, id)
    join bursar.notice n on n.tenant_id = c.tenant_id and n.id = c.id
    cross join lateral (
        select l.channel
        from unnest(n.ladder) with ordinality as l (channel, place)
        where l.place > array_position(n.ladder, n.channel)
            and (l.channel = 'operator' or exists (
                select from bursar.payer_address a
                where a.tenant_id = n.tenant_id and a.channel = l.channel and a.retired_at is null
            ))
        order by l.place
        limit 1
    ) as rung
    on conflict do nothing;
    get diagnostics planned = row_count;
    return planned;
end
$$;
grant execute on function bursar.plan_next_rung(bigint[], bigint[], timestamptz) to bursar_app;

-- The channels that are left alone, since the next hop refuses us or asked for it: business time at which they are tried again.
create function bursar.channels_at_rest() returns table (channel text, until timestamptz)
language sql stable security definer set search_path = pg_catalog, bursar as
$$
    select substr(p.name, 9), greatest(p.open_until, p.asked_to_wait_until) + (select i.business_offset from bursar.installation i)
    from bursar.provider p
    where p.name like 'notices-%' and greatest(p.open_until, p.asked_to_wait_until) > clock_timestamp()
$$;
grant execute on function bursar.channels_at_rest() to bursar_app, bursar_ops, bursar_scan;

-- QRs in letters --------------------------------------------------------------------------------------------------------------

-- When an attempt is asked about next. The QR of a letter lives for days: after the first half hour it is asked about less often, up
-- to once an hour, which the reconciliation does anyway.
create or replace function bursar.next_lookup(asked_at timestamptz, expires_at timestamptz, tries integer) returns timestamptz
language sql immutable parallel safe
begin atomic
    select case
        when asked_at < expires_at
            then least(
                asked_at + case when tries < 30 then least(interval '60 s', interval '5 s' * power(2, least(tries, 10)))
                    else least(interval '1 hour', interval '60 s' * (tries - 28)) end,
                expires_at + interval '30 s')
        else (
            select min(expires_at + sweep)
            from unnest(array[interval '30 s', interval '1 hour', interval '24 hours', interval '72 hours']) as sweep
            where expires_at + sweep > asked_at
        )
    end;
end;

-- The account whose QRs go into letters: one of the issuer's Bakong accounts whose QRs live for a day at least; none otherwise.
create function bursar.letter_accounts(of_issuers bigint[]) returns table (issuer_id bigint, currency text, account text, name text,
    merchant text, qr_lifetime interval)
language sql stable security definer set search_path = pg_catalog, bursar as
$$
    select distinct on (a.issuer_id, a.currency) a.issuer_id, a.currency, a.account, a.name, a.merchant::text, a.qr_lifetime
    from bursar.receiving_account a
    where a.issuer_id = any (of_issuers) and a.provider = 'bakong' and a.retired_at is null and a.qr_lifetime >= interval '1 day'
    order by a.issuer_id, a.currency, a.id
$$;

-- Presents the QRs of letters: invoices of the tenants that the transaction names, the accounts, texts and bill numbers. One that
-- cannot be asked for any more is left out.
create function bursar.present_in_letters(of_tenants bigint[], invoices bigint[], accounts text[], qrs text[], bills text[], amounts bigint[])
    returns integer
language plpgsql security definer set search_path = pg_catalog, bursar as
$$
declare
    asked     record;
    presented integer := 0;
begin
    for asked in
        select * from unnest(of_tenants, invoices, accounts, qrs, bills, amounts) as g (tenant, invoice, account, qr, bill, amount)
        where g.tenant = any (bursar.tenants())
            and exists (select from bursar.invoice i where i.tenant_id = g.tenant and i.id = g.invoice)
        order by g.invoice
    loop
        begin
            perform bursar.present_payment(asked.invoice, asked.account, asked.qr, asked.bill, asked.amount, null, null, 'a letter');
            presented := presented + 1;
        exception when sqlstate 'BU002' or sqlstate 'BU003' then
            null;
        end;
    end loop;
    return presented;
end
$$;
grant execute on function bursar.letter_accounts(bigint[]),
    bursar.present_in_letters(bigint[], bigint[], text[], text[], text[], bigint[]) to bursar_app;

-- Stopping and going on. What is stopped is put off, and nothing of it is lost but what is not worth saying any more.
create function bursar.stop_notices(what text, reason text) returns boolean
language plpgsql security definer set search_path = pg_catalog, bursar as
$$
declare
    stopped boolean;
begin
    if coalesce(trim(stop_notices.reason), '') = '' then
        perform bursar.refuse('stopping notices needs a reason', 'say why, with --reason');
    elsif coalesce(stop_notices.what, '') !~ '^(all|channel:[a-z]+|category:[a-z_]+)$' then
        perform bursar.refuse(format('%L cannot be stopped', stop_notices.what), 'use all, channel:email or category:courtesy');
    end if;
    insert into bursar.notice_stop (what, reason) values (stop_notices.what, stop_notices.reason) on conflict do nothing;
    stopped := found;
    if stopped then
        perform bursar.note_act(0, 'notices.stopped', 'notice_stop', 0, jsonb_build_object('what', what), reason);
    end if;
    return stopped;
end
$$;

create function bursar.resume_notices(what text, reason text) returns boolean
language plpgsql security definer set search_path = pg_catalog, bursar as
$$
begin
    if coalesce(trim(resume_notices.reason), '') = '' then
        perform bursar.refuse('going on needs a reason', 'say why, with --reason');
    end if;
    delete from bursar.notice_stop s where s.what = resume_notices.what;
    if not found then
        perform bursar.refuse(format('%L is not stopped', resume_notices.what), coalesce('stopped are: ' ||
            (select string_agg(s.what, ', ' order by s.what) from bursar.notice_stop s), 'nothing is stopped'), 'BU004');
    end if;
    perform bursar.note_act(0, 'notices.resumed', 'notice_stop', 0, jsonb_build_object('what', what), reason);
    return true;
end
$$;
grant execute on function bursar.stop_notices(text, text), bursar.resume_notices(text, text) to bursar_ops;

reset role;
