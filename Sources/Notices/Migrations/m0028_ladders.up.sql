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
