-- Backups by pgBackRest beside the dumps: what is written down of them, and the moment at which their manifest is exact.

set local role bursar_owner;

-- A dump is sealed for two keys; the repository of pgBackRest is encrypted by its own passphrase.
alter table bursar.backup
    alter column key_id drop not null,
    alter column recovery_id drop not null,
    add column engine text not null default 'dump' check (engine in ('dump', 'pgbackrest')),
    add column stanza text check (stanza <> ''),
    -- What pgBackRest calls it.
    add column label text check (label ~ '^[0-9]{8}-[0-9]{6}F(_[0-9]{8}-[0-9]{6}[DI])?$'),
    add column kind text check (kind in ('full', 'diff', 'incr')),
    -- What was committed before this place in the log is in the manifest, and nothing after it.
    add column moment pg_lsn,
    -- The pieces of the log that the backup itself needs.
    add column wal_first text check (wal_first ~ '^[0-9A-F]{24}$'),
    add column wal_last text check (wal_last ~ '^[0-9A-F]{24}$'),
    add column database text,
    add column server_version integer,
    add column database_bytes bigint check (database_bytes >= 0),
    add constraint backup_of_its_engine check (case engine
        when 'dump' then num_nonnulls(key_id, recovery_id) = 2
            and num_nonnulls(stanza, label, kind, moment, wal_first, wal_last, database, server_version, database_bytes) = 0
        else num_nonnulls(key_id, recovery_id) = 0
            and num_nonnulls(stanza, label, kind, moment, wal_first, wal_last, database, server_version, database_bytes) = 9
        end),
    add constraint backup_label_once unique (stanza, label);

alter table bursar.drill add column engine text not null default 'dump' check (engine in ('dump', 'pgbackrest'));

-- As it was, and with the engine.
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
    insert into bursar.drill as d (run_id, backup, engine, source, host, began_at, verdict, failed_phase, told, rpo_seconds, rto_seconds)
    values ((receipt ->> 'run')::bigint, receipt ->> 'backup', coalesce(receipt ->> 'engine', 'dump'),
        receipt ->> 'source', receipt ->> 'host',
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

-- Holds back whoever writes, until the end of the caller's transaction: every writer from before has ended by then, so
-- what a snapshot taken now sees is what the log holds up to now. Null: held; else the table that somebody keeps, and the
-- caller ends its transaction.
--
-- It waits for the table `first`, for so many milliseconds, while it holds no other: so nobody can wait for it in a ring.
-- For each of the others it waits but a moment. The whole takes less than the second after which the server looks for
-- rings: no writer is ever ended for it.
create function bursar.hold_writes(first text, patience integer) returns text
language plpgsql security definer set search_path = pg_catalog, pg_temp as
$$
declare
    held text;
    began timestamptz := clock_timestamp();
begin
    if patience not between 1 and 700 then
        perform bursar.refuse('writers wait for 1 to 700 milliseconds', 'ask for fewer');
    end if;
    perform set_config('lock_timeout', patience::text, true);
    for held in
        -- The list of migrations is its migrator's, who holds the tables that he changes.
        select c.relname from pg_class c
        where c.relnamespace = 'bursar'::regnamespace and c.relkind in ('r', 'p') and not c.relispartition
            and c.relname <> 'schema_migration'
        order by c.relname <> coalesce(first, ''), c.relname
    loop
        execute format('lock table bursar.%I in share mode', held);
        perform set_config('lock_timeout', '20', true);
        if clock_timestamp() > began + make_interval(secs => (patience + 200) / 1000.0) then
            return held;
        end if;
    end loop;
    return null;
exception when lock_not_available then
    return held;
end
$$;
grant execute on function bursar.hold_writes(text, integer) to bursar_backup;

-- Waits until nobody writes into a table, for up to 1.7 s, and holds it no longer than that: the server's own vacuum gives
-- way after one.
create function bursar.clear_writes(name text) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp as
$$
begin
    perform set_config('lock_timeout', '1700', true);
    execute format('lock table bursar.%I in share mode', name);
exception when lock_not_available then
    return;
end
$$;
grant execute on function bursar.clear_writes(text) to bursar_backup;

reset role;
