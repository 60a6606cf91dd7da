-- Takes back turns, gates, providers and outages, and asks for work and for its end as before.

set local role bursar_owner;

drop function bursar.assert_fence_to_read(bigint, bigint);
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

create or replace function bursar.cancel(run bigint, reason text default null) returns text
language plpgsql security definer set search_path = pg_catalog, bursar as
$$
declare
    waiting bigint;
begin
    if not exists (select from bursar.run r where r.id = cancel.run) then
        if exists (select from bursar.run_history h where h.id = cancel.run) then
            return 'ended';
        end if;
        raise exception 'there is no run %', cancel.run using errcode = 'BU004', hint = 'list the runs with: bursar runs list';
    end if;
    insert into bursar.run_cancel (run_id, requested_by, reason) values (cancel.run, bursar.actor(), cancel.reason)
    on conflict do nothing;
    select r.id into waiting from bursar.run r
    where r.id = cancel.run and r.state in ('scheduled', 'ready', 'snoozed', 'needs_approval') for update skip locked;
    if found then
        perform bursar.end_runs(array[waiting], 'cancelled', 'cancelled by ' || bursar.actor() || coalesce(': ' || cancel.reason, ''));
        return 'cancelled';
    end if;
    return 'asked';
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

create or replace function bursar.end_runs(wanted bigint[], ended_as text, ended_because text) returns bigint
language sql security definer set search_path = pg_catalog, bursar as
$$
    with gone as (
        delete from bursar.run r where r.id = any (wanted) returning r.*
    ), freed as (
        update bursar.dedupe d set expires_at = clock_timestamp() + d.keep_for
        from gone g
        where g.dedupe_key is not null and d.job = g.job and d.tenant_id = coalesce(g.tenant_id, 0) and d.key = g.dedupe_key
    ), decided as (
        update bursar.proposal p
        set state = case when p.state = 'open' then 'superseded' when ended_as = 'succeeded' then 'applied' else p.state end,
            report = case when ended_as = 'succeeded' then g.checkpoint end
        from gone g where p.run_id = g.id and p.state in ('open', 'approved')
    ), answered as (
        delete from bursar.run_cancel c using gone g where c.run_id = g.id
    ), kept as (
        insert into bursar.run_history (id, job, schedule, fire_at, tenant_id, parameters, state, dry_run, as_of, requested_by, reason,
            dedupe_key, attempts, fence, checkpoint, outcome, created_at, started_at, finished_at)
        select g.id, g.job, g.schedule, g.fire_at, g.tenant_id, g.parameters, ended_as, g.dry_run, g.as_of, g.requested_by, g.reason,
            g.dedupe_key, g.attempts, g.fence, g.checkpoint, ended_because, g.created_at, g.started_at, clock_timestamp()
        from gone g
        returning id
    )
    select count(*) from kept
$$;

drop function bursar.tell_idle_nodes();
alter table bursar.node drop column idle;
drop function bursar.take_call(text);
drop function bursar.call_ended(text, boolean, text);
drop function bursar.admit(text, integer);
drop function bursar.room_at(text);
drop trigger run_takes_its_place on bursar.run;
drop trigger run_takes_its_place_again on bursar.run;
drop function bursar.take_place();
drop function bursar.gates_of(text, bigint, jsonb);
drop function bursar.last_turn(bigint, smallint);
drop table bursar.gate_pass;
drop index bursar.run_claim, bursar.run_flow, bursar.run_gated, bursar.run_of_schedule, bursar.run_history_of_schedule;
alter table bursar.run reset (autovacuum_vacuum_scale_factor, autovacuum_vacuum_cost_delay);
alter table bursar.attempt reset (fillfactor);
alter table bursar.run drop column turn, drop column gates, drop column admitted;
create index run_ready on bursar.run (priority desc, run_at, id) where state = 'ready';
create index run_of_schedule on bursar.run (schedule, fire_at);
create index run_history_of_schedule on bursar.run_history (schedule, fire_at);
drop index bursar.proposal_undone;
drop table bursar.trial_entry, bursar.outage, bursar.provider, bursar.job_limit;
drop sequence bursar.turn;

reset role;
