-- Requests one by one: what every one of them asks is planned once a session, and along indexes.

set local role bursar_owner;

-- The plan is kept by the session that asks, and the first requests of a session may find an empty table: the plan of that moment
-- would read all ready runs for every later request.
alter function bursar.last_turn(bigint, text, smallint) set enable_seqscan = off;
alter function bursar.last_turn(bigint, text, smallint) set enable_bitmapscan = off;

-- In PL/pgSQL: a function in SQL is planned anew at every call.
create or replace function bursar.tell_idle_nodes() returns void
language plpgsql volatile security definer set search_path = pg_catalog, bursar as
$$
begin
    if exists (select from bursar.node n where n.idle and n.lease_until > clock_timestamp()) then
        perform pg_notify('bursar_ready', '');
    end if;
end
$$;

reset role;
