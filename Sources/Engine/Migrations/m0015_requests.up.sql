-- Requests: work asked for with SQL, one run or many, tried again, and refused where no run may be like that; and a run that waits
-- for something that cannot be read stops nobody else's release.

set local role bursar_owner;

-- Whether all that a run waits for is done; null where that cannot be read.
create function bursar.waits_are_over(waits jsonb) returns boolean
language plpgsql stable set search_path = pg_catalog, bursar as
$$
begin
    return not exists (
        select from jsonb_to_recordset(waits) as w (schedule text, since timestamptz, until timestamptz, day_end timestamptz)
        where not bursar.predecessor_done(w.schedule, w.since, w.until, w.day_end)
    );
exception
    when data_exception then return null;
end
$$;
grant execute on function bursar.waits_are_over(jsonb) to bursar_engine;

create or replace function bursar.release_runs() returns bigint
language sql as
$$
    with free as (
        select r.id
        from bursar.run r
        join bursar.schedule s on s.name = r.schedule and s.paused_at is null
        where r.state = 'scheduled' and r.run_at = 'infinity'
            and not (r.in_sequence and exists (
                select from bursar.run e
                where e.schedule = r.schedule and e.id <> r.id
                    and (e.state in ('scheduled', 'ready', 'running') and e.fire_at < r.fire_at
                        or e.state = 'running' and (e.in_sequence or s.definition ->> 'overlap' <> 'allow'))
            ))
            and (r.waits_for is null or bursar.waits_are_over(r.waits_for))
        for no key update of r skip locked
    ), released as (
        update bursar.run r
        set state = case when r.not_before > clock_timestamp() then 'scheduled' else 'ready' end,
            run_at = greatest(r.not_before, clock_timestamp())
        from free f
        where r.id = f.id
        returning r.id
    )
    select count(*) from released
$$;

-- Refuses what no run may be like, before anything is written. What cannot be added to an instant would stop those who look at it.
create function bursar.check_request(
    job text, dedupe_for interval, run_at timestamptz, priority integer, as_of timestamptz, retry jsonb
) returns void
language plpgsql stable set search_path = pg_catalog, bursar as
$$
begin
    if coalesce(job, '') = '' then
        raise exception 'a run needs the name of a job' using errcode = 'BU003', hint = 'pass job => ''renewals''';
    end if;
    if (priority between -100 and 100) is not true then
        raise exception 'a priority is between -100 and 100, not %', coalesce(priority::text, 'null')
            using errcode = 'BU003', hint = 'a level is a head start of 1,000 runs; leave it out for none';
    end if;
    if not (isfinite(coalesce(run_at, '2000-01-01')) and isfinite(coalesce(as_of, '2000-01-01'))) then
        raise exception 'run_at and as_of are instants, infinity is none' using errcode = 'BU003', hint = 'leave them out for now';
    end if;
    if dedupe_for not between interval '0' and interval '100 years' then
        raise exception 'dedupe_for is between nothing and 100 years, not %', dedupe_for
            using errcode = 'BU003', hint = 'pass null to keep the key for ever';
    end if;
    if jsonb_typeof(retry) is distinct from 'object' or exists (
        select from jsonb_object_keys(retry) as k (name) where k.name not in ('attempts', 'initial', 'max', 'jitter', 'deadline')
    ) then
        raise exception 'retry is an object with attempts, initial, max, jitter and deadline'
            using errcode = 'BU003', hint = 'pass retry => ''{"attempts": 3, "initial": "10 seconds"}''';
    end if;
    begin
        if (retry ->> 'attempts')::integer not between 1 and 1000
            or (retry ->> 'initial')::interval not between interval '0' and interval '1 day'
            or (retry ->> 'max')::interval not between interval '0' and interval '1 year'
            or (retry ->> 'jitter')::double precision not between 0 and 1
            or not ((retry ->> 'deadline')::interval > interval '0' and (retry ->> 'deadline')::interval <= interval '1 year') then
            raise exception using errcode = 'numeric_value_out_of_range';
        end if;
    exception when data_exception then
        raise exception 'a value of retry is not what it may be: %', retry using errcode = 'BU003',
            hint = 'attempts 1 to 1000, initial up to 1 day, max up to 1 year, jitter 0 to 1, deadline up to 1 year';
    end;
end
$$;

create or replace function bursar.enqueue(
    job text,
    parameters jsonb default '{}',
    tenant bigint default null,
    dedupe_key text default null,
    dedupe_for interval default interval '30 days',
    run_at timestamptz default null,
    priority integer default 0,
    reason text default null,
    as_of timestamptz default null,
    dry_run boolean default false,
    retry jsonb default '{}',
    out run_id bigint,
    out created boolean
)
language plpgsql security definer set search_path = pg_catalog, bursar as
$$
declare
    wanted_job        alias for job;
    wanted_parameters alias for parameters;
    wanted_key        alias for dedupe_key;
    known             bursar.dedupe;
    is_ready          boolean := enqueue.run_at is null or enqueue.run_at <= clock_timestamp();
begin
    perform bursar.check_request(wanted_job, dedupe_for, enqueue.run_at, enqueue.priority, as_of, retry);
    if jsonb_typeof(wanted_parameters) is distinct from 'object' then
        raise exception 'the parameters of a run are a JSON object' using errcode = 'BU003', hint = 'pass parameters => ''{"chunk": 500}''';
    end if;
    if as_of is not null and not dry_run and as_of < bursar.business_now() - interval '1 second' then
        raise exception 'a past as_of is only for a dry run' using errcode = 'BU003', hint = 'pass dry_run => true, or leave as_of out';
    end if;
    if as_of is not null and as_of > bursar.business_now() and (select i.environment from bursar.installation i) = 'production' then
        raise exception 'a future as_of is refused in production' using errcode = 'BU005', hint = 'leave as_of out';
    end if;

    run_id := nextval('bursar.run_id');
    created := true;
    if wanted_key is not null then
        loop
            delete from bursar.dedupe d
            where d.job = wanted_job and d.tenant_id = coalesce(tenant, 0) and d.key = wanted_key and d.expires_at <= clock_timestamp();
            insert into bursar.dedupe as d (job, tenant_id, key, run_id, parameters, keep_for)
            values (wanted_job, coalesce(tenant, 0), wanted_key, enqueue.run_id, wanted_parameters, dedupe_for)
            on conflict do nothing;
            exit when found;
            select * into known from bursar.dedupe d
            where d.job = wanted_job and d.tenant_id = coalesce(tenant, 0) and d.key = wanted_key;
            continue when not found;  -- it was forgotten at this moment
            if known.parameters <> wanted_parameters then
                raise exception 'dedupe key % of job % was used with other parameters, by run %', wanted_key, wanted_job, known.run_id
                    using errcode = 'BU003', hint = 'use another key, or the same parameters';
            end if;
            run_id := known.run_id;
            created := false;
            return;
        end loop;
    end if;

    insert into bursar.run (id, job, tenant_id, parameters, state, priority, run_at, dry_run, given_as_of, requested_by, reason,
        dedupe_key, max_attempts, retry_initial, retry_max, retry_jitter, deadline)
    values (enqueue.run_id, wanted_job, tenant, wanted_parameters, case when is_ready then 'ready' else 'scheduled' end,
        enqueue.priority, coalesce(enqueue.run_at, clock_timestamp()), enqueue.dry_run, enqueue.as_of, bursar.actor(), enqueue.reason,
        wanted_key,
        coalesce((retry ->> 'attempts')::integer, 8),
        coalesce((retry ->> 'initial')::interval, interval '30 seconds'),
        coalesce((retry ->> 'max')::interval, interval '1 hour'),
        coalesce((retry ->> 'jitter')::double precision, 0.2),
        (retry ->> 'deadline')::interval);
    if is_ready then
        perform bursar.tell_idle_nodes();
    end if;
end
$$;

-- Asks for many runs of a job at once, in the order of the arrays; `tenants` and `dedupe_keys` are as long as `parameters`, or
-- left out. Answers one row a request, in order; a repeat of a dedupe key, in the batch too, answers with the first run.
create function bursar.enqueue_many(
    job text,
    parameters jsonb[],
    tenants bigint[] default null,
    dedupe_keys text[] default null,
    dedupe_for interval default interval '30 days',
    run_at timestamptz default null,
    priority integer default 0,
    reason text default null,
    retry jsonb default '{}'
) returns table (place integer, run_id bigint, created boolean)
language plpgsql security definer set search_path = pg_catalog, bursar as
$$
#variable_conflict use_column
declare
    wanted     alias for parameters;
    wanted_job alias for job;
    many       integer := coalesce(cardinality(wanted), 0);
    of_tenant  bigint[] := coalesce(tenants, array_fill(null::bigint, array[many]));
    of_key     text[] := coalesce(dedupe_keys, array_fill(null::text, array[many]));
    ids        bigint[] := array(select nextval('bursar.run_id') from generate_series(1, many));
    is_ready   boolean := enqueue_many.run_at is null or enqueue_many.run_at <= clock_timestamp();
    other      record;
begin
    perform bursar.check_request(wanted_job, dedupe_for, enqueue_many.run_at, enqueue_many.priority, null, retry);
    if wanted is null or array_ndims(wanted) > 1 then
        raise exception 'parameters are a list with one JSON object a run' using errcode = 'BU003', hint = 'put ''{}'' where a run has none';
    end if;
    if cardinality(of_tenant) <> many or cardinality(of_key) <> many then
        raise exception 'tenants and dedupe_keys must be as long as parameters (%)', many
            using errcode = 'BU003', hint = 'put null where a run has none';
    end if;
    if exists (select from unnest(wanted) as p where jsonb_typeof(p) is distinct from 'object') then
        raise exception 'the parameters of a run are a JSON object' using errcode = 'BU003', hint = 'put ''{}'' where a run has none';
    end if;

    if dedupe_keys is not null then
        delete from bursar.dedupe d
        using unnest(of_tenant, of_key) as w (tenant_id, key)
        where d.job = wanted_job and d.tenant_id = coalesce(w.tenant_id, 0) and d.key = w.key and d.expires_at <= clock_timestamp();
        -- In the order of the keys, so that two that ask for the same wait for each other once.
        insert into bursar.dedupe as d (job, tenant_id, key, run_id, parameters, keep_for)
        select distinct on (coalesce(w.tenant_id, 0), w.key) wanted_job, coalesce(w.tenant_id, 0), w.key, w.id, w.parameters, dedupe_for
        from unnest(wanted, of_tenant, of_key, ids) with ordinality as w (parameters, tenant_id, key, id, place)
        where w.key is not null
        order by coalesce(w.tenant_id, 0), w.key, w.place
        on conflict do nothing;
        -- What others had asked for before is seen only by a statement that begins after theirs have ended.
        select d.key, d.run_id into other
        from unnest(wanted, of_tenant, of_key) as w (parameters, tenant_id, key)
        join bursar.dedupe d on d.job = wanted_job and d.tenant_id = coalesce(w.tenant_id, 0) and d.key = w.key
        where d.parameters <> w.parameters
        limit 1;
        if found then
            raise exception 'dedupe key % of job % was used with other parameters, by run %', other.key, wanted_job, other.run_id
                using errcode = 'BU003', hint = 'use another key, or the same parameters';
        end if;
    end if;

    return query
    with asked as materialized (
        select w.place::integer as place, w.parameters, w.tenant_id, w.key, w.id, coalesce(d.run_id, w.id) as made_as
        from unnest(wanted, of_tenant, of_key, ids) with ordinality as w (parameters, tenant_id, key, id, place)
        left join bursar.dedupe d
            on dedupe_keys is not null and d.job = wanted_job and d.tenant_id = coalesce(w.tenant_id, 0) and d.key = w.key
    ), fresh as materialized (
        select a.*, row_number() over (partition by a.tenant_id order by a.place) as nth from asked a where a.made_as = a.id
    ), flows as materialized (
        select f.tenant_id, bursar.last_turn(f.tenant_id, wanted_job, enqueue_many.priority::smallint) as last
        from (select distinct tenant_id from fresh) as f
    ), made as (
        insert into bursar.run (id, job, tenant_id, parameters, state, priority, turn, gates, admitted, run_at, requested_by, reason,
            dedupe_key, max_attempts, retry_initial, retry_max, retry_jitter, deadline)
        select f.id, wanted_job, f.tenant_id, f.parameters, case when is_ready then 'ready' else 'scheduled' end, enqueue_many.priority,
            case when is_ready then flows.last + f.nth end, g.gates, g.gates is null,
            coalesce(enqueue_many.run_at, clock_timestamp()), bursar.actor(), enqueue_many.reason, f.key,
            coalesce((retry ->> 'attempts')::integer, 8),
            coalesce((retry ->> 'initial')::interval, interval '30 seconds'),
            coalesce((retry ->> 'max')::interval, interval '1 hour'),
            coalesce((retry ->> 'jitter')::double precision, 0.2),
            (retry ->> 'deadline')::interval
        from fresh f
        join flows on flows.tenant_id is not distinct from f.tenant_id
        cross join lateral (
            select case when is_ready and exists (select from bursar.job_limit l where l.job = wanted_job)
                then bursar.gates_of(wanted_job, f.tenant_id, f.parameters) end as gates
        ) as g
    )
    select a.place, a.made_as, a.made_as = a.id from asked a order by a.place;
    if is_ready then
        perform bursar.tell_idle_nodes();
    end if;
end
$$;
grant execute on function bursar.enqueue_many to bursar_engine, bursar_ops, bursar_client;

-- The run that tries again what this one did not do.
alter table bursar.run_history add column retried_as bigint;

-- Tries a run again now: one that waits, or makes one of a run that ended, with the same job, parameters, schedule and fire, and
-- with its dedupe key. A run is retried once: a repeat answers with the run that was made.
create or replace function bursar.retry(run bigint, reason text) returns bigint
language plpgsql security definer set search_path = pg_catalog, bursar as
$$
declare
    ended bursar.run_history;
    later text;
    owner bigint;
    again bigint;
begin
    if exists (select from bursar.run r where r.id = retry.run) then
        update bursar.run r set state = 'ready', run_at = clock_timestamp()
        where r.id = retry.run and r.state in ('scheduled', 'snoozed');
        if not found then
            raise exception 'run % is not waiting for a retry', retry.run
                using errcode = 'BU003', hint = 'look at it with: bursar runs show ' || retry.run;
        end if;
        perform bursar.tell_idle_nodes();
        return retry.run;
    end if;
    select * into ended from bursar.run_history h where h.id = retry.run for no key update;
    if not found then
        raise exception 'there is no run %', retry.run using errcode = 'BU004', hint = 'list the runs with: bursar runs list';
    end if;
    if ended.state = 'succeeded' then
        raise exception 'run % succeeded, there is nothing to retry', retry.run
            using errcode = 'BU003', hint = 'start a new one with: bursar run ' || ended.job;
    end if;
    if ended.retried_as is not null then
        select h.state into later from bursar.run_history h where h.id = ended.retried_as;
        if not found then
            return ended.retried_as;
        end if;
        raise exception 'run % was tried again as run %, which is %', ended.id, ended.retried_as, later
            using errcode = 'BU003', hint = 'look at it with: bursar runs show ' || ended.retried_as;
    end if;
    again := nextval('bursar.run_id');
    if ended.dedupe_key is not null then
        -- The key goes over to the new run, unless somebody has asked for the same anew since it was forgotten.
        insert into bursar.dedupe as d (job, tenant_id, key, run_id, parameters, keep_for)
        values (ended.job, coalesce(ended.tenant_id, 0), ended.dedupe_key, again, ended.parameters, interval '30 days')
        on conflict (job, tenant_id, key) do update set run_id = again, parameters = excluded.parameters, expires_at = null
        where d.run_id = ended.id or d.expires_at <= clock_timestamp()
        returning d.run_id into owner;
        if owner is null then
            select d.run_id into owner from bursar.dedupe d
            where d.job = ended.job and d.tenant_id = coalesce(ended.tenant_id, 0) and d.key = ended.dedupe_key;
            raise exception 'the work of run % was asked for again as run %, under the same dedupe key', ended.id, owner
                using errcode = 'BU003', hint = 'look at it with: bursar runs show ' || owner;
        end if;
    end if;
    insert into bursar.run (id, job, schedule, fire_at, tenant_id, parameters, state, dry_run, dedupe_key, requested_by, reason,
        max_attempts, retry_initial, retry_max, retry_jitter, deadline)
    select again, ended.job, ended.schedule, ended.fire_at, ended.tenant_id, ended.parameters, 'ready', ended.dry_run, ended.dedupe_key,
        bursar.actor(), coalesce(retry.reason, 'retry') || ' (again run ' || ended.id || ')',
        coalesce((s.definition -> 'retry' ->> 'attempts')::integer, 8), coalesce(r.initial, interval '30 seconds'),
        coalesce(r.longest, interval '1 hour'), coalesce((s.definition -> 'retry' ->> 'jitter')::double precision, 0.2), r.deadline
    from (values (1)) as one
    left join bursar.schedule s on s.name = ended.schedule
    cross join lateral (
        select (s.definition -> 'retry' ->> 'initial')::interval as initial, (s.definition -> 'retry' ->> 'max')::interval as longest,
            (s.definition ->> 'deadline')::interval as deadline
    ) as r;
    update bursar.run_history h set retried_as = again where h.id = ended.id and h.finished_at = ended.finished_at;
    perform bursar.tell_idle_nodes();
    return again;
end
$$;

reset role;
