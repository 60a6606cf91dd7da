-- Drills: what was tried to prove that a backup restores, phase by phase, and what it came to.

set local role bursar_owner;

-- A drill, and its verdict. `partial`: nothing failed, but a phase was left out; that proves nothing.
create table bursar.drill (
    id           bigint generated always as identity primary key,
    run_id       bigint,
    backup       text,
    source       text not null check (source <> ''),
    host         text not null,
    began_at     timestamptz not null,
    recorded_at  timestamptz not null default clock_timestamp(),
    verdict      text not null check (verdict in ('pass', 'partial', 'fail')),
    failed_phase text check ((failed_phase is not null) = (verdict = 'fail')),
    told         text not null check (told <> ''),
    -- How much would have been lost, and how long it took until the copy was proven.
    rpo_seconds  double precision,
    rto_seconds  double precision check (rto_seconds >= 0),
    check (verdict = 'fail' or backup is not null and rto_seconds is not null)
);
create index drill_of_backup on bursar.drill (backup, recorded_at);
create index drill_by_verdict on bursar.drill (verdict, recorded_at);

create table bursar.drill_phase (
    drill_id bigint not null references bursar.drill (id),
    place    integer not null,
    name     text not null check (name <> ''),
    outcome  text not null check (outcome in ('passed', 'failed', 'skipped')),
    seconds  double precision not null check (seconds >= 0),
    detail   text not null,
    primary key (drill_id, place),
    unique (drill_id, name)
);
grant select on bursar.drill, bursar.drill_phase to bursar_app, bursar_scan, bursar_ops;
create trigger drill_never_changes before update or delete or truncate on bursar.drill
    for each statement execute function bursar.refuse_change('a verdict is evidence; run another drill');
create trigger drill_phase_never_changes before update or delete or truncate on bursar.drill_phase
    for each statement execute function bursar.refuse_change('a verdict is evidence; run another drill');

-- Records a drill with its phases. The verdict follows from the phases: one that failed, then one of the
-- thirteen that was left out, else a pass; where the caller says another it is refused. A pass opens the gate of suspensions, a failure is an event.
create function bursar.record_drill(receipt jsonb) returns bigint
language plpgsql security definer set search_path = pg_catalog, bursar as
$$
declare
    made bigint;
    verdict text;
    phases jsonb := receipt -> 'phases';
begin
    verdict := case
        when jsonb_array_length(phases) = 0 or phases @> '[{"outcome": "failed"}]' then 'fail'
        when phases @> '[{"outcome": "skipped"}]' or jsonb_array_length(phases) < 13 then 'partial'
        else 'pass' end;
    if verdict is distinct from receipt ->> 'verdict' then
        perform bursar.refuse('a drill whose phases come to ' || verdict || ' is no ' || coalesce(receipt ->> 'verdict', 'drill'),
            'record what the phases say');
    end if;
    insert into bursar.drill as d (run_id, backup, source, host, began_at, verdict, failed_phase, told, rpo_seconds, rto_seconds)
    values ((receipt ->> 'run')::bigint, receipt ->> 'backup', receipt ->> 'source', receipt ->> 'host',
        (receipt ->> 'began_at')::timestamptz, verdict,
        (select p ->> 'name' from jsonb_array_elements(phases) p where p ->> 'outcome' = 'failed' limit 1),
        receipt ->> 'told', (receipt ->> 'rpo_seconds')::float8, (receipt ->> 'rto_seconds')::float8)
    returning d.id into made;
    insert into bursar.drill_phase (drill_id, place, name, outcome, seconds, detail)
    select made, p.place, p.phase ->> 'name', p.phase ->> 'outcome', (p.phase ->> 'seconds')::float8, p.phase ->> 'detail'
    from jsonb_array_elements(phases) with ordinality as p (phase, place);
    if verdict = 'pass' then
        perform bursar.record_drill_pass(jsonb_build_object('drill', made, 'backup', receipt ->> 'backup', 'told', receipt ->> 'told'));
    elsif verdict = 'fail' then
        perform bursar.note(0, 'drill.failed', 'drill', made, jsonb_build_object('told', receipt ->> 'told', 'backup', receipt ->> 'backup'),
            (receipt ->> 'run')::bigint);
    end if;
    return made;
end
$$;
grant execute on function bursar.record_drill(jsonb) to bursar_app;

reset role;
