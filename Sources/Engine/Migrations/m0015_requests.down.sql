-- Takes back requests of many, checked requests, retries that take their key along, and that unreadable waits are stepped over.

set local role bursar_owner;

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
            and not exists (
                select from jsonb_to_recordset(r.waits_for) as w (schedule text, since timestamptz, until timestamptz, day_end timestamptz)
                where not bursar.predecessor_done(w.schedule, w.since, w.until, w.day_end)
            )
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
drop function bursar.waits_are_over(jsonb);

drop function bursar.enqueue_many;
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
    environment       text := (select i.environment from bursar.installation i);
begin
    if coalesce(wanted_job, '') = '' then
        raise exception 'a run needs the name of a job' using errcode = 'BU003', hint = 'pass job => ''renewals''';
    end if;
    if as_of is not null and not dry_run and as_of < bursar.business_now() - interval '1 second' then
        raise exception 'a past as_of is only for a dry run' using errcode = 'BU003', hint = 'pass dry_run => true, or leave as_of out';
    end if;
    if as_of is not null and as_of > bursar.business_now() and environment = 'production' then
        raise exception 'a future as_of is refused in production' using errcode = 'BU005', hint = 'leave as_of out';
    end if;

    run_id := nextval('bursar.run_id');
    created := true;
    if wanted_key is not null then
        delete from bursar.dedupe d
        where d.job = wanted_job and d.tenant_id = coalesce(tenant, 0) and d.key = wanted_key and d.expires_at <= clock_timestamp();
        insert into bursar.dedupe as d (job, tenant_id, key, run_id, parameters, keep_for)
        values (wanted_job, coalesce(tenant, 0), wanted_key, enqueue.run_id, wanted_parameters, dedupe_for)
        on conflict do nothing;
        if not found then
            select * into known from bursar.dedupe d
            where d.job = wanted_job and d.tenant_id = coalesce(tenant, 0) and d.key = wanted_key;
            if known.parameters <> wanted_parameters then
                raise exception 'dedupe key % of job % was used with other parameters, by run %', wanted_key, wanted_job, known.run_id
                    using errcode = 'BU003', hint = 'use another key, or the same parameters';
            end if;
            run_id := known.run_id;
            created := false;
            return;
        end if;
    end if;

    insert into bursar.run (id, job, tenant_id, parameters, state, priority, run_at, dry_run, given_as_of, requested_by, reason,
        dedupe_key, max_attempts, retry_initial, retry_max, retry_jitter, deadline)
    values (enqueue.run_id, wanted_job, tenant, wanted_parameters,
        case when enqueue.run_at > clock_timestamp() then 'scheduled' else 'ready' end,
        enqueue.priority, coalesce(enqueue.run_at, clock_timestamp()), enqueue.dry_run, enqueue.as_of, bursar.actor(), enqueue.reason,
        wanted_key,
        coalesce((retry ->> 'attempts')::integer, 8),
        coalesce((retry ->> 'initial')::interval, interval '30 seconds'),
        coalesce((retry ->> 'max')::interval, interval '1 hour'),
        coalesce((retry ->> 'jitter')::double precision, 0.2),
        (retry ->> 'deadline')::interval);
end
$$;

create or replace function bursar.retry(run bigint, reason text) returns bigint
language plpgsql security definer set search_path = pg_catalog, bursar as
$$
declare
    ended bursar.run_history;
begin
    if exists (select from bursar.run r where r.id = retry.run) then
        update bursar.run r set state = 'ready', run_at = clock_timestamp()
        where r.id = retry.run and r.state in ('scheduled', 'snoozed');
        if not found then
            raise exception 'run % is not waiting for a retry', retry.run
                using errcode = 'BU003', hint = 'look at it with: bursar runs show ' || retry.run;
        end if;
        return retry.run;
    end if;
    select * into ended from bursar.run_history h where h.id = retry.run;
    if not found then
        raise exception 'there is no run %', retry.run using errcode = 'BU004', hint = 'list the runs with: bursar runs list';
    end if;
    if ended.state = 'succeeded' then
        raise exception 'run % succeeded, there is nothing to retry', retry.run
            using errcode = 'BU003', hint = 'start a new one with: bursar run ' || ended.job;
    end if;
    return (select e.run_id from bursar.enqueue(ended.job, ended.parameters, ended.tenant_id, dry_run => ended.dry_run,
        reason => coalesce(retry.reason, 'retry') || ' (again run ' || ended.id || ')') e);
end
$$;

drop function bursar.check_request(text, interval, timestamptz, integer, timestamptz, jsonb);
alter table bursar.run_history drop column retried_as;

reset role;
