-- Schedules in full: fires that an operator answers, runs that wait for their turn or for other schedules, when a run should
-- have started, alarms by kind, proposals of an edit, and which schedule files each node has.

set local role bursar_owner;

-- Schedules ------------------------------------------------------------------------------------------------------------

-- Every write that changes what a node must know of a schedule takes the next number, so that nodes read only what is new.
create sequence bursar.schedule_version;

alter table bursar.schedule
    -- What the audit trail calls it.
    add column id bigint generated always as identity unique,
    add column version bigint not null default nextval('bursar.schedule_version'),
    -- Fires count from here: before, the schedule was not there, or disabled, or paused, or kept other times.
    add column counted_from timestamptz not null default bursar.business_now();
update bursar.schedule set counted_from = high_water;
grant usage on sequence bursar.schedule_version to bursar_engine;

-- Whether a schedule's time begins anew with this change of its definition: when it is due, or what becomes of missed fires.
create function bursar.restarts_time(was jsonb, becomes jsonb) returns boolean
language sql immutable parallel safe
begin atomic
    select was - array['description', 'owner', 'overlap', 'after', 'start_within', 'deadline', 'jitter', 'retry', 'parameters']
        is distinct from
        becomes - array['description', 'owner', 'overlap', 'after', 'start_within', 'deadline', 'jitter', 'retry', 'parameters'];
end;
grant execute on function bursar.restarts_time(jsonb, jsonb) to bursar_engine;

-- A fire in state asked waits for an operator; the answer makes it ran or skipped, with who and when. Its reason is in why.
alter table bursar.fire
    add column caught_up   boolean not null default false,
    add column answered_at timestamptz,
    add column answered_by text,
    add check ((answered_at is null) = (answered_by is null));
create index fire_asked on bursar.fire (schedule, fire_at) where state = 'asked';

-- Runs -----------------------------------------------------------------------------------------------------------------

-- A run of a schedule that waits for its turn or for other schedules is scheduled for run_at = infinity, so that neither
-- promotion nor claim ever sees it; bursar.release_runs gives it its time.
alter table bursar.run
    add column not_before timestamptz,
    -- Later than this its start is late.
    add column start_by   timestamptz,
    -- The schedules whose runs of the day must have succeeded: [{schedule, since, until, day_end}].
    add column waits_for  jsonb check (jsonb_typeof(waits_for) = 'array');
create index run_held on bursar.run (schedule, fire_at) where state = 'scheduled' and run_at = 'infinity';
create index run_start_by on bursar.run (start_by) where start_by is not null;
create index run_history_dead on bursar.run_history (finished_at) where state = 'dead';

-- Whether nothing of a schedule's day is left that a run of another schedule must wait for: its fires from since to until are
-- made, none waits for an operator, no run of theirs can still change (nor an earlier one that is under way), and where one
-- made a run, that run or a later one of the day has succeeded. Fires that were skipped or missed are nobody's work any more.
create function bursar.predecessor_done(predecessor text, since timestamptz, until timestamptz, day_end timestamptz) returns boolean
language sql stable as
$$
    select not exists (
        select from bursar.schedule s, bursar.installation i
        where s.name = predecessor and s.high_water < until and s.enabled and s.removed_at is null
            and s.definition -> 'environments' ? i.environment
    ) and not exists (
        select from bursar.fire f
        where f.schedule = predecessor and f.fire_at between since and until and f.state = 'asked'
    ) and not exists (
        select from bursar.run r
        where r.schedule = predecessor and r.fire_at <= until and (r.fire_at >= since or r.state in ('scheduled', 'ready', 'running'))
    ) and not exists (
        select from bursar.fire f
        where f.schedule = predecessor and f.fire_at between since and until and f.state = 'ran'
            and not exists (
                select from bursar.run_history h
                where h.schedule = predecessor and h.fire_at >= f.fire_at and h.fire_at < day_end and h.state = 'succeeded'
            )
    )
$$;
grant execute on function bursar.predecessor_done(text, timestamptz, timestamptz, timestamptz) to bursar_engine, bursar_scan, bursar_ops;

-- Gives every run that has waited long enough its time: none of a paused schedule, none before an earlier fire's run of its
-- sequence is done, none before its predecessors are. Where overlap is allowed, newer runs that are in no sequence hold up
-- nobody: there may always be some. Answers how many.
create function bursar.release_runs() returns bigint
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
grant execute on function bursar.release_runs() to bursar_engine;

-- Nodes ----------------------------------------------------------------------------------------------------------------

-- schedule_set is the hash of the schedule files that the node has; null where it has none that can be read.
alter table bursar.node
    add column schedule_set_at  timestamptz,
    add column schedule_problem text;

-- Proposals ------------------------------------------------------------------------------------------------------------

-- What a proposal was made from: for an edit of the schedules, the set that was in force and who made it.
alter table bursar.proposal add column facts jsonb not null default '{}' check (jsonb_typeof(facts) = 'object');

-- Alarms ---------------------------------------------------------------------------------------------------------------

-- The kind is the part of the key before its first colon. An alarm may be raised again for the same since after somebody
-- cleared it by hand, so the two are no key.
alter table bursar.alarm
    drop constraint alarm_pkey,
    add column id          bigint generated always as identity primary key,
    add column kind        text generated always as (split_part(key, ':', 1)) stored,
    add column cleared_by  text,
    add column cleared_for text;
create index alarm_of_key on bursar.alarm (key, cleared_at);

reset role;
