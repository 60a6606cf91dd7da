-- Purges count and delete as they did before: a whole table in one statement, and no body without its row.
--
-- Bodies that were emptied do not come back: their posts stay without one.

set local role bursar_owner;

drop function bursar.purge_partition(text, timestamptz, bigint, bigint, bigint, bigint, text, bigint, integer);
drop function bursar.purge_batch(text, timestamptz, bigint[], timestamptz[], bigint, bigint, integer, integer, bigint, text, bigint, integer);
drop function bursar.purge_count(text, timestamptz, bigint[], timestamptz[], timestamptz, bigint, bigint, integer);
drop function bursar.history_months();
drop function bursar.refuse_unpurgeable(text);
drop function bursar.purge_held(text);
drop function bursar.purge_due(text);
drop function bursar.purge_rules();

alter table bursar.attempt reset (autovacuum_vacuum_scale_factor);
alter table bursar.attempt_line reset (autovacuum_vacuum_scale_factor);
alter table bursar.outside_effect reset (autovacuum_vacuum_scale_factor);
alter table bursar.webhook_event reset (autovacuum_vacuum_scale_factor);
alter table bursar.webhook_conflict reset (autovacuum_vacuum_scale_factor);
alter table bursar.bakong_call reset (autovacuum_vacuum_scale_factor);
alter table bursar.message_body reset (autovacuum_vacuum_scale_factor);
alter table bursar.delivery_report reset (autovacuum_vacuum_scale_factor);

drop trigger observation_is_only_emptied on bursar.observation;
drop trigger observation_never_changes on bursar.observation;
create trigger observation_never_changes before update or delete or truncate on bursar.observation
    for each statement execute function bursar.refuse_change('what was seen stays seen; match it, or resolve its suspense');

-- Posts whose id is taken: those with the stored body are counted, and answered with true, the others with false.
create or replace function bursar.webhooks_seen_again(sources text[], event_ids text[], bodies text[])
returns table (place bigint, same boolean)
language sql security definer set search_path = pg_catalog, bursar as
$$
    with post as (
        select p.place, e.id, e.body_sha256 = decode(p.body, 'hex') as same
        from unnest(sources, event_ids, bodies) with ordinality as p (source, event_id, body, place)
        join bursar.webhook_event e on e.source = p.source and e.event_id = p.event_id
    ), counted as (
        update bursar.webhook_event e
        set repeats = e.repeats + s.count, last_seen_at = clock_timestamp()
        from (select p.id, count(*)::integer as count from post p where p.same group by p.id order by p.id) as s
        where e.id = s.id
    )
    select p.place, p.same from post p
$$;

alter table bursar.webhook_event drop column erased_sha256;

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

-- Holds rows back from every purge: of a tenant, of a table, or of one subject. From the next batch on it counts.
create or replace function bursar.place_legal_hold(
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

grant execute on function
    bursar.purge_batch(text, timestamptz, bigint[], timestamptz[], bigint, bigint, integer, bigint, text, bigint, integer),
    bursar.purge_partition(text, timestamptz, bigint, bigint, bigint, bigint, text, bigint, integer)
to bursar_purge;
grant execute on function
    bursar.purge_count(text, timestamptz, bigint[], timestamptz[], timestamptz, bigint)
to bursar_purge, bursar_scan;

reset role;
