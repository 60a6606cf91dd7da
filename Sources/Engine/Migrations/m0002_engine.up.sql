-- The engine: schedules and their fires, runs and their attempts, nodes and their leases, fences, dedupe keys, proposals, alarms.
--
-- Engine tables have no row-level security and no grant to bursar_app, which may only call bursar.assert_fence.
-- Instants of this file are clock_timestamp() (waits, leases), but for those of fires and as_of, which are business time.

set local role bursar_owner;

-- Schedules ------------------------------------------------------------------------------------------------------------

-- A set of schedule files that was put in force. A hash that is here was applied once: files with it are never applied
-- again by a start or a reload, so an older set cannot return by accident.
create table bursar.schedule_set (
    id         bigint generated always as identity primary key,
    hash       text not null,
    applied_at timestamptz not null default clock_timestamp(),
    applied_by text not null
);
create index schedule_set_hash on bursar.schedule_set (hash);

create table bursar.schedule (
    name       text primary key,
    job        text not null,
    definition jsonb not null,
    enabled    boolean not null,
    -- Every fire up to here has its row, or is counted in a gap. It starts at the moment the schedule was first seen.
    high_water timestamptz not null,
    paused_at  timestamptz,
    paused_by  text,
    paused_for text,
    removed_at timestamptz,
    check ((paused_at is null) = (paused_by is null))
);

create sequence bursar.run_id;

-- One due instant of a schedule. The primary key is the whole of "one fire, one run": every node may try.
create table bursar.fire (
    schedule text not null references bursar.schedule,
    fire_at  timestamptz not null,
    state    text not null check (state in ('ran', 'skipped', 'missed', 'asked')),
    run_id   bigint,
    why      text,
    made_at  timestamptz not null default clock_timestamp(),
    primary key (schedule, fire_at),
    check ((state = 'ran') = (run_id is not null))
);

-- Fires that nobody was there for and that the misfire policy does not catch up: one row a gap.
create table bursar.fire_gap (
    schedule text not null references bursar.schedule,
    from_at  timestamptz not null,
    to_at    timestamptz not null,
    count    bigint not null check (count > 0),
    made_at  timestamptz not null default clock_timestamp(),
    primary key (schedule, from_at)
);

-- Nodes ----------------------------------------------------------------------------------------------------------------

create table bursar.node (
    id           text primary key,
    host         text not null,
    pid          integer not null,
    version      text not null,
    jobs         text[] not null,
    slots        integer not null check (slots >= 0),
    schedule_set text,
    started_at   timestamptz not null default clock_timestamp(),
    lease        interval not null check (lease > interval '0'),
    lease_until  timestamptz not null,
    draining     boolean not null default false
);

-- Runs -----------------------------------------------------------------------------------------------------------------

-- The token of one claim. One sequence for the whole installation, so that a larger fence is always the later claim.
create sequence bursar.fence;

-- A run that can still change. When it ends it moves to run_history.
create table bursar.run (
    id             bigint primary key default nextval('bursar.run_id'),
    job            text not null,
    schedule       text,
    fire_at        timestamptz,
    tenant_id      bigint,
    parameters     jsonb not null default '{}' check (jsonb_typeof(parameters) = 'object'),
    state          text not null check (state in ('scheduled', 'ready', 'running', 'snoozed', 'needs_approval')),
    priority       smallint not null default 0,
    run_at         timestamptz not null default clock_timestamp(),
    -- Runs of one schedule that must go one after another, oldest fire first.
    in_sequence    boolean not null default false,
    dry_run        boolean not null default false,
    given_as_of    timestamptz,
    as_of          timestamptz,
    requested_by   text not null,
    reason         text,
    dedupe_key     text,
    max_attempts   integer not null check (max_attempts > 0),
    retry_initial  interval not null,
    retry_max      interval not null,
    retry_jitter   double precision not null check (retry_jitter between 0 and 1),
    deadline       interval,
    attempts       integer not null default 0,
    failures       integer not null default 0,
    broken_promises integer not null default 0,
    fence          bigint,
    node_id        text,
    checkpoint     jsonb not null default '{}',
    last_error     text,
    created_at     timestamptz not null default clock_timestamp(),
    started_at     timestamptz,
    check ((state = 'running') = (node_id is not null))
) with (fillfactor = 70);
create index run_ready on bursar.run (priority desc, run_at, id) where state = 'ready';
create index run_waiting on bursar.run (run_at) where state in ('scheduled', 'snoozed');
create index run_running on bursar.run (node_id) where state = 'running';
create index run_of_schedule on bursar.run (schedule, fire_at);

-- A run that ended, with its last checkpoint. Partitions are months of finished_at; they are dropped, never deleted from.
create table bursar.run_history (
    id           bigint not null,
    job          text not null,
    schedule     text,
    fire_at      timestamptz,
    tenant_id    bigint,
    parameters   jsonb not null,
    state        text not null check (state in ('succeeded', 'dead', 'cancelled')),
    dry_run      boolean not null,
    as_of        timestamptz,
    requested_by text not null,
    reason       text,
    dedupe_key   text,
    attempts     integer not null,
    fence        bigint,
    checkpoint   jsonb not null,
    outcome      text,
    created_at   timestamptz not null,
    started_at   timestamptz,
    finished_at  timestamptz not null,
    primary key (id, finished_at)
) partition by range (finished_at);
create index run_history_of_schedule on bursar.run_history (schedule, fire_at);
create index run_history_of_job on bursar.run_history (job, finished_at);
create table bursar.run_history_other partition of bursar.run_history default;

-- Makes the partitions of this month and the next two, when they are missing and nothing stands in their way.
create function bursar.make_history_partitions() returns integer
language plpgsql security definer set search_path = pg_catalog, bursar as
$$
declare
    month timestamptz := date_trunc('month', clock_timestamp(), 'UTC');
    made  integer := 0;
begin
    for step in 0..2 loop
        declare
            first_day timestamptz := month + make_interval(months => step);
            name      text := 'run_history_' || to_char(first_day at time zone 'UTC', 'YYYY_MM');
        begin
            if to_regclass('bursar.' || name) is null then
                execute format('create table bursar.%I partition of bursar.run_history for values from (%L) to (%L)',
                    name, first_day, month + make_interval(months => step + 1));
                made := made + 1;
            end if;
        exception
            when check_violation then null;  -- rows of that month already stand in the default partition
        end;
    end loop;
    return made;
end
$$;
grant execute on function bursar.make_history_partitions() to bursar_engine;
select bursar.make_history_partitions();

-- One try at a run, written at claim so that a crash counts.
create table bursar.attempt (
    run_id     bigint not null,
    number     integer not null,
    fence      bigint not null,
    node_id    text not null,
    as_of      timestamptz not null,
    started_at timestamptz not null default clock_timestamp(),
    ended_at   timestamptz,
    outcome    text check (outcome in
        ('succeeded', 'failed', 'crashed', 'lease_lost', 'snoozed', 'needs_approval', 'cancelled', 'handed_back')),
    error      text,
    primary key (run_id, number),
    check ((ended_at is null) = (outcome is null))
);

-- A wish that a run ends. A row of its own, so that it never waits for a chunk.
create table bursar.run_cancel (
    run_id       bigint primary key,
    requested_by text not null,
    reason       text,
    requested_at timestamptz not null default clock_timestamp()
);

-- The identity of a request for work; it lives longer than the run. expires_at is set when the run ends; null keeps it.
create table bursar.dedupe (
    job        text not null,
    tenant_id  bigint not null default 0,  -- 0 where the run has no tenant
    key        text not null,
    run_id     bigint not null,
    parameters jsonb not null,
    keep_for   interval,                   -- null: for ever
    expires_at timestamptz,
    made_at    timestamptz not null default clock_timestamp(),
    primary key (job, tenant_id, key)
);
create index dedupe_expiry on bursar.dedupe (expires_at) where expires_at is not null;

-- A stored preview with an id. The newest of its subject supersedes older open ones.
create table bursar.proposal (
    id         bigint generated always as identity primary key,
    kind       text not null,
    subject    text not null,
    run_id     bigint,
    count      bigint not null,
    totals     jsonb not null,
    digest     text not null,
    why        text not null,
    state      text not null default 'open' check (state in ('open', 'approved', 'superseded', 'applied', 'refused')),
    made_at    timestamptz not null default clock_timestamp(),
    decided_at timestamptz,
    decided_by text,
    reason     text,
    report     jsonb,
    check ((state in ('open', 'superseded')) or decided_by is not null)
);
create index proposal_open on bursar.proposal (kind, subject) where state = 'open';
create index proposal_of_run on bursar.proposal (run_id);

create table bursar.proposal_item (
    proposal_id bigint not null references bursar.proposal on delete cascade,
    key         bigint not null,
    tenant_id   bigint,
    content     jsonb not null,
    primary key (proposal_id, key)
);

-- What is wrong, since when. Nothing else "alerts".
create table bursar.alarm (
    key        text not null,
    since      timestamptz not null default clock_timestamp(),
    severity   text not null check (severity in ('warning', 'critical')),
    evidence   jsonb not null default '{}',
    cleared_at timestamptz,
    primary key (key, since)
);
create unique index alarm_raised on bursar.alarm (key) where cleared_at is null;

-- Fences ---------------------------------------------------------------------------------------------------------------

-- Locks the run's row and compares the fence; every transaction of a job calls it first. The fence is compared, not the
-- lease's end. It runs as the owner, so that bursar_app needs no right on engine tables.
create function bursar.assert_fence(of_run bigint, with_fence bigint) returns void
language plpgsql security definer set search_path = pg_catalog, bursar as
$$
begin
    perform from bursar.run where id = of_run and fence = with_fence and state = 'running' for no key update;
    if not found then
        raise exception 'the lease on run % is lost: fence % is no longer in force', of_run, with_fence
            using errcode = 'BU002', hint = 'another node may own this run now; nothing of this transaction is applied';
    end if;
end
$$;
grant execute on function bursar.assert_fence(bigint, bigint) to bursar_app, bursar_scan, bursar_engine;

-- The contract for other languages --------------------------------------------------------------------------------------

-- Asks for a run, in the caller's own transaction. With a dedupe key the same request is made once: a repeat answers with
-- the first run and created = false, and other parameters under the same key are an error.
create function bursar.enqueue(
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
grant execute on function bursar.enqueue to bursar_engine, bursar_ops, bursar_client;

-- Moves runs out of the way of the claim: into history, with how they ended; frees what was kept for them.
create function bursar.end_runs(wanted bigint[], ended_as text, ended_because text) returns bigint
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
grant execute on function bursar.end_runs(bigint[], text, text) to bursar_engine;

-- Asks that a run ends. One that waits ends now; one that runs is told, and ends at its next step.
-- Answers 'cancelled', 'asked', or 'ended' where it had ended before.
create function bursar.cancel(run bigint, reason text default null) returns text
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
grant execute on function bursar.cancel(bigint, text) to bursar_engine, bursar_ops, bursar_client;

-- Lets a run that stopped over its limit go on, with exactly the items of its proposal. Answers with the proposal.
create function bursar.approve(run bigint, reason text) returns bigint
language plpgsql security definer set search_path = pg_catalog, bursar as
$$
declare
    stopped  bursar.run;
    approved bigint;
begin
    select * into stopped from bursar.run r where r.id = approve.run for update;
    if not found then
        raise exception 'there is no run % that could be approved', approve.run
            using errcode = 'BU004', hint = 'list those that wait with: bursar runs list --state needs_approval';
    end if;
    if stopped.state <> 'needs_approval' then
        raise exception 'run % is %, it does not wait for an approval', stopped.id, stopped.state
            using errcode = 'BU003', hint = 'look at it with: bursar runs show ' || stopped.id;
    end if;
    if coalesce(approve.reason, '') = '' then
        raise exception 'an approval needs a reason' using errcode = 'BU003', hint = 'pass --reason TEXT';
    end if;
    update bursar.proposal p set state = 'approved', decided_at = clock_timestamp(), decided_by = bursar.actor(), reason = approve.reason
    where p.run_id = stopped.id and p.state = 'open' returning p.id into approved;
    update bursar.run r set state = 'ready', run_at = clock_timestamp() where r.id = stopped.id;
    return approved;
end
$$;
grant execute on function bursar.approve(bigint, text) to bursar_engine, bursar_ops;

-- Makes a run of one that ended: the same job and parameters, asked for again by somebody with a reason.
create function bursar.retry(run bigint, reason text) returns bigint
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
grant execute on function bursar.retry(bigint, text) to bursar_engine, bursar_ops;

-- Rights ---------------------------------------------------------------------------------------------------------------

grant select, insert, update, delete on
    bursar.schedule_set, bursar.schedule, bursar.fire, bursar.fire_gap, bursar.node, bursar.run, bursar.attempt, bursar.run_cancel,
    bursar.dedupe, bursar.proposal, bursar.proposal_item, bursar.alarm
to bursar_engine;
grant select, insert on bursar.run_history to bursar_engine;
grant usage on sequence bursar.run_id, bursar.fence to bursar_engine;
grant update on bursar.installation to bursar_engine;
grant select on
    bursar.schedule_set, bursar.schedule, bursar.fire, bursar.fire_gap, bursar.node, bursar.run, bursar.run_history, bursar.attempt,
    bursar.run_cancel, bursar.dedupe, bursar.proposal, bursar.proposal_item, bursar.alarm
to bursar_ops, bursar_scan, bursar_backup;

reset role;
