-- What comes back: reports of deliveries, suppression, soft bounces; and the functions by which payers' contacts and consents
-- are kept.
--
-- A report is stored as it came, and read afterwards: what it tells of is changed in one transaction with what became of the
-- report. Whoever brings it needs no right but to store it.

set local role bursar_owner;

-- The categories that may be declined: those of the program's catalogue, which a test compares.
create table bursar.optional_category (
    category text primary key
);
insert into bursar.optional_category (category) values ('courtesy'), ('due_soon');
grant select on bursar.optional_category to bursar_app, bursar_scan, bursar_ops, bursar_backup;

-- Reports ------------------------------------------------------------------------------------------------------------------

-- A report that came back. It belongs to no tenant until it has been read, so there is no wall, and no role that sees tenants
-- one by one may read it. The raw bytes hold addresses: they stay only until the report is read, and where a person must.
create table bursar.delivery_report (
    id             bigint generated always as identity primary key,
    source         text not null check (source in ('dsn', 'status')),
    transport      text not null default '',               -- whose status report it is
    raw            bytea,
    digest         bytea not null,                         -- SHA-256 of the raw bytes: the same report again is one row
    state          text not null default 'waiting' check (state in ('waiting', 'done', 'unreadable', 'unmatched')),
    kind           text check (kind in ('delivered', 'accepted', 'soft', 'failed', 'hard', 'policy', 'complaint', 'auto_reply')),
    message        bigint,
    matched_by     text,                                   -- 'token', 'envelope', 'message_id', 'provider_id'
    recipient_hash bytea,
    status         text,                                   -- RFC 3463: '5.1.1'
    diagnostic     text,                                   -- trimmed, without addresses
    outcome        text,                                   -- what was done, or why nothing
    repeats        integer not null default 0,
    received_at    timestamptz not null default bursar.business_now(),
    not_before     timestamptz not null default bursar.business_now(),
    done_at        timestamptz,
    check ((state = 'waiting') = (done_at is null)),
    check (state <> 'waiting' or raw is not null)
);
create unique index one_row_a_report on bursar.delivery_report (source, transport, digest);
create index delivery_report_waiting on bursar.delivery_report (id) where state = 'waiting';
create index delivery_report_of_message on bursar.delivery_report (message) where message is not null;
grant select on bursar.delivery_report to bursar_ops, bursar_scan, bursar_engine, bursar_backup;
grant select, delete on bursar.delivery_report to bursar_purge;

-- Stores a report as it came; the same bytes again are counted, and answered with the first row.
create function bursar.take_report(of_source text, of_transport text, body bytea, out report bigint, out is_new boolean)
language plpgsql security definer set search_path = pg_catalog, bursar as
$$
begin
    if coalesce(octet_length(body), 0) not between 1 and 1048576 then
        perform bursar.refuse('a report has between 1 byte and 1 MiB', 'pass the mail as it came');
    end if;
    insert into bursar.delivery_report as r (source, transport, raw, digest)
    values (of_source, coalesce(of_transport, ''), body, sha256(body))
    on conflict (source, transport, digest) do update set repeats = r.repeats + 1
    returning r.id, r.repeats = 0 into report, is_new;
end
$$;

-- The oldest reports that nobody has read and whose time has come, locked; with ids, those of them.
create function bursar.pending_reports(up_to integer, ids bigint[] default null)
returns table (id bigint, source text, transport text, raw bytea)
language sql security definer set search_path = pg_catalog, bursar as
$$
    select r.id, r.source, r.transport, r.raw
    from bursar.delivery_report r
    where r.state = 'waiting' and r.not_before <= bursar.business_now() and (ids is null or r.id = any (ids))
    order by r.id
    limit up_to
    for no key update
$$;

-- What became of reports. One that must wait for its message is looked at again a minute later. What could not be read, or
-- belongs to no message, keeps its bytes. Refusals of policy are no fault of a recipient's: they raise an alarm of the channel.
create function bursar.reports_done(
    ids bigint[], states text[], kinds text[], messages bigint[], matches text[], recipients text[], statuses text[], diagnostics text[],
    outcomes text[]
) returns bigint
language sql security definer set search_path = pg_catalog, bursar as
$$
    with told as (
        select d.*, m.channel
        from unnest(ids, states, kinds, messages, matches, recipients, statuses, diagnostics, outcomes)
            as d (id, state, kind, message, matched_by, recipient, status, diagnostic, outcome)
        left join bursar.message m on m.id = d.message
    ), done as (
        update bursar.delivery_report r
        set state = t.state, kind = t.kind, message = t.message, matched_by = t.matched_by,
            recipient_hash = bursar.address_hash(coalesce(t.channel, 'email'), t.recipient), status = t.status,
            diagnostic = left(t.diagnostic, 500), outcome = t.outcome,
            raw = case when t.state <> 'done' then r.raw end,
            done_at = case when t.state <> 'waiting' then bursar.business_now() end,
            not_before = case when t.state = 'waiting' then bursar.business_now() + interval '1 minute' else r.not_before end
        from told t
        where r.id = t.id and r.state = 'waiting'
        returning r.id, r.state, r.kind, t.channel, r.status
    ), alarmed as (
        insert into bursar.alarm as a (key, severity, evidence)
        select distinct on (d.channel) 'delivery_policy:' || d.channel, 'warning',
            jsonb_build_object('channel', d.channel, 'report', d.id, 'status', d.status)
        from done d
        where d.kind = 'policy' and d.state = 'done' and d.channel is not null
        order by d.channel, d.id desc
        on conflict (key) where cleared_at is null do update set evidence = excluded.evidence
    )
    select count(*) from done
$$;

-- Has reports read again that could not be read or matched: after the key, the channels file or the program has changed.
create function bursar.reread_reports(report bigint default null, reason text default null) returns bigint
language plpgsql security definer set search_path = pg_catalog, bursar as
$$
declare
    again bigint;
begin
    perform bursar.begin_act(reason, true);
    update bursar.delivery_report r set state = 'waiting', done_at = null, outcome = null, not_before = bursar.business_now()
    where r.state in ('unreadable', 'unmatched') and (reread_reports.report is null or r.id = reread_reports.report);
    get diagnostics again = row_count;
    perform bursar.note_act(0, 'delivery_report.reread', 'delivery_report', coalesce(report, 0), jsonb_build_object('reports', again), reason);
    return again;
end
$$;

-- Suppression --------------------------------------------------------------------------------------------------------------

-- Why an address is not written to at an instant: for this tenant, or for all; null where it may be.
create function bursar.suppressed_for(of_tenant bigint, on_channel text, hash bytea, moment timestamptz) returns text
language sql stable security definer set search_path = pg_catalog, bursar as
$$
    select s.reason
    from bursar.suppression s
    where s.channel = on_channel and s.address_hash = hash and s.tenant_id in (of_tenant, 0) and s.released_at is null
        and (s.expires_at is null or s.expires_at > moment)
    order by s.expires_at desc nulls first
    limit 1
$$;

-- Places a suppression. One in force that holds as long or longer stays as it is and is the answer; a shorter one gives way.
create function bursar.suppress(
    of_tenant bigint, on_channel text, hash bytea, why text, of_source text, evidence text, until timestamptz, moment timestamptz
) returns bigint
language plpgsql as
$$
declare
    made bigint;
begin
    update bursar.suppression s
    set released_at = moment, released_by = bursar.actor(),
        release_reason = case when s.expires_at <= moment then 'its time was over' else 'a longer one took its place' end
    where s.tenant_id = of_tenant and s.channel = on_channel and s.address_hash = hash and s.released_at is null
        and (s.expires_at <= moment or s.expires_at < coalesce(until, 'infinity'));
    insert into bursar.suppression as s (tenant_id, channel, address_hash, reason, source, evidence, placed_at, expires_at)
    values (of_tenant, on_channel, hash, why, of_source, suppress.evidence, moment, until)
    on conflict (tenant_id, channel, address_hash) where released_at is null do nothing
    returning s.id into made;
    if made is null then
        select s.id into made from bursar.suppression s
        where s.tenant_id = of_tenant and s.channel = on_channel and s.address_hash = hash and s.released_at is null;
    end if;
    return made;
end
$$;

-- Messages that an address did not take for now: one row a message, however often it is said. A message that arrives clears
-- those before it.
create table bursar.soft_bounce (
    tenant_id    bigint not null,
    channel      text not null,
    address_hash bytea not null,
    message_id   bigint not null,
    at           timestamptz not null,
    evidence     text not null,
    cleared_at   timestamptz,
    primary key (tenant_id, channel, address_hash, message_id)
);
call bursar.wall('bursar.soft_bounce');

-- Counts a soft bounce; the fifth message within 14 days suppresses the address for 30. Answers whether it is suppressed by it.
create function bursar.soft_bounced(
    of_tenant bigint, on_channel text, hash bytea, of_message bigint, of_source text, evidence text, moment timestamptz
) returns boolean
language plpgsql as
$$
begin
    insert into bursar.soft_bounce (tenant_id, channel, address_hash, message_id, at, evidence)
    values (of_tenant, on_channel, hash, of_message, moment, soft_bounced.evidence)
    on conflict do nothing;
    if (select count(*) from bursar.soft_bounce b
        where b.tenant_id = of_tenant and b.channel = on_channel and b.address_hash = hash and b.cleared_at is null
            and b.at > moment - interval '14 days') < 5
    then
        return false;
    end if;
    if bursar.suppressed_for(of_tenant, on_channel, hash, moment) is not null then
        return true;
    end if;
    perform bursar.suppress(of_tenant, on_channel, hash, 'soft_bounces', of_source, soft_bounced.evidence, moment + interval '30 days', moment);
    return true;
end
$$;

-- A message has arrived at an address: its soft bounces count no more, and do not suppress it any longer.
create function bursar.address_answered(of_tenant bigint, on_channel text, hash bytea, moment timestamptz) returns void
language sql as
$$
    update bursar.soft_bounce b set cleared_at = moment
    where b.tenant_id = of_tenant and b.channel = on_channel and b.address_hash = hash and b.cleared_at is null;
    update bursar.suppression s set released_at = moment, released_by = bursar.actor(), release_reason = 'a message arrived'
    where s.tenant_id = of_tenant and s.channel = on_channel and s.address_hash = hash and s.released_at is null
        and s.reason = 'soft_bounces'
$$;

-- Effects of a report ------------------------------------------------------------------------------------------------------

-- Notices that came back: each climbs its ladder.
create function bursar.return_failed(of_tenant bigint, notices bigint[], moment timestamptz) returns void
language plpgsql as
$$
begin
    if cardinality(notices) > 0 then
        perform bursar.plan_next_rung(array_fill(of_tenant, array[cardinality(notices)]), notices, moment);
    end if;
end
$$;

-- Does what a report asks for, to the message, its notices and its address, and answers with what was done; null where the
-- message is being sent this moment, and whoever sends it must first write how that ended.
create function bursar.apply_return(
    of_tenant bigint, of_message bigint, verdict text, of_source text, evidence text, moment timestamptz
) returns text
language plpgsql as
$$
declare
    sent   bursar.message;
    failed bigint[];
    result text;
begin
    select * into sent from bursar.message m where m.tenant_id = of_tenant and m.id = of_message for update;
    if not found then
        return 'nothing: the message is gone';
    elsif sent.state in ('claimed', 'sending') then
        return null;
    end if;
    if verdict in ('delivered', 'accepted') then
        if sent.state in ('unknown', 'waiting') then
            update bursar.notice n set state = 'accepted'
            where n.tenant_id = of_tenant and n.message_id = sent.id and n.state in ('claimed', 'unknown');
            update bursar.message m set state = 'accepted', outcome = 'accepted', reason = null, accepted_at = moment
            where m.tenant_id = of_tenant and m.id = sent.id;
            result := 'accepted';
        end if;
        if verdict = 'delivered' and sent.state in ('unknown', 'waiting', 'accepted') then
            update bursar.notice n set state = 'delivered'
            where n.tenant_id = of_tenant and n.message_id = sent.id and n.state = 'accepted';
            update bursar.message m set state = 'delivered' where m.tenant_id = of_tenant and m.id = sent.id;
            perform bursar.address_answered(of_tenant, sent.channel, sent.address_hash, moment);
            result := 'delivered';
        end if;
    elsif verdict in ('hard', 'failed', 'policy') and sent.state not in ('hard_failed', 'skipped') then
        update bursar.message m set state = 'hard_failed', outcome = case verdict when 'policy' then 'policy' else 'hard' end,
            reason = 'came back'
        where m.tenant_id = of_tenant and m.id = sent.id;
        with gone as (
            update bursar.notice n set state = 'hard_failed'
            where n.tenant_id = of_tenant and n.message_id = sent.id and n.state in ('claimed', 'accepted', 'delivered', 'unknown')
            returning n.id
        )
        select array_agg(g.id order by g.id) into failed from gone g;
        perform bursar.return_failed(of_tenant, failed, moment);
        result := 'failed';
    end if;
    if sent.address_hash is not null
        and (result is not null or verdict = 'complaint' or verdict = 'soft' and sent.state not in ('delivered', 'skipped'))
    then
        if verdict in ('hard', 'complaint') then
            perform bursar.suppress(of_tenant, sent.channel, sent.address_hash, case verdict when 'hard' then 'hard_bounce' else 'complaint' end,
                of_source, apply_return.evidence, null, moment);
            result := concat_ws(', ', result, 'address suppressed');
        elsif verdict in ('soft', 'failed') then
            result := concat_ws(', ', result, case
                when bursar.soft_bounced(of_tenant, sent.channel, sent.address_hash, sent.id, of_source, apply_return.evidence, moment)
                then 'address suppressed for 30 days' else 'counted' end);
        end if;
    end if;
    return coalesce(result, 'nothing: the message is ' || sent.state);
end
$$;

-- Contacts -----------------------------------------------------------------------------------------------------------------

-- The address as it is stored, or a refusal. No refusal repeats what was given: it may stand in a log.
create function bursar.fit_address(channel text, address text) returns text
language plpgsql as
$fit$
declare
    fit text := trim(address);
begin
    if coalesce(channel, '') not in ('email', 'telegram', 'sms', 'webhook') then
        perform bursar.refuse(format('%L is no channel that has addresses', channel), 'use email, telegram, sms or webhook');
    elsif coalesce(fit, '') = '' then
        perform bursar.refuse('an address is not empty', 'pass one, or remove the contact');
    elsif fit ~ '[[:cntrl:]]' then
        perform bursar.refuse('the address has a line break or another control character', 'pass it on one line, without tabs');
    end if;
    case channel
        when 'email' then
            if length(fit) > 254 or fit !~ $re$^[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*@([A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+[A-Za-z]([A-Za-z0-9-]{0,61}[A-Za-z0-9])$$re$
                or strpos(fit, '@') > 65
            then
                perform bursar.refuse('this is not an e-mail address', 'write name@example.com, without a display name; domains in their ASCII form');
            end if;
        when 'sms' then
            fit := regexp_replace(fit, '[ ().-]', '', 'g');
            if fit !~ '^\+[1-9][0-9]{6,14}$' then
                perform bursar.refuse('this is not a telephone number', 'write it with + and the country''s code, such as +85512345678');
            end if;
        when 'telegram' then
            if fit !~ '^-?[1-9][0-9]{0,18}$' then
                perform bursar.refuse('this is not the id of a Telegram chat', 'pass the number that the bot was told, such as 123456789');
            end if;
        when 'webhook' then
            if length(fit) > 2000 or fit !~ '^https://([A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?\.)*[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?(:[0-9]{1,5})?(/[^[:space:]#]*)?$' then
                perform bursar.refuse('this is not an https URL', 'write https://host/path, without a name, a password or a fragment');
            end if;
    end case;
    return fit;
end
$fit$;

-- Locks the tenant for an act on what belongs to its payer, or refuses.
create function bursar.begin_payer_act(tenant bigint, reason text, is_decision boolean default false) returns void
language plpgsql as
$$
begin
    perform bursar.begin_act(reason, is_decision);
    perform from bursar.tenant t where t.id = begin_payer_act.tenant for no key update;
    if not found then
        perform bursar.refuse(format('there is no tenant %s', coalesce(tenant::text, 'null')), 'list them with: bursar tenants list', 'BU004');
    end if;
end
$$;

-- Sets where a payer is reached on a channel; the address before it is kept as replaced. The same address again changes
-- nothing. The audit trail names the channel, never the address.
create function bursar.put_contact(
    tenant bigint, channel text, address text, reason text default null, out contact bigint, out placed boolean
)
language plpgsql security definer set search_path = pg_catalog, bursar as
$$
#variable_conflict use_column
declare
    moment timestamptz := bursar.business_now();
    fit    text;
begin
    perform bursar.begin_payer_act(tenant, reason);
    fit := bursar.fit_address(put_contact.channel, put_contact.address);
    select a.id into contact from bursar.payer_address a
    where a.tenant_id = put_contact.tenant and a.channel = put_contact.channel and a.retired_at is null and a.address = fit;
    placed := contact is null;
    if not placed then
        return;
    end if;
    update bursar.payer_address a set retired_at = moment, retired_why = 'replaced'
    where a.tenant_id = put_contact.tenant and a.channel = put_contact.channel and a.retired_at is null;
    insert into bursar.payer_address as a (tenant_id, channel, address, hash, placed_at)
    values (put_contact.tenant, put_contact.channel, fit, bursar.address_hash(put_contact.channel, fit), moment)
    returning a.id into contact;
    perform bursar.note_act(tenant, 'contact.put', 'tenant', tenant,
        jsonb_build_object('channel', put_contact.channel, 'contact', contact), reason);
end
$$;

-- Takes an address away; it is kept as removed. Answers false where there was none.
create function bursar.remove_contact(tenant bigint, channel text, reason text default null) returns boolean
language plpgsql security definer set search_path = pg_catalog, bursar as
$$
#variable_conflict use_column
declare
    gone bigint;
begin
    perform bursar.begin_payer_act(tenant, reason, true);
    update bursar.payer_address a set retired_at = bursar.business_now(), retired_why = 'removed'
    where a.tenant_id = remove_contact.tenant and a.channel = remove_contact.channel and a.retired_at is null
    returning a.id into gone;
    if gone is null then
        return false;
    end if;
    perform bursar.note_act(tenant, 'contact.removed', 'tenant', tenant,
        jsonb_build_object('channel', remove_contact.channel, 'contact', gone), reason);
    return true;
end
$$;

-- Erases the text of a payer's addresses, former ones too: of one channel, or of all. Their hashes stay, so that what is
-- suppressed stays so. Answers how many there were.
create function bursar.erase_contact(tenant bigint, channel text default null, reason text default null) returns integer
language plpgsql security definer set search_path = pg_catalog, bursar as
$$
#variable_conflict use_column
declare
    gone integer;
begin
    perform bursar.begin_payer_act(tenant, reason, true);
    update bursar.payer_address a
    set address = null, retired_at = coalesce(a.retired_at, bursar.business_now()), retired_why = 'erased'
    where a.tenant_id = erase_contact.tenant and a.address is not null
        and (erase_contact.channel is null or a.channel = erase_contact.channel);
    get diagnostics gone = row_count;
    if gone > 0 then
        perform bursar.note_act(tenant, 'contact.erased', 'tenant', tenant,
            jsonb_build_object('channel', erase_contact.channel, 'addresses', gone), reason);
    end if;
    return gone;
end
$$;

-- Sets how a payer is addressed: null leaves a value as it is, '' takes it away, and the tenant's own counts.
create function bursar.put_payer(
    tenant bigint, name text default null, locale text default null, time_zone text default null, reason text default null
) returns void
language plpgsql security definer set search_path = pg_catalog, bursar as
$$
#variable_conflict use_column
begin
    perform bursar.begin_payer_act(tenant, reason);
    if put_payer.name ~ '[[:cntrl:]]' then
        perform bursar.refuse('the name has a line break or another control character', 'pass it on one line, without tabs');
    elsif put_payer.locale <> '' and put_payer.locale !~ '^[a-z]{2,3}(-[A-Za-z0-9]{2,8})*$' then
        perform bursar.refuse(format('%L is not a locale', put_payer.locale), 'use a language tag such as km or en');
    elsif put_payer.time_zone <> '' and not bursar.is_time_zone(put_payer.time_zone) then
        perform bursar.refuse(format('%L is not a time zone', put_payer.time_zone), 'name one of the IANA database, such as Asia/Phnom_Penh');
    end if;
    insert into bursar.payer as p (tenant_id, name, locale, time_zone)
    values (put_payer.tenant, nullif(trim(put_payer.name), ''), nullif(put_payer.locale, ''), nullif(put_payer.time_zone, ''))
    on conflict (tenant_id) do update
    set name = case when put_payer.name is null then p.name else excluded.name end,
        locale = case when put_payer.locale is null then p.locale else excluded.locale end,
        time_zone = case when put_payer.time_zone is null then p.time_zone else excluded.time_zone end,
        changed_at = bursar.business_now();
    perform bursar.note_act(tenant, 'payer.changed', 'tenant', tenant,
        jsonb_build_object('locale', put_payer.locale, 'time_zone', put_payer.time_zone, 'name_changed', nullif(put_payer.name is not null, false)), reason);
end
$$;

-- Consent ------------------------------------------------------------------------------------------------------------------

-- Whether an optional category may be said on a channel: of the rows that speak of it the latest counts; without any it may, by the
-- contract, until the payer declines.
create function bursar.has_consent(of_tenant bigint, of_category text, on_channel text) returns boolean
language sql stable as
$$
    select coalesce((
        select c.verb = 'granted'
        from bursar.consent c
        where c.tenant_id = of_tenant and c.category in (of_category, 'all') and c.channel in (on_channel, 'all')
        order by c.id desc limit 1
    ), true)
$$;

-- Writes what holds from now on, unless it holds already, and answers with the row that says so.
create function bursar.write_consent(
    of_tenant bigint, with_verb text, of_category text, on_channel text, of_source text, of_wording text, with_evidence text, reason text,
    out row_id bigint, out is_new boolean
)
language plpgsql as
$$
declare
    known bursar.consent;
begin
    if coalesce(of_category, '') <> 'all' and not exists (select from bursar.optional_category o where o.category = of_category) then
        perform bursar.refuse(format('%L is no category that can be declined', of_category),
            'use all, ' || (select string_agg(o.category, ', ' order by o.category) from bursar.optional_category o));
    elsif coalesce(on_channel, '') not in ('all', 'email', 'telegram', 'sms', 'webhook') then
        perform bursar.refuse(format('%L is no channel', on_channel), 'use all, email, telegram, sms or webhook');
    end if;
    -- The latest row that overlaps: where it speaks of exactly this and says the same, nothing would change.
    select * into known from bursar.consent c
    where c.tenant_id = of_tenant and (c.category in (of_category, 'all') or of_category = 'all')
        and (c.channel in (on_channel, 'all') or on_channel = 'all')
    order by c.id desc limit 1;
    if known.category = of_category and known.channel = on_channel and known.verb = with_verb
        and (of_wording is null or known.wording is not distinct from of_wording)
    then
        row_id := known.id;
        is_new := false;
        return;
    end if;
    insert into bursar.consent as c (tenant_id, category, channel, verb, source, wording, evidence)
    values (of_tenant, of_category, on_channel, with_verb, of_source, of_wording, with_evidence)
    returning c.id into row_id;
    is_new := true;
    perform bursar.note_act(of_tenant, 'consent.' || with_verb, 'tenant', of_tenant,
        jsonb_build_object('category', of_category, 'channel', on_channel, 'source', of_source, 'wording', of_wording), reason);
end
$$;

create function bursar.consent_source() returns text
language sql stable
begin atomic
    select case when bursar.actor() like 'operator:%' then 'operator' else 'client' end;
end;

-- Writes that a payer agrees to a category on a channel; 'all' is every one. Wording names the version of the text that was
-- agreed to, evidence where the agreement can be found.
create function bursar.give_consent(
    tenant bigint, category text, channel text, wording text default null, evidence text default null, reason text default null
) returns bigint
language plpgsql security definer set search_path = pg_catalog, bursar as
$$
begin
    perform bursar.begin_payer_act(tenant, reason, true);
    return (select w.row_id from bursar.write_consent(tenant, 'granted', category, channel, bursar.consent_source(), wording, evidence, reason) as w);
end
$$;

-- Writes that a payer agrees no more.
create function bursar.withdraw_consent(tenant bigint, category text default 'all', channel text default 'all', reason text default null)
returns bigint
language plpgsql security definer set search_path = pg_catalog, bursar as
$$
begin
    perform bursar.begin_payer_act(tenant, reason);
    return (select w.row_id from bursar.write_consent(tenant, 'withdrawn', category, channel, bursar.consent_source(), null, null, reason) as w);
end
$$;

-- One click: a payer agrees no more. Whoever calls has checked that the link is ours. Answers false where the tenant is gone.
create function bursar.unsubscribe(of_tenant bigint, of_category text, on_channel text) returns boolean
language plpgsql security definer set search_path = pg_catalog, bursar as
$$
begin
    perform from bursar.tenant t where t.id = of_tenant for no key update;
    if not found then
        return false;
    end if;
    perform set_config('bursar.actor', 'payer:one_click', true);
    perform from bursar.write_consent(of_tenant, 'withdrawn', of_category, on_channel, 'one_click', null, null, null);
    return true;
end
$$;

-- Suppression by hand ------------------------------------------------------------------------------------------------------

-- Suppresses an address for a tenant, or with null for all of them, until somebody releases it or its time is over.
create function bursar.place_suppression(
    tenant bigint, channel text, address text, kind text default 'manual', expires_at timestamptz default null, reason text default null
) returns bigint
language plpgsql security definer set search_path = pg_catalog, bursar as
$$
declare
    moment timestamptz := bursar.business_now();
    made   bigint;
begin
    perform bursar.begin_act(reason, true);
    if coalesce(trim(reason), '') = '' then
        perform bursar.refuse('a suppression needs its evidence', 'say who asked for it, or where it is written, as the reason');
    elsif tenant is not null and not exists (select from bursar.tenant t where t.id = place_suppression.tenant) then
        perform bursar.refuse(format('there is no tenant %s', tenant), 'list them with: bursar tenants list', 'BU004');
    elsif coalesce(kind, '') not in ('manual', 'complaint', 'blocked', 'hard_bounce') then
        perform bursar.refuse(format('%L is no kind of suppression by hand', kind), 'use manual, complaint, blocked or hard_bounce');
    elsif place_suppression.expires_at <= moment then
        perform bursar.refuse('the suppression would be over already', 'pass a later expires_at, or none');
    end if;
    made := bursar.suppress(coalesce(tenant, 0), channel, bursar.address_hash(channel, bursar.fit_address(channel, address)), kind, 'operator',
        trim(reason), place_suppression.expires_at, moment);
    perform bursar.note_act(coalesce(tenant, 0), 'suppression.placed', 'suppression', made,
        jsonb_build_object('channel', channel, 'kind', kind, 'expires_at', place_suppression.expires_at), reason);
    return made;
end
$$;

-- Lets an address be written to again, with its soft bounces forgotten.
create function bursar.release_suppression(suppression bigint, reason text default null) returns void
language plpgsql security definer set search_path = pg_catalog, bursar as
$$
declare
    held   bursar.suppression;
    moment timestamptz := bursar.business_now();
begin
    perform bursar.begin_act(reason, true);
    if coalesce(trim(reason), '') = '' then
        perform bursar.refuse('a release needs a reason', 'say why the address may be written to again');
    end if;
    select * into held from bursar.suppression s where s.id = release_suppression.suppression for update;
    if not found then
        perform bursar.refuse(format('there is no suppression %s', suppression), 'list them with: bursar suppressions list', 'BU004');
    elsif held.released_at is not null then
        perform bursar.refuse(format('suppression %s was released already', suppression), 'there is nothing to do');
    end if;
    update bursar.suppression s set released_at = moment, released_by = bursar.actor(), release_reason = trim(release_suppression.reason)
    where s.tenant_id = held.tenant_id and s.id = held.id;
    update bursar.soft_bounce b set cleared_at = moment
    where b.channel = held.channel and b.address_hash = held.address_hash and held.tenant_id in (b.tenant_id, 0) and b.cleared_at is null;
    perform bursar.note_act(held.tenant_id, 'suppression.released', 'suppression', held.id,
        jsonb_build_object('channel', held.channel, 'was', held.reason), reason);
end
$$;

-- Views --------------------------------------------------------------------------------------------------------------------

create view bursar.client_payer with (security_barrier) as
select p.tenant_id, p.name, p.locale, p.time_zone, p.changed_at from bursar.payer p;

-- The addresses in force, and why nothing goes to one.
create view bursar.client_contact with (security_barrier) as
select a.id, a.tenant_id, a.channel, a.address, a.placed_by, a.placed_at,
    (select s.reason from bursar.suppression s
        where s.channel = a.channel and s.address_hash = a.hash and s.tenant_id in (a.tenant_id, 0) and s.released_at is null
            and (s.expires_at is null or s.expires_at > bursar.business_now())
        order by s.expires_at desc nulls first limit 1) as suppressed_for
from bursar.payer_address a
where a.retired_at is null;

-- What was said last of each category and channel.
create view bursar.client_consent with (security_barrier) as
select distinct on (c.tenant_id, c.category, c.channel) c.tenant_id, c.category, c.channel, c.verb, c.source, c.wording, c.actor, c.at
from bursar.consent c
order by c.tenant_id, c.category, c.channel, c.id desc;

-- Rights -------------------------------------------------------------------------------------------------------------------

grant execute on function bursar.take_report(text, text, bytea), bursar.unsubscribe(bigint, text, text) to bursar_listener;
grant execute on function bursar.take_report(text, text, bytea) to bursar_ops;
grant execute on function bursar.pending_reports(integer, bigint[]) to bursar_scan;
grant execute on function bursar.reports_done(bigint[], text[], text[], bigint[], text[], text[], text[], text[], text[]) to bursar_app;
grant execute on function bursar.suppressed_for(bigint, text, bytea, timestamptz) to bursar_app, bursar_scan, bursar_ops;
grant execute on function bursar.has_consent(bigint, text, text) to bursar_app, bursar_scan, bursar_ops;
grant execute on function
    bursar.suppress(bigint, text, bytea, text, text, text, timestamptz, timestamptz),
    bursar.soft_bounced(bigint, text, bytea, bigint, text, text, timestamptz),
    bursar.address_answered(bigint, text, bytea, timestamptz),
    bursar.return_failed(bigint, bigint[], timestamptz),
    bursar.apply_return(bigint, bigint, text, text, text, timestamptz)
to bursar_app;
grant execute on function
    bursar.put_contact, bursar.remove_contact, bursar.erase_contact, bursar.put_payer, bursar.give_consent, bursar.withdraw_consent
to bursar_client, bursar_ops;
grant execute on function bursar.place_suppression, bursar.release_suppression, bursar.reread_reports to bursar_ops;
grant select on bursar.client_payer, bursar.client_contact, bursar.client_consent to bursar_client, bursar_ops;

reset role;
