-- Purges that keep to their floors by themselves, and standings that tell how late each row is by its own cutoff.
--
-- A tenant's hold holds the attempts of its runs; what was done outside goes with its run however it ended; receipts tell the
-- cutoffs of tenants; no month is dropped beside a hold that commits late; and what stands in the default partition is counted.

set local role bursar_owner;

drop function bursar.purge_count(text, timestamptz, bigint[], timestamptz[], timestamptz, bigint, bigint, integer);
drop function bursar.purge_held(text);
drop function bursar.purge_due(text);
drop function bursar.purge_rules();

-- Receipts and standings -----------------------------------------------------------------------------------------------

-- {"7": cutoff of tenant 7}, of tenants whose rows went by a cutoff of their own; null where none did.
alter table bursar.purge_receipt add column own_cutoffs jsonb;

-- How late a row is depends on its own cutoff, so what is kept is since when the first one has been past it.
alter table bursar.retention_standing
    add column due_since timestamptz,                      -- null: nothing is past its cutoff
    add column rows_stuck bigint not null default 0;       -- past the cutoff, where nothing is ever dropped
update bursar.retention_standing set due_since = oldest_due + keep;
alter table bursar.retention_standing drop column keep;

-- What may be purged ---------------------------------------------------------------------------------------------------

-- Of which tenant an ended run was that an attempt of then belongs to: 0 where of none, null where its month is gone.
create function bursar.tenant_of_run(run bigint, since timestamptz) returns bigint
language sql stable as
$$
    -- A run ends after its attempts have begun; what they said may be written a little later. Older months are not looked at.
    select coalesce(h.tenant_id, 0) from bursar.run_history h where h.id = run and h.finished_at >= since - interval '1 day' limit 1
$$;

-- What may be purged, with the expressions of a row `t`: what it is as old as, its key (rows go in its order, and an index is in
-- it), its whole key as text, its tenant, its subject, when it may go, and the columns to empty where the row stays; whose holds
-- hold it, where that is not its tenant, beside a hold `h`; and how many days it is kept at the least. Parameter 4 of the condition
-- is the instant.
create function bursar.purge_rules()
returns table (
    table_name text, relation text, clock text, key text, row_key text, tenant text, subject text, condition text, emptied text,
    holder text, floor_days integer
)
language sql immutable
begin atomic
    values
        ('run_history', 'run_history', 't.finished_at', 'extract(epoch from date_trunc(''month'', t.finished_at, ''UTC''))::bigint',
            't.id::text', 'coalesce(t.tenant_id, 0)', '''run:'' || t.id', 't.tableoid <> ''bursar.run_history_other''::regclass', null, null, 31),
        ('attempt', 'attempt', 't.started_at', 't.run_id', 't.run_id || ''.'' || t.number', '0', '''run:'' || t.run_id',
            't.ended_at is not null and not exists (select from bursar.run r where r.id = t.run_id)', null,
            'coalesce(bursar.tenant_of_run(t.run_id, t.started_at), h.tenant_id)', 7),
        ('attempt_line', 'attempt_line', 't.at', 't.run_id', 't.run_id || ''.'' || t.attempt || ''.'' || t.place', '0',
            '''run:'' || t.run_id', 'not exists (select from bursar.run r where r.id = t.run_id)', null,
            'coalesce(bursar.tenant_of_run(t.run_id, t.at), h.tenant_id)', 7),
        ('outside_effect', 'outside_effect', 't.intended_at', 't.run_id', 't.run_id || ''.'' || t.attempt || ''.'' || t.key', '0', '''run:'' || t.run_id',
            'not exists (select from bursar.run r where r.id = t.run_id)', null,
            'coalesce(bursar.tenant_of_run(t.run_id, t.intended_at), h.tenant_id)', 7),
        ('webhook_event', 'webhook_event', 'coalesce(t.last_seen_at, t.received_at)', 't.id', 't.id::text',
            'coalesce((select p.tenant_id from bursar.payment_attempt p where p.id = t.payment_attempt_id), 0)', '''webhook:'' || t.id',
            'exists (select from bursar.webhooks_purgeable($4) as w (id) where w.id = t.id)'
            ' and not exists (select from bursar.webhook_conflict c where c.event = t.id)', null, null, 30),
        ('webhook_event.body', 'webhook_event', 'coalesce(t.last_seen_at, t.received_at)', 't.id', 't.id::text',
            'coalesce((select p.tenant_id from bursar.payment_attempt p where p.id = t.payment_attempt_id), 0)', '''webhook:'' || t.id',
            't.erased_sha256 is null and exists (select from bursar.webhooks_purgeable($4) as w (id) where w.id = t.id)',
            'erased_sha256 = t.body_sha256, body = '''', headers = ''[]''', null, 30),
        ('webhook_conflict', 'webhook_conflict', 'coalesce(t.last_seen_at, t.received_at)', 't.id', 't.id::text',
            'coalesce((select p.tenant_id from bursar.webhook_event e join bursar.payment_attempt p on p.id = e.payment_attempt_id where e.id = t.event), 0)',
            '''webhook:'' || t.event', 'exists (select from bursar.webhooks_purgeable($4) as w (id) where w.id = t.event)', null, null, 30),
        ('bakong_call', 'bakong_call', 't.begun_at', 't.id', 't.id::text', '0', '''bakong_call:'' || t.id', 't.outcome is not null', null, null, 30),
        ('observation.raw', 'observation', 't.recorded_at', 't.id', 't.id::text', 't.tenant_id', '''observation:'' || t.id',
            '(t.raw is not null or t.payer is not null) and t.amount is not null'
            ' and not exists (select from bursar.observation_unplaced u where u.tenant_id = t.tenant_id and u.observation_id = t.id)'
            ' and not exists (select from bursar.suspense s where s.issuer_id = t.issuer_id and s.observation_id = t.id'
            ' and s.resolution is null)', 'raw = null, payer = null', null, 180),
        ('message_body', 'message_body', 't.created_at', 't.message_id', 't.message_id::text', 't.tenant_id', '''message:'' || t.message_id',
            'not exists (select from bursar.message m where m.tenant_id = t.tenant_id and m.id = t.message_id'
            ' and m.state in (''claimed'', ''sending'', ''waiting''))', null, null, 7),
        ('delivery_report', 'delivery_report', 't.received_at', 't.id', 't.id::text',
            'coalesce((select m.tenant_id from bursar.message m where m.id = t.message), 0)', '''report:'' || t.id', 't.state <> ''waiting''',
            null, null, 7);
end;

-- The cutoff of a row. Parameters: 1 the house's, 2 and 3 tenants with cutoffs of their own.
create function bursar.purge_cutoff(of_table text) returns text
language sql immutable
begin atomic
    select format('case when cardinality($2) = 0 then $1 else coalesce((select o.cutoff from unnest($2, $3) as o (tenant, cutoff) '
        'where o.tenant = %s), $1) end', r.tenant)
    from bursar.purge_rules() as r where r.table_name = of_table;
end;

-- Since when a row that is past its cutoff has been so. Parameter 4 is the instant of which the cutoffs were reckoned.
create function bursar.purge_due_since(of_table text) returns text
language sql immutable
begin atomic
    select case of_table
        -- A month can go since its last instant was past the cutoff.
        when 'run_history' then '$4 - ($1 - (date_trunc(''month'', t.finished_at at time zone ''UTC'') + interval ''1 month'') '
            'at time zone ''UTC'')'
        else format('$4 - ((%s) - %s)', bursar.purge_cutoff(of_table), r.clock)
        end
    from bursar.purge_rules() as r where r.table_name = of_table;
end;

-- The condition of a row that is past its cutoff and may go, but for holds. Parameters: 1 the cutoff, 2 and 3 tenants with
-- cutoffs of their own, 4 the instant.
create function bursar.purge_due(of_table text) returns text
language sql immutable
begin atomic
    select case of_table
        -- Partitions go as a whole: a month, once all of it is past the cutoff.
        when 'run_history' then 't.finished_at < date_trunc(''month'', $1, ''UTC'')'
        else format('%s < %s', r.clock, bursar.purge_cutoff(of_table))
        end || ' and ' || r.condition
    from bursar.purge_rules() as r where r.table_name = of_table;
end;

-- The condition of a row that somebody holds back, at the instant of parameter 4. Whoever holds a table holds what may be
-- emptied in it, and whoever holds that holds its rows too.
create function bursar.purge_held(of_table text) returns text
language sql immutable
begin atomic
    select format('exists (select from bursar.legal_hold h where h.released_at is null and (h.until is null or h.until > $4) '
        'and (h.table_name is null or split_part(h.table_name, ''.'', 1) = %L) and (h.tenant_id = 0 or h.tenant_id = %s) '
        'and (h.subject is null or h.subject = %s))', r.relation, coalesce(r.holder, r.tenant), r.subject)
    from bursar.purge_rules() as r where r.table_name = of_table;
end;

-- The holds in force at an instant.
create function bursar.holds_in_force(moment timestamptz) returns bigint[]
language sql stable
begin atomic
    select coalesce(array_agg(h.id order by h.id), '{}') from bursar.legal_hold h
    where h.released_at is null and (h.until is null or h.until > moment);
end;

-- Refuses cutoffs by which rows would go that are younger than the floor of their table, whatever a policy or a run says.
create function bursar.refuse_young_cutoff(of_table text, cutoffs timestamptz[]) returns void
language plpgsql as
$$
declare
    days     integer := (select r.floor_days from bursar.purge_rules() as r where r.table_name = of_table);
    youngest timestamptz := (select max(c.cutoff) from unnest(cutoffs) as c (cutoff));
begin
    if youngest > bursar.business_now() - make_interval(hours => 24 * days) then
        perform bursar.refuse(format('%s is kept for %s days at least, and the cutoff is %s', of_table, days, youngest),
            'a purge goes by the present, and by a policy that keeps no less');
    end if;
end
$$;

-- Counting -------------------------------------------------------------------------------------------------------------

-- What is past its cutoff in one window of the table, and what of it is held back: some `look` rows from a key on, or one month of
-- runs; up to a key where one is given. Answers where the next window begins; null where there is none. The last window of runs
-- is the default partition, of which nothing is ever dropped: what is past its cutoff there is stuck.
--
-- A plan that reads the whole table is right only until the table is large: rows are found along the index of their key.
create function bursar.purge_count(
    of_table text, cutoff timestamptz, tenants bigint[], cutoffs timestamptz[], as_of timestamptz, from_key bigint, up_to bigint,
    look integer, out total bigint, out due bigint, out held bigint, out oldest timestamptz, out newest timestamptz,
    out first_key bigint, out last_key bigint, out per_tenant jsonb, out next_key bigint, out due_since timestamptz, out stuck bigint
)
language plpgsql stable security definer set search_path = pg_catalog, bursar
set enable_seqscan = off set enable_bitmapscan = off set enable_hashjoin = off set enable_mergejoin = off set enable_material = off
-- A plan that must read a small table as a whole has a price at which the server would compile it first, for longer than it runs.
set jit = off as
$$
declare
    rule  record;
    edge  bigint;
    month text;
    since timestamptz;
begin
    perform bursar.refuse_unpurgeable(of_table);
    select * into rule from bursar.purge_rules() as r where r.table_name = of_table;
    if of_table = 'run_history' then
        -- A month is read as a whole.
        perform set_config('enable_seqscan', 'on', true);
        select m.name, m.key into month, edge from bursar.history_months() as m
        where m.key >= coalesce(from_key, m.key) and m.key <= coalesce(up_to, m.key)
        order by m.key limit 1;
        next_key := edge + 1;
    else
        execute format('select %2$s from bursar.%1$I t where %2$s between $1 and $2 order by %2$s offset $3 limit 1', rule.relation, rule.key)
        into edge using coalesce(from_key, -9223372036854775808), coalesce(up_to, 9223372036854775807), look;
        next_key := edge + 1;
        edge := coalesce(edge, up_to, 9223372036854775807);
    end if;
    -- Of a month with a held run every run stays.
    execute format(
        'with judged as materialized (
            select %2$s as tenant, %3$s as clock, %4$s as key, %5$s as held, %9$s as since from bursar.%1$I t
            where %6$s and %7$s
        ), told as (
            select j.tenant, j.clock, j.key, %8$s as held, j.since from judged j
        ), grouped as (
            select d.tenant, count(*) filter (where not d.held) as due, count(*) filter (where d.held) as held,
                min(d.clock) filter (where not d.held) as oldest, max(d.clock) filter (where not d.held) as newest,
                min(d.key) filter (where not d.held) as first_key, max(d.key) filter (where not d.held) as last_key,
                min(d.since) filter (where not d.held) as since
            from told d group by d.tenant
        )
        select (select count(*) from bursar.%1$I t where %6$s), coalesce(sum(g.due), 0), coalesce(sum(g.held), 0), min(g.oldest),
            max(g.newest), min(g.first_key), max(g.last_key),
            coalesce(jsonb_object_agg(g.tenant, g.due) filter (where g.due > 0), ''{}''), min(g.since)
        from grouped g',
        coalesce(month, case when of_table = 'run_history' then 'run_history_other' else rule.relation end),
        rule.tenant, rule.clock, rule.key, bursar.purge_held(of_table),
        case when of_table = 'run_history' then 'true' else format('%s between $5 and $6', rule.key) end,
        bursar.purge_due(of_table),
        case when of_table = 'run_history' then 'bool_or(j.held) over (partition by j.key)' else 'j.held' end,
        bursar.purge_due_since(of_table)
    )
    into total, due, held, oldest, newest, first_key, last_key, per_tenant, due_since
    using cutoff, tenants, cutoffs, as_of, coalesce(from_key, -9223372036854775808), edge;
    stuck := 0;
    if of_table = 'run_history' and month is null and up_to is null then
        execute format(
            'select count(*), min(%s) from bursar.run_history_other t where t.finished_at < date_trunc(''month'', $1, ''UTC'') and not %s',
            bursar.purge_due_since(of_table), bursar.purge_held(of_table)
        )
        into stuck, since using cutoff, tenants, cutoffs, as_of;
        due_since := least(due_since, since);
    end if;
end
$$;

-- Purging --------------------------------------------------------------------------------------------------------------

-- Deletes or empties the next rows in order of their key, at most so many, and writes their receipt. It looks at some `look` rows
-- and says where the next batch begins: null where it has looked at all. Rows that somebody has locked are left for another
-- time, those that are held back stay: the statement that purges is the one that asks.
create or replace function bursar.purge_batch(
    of_table text, cutoff timestamptz, tenants bigint[], cutoffs timestamptz[], from_key bigint, up_to bigint, max_rows integer,
    look integer, run bigint, policy text, proposal bigint, lock_timeout_ms integer, out row_count bigint, out next_key bigint
)
language plpgsql security definer set search_path = pg_catalog, bursar
set enable_seqscan = off set enable_bitmapscan = off set enable_hashjoin = off set enable_mergejoin = off set enable_material = off set jit = off as
$$
declare
    rule   record;
    begun  timestamptz := clock_timestamp();
    moment timestamptz := bursar.business_now();
    edge   bigint;
    gone   record;
begin
    perform bursar.refuse_unpurgeable(of_table);
    select * into rule from bursar.purge_rules() as r where r.table_name = of_table;
    if of_table = 'run_history' then
        perform bursar.refuse('run_history is not deleted from', 'its partitions are dropped: bursar.purge_partition');
    end if;
    perform bursar.refuse_young_cutoff(of_table, cutoff || cutoffs);
    perform bursar.purge_lock_timeout(lock_timeout_ms);
    execute format('select %2$s from bursar.%1$I t where %2$s between $1 and $2 order by %2$s offset $3 limit 1', rule.relation, rule.key)
    into edge using from_key, up_to, look;
    execute format(
        'with picked as materialized (
            select t.ctid as place from bursar.%1$I t
            where %2$s >= $5 and %2$s <= $6 and %3$s and not %4$s
            order by %2$s limit $7 for update skip locked
        ), gone as (
            %5$s where t.ctid = any (array(select p.place from picked p))
            returning %2$s as key, %6$s as row_key, %7$s as tenant
        )
        select count(*) as row_count, min(g.key) as first_key, max(g.key) as last_key,
            sha256(convert_to(coalesce(string_agg(g.row_key, '','' order by g.row_key collate "C"), ''''), ''UTF8'')) as digest,
            (select jsonb_object_agg(s.tenant, s.count) from (select n.tenant, count(*) from gone n group by n.tenant) as s) as per_tenant
        from gone g',
        rule.relation, rule.key, bursar.purge_due(of_table), bursar.purge_held(of_table),
        case when rule.emptied is null then format('delete from bursar.%I t', rule.relation)
            else format('update bursar.%I t set %s', rule.relation, rule.emptied) end,
        rule.row_key, rule.tenant
    )
    into gone using cutoff, tenants, cutoffs, moment, from_key, coalesce(edge, up_to), max_rows;
    row_count := gone.row_count;
    next_key := case when gone.row_count >= max_rows then gone.last_key else edge + 1 end;
    if row_count > 0 then
        insert into bursar.purge_receipt (run_id, fence, policy_hash, table_name, cutoff, proposal_id, row_count, rows_per_tenant,
            first_key, last_key, key_digest, took, own_cutoffs)
        values (run, nullif(current_setting('bursar.fence', true), '')::bigint, policy, of_table, purge_batch.cutoff, proposal,
            gone.row_count, gone.per_tenant, gone.first_key, gone.last_key, gone.digest, clock_timestamp() - begun,
            (select jsonb_object_agg(o.tenant, o.cutoff) from unnest(tenants, cutoffs) as o (tenant, cutoff)
            where gone.per_tenant ? o.tenant::text and o.cutoff <> purge_batch.cutoff));
    end if;
end
$$;

-- Drops the oldest partition of a table that is past the cutoff as a whole, has no more rows than that, and none that is held
-- back; and writes its receipt. Answers where the next one begins, and with null where there is none. What is counted is counted
-- before anything is locked: rows that old do not come any more. Then holds stand still until the month is gone, and where they
-- are not those of the count they are asked again.
create or replace function bursar.purge_partition(
    of_table text, cutoff timestamptz, from_key bigint, up_to bigint, max_rows bigint, run bigint, policy text, proposal bigint,
    lock_timeout_ms integer, out row_count bigint, out next_key bigint
)
language plpgsql security definer set search_path = pg_catalog, bursar as
$$
declare
    rule    record;
    begun   timestamptz := clock_timestamp();
    moment  timestamptz := bursar.business_now();
    holds   bigint[];
    is_held boolean;
    next_   record;
    gone    record;
begin
    perform bursar.refuse_unpurgeable(of_table);
    select * into rule from bursar.purge_rules() as r where r.table_name = of_table;
    if of_table <> 'run_history' then
        perform bursar.refuse(of_table || ' has no partitions', 'its rows are deleted: bursar.purge_batch');
    end if;
    perform bursar.refuse_young_cutoff(of_table, array[cutoff]);
    row_count := 0;
    for next_ in
        select m.name, m.key from bursar.history_months() as m
        where m.key between from_key and up_to and to_timestamp(m.key) + interval '1 month' <= date_trunc('month', cutoff, 'UTC')
        order by m.key
    loop
        holds := bursar.holds_in_force(moment);
        execute format(
            'select count(*) as row_count, coalesce(bool_or(j.held), false) as is_held,
                sha256(convert_to(coalesce(string_agg(j.row_key, '','' order by j.row_key collate "C"), ''''), ''UTF8'')) as digest,
                (select jsonb_object_agg(s.tenant, s.count) from (
                    select %3$s as tenant, count(*) from bursar.%1$I t group by 1) as s) as per_tenant
            from (select %2$s as row_key, %4$s as held from bursar.%1$I t) as j',
            next_.name, rule.row_key, rule.tenant, bursar.purge_held(of_table)
        )
        into gone using cutoff, '{}'::bigint[], '{}'::timestamptz[], moment;
        continue when gone.is_held;
        if gone.row_count > max_rows then
            return;
        end if;
        perform bursar.purge_lock_timeout(lock_timeout_ms);
        lock table bursar.legal_hold in share mode;
        if bursar.holds_in_force(moment) <> holds then
            execute format('select exists (select from bursar.%I t where %s)', next_.name, bursar.purge_held(of_table))
            into is_held using cutoff, '{}'::bigint[], '{}'::timestamptz[], moment;
            -- Holds move again when this transaction ends; the next one goes on behind this month.
            if is_held then
                next_key := next_.key + 1;
                return;
            end if;
        end if;
        execute format('alter table bursar.run_history detach partition bursar.%I', next_.name);
        execute format('drop table bursar.%I', next_.name);
        row_count := gone.row_count;
        next_key := next_.key + 1;
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

-- Rights ---------------------------------------------------------------------------------------------------------------

grant execute on function
    bursar.purge_count(text, timestamptz, bigint[], timestamptz[], timestamptz, bigint, bigint, integer)
to bursar_purge, bursar_scan;

reset role;
