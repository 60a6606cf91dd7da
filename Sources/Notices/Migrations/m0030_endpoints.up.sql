-- Endpoints: where tenants take signed posts, the secrets that sign them, and how they fare.

set local role bursar_owner;

-- One endpoint is one URL of one tenant, known by the hash of its address: the URL itself stands in payer_address.
create table bursar.notice_endpoint (
    tenant_id     bigint not null references bursar.tenant (id),
    id            bigint generated always as identity,
    address_hash  bytea not null,
    fingerprint   text not null,                           -- of the newest secret: the first 8 digits of its SHA-256
    last_taken_at timestamptz,
    failing_since timestamptz,                             -- nothing was taken since then
    failures      integer not null default 0,
    disabled_at   timestamptz,
    disabled_why  text check (disabled_why in ('gone', 'failures', 'operator')),
    created_at    timestamptz not null default bursar.business_now(),
    primary key (tenant_id, id),
    unique (tenant_id, address_hash),
    check ((disabled_at is null) = (disabled_why is null))
);
create index notice_endpoint_by_id on bursar.notice_endpoint (id);
create index notice_endpoint_disabled on bursar.notice_endpoint (id) where disabled_why is not null;
call bursar.wall('bursar.notice_endpoint', 'select, update');

-- The secrets, which are shown once, to whoever made them. Only what signs may read them, and the backup.
create table bursar.notice_endpoint_secret (
    tenant_id   bigint not null,
    endpoint_id bigint not null,
    id          bigint generated always as identity,
    secret      text not null check (secret ~ '^whsec_[A-Za-z0-9+/]+={0,2}$'),
    valid_until timestamptz,                               -- real time; null for the newest
    made_by     text not null default bursar.actor(),
    made_at     timestamptz not null default bursar.business_now(),
    primary key (tenant_id, endpoint_id, id),
    foreign key (tenant_id, endpoint_id) references bursar.notice_endpoint (tenant_id, id)
);
alter table bursar.notice_endpoint_secret enable row level security;
alter table bursar.notice_endpoint_secret force row level security;
create policy tenant_wall on bursar.notice_endpoint_secret to bursar_app using (tenant_id in (select unnest(bursar.tenants())))
    with check (tenant_id in (select unnest(bursar.tenants())));
create policy owner on bursar.notice_endpoint_secret to bursar_owner using (true) with check (true);
grant select on bursar.notice_endpoint_secret to bursar_app, bursar_backup;

-- Makes a secret of 32 random bytes for an endpoint and answers with it; an older one counts for the overlap.
create function bursar.new_endpoint_secret(tenant bigint, endpoint bigint, overlap interval) returns text
language plpgsql as
$$
declare
    made text := 'whsec_' || encode(sha256(convert_to(
        gen_random_uuid()::text || gen_random_uuid()::text || gen_random_uuid()::text, 'UTF8')), 'base64');
begin
    update bursar.notice_endpoint_secret s
    set valid_until = clock_timestamp() + overlap
    where s.tenant_id = tenant and s.endpoint_id = endpoint and (s.valid_until is null or s.valid_until > clock_timestamp() + overlap);
    delete from bursar.notice_endpoint_secret s
    where s.tenant_id = tenant and s.endpoint_id = endpoint and s.valid_until <= clock_timestamp();
    insert into bursar.notice_endpoint_secret (tenant_id, endpoint_id, secret) values (tenant, endpoint, made);
    update bursar.notice_endpoint e
    set fingerprint = left(encode(sha256(convert_to(made, 'UTF8')), 'hex'), 8)
    where e.tenant_id = tenant and e.id = endpoint;
    return made;
end
$$;

-- The suppression that a post's end brought goes when an operator opens the endpoint again.
create function bursar.release_endpoint(tenant bigint, hash bytea, reason text) returns void
language sql as
$$
    update bursar.suppression s
    set released_at = bursar.business_now(), released_by = bursar.actor(),
        release_reason = coalesce(nullif(trim(release_endpoint.reason), ''), 'the endpoint was opened again')
    where s.tenant_id = tenant and s.channel = 'webhook' and s.address_hash = hash and s.released_at is null
        and s.reason in ('hard_bounce', 'soft_bounces')
$$;

create function bursar.endpoint_numbered(endpoint bigint) returns bursar.notice_endpoint
language plpgsql as
$$
declare
    found_one bursar.notice_endpoint;
begin
    select * into found_one from bursar.notice_endpoint e where e.id = endpoint for no key update;
    if not found then
        perform bursar.refuse(format('there is no endpoint %s', endpoint), 'list them with: bursar endpoints list', 'BU004');
    end if;
    return found_one;
end
$$;

-- The endpoint of a tenant: its URL becomes the tenant's address on the channel webhook. The same URL again changes nothing;
-- the secret is in the answer only where it was made now.
create function bursar.put_endpoint(tenant bigint, url text, reason text default null) returns jsonb
language plpgsql security definer set search_path = pg_catalog, bursar as
$$
#variable_conflict use_variable
declare
    address text := trim(coalesce(put_endpoint.url, ''));
    hash    bytea := bursar.address_hash('webhook', trim(coalesce(put_endpoint.url, '')));
    known   bursar.notice_endpoint;
    made    text;
begin
    perform bursar.begin_act(reason, true);
    if address !~ '^https?://[!-~]+$' or address ~ '[\\@#]' or length(address) > 2048 then
        perform bursar.refuse(format('%L is not the URL of an endpoint', put_endpoint.url),
            'write https://HOST/…, without a user and without a fragment');
    end if;
    if not exists (
        select from bursar.payer_address a
        where a.tenant_id = tenant and a.channel = 'webhook' and a.retired_at is null and a.address = address
    ) then
        update bursar.payer_address a set retired_at = bursar.business_now(), retired_why = 'replaced'
        where a.tenant_id = tenant and a.channel = 'webhook' and a.retired_at is null;
        insert into bursar.payer_address as a (tenant_id, channel, address, hash) values (tenant, 'webhook', address, hash);
    end if;
    insert into bursar.notice_endpoint as e (tenant_id, address_hash, fingerprint) values (tenant, hash, '')
    on conflict (tenant_id, address_hash) do nothing
    returning e.* into known;
    if found then
        made := bursar.new_endpoint_secret(tenant, known.id, interval '0');
    else
        select * into known from bursar.notice_endpoint e where e.tenant_id = tenant and e.address_hash = hash;
    end if;
    perform bursar.release_endpoint(tenant, hash, reason);
    perform bursar.note_act(tenant, 'endpoint.put', 'notice_endpoint', known.id,
        jsonb_build_object('url', address, 'made', made is not null), reason);
    return jsonb_build_object('endpoint', known.id, 'url', address, 'secret', made, 'disabled', known.disabled_why);
end
$$;

-- Posts go there again.
create function bursar.enable_endpoint(endpoint bigint, reason text default null) returns jsonb
language plpgsql security definer set search_path = pg_catalog, bursar as
$$
declare
    known bursar.notice_endpoint;
begin
    perform bursar.begin_act(reason, true);
    known := bursar.endpoint_numbered(endpoint);
    update bursar.notice_endpoint e set disabled_at = null, disabled_why = null, failing_since = null, failures = 0
    where e.tenant_id = known.tenant_id and e.id = known.id;
    perform bursar.release_endpoint(known.tenant_id, known.address_hash, reason);
    perform bursar.note_act(known.tenant_id, 'endpoint.enabled', 'notice_endpoint', known.id,
        jsonb_build_object('was', known.disabled_why), reason);
    return jsonb_build_object('endpoint', known.id, 'was', known.disabled_why);
end
$$;

-- No post goes there any more.
create function bursar.disable_endpoint(endpoint bigint, reason text default null) returns jsonb
language plpgsql security definer set search_path = pg_catalog, bursar as
$$
declare
    known bursar.notice_endpoint;
begin
    perform bursar.begin_act(reason, true);
    known := bursar.endpoint_numbered(endpoint);
    update bursar.notice_endpoint e
    set disabled_at = coalesce(e.disabled_at, bursar.business_now()), disabled_why = 'operator'
    where e.tenant_id = known.tenant_id and e.id = known.id;
    perform bursar.note_act(known.tenant_id, 'endpoint.disabled', 'notice_endpoint', known.id,
        jsonb_build_object('was', known.disabled_why), reason);
    return jsonb_build_object('endpoint', known.id, 'was', known.disabled_why);
end
$$;

-- A new secret; posts are signed with the old one as well until the overlap is over.
create function bursar.rotate_endpoint_secret(endpoint bigint, overlap interval default null, reason text default null) returns jsonb
language plpgsql security definer set search_path = pg_catalog, bursar as
$$
declare
    known  bursar.notice_endpoint;
    span   interval := coalesce(overlap, interval '24 hours');
    secret text;
begin
    perform bursar.begin_act(reason, true);
    if span < interval '0' or span > interval '30 days' then
        perform bursar.refuse('both secrets count for at most 30 days', 'pass an overlap from 0 to 30 days; 24 hours is usual');
    end if;
    known := bursar.endpoint_numbered(endpoint);
    secret := bursar.new_endpoint_secret(known.tenant_id, known.id, span);
    perform bursar.note_act(known.tenant_id, 'endpoint.secret_rotated', 'notice_endpoint', known.id,
        jsonb_build_object('overlap', span::text), reason);
    return jsonb_build_object('endpoint', known.id, 'secret', secret, 'overlap', span::text);
end
$$;

revoke execute on function bursar.new_endpoint_secret(bigint, bigint, interval), bursar.release_endpoint(bigint, bytea, text),
    bursar.endpoint_numbered(bigint), bursar.put_endpoint(bigint, text, text), bursar.enable_endpoint(bigint, text),
    bursar.disable_endpoint(bigint, text), bursar.rotate_endpoint_secret(bigint, interval, text) from public;
grant execute on function bursar.put_endpoint(bigint, text, text), bursar.enable_endpoint(bigint, text),
    bursar.disable_endpoint(bigint, text), bursar.rotate_endpoint_secret(bigint, interval, text) to bursar_ops;

reset role;
