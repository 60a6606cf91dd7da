-- Foundation: the roles, the wall between tenants, the two clocks, and what this installation is.
--
-- Roles belong to the cluster and outlive the schema, so they are made only when missing. Extensions and roles are made
-- by whoever runs `bursar migrate`; everything else belongs to bursar_owner.

do $roles$
declare
    wanted record;
begin
    for wanted in
        select * from (values
            ('bursar_owner',    'nologin'),
            ('bursar_engine',   'nologin'),
            ('bursar_app',      'nologin'),
            ('bursar_scan',     'nologin'),
            ('bursar_ops',      'nologin'),
            ('bursar_purge',    'nologin'),
            ('bursar_backup',   'login'),
            ('bursar_client',   'login'),
            ('bursar',          'login noinherit'),
            ('bursar_listener', 'login noinherit')
        ) as role (name, attributes)
    loop
        if not exists (select from pg_roles where rolname = wanted.name) then
            execute format('create role %I %s', wanted.name, wanted.attributes);
        end if;
    end loop;
    -- Only a superuser may give BYPASSRLS; without it `bursar doctor` says that backups cannot read every tenant.
    if (select rolsuper from pg_roles where rolname = current_user) then
        alter role bursar_backup bypassrls;
    end if;
end
$roles$;

grant bursar_engine, bursar_app, bursar_scan, bursar_ops, bursar_purge to bursar;

create extension if not exists btree_gist;

do $owner$
begin
    execute format('grant bursar_owner to %I', current_user);
exception
    when invalid_grant_operation then null;  -- a superuser that already owns it
end
$owner$;

alter schema bursar owner to bursar_owner;
set local role bursar_owner;

grant usage on schema bursar to
    bursar_engine, bursar_app, bursar_scan, bursar_ops, bursar_purge, bursar_backup, bursar_client, bursar, bursar_listener;
-- Without `in schema`: a revoke for one schema alone takes nothing away, and every function would be open to everybody.
alter default privileges revoke execute on functions from public;

-- What this installation is. The offset moves business time in development and staging; in production it is 0 for ever.
create table bursar.installation (
    only_row        boolean primary key default true check (only_row),
    environment     text not null default 'development' check (environment in ('development', 'staging', 'production')),
    business_offset interval not null default interval '0',
    demo            boolean not null default false,
    created_at      timestamptz not null default clock_timestamp(),
    constraint business_time_is_real_in_production check (environment <> 'production' or business_offset = interval '0')
);
insert into bursar.installation default values;
grant select on bursar.installation to public;

-- Business time: fires, quiet hours, expiries and as_of. Leases, heartbeats and retry waits use clock_timestamp() instead.
create function bursar.business_now() returns timestamptz
language sql volatile parallel safe
begin atomic
    select clock_timestamp() + (select business_offset from bursar.installation);
end;
grant execute on function bursar.business_now() to public;

-- The tenants that this transaction names. It raises when none is set: an empty answer would be missed billing.
-- After `set local` has ended the setting reads '' and not null on the second use of a connection, so both are refused.
create function bursar.tenants() returns bigint[]
language plpgsql stable parallel safe as
$$
declare
    named text := current_setting('bursar.tenants', true);
begin
    if named is null or named = '' then
        raise exception 'no tenant is set for this transaction'
            using errcode = 'BU001', hint = 'name the tenants with: set local bursar.tenants = ''{1,2}''';
    end if;
    return named::bigint[];
end
$$;
grant execute on function bursar.tenants() to public;

-- Walls a tenant table: forced row-level security, a policy for each role that may see rows, and the grants that go with
-- them, so that no role is ever granted a table it has no policy on.
create procedure bursar.wall(walled regclass, app_rights text default 'select, insert, update')
language plpgsql as
$$
begin
    execute format('alter table %s enable row level security', walled);
    execute format('alter table %s force row level security', walled);
    execute format('create policy tenant_wall on %s to bursar_app using (tenant_id in (select unnest(bursar.tenants()))) '
        'with check (tenant_id in (select unnest(bursar.tenants())))', walled);
    execute format('create policy scan on %s for select to bursar_scan using (true)', walled);
    execute format('create policy operations on %s for select to bursar_ops using (true)', walled);
    execute format('create policy owner on %s to bursar_owner using (true) with check (true)', walled);
    execute format('grant %s on %s to bursar_app', app_rights, walled);
    execute format('grant select on %s to bursar_scan, bursar_ops, bursar_backup', walled);
end
$$;
revoke execute on procedure bursar.wall(regclass, text) from public;

-- Who acts in this transaction, for audit rows: 'job:renewals', 'operator:sok', 'client:webapp'.
create function bursar.actor() returns text
language sql stable parallel safe
begin atomic
    select coalesce(nullif(current_setting('bursar.actor', true), ''), 'role:' || session_user);
end;
grant execute on function bursar.actor() to public;

-- Refuses a change of a row that must never change. The trigger's argument says what to do instead.
create function bursar.refuse_change() returns trigger
language plpgsql as
$$
begin
    raise exception '% of %.% is refused: its rows never change', lower(tg_op), tg_table_schema, tg_table_name
        using errcode = 'BU003', hint = coalesce(tg_argv[0], 'write a new row');
end
$$;

reset role;
