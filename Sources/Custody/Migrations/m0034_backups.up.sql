-- Backups: what a dump may read, what is counted in its snapshot, and which backups there are.

set local role bursar_owner;

-- What the dump's role reads ---------------------------------------------------------------------------------------------

-- A dump locks every table that it describes, and without the right to read it there is no lock. Tables, partitions and
-- sequences that come later are readable too; the rows of those named by bursar.kept_out_of_dumps stay out of dumps.
do $$
declare
    closed text;
begin
    for closed in
        select c.oid::regclass::text from pg_class c
        where c.relnamespace = 'bursar'::regnamespace and c.relkind in ('r', 'p') and c.relowner = 'bursar_owner'::regrole
            and not has_table_privilege('bursar_backup', c.oid, 'select')
    loop
        execute format('grant select on %s to bursar_backup', closed);
    end loop;
end
$$;
grant select on all sequences in schema bursar to bursar_backup;
alter default privileges in schema bursar grant select on tables to bursar_backup;
alter default privileges in schema bursar grant select on sequences to bursar_backup;

-- Tables whose rows no dump contains: a provider's token can be renewed, and is nobody's business elsewhere.
create function bursar.kept_out_of_dumps() returns text[]
language sql immutable parallel safe
begin atomic
    select array['bakong_token'];
end;
grant execute on function bursar.kept_out_of_dumps() to bursar_backup, bursar_ops;

-- What stands in the database now, exactly: of every table the count of its rows, the sum of every bigint column and the
-- highest whole number of its key; the last number of every series; the roles with what they may. Taken in the snapshot of
-- a dump and again in the restored copy it must be the same, to the last row.
--
-- `kept` says that nobody but a purge may delete from the table: its rows may be fewer tomorrow by what receipts of purges
-- tell and by no more. `purged` is how many rows of it the receipts tell of.
create function bursar.take_manifest() returns jsonb
language plpgsql stable set search_path = pg_catalog, pg_temp as
$$
declare
    counted record;
    sums text;
    maxima text;
    found jsonb;
    tables jsonb := '[]';
    receipts jsonb := '{}';
begin
    if to_regprocedure('bursar.purged_rows()') is not null then
        execute 'select coalesce(jsonb_object_agg(p.table_name, p.purged), ''{}'') from bursar.purged_rows() as p' into receipts;
    end if;
    for counted in
        select c.oid, c.relname,
            -- These lose rows in functions of their owner.
            c.relname not in ('notice_endpoint_secret', 'notice_stop', 'schema_migration', 'subscription_schedule')
                and not exists (
                    select from aclexplode(c.relacl) g
                    where g.privilege_type in ('DELETE', 'TRUNCATE') and g.grantee <> c.relowner
                        and pg_get_userbyid(g.grantee) <> 'bursar_purge'
                )
                and not c.relispartition as kept
        from pg_class c
        where c.relnamespace = 'bursar'::regnamespace and c.relkind = 'r' and c.relname <> all (bursar.kept_out_of_dumps())
        order by c.relname
    loop
        select coalesce(string_agg(format('%L, coalesce(sum(%I), 0)::text', a.attname, a.attname), ', ' order by a.attnum), '')
        into sums
        from pg_attribute a
        where a.attrelid = counted.oid and a.attnum > 0 and not a.attisdropped and a.atttypid = 'bigint'::regtype;
        select coalesce(string_agg(format('%L, max(%I)', a.attname, a.attname), ', ' order by a.attnum), '')
        into maxima
        from pg_index i
        join pg_attribute a on a.attrelid = i.indrelid and a.attnum = any (i.indkey)
        where i.indrelid = counted.oid and i.indisprimary and a.atttypid in ('bigint'::regtype, 'integer'::regtype);
        execute format(
            'select jsonb_build_object(''rows'', count(*), ''sums'', jsonb_build_object(%s), ''maxima'', jsonb_build_object(%s)) from only bursar.%I',
            sums, maxima, counted.relname
        ) into found;
        tables := tables || jsonb_build_object('name', counted.relname, 'kept', counted.kept,
            'purged', coalesce((receipts ->> counted.relname)::bigint, 0)) || '[]';
        tables := jsonb_set(tables, array[(jsonb_array_length(tables) - 1)::text], tables -> -1 || found);
    end loop;
    return jsonb_build_object(
        'tables', tables,
        'series', (
            select coalesce(jsonb_agg(jsonb_build_object('issuer', n.issuer_id, 'series', n.series, 'year', n.year,
                'last', n.last_number) order by n.issuer_id, n.series, n.year), '[]')
            from bursar.number_series n
        ),
        'roles', (
            select coalesce(jsonb_agg(jsonb_build_object('name', r.rolname, 'may', concat_ws(' ',
                case when r.rolcanlogin then 'login' end, case when r.rolinherit then 'inherit' end,
                case when r.rolbypassrls then 'bypassrls' end, (
                    select 'in ' || string_agg(pg_get_userbyid(m.roleid), ',' order by pg_get_userbyid(m.roleid)::text)
                    from pg_auth_members m
                    where m.member = r.oid and pg_get_userbyid(m.roleid) ~ '^bursar'
                ))) order by r.rolname), '[]')
            from pg_roles r
            where r.rolname in ('bursar', 'bursar_app', 'bursar_backup', 'bursar_client', 'bursar_engine', 'bursar_listener',
                'bursar_ops', 'bursar_owner', 'bursar_purge', 'bursar_scan')
        )
    );
end
$$;
grant execute on function bursar.take_manifest() to bursar_backup;

-- Which backups there are ------------------------------------------------------------------------------------------------

-- Every backup that was whole. Instants are the database's own clock, bytes of its files as they lie there.
create table bursar.backup (
    id           bigint generated always as identity primary key,
    name         text not null unique check (name ~ '^[0-9A-Za-z-]{1,80}$'),
    run_id       bigint,
    host         text not null,
    directory    text not null,
    taken_at     timestamptz not null,
    as_of        timestamptz not null,
    recorded_at  timestamptz not null default clock_timestamp(),
    seconds      double precision not null check (seconds >= 0),
    files        integer not null check (files > 0),
    plain_bytes  bigint not null check (plain_bytes >= 0),
    sealed_bytes bigint not null check (sealed_bytes >= 0),
    index_sha256 text not null check (index_sha256 ~ '^[0-9a-f]{64}$'),
    key_id       text not null,
    recovery_id  text not null,
    manifest     jsonb not null,
    removed_at   timestamptz
);
create index backup_by_age on bursar.backup (taken_at) where removed_at is null;
grant select on bursar.backup to bursar_app, bursar_scan, bursar_ops;
grant select, insert, update (removed_at) on bursar.backup to bursar_app;

-- A backup's row never changes, but that its files are removed one day.
create function bursar.backup_only_ends() returns trigger
language plpgsql as
$$
begin
    if tg_op = 'UPDATE' and old.removed_at is null and to_jsonb(old) - 'removed_at' = to_jsonb(new) - 'removed_at' then
        return new;
    end if;
    raise exception '% of bursar.backup is refused: what a backup was never changes', lower(tg_op)
        using errcode = 'BU003', hint = 'take another backup';
end
$$;
create trigger backup_only_ends before update or delete on bursar.backup
    for each row execute function bursar.backup_only_ends();

reset role;
