-- What people say of backups: that the files of one are gone for good, and that what a drill missed is known and right.

set local role bursar_owner;

-- A backup before which rows may be missing, since somebody has looked and said why: later ones are compared with it.
create table bursar.backup_acceptance (
    backup_id bigint primary key references bursar.backup (id),
    reason    text not null check (trim(reason) <> ''),
    actor     text not null default bursar.actor(),
    at        timestamptz not null default clock_timestamp()
);
grant select on bursar.backup_acceptance to bursar_app, bursar_scan, bursar_ops;

-- The backup that an act names.
create function bursar.backup_named(name text, reason text) returns bursar.backup
language plpgsql stable set search_path = pg_catalog, bursar as
$$
declare
    found bursar.backup;
begin
    if coalesce(trim(reason), '') = '' then
        perform bursar.refuse('this needs a reason', 'say what was found, or where it is written');
    end if;
    select b.* into found from bursar.backup b where b.name = backup_named.name;
    if found.id is null then
        perform bursar.refuse(format('there is no backup %s', backup_named.name), 'list them with: bursar backup list --all', 'BU004');
    end if;
    return found;
end
$$;

-- Takes a backup off the list whose files are gone for good. Nothing is removed here, and files that come back after all are
-- judged anew by the next rotation.
create function bursar.forget_backup(name text, reason text) returns void
language plpgsql security definer set search_path = pg_catalog, bursar as
$$
declare
    known bursar.backup := bursar.backup_named(name, reason);
begin
    perform bursar.begin_act(reason, true);
    update bursar.backup b set removed_at = clock_timestamp() where b.id = known.id and b.removed_at is null;
    if not found then
        perform bursar.refuse(format('backup %s is off the list already', known.name), 'there is nothing to do');
    end if;
    perform bursar.note_act(0, 'backup.forgotten', 'backup', known.id, jsonb_build_object('backup', known.name), reason);
end
$$;

-- Accepts what is missing in a backup, so that drills of it and of later ones no longer fail for it.
create function bursar.accept_backup(name text, reason text) returns void
language plpgsql security definer set search_path = pg_catalog, bursar as
$$
declare
    known bursar.backup := bursar.backup_named(name, reason);
begin
    perform bursar.begin_act(reason, true);
    insert into bursar.backup_acceptance (backup_id, reason) values (known.id, trim(accept_backup.reason))
    on conflict (backup_id) do nothing;
    if not found then
        perform bursar.refuse(format('backup %s was accepted already', known.name), 'there is nothing to do');
    end if;
    perform bursar.note_act(0, 'backup.accepted', 'backup', known.id, jsonb_build_object('backup', known.name), reason);
end
$$;

grant execute on function bursar.forget_backup, bursar.accept_backup to bursar_ops;

reset role;
