-- Takes back what is planned once.

set local role bursar_owner;

alter function bursar.last_turn(bigint, text, smallint) reset enable_seqscan;
alter function bursar.last_turn(bigint, text, smallint) reset enable_bitmapscan;

create or replace function bursar.tell_idle_nodes() returns void
language sql volatile security definer set search_path = pg_catalog, bursar as
$$
    select pg_notify('bursar_ready', '')
    where exists (select from bursar.node n where n.idle and n.lease_until > clock_timestamp())
$$;

reset role;
