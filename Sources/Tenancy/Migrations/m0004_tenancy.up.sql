-- Issuers and tenants. An issuer is the legal entity that sends invoices; a tenant is its customer, and the wall.

set local role bursar_owner;

create function bursar.is_time_zone(name text) returns boolean
language sql stable
begin atomic
    select exists (select from pg_catalog.pg_timezone_names z where z.name = is_time_zone.name);
end;

create table bursar.issuer (
    id             bigint generated always as identity primary key,
    external_ref   text unique,
    name           text not null check (name <> ''),
    legal_name     text not null check (legal_name <> ''),
    time_zone      text not null constraint time_zone_is_known check (bursar.is_time_zone(time_zone)),
    tax_id         text,
    invoice_prefix text not null default 'INV' check (invoice_prefix ~ '^[A-Z0-9]{1,10}$'),
    created_at     timestamptz not null default bursar.business_now()
);
grant select on bursar.issuer to bursar_app, bursar_scan, bursar_ops, bursar_backup;

create table bursar.tenant (
    id           bigint generated always as identity primary key,
    tenant_id    bigint not null generated always as (id) stored,  -- the wall's column
    issuer_id    bigint not null references bursar.issuer,
    external_ref text,
    name         text not null check (name <> ''),
    tax_id       text,
    locale       text not null default 'km',
    created_at   timestamptz not null default bursar.business_now(),
    unique (issuer_id, id),
    unique (issuer_id, external_ref)
);
call bursar.wall('bursar.tenant');

reset role;
