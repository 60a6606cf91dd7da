-- Events and the audit trail: what happened, to what, by whom, with which run. Both are written in the transaction of the
-- change they tell of, so that neither can exist without the other.

set local role bursar_owner;

-- What happened to a tenant's things, for whatever listens: 'invoice.issued', 'subscription.parked'. Insert-only.
create table bursar.event (
    id           bigint generated always as identity,
    tenant_id    bigint not null,
    at           timestamptz not null,              -- business time
    kind         text not null check (kind ~ '^[a-z_]+\.[a-z_]+$'),
    subject_kind text not null,
    subject_id   bigint not null,
    run_id       bigint,                            -- no foreign key: events outlive runs
    actor        text not null default bursar.actor(),
    content      jsonb not null default '{}' check (jsonb_typeof(content) = 'object'),
    primary key (tenant_id, id)
);
create index event_of_subject on bursar.event (tenant_id, subject_kind, subject_id);
call bursar.wall('bursar.event', 'select, insert');
create trigger event_never_changes before update or delete or truncate on bursar.event
    for each statement execute function bursar.refuse_change('write a new event');

-- The bytes of an audit row as they will be hashed: one JSON object with its keys in this order, times in UTC.
create function bursar.audit_canonical(
    tenant_id bigint, at timestamptz, actor text, action text, object text, run_id bigint, content jsonb
) returns text
language sql stable parallel safe
begin atomic
    select concat(
        '{"tenant" : ', tenant_id,
        ', "at" : "', to_char(at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
        '", "actor" : ', to_json(actor),
        ', "action" : ', to_json(action),
        ', "object" : ', to_json(object),
        ', "run" : ', coalesce(run_id::text, 'null'),
        ', "content" : ', coalesce(content::text, 'null'), '}'
    );
end;
grant execute on function bursar.audit_canonical(bigint, timestamptz, text, text, text, bigint, jsonb) to public;

-- The audit trail. Rows are appended unsealed, in their final canonical text; a sealer gives them a dense sequence and a hash.
-- Acts that belong to no tenant (an issuer's policy, a rate) have tenant 0, which no transaction of a tenant names.
create table bursar.audit_entry (
    id        bigint generated always as identity,
    tenant_id bigint not null,
    at        timestamptz not null,                 -- business time
    actor     text not null,
    action    text not null,                        -- 'invoice.issue', 'subscription.park'
    object    text not null,                        -- 'invoice:17'
    run_id    bigint,
    canonical text not null,
    sequence  bigint,
    hash      bytea,
    primary key (tenant_id, id),
    check ((sequence is null) = (hash is null))
);
create unique index audit_entry_sequence on bursar.audit_entry (tenant_id, sequence) where sequence is not null;
create index audit_entry_unsealed on bursar.audit_entry (id) where sequence is null;
call bursar.wall('bursar.audit_entry', 'select, insert');

-- An audit row may be sealed once; nothing else about it ever changes.
create function bursar.refuse_audit_change() returns trigger
language plpgsql as
$$
begin
    if tg_op = 'UPDATE' and old.sequence is null and new.sequence is not null
        and (old.id, old.tenant_id, old.at, old.actor, old.action, old.object, old.canonical)
            = (new.id, new.tenant_id, new.at, new.actor, new.action, new.object, new.canonical)
        and old.run_id is not distinct from new.run_id
    then
        return new;
    end if;
    raise exception '% of the audit trail is refused', lower(tg_op)
        using errcode = 'BU003', hint = 'an audit row is sealed once and never changes';
end
$$;
create trigger audit_entry_never_changes before update or delete on bursar.audit_entry
    for each row execute function bursar.refuse_audit_change();
create trigger audit_entry_never_vanishes before truncate on bursar.audit_entry
    for each statement execute function bursar.refuse_change('an audit row is sealed once and never changes');

-- Writes an event and its audit row for one act. The event's kind is the past of what was done ('subscription.parked').
-- For sets of rows, insert into both tables instead.
create function bursar.note(
    of_tenant bigint,
    kind text,
    subject_kind text,
    subject_id bigint,
    content jsonb default '{}',
    run_id bigint default null,
    at timestamptz default null
) returns void
language plpgsql as
$$
declare
    moment timestamptz := coalesce(note.at, bursar.business_now());
    object text := note.subject_kind || ':' || note.subject_id;
begin
    insert into bursar.event (tenant_id, at, kind, subject_kind, subject_id, run_id, actor, content)
    values (note.of_tenant, moment, note.kind, note.subject_kind, note.subject_id, note.run_id, bursar.actor(), note.content);
    insert into bursar.audit_entry (tenant_id, at, actor, action, object, run_id, canonical)
    values (note.of_tenant, moment, bursar.actor(), note.kind, object, note.run_id,
        bursar.audit_canonical(note.of_tenant, moment, bursar.actor(), note.kind, object, note.run_id, note.content));
end
$$;
grant execute on function bursar.note(bigint, text, text, bigint, jsonb, bigint, timestamptz) to bursar_app;

-- Notes an act that belongs to no tenant: what an operator or a node did to a run or a schedule.
create function bursar.note_of_house(kind text, subject_kind text, subject_id bigint, content jsonb default '{}') returns void
language sql security definer set search_path = pg_catalog, bursar as
$$
    select bursar.note(0, kind, subject_kind, subject_id, content, case subject_kind when 'run' then subject_id end)
$$;
grant execute on function bursar.note_of_house(text, text, bigint, jsonb) to bursar_ops, bursar_engine;

reset role;
