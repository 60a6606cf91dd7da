-- Bakong: the token, who renews it, and the journal of calls. Nothing here belongs to a tenant.

set local role bursar_owner;

-- The token of this installation, encrypted with a key that lives in a file (AES-256-GCM: nonce, text, tag). A new one is stored
-- before it is used; the old one is kept until the new one has answered once. Of one that is out of use the text is taken away.
create table bursar.bakong_token (
    id              bigint generated always as identity primary key,
    state           text not null default 'new' check (state in ('new', 'current', 'refused', 'old')),
    sealed          bytea check (length(sealed) > 28),
    fingerprint     text not null,                     -- of the token, so that people can tell two apart
    key_fingerprint text not null,                     -- of the key
    expires_at      timestamptz not null,
    source          text not null check (source in ('operator', 'renewal')),
    stored_at       timestamptz not null default clock_timestamp(),
    stored_by       text not null,
    answered_at     timestamptz,
    refused_at      timestamptz,
    check (state not in ('new', 'current') or sealed is not null),
    check ((state = 'current') <= (answered_at is not null))
);
create unique index bakong_token_in_use on bursar.bakong_token (state) where state in ('new', 'current');

-- The lease of the renewal: one node at a time. `token_id` is the newest token, so that who still has an older one learns of it
-- instead of renewing again.
create table bursar.bakong_renewal (
    only_row    boolean primary key default true check (only_row),
    holder      text,
    lease_until timestamptz,
    token_id    bigint,
    tried_at    timestamptz,
    next_try_at timestamptz,
    last_fault  text,
    check ((holder is null) = (lease_until is null))
);
insert into bursar.bakong_renewal default values;

-- Every call: a row before it, its outcome after it. One without an outcome whose time to give up has passed is unknown: the
-- process died in between. No token, no e-mail and no answer stands here, but for the start of a body that was no JSON.
create table bursar.bakong_call (
    id            bigint generated always as identity primary key,
    endpoint      text not null,
    run_id        bigint,
    actor         text not null,
    keys          integer not null check (keys >= 0),
    keys_digest   bytea check (length(keys_digest) = 32),   -- SHA-256 of the sorted keys, a line each
    key_list      text[],                                    -- where they are no secret
    token_id      bigint,
    begun_at      timestamptz not null default clock_timestamp(),
    give_up_at    timestamptz not null,
    outcome       text check (outcome in ('answered', 'failed', 'unknown')),
    ended_at      timestamptz,
    status        integer,
    response_code integer,
    error_code    integer,
    duration_ms   integer,
    bytes         integer,
    fault         text,
    excerpt       text check (octet_length(excerpt) <= 512),
    check (outcome is distinct from 'failed' or fault is not null)
);
create index bakong_call_under_way on bursar.bakong_call (give_up_at) where outcome is null;
create index bakong_call_age on bursar.bakong_call using brin (begun_at);
create index bakong_call_keys on bursar.bakong_call using gin (key_list);

-- Rights: the engine's role makes the calls, an operator stores tokens. Nobody else sees the sealed text, backups neither.
grant select, insert, update on bursar.bakong_token to bursar_engine;
grant insert on bursar.bakong_token to bursar_ops;
grant update (state, sealed) on bursar.bakong_token to bursar_ops;
grant select (id, state, fingerprint, key_fingerprint, expires_at, source, stored_at, stored_by, answered_at, refused_at)
    on bursar.bakong_token to bursar_ops, bursar_scan;
grant select, update on bursar.bakong_renewal to bursar_engine, bursar_ops;
grant select on bursar.bakong_renewal to bursar_scan;
grant select, insert, update on bursar.bakong_call to bursar_engine;
grant select on bursar.bakong_call to bursar_ops, bursar_scan, bursar_backup;
grant select, delete on bursar.bakong_call to bursar_purge;

reset role;
