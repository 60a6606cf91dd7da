-- Quarantine: a database that went back in time, seen by nodes that remember more than it holds, is left alone until a person has looked.

set local role bursar_owner;

-- While a row is not lifted, nothing is claimed and nothing is fired, by any node.
create table bursar.quarantine (
    id        bigint generated always as identity primary key,
    since     timestamptz not null default clock_timestamp(),
    why       text not null,
    -- The highest that any node was given or saw in the past that is gone: the sequences go on above them.
    fence     bigint not null,
    run_id    bigint not null,
    -- Which nodes said so, and what each of them remembers.
    told_by   jsonb not null check (jsonb_typeof(told_by) = 'array'),
    lifted_at timestamptz,
    lifted_by text,
    reason    text,
    check ((lifted_at is null) = (lifted_by is null)),
    check ((lifted_at is null) = (reason is null))
);
create unique index quarantine_in_force on bursar.quarantine ((true)) where lifted_at is null;

-- Refuses where a quarantine is in force, or where the database does not hold what the caller saw committed: the claim that
-- gave it its highest fence, and the last end of an attempt that was acknowledged to it. A past that is older than a quarantine
-- which a person has lifted is known to be gone. First in every transaction that claims or fires.
-- A comparison with the sequence alone would not do: the log carries a sequence 32 values ahead of what was given out.
create function bursar.assert_past(
    claimed_run bigint, claimed_attempt integer, claimed_fence bigint, ended_run bigint, ended_fence bigint
) returns void
language plpgsql stable as
$$
declare
    in_force bursar.quarantine;
    missing  text;
begin
    select * into in_force from bursar.quarantine q where q.lifted_at is null;
    if found then
        raise exception 'in quarantine since %: %', in_force.since, in_force.why
            using errcode = 'BU009', hint = 'look what is missing, then: bursar nodes quarantine lift --reason TEXT';
    end if;
    if claimed_fence is not null
        and not exists (
            select from bursar.attempt a
            where a.run_id = claimed_run and a.number = claimed_attempt and a.fence = claimed_fence
        )
        and not exists (select from bursar.quarantine q where q.fence >= claimed_fence)
    then
        missing := format('attempt %s of run %s, claimed with fence %s', claimed_attempt, claimed_run, claimed_fence);
    elsif ended_fence is not null
        and exists (select from bursar.run r where r.id = ended_run and r.fence = ended_fence and r.state = 'running')
        and not exists (select from bursar.quarantine q where q.fence >= ended_fence)
    then
        missing := format('the end of run %s under fence %s', ended_run, ended_fence);
    end if;
    if missing is not null then
        raise exception 'the database has lost what it had committed: %', missing
            using errcode = 'BU008', hint = 'it was promoted or restored without its last commits';
    end if;
end
$$;
grant execute on function bursar.assert_past(bigint, integer, bigint, bigint, bigint) to bursar_engine;

-- Ends the quarantine that is in force, with a reason. Whatever is claimed or asked for from here on has a larger number than
-- anything of the past that is gone, also where a node has not told of it yet: hence the distance.
create function bursar.lift_quarantine(reason text) returns bigint
language plpgsql security definer set search_path = pg_catalog, bursar as
$$
declare
    in_force bursar.quarantine;
begin
    if coalesce(lift_quarantine.reason, '') = '' then
        raise exception 'to lift a quarantine needs a reason' using errcode = 'BU003', hint = 'pass --reason TEXT';
    end if;
    select * into in_force from bursar.quarantine q where q.lifted_at is null for update;
    if not found then
        raise exception 'no quarantine is in force' using errcode = 'BU004', hint = 'see how it is with: bursar status';
    end if;
    perform setval('bursar.fence', greatest((select f.last_value from bursar.fence f), in_force.fence) + 1000000);
    perform setval('bursar.run_id', greatest((select i.last_value from bursar.run_id i), in_force.run_id) + 1000);
    insert into bursar.outage (kind, subject, during, evidence)
    values ('engine', 'quarantine', tstzrange(in_force.since, greatest(clock_timestamp(), in_force.since), '[]'),
        jsonb_build_object('quarantine', in_force.id, 'why', in_force.why))
    on conflict do nothing;
    update bursar.quarantine q
    set lifted_at = clock_timestamp(), lifted_by = bursar.actor(), reason = lift_quarantine.reason
    where q.id = in_force.id;
    return in_force.id;
end
$$;
revoke execute on function bursar.lift_quarantine(text) from public;
grant execute on function bursar.lift_quarantine(text) to bursar_ops, bursar_engine;

grant select, insert, update on bursar.quarantine to bursar_engine;
grant select on bursar.quarantine to bursar_ops, bursar_scan, bursar_backup;

reset role;
