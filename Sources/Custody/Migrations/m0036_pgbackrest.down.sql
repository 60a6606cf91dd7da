-- Takes backups by pgBackRest out of the book; pgBackRest keeps them. What drills of them came to stays.

set local role bursar_owner;

drop function bursar.clear_writes(text);
drop function bursar.hold_writes(text, integer);
create or replace function bursar.record_drill(receipt jsonb) returns bigint
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

alter table bursar.drill drop column engine;

alter table bursar.backup disable trigger backup_only_ends;
delete from bursar.backup where engine = 'pgbackrest';
alter table bursar.backup enable trigger backup_only_ends;
alter table bursar.backup
    drop constraint backup_label_once,
    drop constraint backup_of_its_engine,
    drop column database_bytes,
    drop column server_version,
    drop column database,
    drop column wal_last,
    drop column wal_first,
    drop column moment,
    drop column kind,
    drop column label,
    drop column stanza,
    drop column engine,
    alter column recovery_id set not null,
    alter column key_id set not null;

reset role;
