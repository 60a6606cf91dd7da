-- Retention: what may be purged and how, what is held back, and a receipt for every row that is gone.
--
-- The role bursar_purge has no right on any table. It calls the functions below, which know the tables that may be purged;
-- no name of a table, column or condition comes from outside.

set local role bursar_owner;

revoke select, delete on bursar.webhook_event, bursar.webhook_conflict, bursar.bakong_call, bursar.delivery_report from bursar_purge;
revoke execute on function bursar.webhooks_purgeable(timestamptz), bursar.webhook_payment_is_open(bigint) from bursar_purge;

-- What is held back ----------------------------------------------------------------------------------------------------

-- A legal hold: rows of a tenant (0 is every one), of a table, or of one subject stay until it is released or over.
create table bursar.legal_hold (
    tenant_id      bigint not null default 0,
    id             bigint generated always as identity,
    table_name     text,                                   -- null: every table
    subject        text check (subject ~ '^[a-z_]+:[0-9]+$'),  -- 'run:7', 'message:9'; null: every row
    reason         text not null check (trim(reason) <> ''),
    placed_by      text not null default bursar.actor(),
    placed_at      timestamptz not null default bursar.business_now(),
    until          timestamptz,                            -- null: until somebody releases it
    released_at    timestamptz,
    released_by    text,
    release_reason text check (trim(release_reason) <> ''),
    primary key (tenant_id, id),
    check (tenant_id <> 0 or table_name is not null or subject is not null),
    check ((released_at is null) = (released_by is null) and (released_at is null) = (release_reason is null))
);
create index legal_hold_in_force on bursar.legal_hold (id) where released_at is null;
call bursar.wall('bursar.legal_hold', 'select');

-- What is gone ---------------------------------------------------------------------------------------------------------

-- One row for every batch, written in its transaction: the sum of a table's receipts is what was purged from it.
create table bursar.purge_receipt (
    id              bigint generated always as identity primary key,
    run_id          bigint not null,
    fence           bigint,
    policy_hash     text not null,
    table_name      text not null,
    cutoff          timestamptz not null,
    proposal_id     bigint,
    partition       text,                                  -- the partition that was dropped; null where rows were deleted
    row_count       bigint not null check (row_count > 0),
    rows_per_tenant jsonb not null,                        -- {"0": rows of no tenant, "7": rows of tenant 7}
    first_key       bigint not null,
    last_key        bigint not null,
    key_digest      bytea not null check (length(key_digest) = 32),  -- SHA-256 of the keys in byte order, commas between
    took            interval not null,
    actor           text not null default bursar.actor(),
    at              timestamptz not null default clock_timestamp()
);
create index purge_receipt_of_table on bursar.purge_receipt (table_name, id);
create index purge_receipt_of_run on bursar.purge_receipt (run_id);
create trigger purge_receipt_never_changes before update or delete or truncate on bursar.purge_receipt
    for each statement execute function bursar.refuse_change('a receipt stays as it is');
grant select on bursar.purge_receipt to bursar_scan, bursar_ops, bursar_backup;

-- The policies that were ever seen, and since when: observe_days count from there.
create table bursar.retention_seen (
    policy_hash text primary key,
    table_name  text not null,
    content     jsonb not null,
    seen_at     timestamptz not null default bursar.business_now()
);
-- How a table stands, as the last run that looked at it found or left it.
create table bursar.retention_standing (
    table_name      text primary key,
    policy_hash     text not null,
    keep            interval not null,
    counted_at      timestamptz not null,
    rows_due        bigint not null,
    rows_held       bigint not null,
    oldest_due      timestamptz,                           -- null: nothing is past the cutoff
    observing_until timestamptz,
    why_left        text
);
grant select, insert, update, delete on bursar.retention_seen, bursar.retention_standing to bursar_engine;
grant select on bursar.retention_seen, bursar.retention_standing to bursar_scan, bursar_ops, bursar_backup;

-- What may be purged ---------------------------------------------------------------------------------------------------

create index message_body_by_message on bursar.message_body (message_id);

-- The tables that may be purged, with the expressions of a row `t`: what it is as old as, its key (rows go in its order), its
-- whole key as text, its tenant, its subject, and when it may go. Parameter 4 of the condition is the instant.
create function bursar.purge_rules()
returns table (table_name text, clock text, key text, row_key text, tenant text, subject text, condition text)
language sql immutable
begin atomic
    values
        ('run_history', 't.finished_at', 'extract(epoch from date_trunc(''month'', t.finished_at, ''UTC''))::bigint', 't.id::text',
            'coalesce(t.tenant_id, 0)', '''run:'' || t.id', 't.tableoid <> ''bursar.run_history_other''::regclass'),
        ('attempt', 't.started_at', 't.run_id', 't.run_id || ''.'' || t.number', '0', '''run:'' || t.run_id',
            't.ended_at is not null and not exists (select from bursar.run r where r.id = t.run_id)'),
        ('attempt_line', 't.at', 't.run_id', 't.run_id || ''.'' || t.attempt || ''.'' || t.place', '0', '''run:'' || t.run_id',
            'not exists (select from bursar.run r where r.id = t.run_id)'),
        ('outside_effect', 't.intended_at', 't.run_id', 't.run_id || ''.'' || t.attempt || ''.'' || t.key', '0', '''run:'' || t.run_id',
            't.outcome is not null and not exists (select from bursar.run r where r.id = t.run_id)'),
        ('webhook_event', 'coalesce(t.last_seen_at, t.received_at)', 't.id', 't.id::text',
            'coalesce((select p.tenant_id from bursar.payment_attempt p where p.id = t.payment_attempt_id), 0)', '''webhook:'' || t.id',
            'exists (select from bursar.webhooks_purgeable($4) as w (id) where w.id = t.id)'
            ' and not exists (select from bursar.webhook_conflict c where c.event = t.id)'),
        ('webhook_conflict', 'coalesce(t.last_seen_at, t.received_at)', 't.id', 't.id::text',
            'coalesce((select p.tenant_id from bursar.webhook_event e join bursar.payment_attempt p on p.id = e.payment_attempt_id where e.id = t.event), 0)',
            '''webhook:'' || t.event', 'exists (select from bursar.webhooks_purgeable($4) as w (id) where w.id = t.event)'),
        ('bakong_call', 't.begun_at', 't.id', 't.id::text', '0', '''bakong_call:'' || t.id', 't.outcome is not null'),
        ('message_body', 't.created_at', 't.message_id', 't.message_id::text', 't.tenant_id', '''message:'' || t.message_id',
            'not exists (select from bursar.message m where m.tenant_id = t.tenant_id and m.id = t.message_id'
            ' and m.state in (''claimed'', ''sending'', ''waiting''))'),
        ('delivery_report', 't.received_at', 't.id', 't.id::text',
            'coalesce((select m.tenant_id from bursar.message m where m.id = t.message), 0)', '''report:'' || t.id', 't.state <> ''waiting''');
end;

-- The condition of a row that is past its cutoff and may go, but for holds. Parameters: 1 the cutoff, 2 and 3 tenants with
-- cutoffs of their own, 4 the instant.
create function bursar.purge_due(of_table text) returns text
language sql immutable
begin atomic
    select case of_table
        -- Partitions go as a whole: a month, once all of it is past the cutoff.
        when 'run_history' then 't.finished_at < date_trunc(''month'', $1, ''UTC'')'
        else format('%s < case when cardinality($2) = 0 then $1 else coalesce((select o.cutoff from unnest($2, $3) as o (tenant, cutoff) '
            'where o.tenant = %s), $1) end', r.clock, r.tenant)
        end || ' and ' || r.condition
    from bursar.purge_rules() as r where r.table_name = of_table;
end;

-- The condition of a row that somebody holds back, at the instant of parameter 4.
create function bursar.purge_held(of_table text) returns text
language sql immutable
begin atomic
    select format('exists (select from bursar.legal_hold h where h.released_at is null and (h.until is null or h.until > $4) '
        'and (h.table_name is null or h.table_name = %L) and (h.tenant_id = 0 or h.tenant_id = %s) '
        'and (h.subject is null or h.subject = %s))', of_table, r.tenant, r.subject)
    from bursar.purge_rules() as r where r.table_name = of_table;
end;

-- Refuses a table that is not in the list.
create function bursar.refuse_unpurgeable(of_table text) returns void
language plpgsql stable as
$$
begin
    if not exists (select from bursar.purge_rules() as r where r.table_name = of_table) then
        perform bursar.refuse(format('%L is no table that may be purged', of_table),
            'those are: ' || (select string_agg(r.table_name, ', ' order by r.table_name) from bursar.purge_rules() as r));
    end if;
end
$$;

-- What is past its cutoff, and what of it is held back; up to a key where one is given.
create function bursar.purge_count(
    of_table text, cutoff timestamptz, tenants bigint[], cutoffs timestamptz[], as_of timestamptz, up_to bigint default null,
    out total bigint, out due bigint, out held bigint, out oldest timestamptz, out newest timestamptz, out first_key bigint,
    out last_key bigint, out per_tenant jsonb
)
language plpgsql stable security definer set search_path = pg_catalog, bursar as
$$
declare
    rule record;
begin
    perform bursar.refuse_unpurgeable(of_table);
    select * into rule from bursar.purge_rules() as r where r.table_name = of_table;
    -- Of a partition with a held row every row stays.
    execute format(
        'with judged as materialized (
            select %2$s as tenant, %3$s as clock, %4$s as key, %5$s as held from bursar.%1$I t
            where %6$s and ($5 is null or %4$s <= $5)
        ), told as (
            select j.tenant, j.clock, j.key, %7$s as held from judged j
        ), grouped as (
            select d.tenant, count(*) filter (where not d.held) as due, count(*) filter (where d.held) as held,
                min(d.clock) filter (where not d.held) as oldest, max(d.clock) filter (where not d.held) as newest,
                min(d.key) filter (where not d.held) as first_key, max(d.key) filter (where not d.held) as last_key
            from told d group by d.tenant
        )
        select (select count(*) from bursar.%1$I), coalesce(sum(g.due), 0), coalesce(sum(g.held), 0), min(g.oldest), max(g.newest),
            min(g.first_key), max(g.last_key), coalesce(jsonb_object_agg(g.tenant, g.due) filter (where g.due > 0), ''{}'')
        from grouped g',
        of_table, rule.tenant, rule.clock, rule.key, bursar.purge_held(of_table), bursar.purge_due(of_table),
        case when of_table = 'run_history' then 'bool_or(j.held) over (partition by j.key)' else 'j.held' end
    )
    into total, due, held, oldest, newest, first_key, last_key, per_tenant
    using cutoff, tenants, cutoffs, as_of, up_to;
end
$$;

-- Purging --------------------------------------------------------------------------------------------------------------

create function bursar.purge_lock_timeout(milliseconds integer) returns void
language plpgsql as
$$
begin
    if milliseconds not between 10 and 1900 then
        perform bursar.refuse(format('a purge may not wait %s ms for a lock', milliseconds), 'pass 10 to 1900');
    end if;
    perform set_config('lock_timeout', milliseconds || 'ms', true);
end
$$;

-- Deletes the next rows in order of their key, at most so many, and writes their receipt. Rows that somebody has locked are left
-- for another time, those that are held back stay: the statement that deletes is the one that asks. Answers how many went, and
-- the last key.
create function bursar.purge_batch(
    of_table text, cutoff timestamptz, tenants bigint[], cutoffs timestamptz[], from_key bigint, up_to bigint, max_rows integer,
    run bigint, policy text, proposal bigint, lock_timeout_ms integer, out row_count bigint, out last_key bigint
)
language plpgsql security definer set search_path = pg_catalog, bursar as
$$
declare
    rule   record;
    begun  timestamptz := clock_timestamp();
    moment timestamptz := bursar.business_now();
    gone   record;
begin
    perform bursar.refuse_unpurgeable(of_table);
    select * into rule from bursar.purge_rules() as r where r.table_name = of_table;
    if of_table = 'run_history' then
        perform bursar.refuse('run_history is not deleted from', 'its partitions are dropped: bursar.purge_partition');
    end if;
    perform bursar.purge_lock_timeout(lock_timeout_ms);
    execute format(
        'with picked as materialized (
            select t.ctid as place from bursar.%1$I t
            where %2$s >= $5 and %2$s <= $6 and %3$s and not %4$s
            order by %2$s limit $7 for update skip locked
        ), gone as (
            delete from bursar.%1$I t where t.ctid = any (array(select p.place from picked p))
            returning %2$s as key, %5$s as row_key, %6$s as tenant
        )
        select count(*) as row_count, min(g.key) as first_key, max(g.key) as last_key,
            sha256(convert_to(coalesce(string_agg(g.row_key, '','' order by g.row_key collate "C"), ''''), ''UTF8'')) as digest,
            (select jsonb_object_agg(s.tenant, s.count) from (select n.tenant, count(*) from gone n group by n.tenant) as s) as per_tenant
        from gone g',
        of_table, rule.key, bursar.purge_due(of_table), bursar.purge_held(of_table), rule.row_key, rule.tenant
    )
    into gone using cutoff, tenants, cutoffs, moment, from_key, up_to, max_rows;
    row_count := gone.row_count;
    last_key := gone.last_key;
    if row_count > 0 then
        insert into bursar.purge_receipt (run_id, fence, policy_hash, table_name, cutoff, proposal_id, row_count, rows_per_tenant,
            first_key, last_key, key_digest, took)
        values (run, nullif(current_setting('bursar.fence', true), '')::bigint, policy, of_table, purge_batch.cutoff, proposal,
            gone.row_count, gone.per_tenant, gone.first_key, gone.last_key, gone.digest, clock_timestamp() - begun);
    end if;
end
$$;

-- Drops the oldest partition of a table that is past the cutoff as a whole, has no more rows than that, and none that is held
-- back; and writes its receipt. Answers with null where there is none. What is counted is counted before anything is locked: rows
-- that old do not come any more, and a hold that is placed meanwhile ends it.
create function bursar.purge_partition(
    of_table text, cutoff timestamptz, from_key bigint, up_to bigint, max_rows bigint, run bigint, policy text, proposal bigint,
    lock_timeout_ms integer, out row_count bigint, out last_key bigint
)
language plpgsql security definer set search_path = pg_catalog, bursar as
$$
declare
    rule    record;
    begun   timestamptz := clock_timestamp();
    moment  timestamptz := bursar.business_now();
    holds   bigint := (select coalesce(max(h.id), 0) from bursar.legal_hold h);
    next_   record;
    gone    record;
    is_held boolean;
begin
    perform bursar.refuse_unpurgeable(of_table);
    select * into rule from bursar.purge_rules() as r where r.table_name = of_table;
    if of_table <> 'run_history' then
        perform bursar.refuse(of_table || ' has no partitions', 'its rows are deleted: bursar.purge_batch');
    end if;
    for next_ in
        select c.relname as name, extract(epoch from to_date(right(c.relname, 7), 'YYYY_MM')::timestamp at time zone 'UTC')::bigint as key
        from pg_inherits i join pg_class c on c.oid = i.inhrelid
        where i.inhparent = 'bursar.run_history'::regclass and c.relname ~ '^run_history_[0-9]{4}_[0-9]{2}$'
        order by 2
    loop
        continue when next_.key < from_key or next_.key > up_to
            or to_timestamp(next_.key) + interval '1 month' > date_trunc('month', cutoff, 'UTC');
        execute format(
            'select count(*) as row_count, coalesce(bool_or(j.held), false) as is_held,
                sha256(convert_to(coalesce(string_agg(j.row_key, '','' order by j.row_key collate "C"), ''''), ''UTF8'')) as digest,
                (select jsonb_object_agg(s.tenant, s.count) from (
                    select %3$s as tenant, count(*) from bursar.%1$I t group by 1) as s) as per_tenant
            from (select %2$s as row_key, %4$s as held from bursar.%1$I t where $1 = $1 and $2 = $2 and $3 = $3) as j',
            next_.name, rule.row_key, rule.tenant, bursar.purge_held(of_table)
        )
        into gone using cutoff, '{}'::bigint[], '{}'::timestamptz[], moment;
        continue when gone.is_held;
        if gone.row_count > max_rows then
            return;
        end if;
        perform bursar.purge_lock_timeout(lock_timeout_ms);
        execute format('alter table bursar.run_history detach partition bursar.%I', next_.name);
        if (select coalesce(max(h.id), 0) from bursar.legal_hold h) <> holds then
            raise exception 'a legal hold was placed while % was counted', next_.name
                using errcode = '40001', hint = 'nothing was dropped; the next try asks it';
        end if;
        execute format('drop table bursar.%I', next_.name);
        row_count := gone.row_count;
        last_key := next_.key;
        if gone.row_count > 0 then
            insert into bursar.purge_receipt (run_id, fence, policy_hash, table_name, cutoff, proposal_id, partition, row_count,
                rows_per_tenant, first_key, last_key, key_digest, took)
            values (run, nullif(current_setting('bursar.fence', true), '')::bigint, policy, of_table, purge_partition.cutoff, proposal,
                next_.name, gone.row_count, gone.per_tenant, next_.key, next_.key, gone.digest, clock_timestamp() - begun);
        end if;
        return;
    end loop;
end
$$;

-- Whether runs wait that should have begun: whoever purges gives way.
create function bursar.queue_is_loaded() returns boolean
language sql stable security definer set search_path = pg_catalog, bursar as
$$
    select exists (select from bursar.run r where r.state = 'ready' and r.run_at < clock_timestamp() - interval '1 second')
$$;

-- Holds by hand --------------------------------------------------------------------------------------------------------

-- Holds rows back from every purge: of a tenant, of a table, or of one subject. From the next batch on it counts.
create function bursar.place_legal_hold(
    tenant bigint default null, table_name text default null, subject text default null, until timestamptz default null,
    reason text default null
) returns bigint
language plpgsql security definer set search_path = pg_catalog, bursar as
$$
declare
    made bigint;
begin
    perform bursar.begin_act(reason, true);
    if coalesce(trim(reason), '') = '' then
        perform bursar.refuse('a legal hold needs a reason', 'say whose claim it is, or where it is written');
    elsif tenant is null and place_legal_hold.table_name is null and place_legal_hold.subject is null then
        perform bursar.refuse('a legal hold names what it holds', 'pass a tenant, a table or a subject');
    elsif tenant is not null and not exists (select from bursar.tenant t where t.id = place_legal_hold.tenant) then
        perform bursar.refuse(format('there is no tenant %s', tenant), 'list them with: bursar tenants list', 'BU004');
    elsif place_legal_hold.until <= bursar.business_now() then
        perform bursar.refuse('the hold would be over already', 'pass a later instant, or none');
    elsif place_legal_hold.subject is not null and place_legal_hold.subject !~ '^(run|webhook|bakong_call|message|report):[0-9]+$' then
        perform bursar.refuse(format('%L is no subject', place_legal_hold.subject), 'write run:7, webhook:7, bakong_call:7, message:7 or report:7');
    end if;
    if place_legal_hold.table_name is not null then
        perform bursar.refuse_unpurgeable(place_legal_hold.table_name);
    end if;
    insert into bursar.legal_hold as h (tenant_id, table_name, subject, until, reason)
    values (coalesce(place_legal_hold.tenant, 0), place_legal_hold.table_name, place_legal_hold.subject, place_legal_hold.until, trim(place_legal_hold.reason))
    returning h.id into made;
    perform bursar.note_act(coalesce(tenant, 0), 'legal_hold.placed', 'legal_hold', made,
        jsonb_build_object('table', place_legal_hold.table_name, 'subject', place_legal_hold.subject, 'until', place_legal_hold.until), reason);
    return made;
end
$$;

-- Ends a hold: the next purge goes by what else there is.
create function bursar.release_legal_hold(hold bigint, reason text default null) returns void
language plpgsql security definer set search_path = pg_catalog, bursar as
$$
declare
    held bursar.legal_hold;
begin
    perform bursar.begin_act(reason, true);
    if coalesce(trim(reason), '') = '' then
        perform bursar.refuse('a release needs a reason', 'say why the rows may go');
    end if;
    select * into held from bursar.legal_hold h where h.id = hold for update;
    if not found then
        perform bursar.refuse(format('there is no legal hold %s', hold), 'list them with: bursar holds list', 'BU004');
    elsif held.released_at is not null then
        perform bursar.refuse(format('legal hold %s was released already', hold), 'there is nothing to do');
    end if;
    update bursar.legal_hold h set released_at = bursar.business_now(), released_by = bursar.actor(), release_reason = trim(release_legal_hold.reason)
    where h.tenant_id = held.tenant_id and h.id = held.id;
    perform bursar.note_act(held.tenant_id, 'legal_hold.released', 'legal_hold', held.id, jsonb_build_object('table', held.table_name,
        'subject', held.subject), reason);
end
$$;

-- Approves exactly what a plan proposes. Answers with the run that goes on.
create function bursar.apply_retention(proposal bigint, reason text default null) returns bigint
language plpgsql security definer set search_path = pg_catalog, bursar as
$$
declare
    wanted bursar.proposal;
begin
    select * into wanted from bursar.proposal p where p.id = apply_retention.proposal and p.kind = 'retention-purge';
    if not found then
        perform bursar.refuse(format('there is no retention plan %s', proposal), 'make one with: bursar retention plan', 'BU004');
    elsif wanted.state <> 'open' then
        perform bursar.refuse(format('retention plan %s is %s', proposal, wanted.state), 'make a new one with: bursar retention plan');
    end if;
    perform bursar.approve(wanted.run_id, reason);
    return wanted.run_id;
end
$$;

-- Rights ---------------------------------------------------------------------------------------------------------------

grant execute on function bursar.assert_fence(bigint, bigint) to bursar_purge;
grant execute on function
    bursar.purge_batch(text, timestamptz, bigint[], timestamptz[], bigint, bigint, integer, bigint, text, bigint, integer),
    bursar.purge_partition(text, timestamptz, bigint, bigint, bigint, bigint, text, bigint, integer)
to bursar_purge;
grant execute on function
    bursar.purge_count(text, timestamptz, bigint[], timestamptz[], timestamptz, bigint),
    bursar.queue_is_loaded()
to bursar_purge, bursar_scan;
grant execute on function bursar.place_legal_hold, bursar.release_legal_hold, bursar.apply_retention to bursar_ops;

-- How many rows of each table were purged since it is recorded: what a backup's manifest may lack beside an earlier one.
create function bursar.purged_rows() returns table (table_name text, purged bigint)
language sql stable
begin atomic
    select r.table_name, sum(r.row_count)::bigint from bursar.purge_receipt r group by r.table_name;
end;
grant execute on function bursar.purged_rows() to bursar_backup, bursar_ops;

reset role;
