-- Takes back turns, gates, providers and outages, and asks for the end of work as before.

set local role bursar_owner;

drop function bursar.assert_fence_to_read(bigint, bigint);
create or replace function bursar.cancel(run bigint, reason text default null) returns text
language plpgsql security definer set search_path = pg_catalog, bursar as
$$
declare
    waiting bigint;
begin
    if not exists (select from bursar.run r where r.id = cancel.run) then
        if exists (select from bursar.run_history h where h.id = cancel.run) then
            return 'ended';
        end if;
        raise exception 'there is no run %', cancel.run using errcode = 'BU004', hint = 'list the runs with: bursar runs list';
    end if;
    insert into bursar.run_cancel (run_id, requested_by, reason) values (cancel.run, bursar.actor(), cancel.reason)
    on conflict do nothing;
    select r.id into waiting from bursar.run r
    where r.id = cancel.run and r.state in ('scheduled', 'ready', 'snoozed', 'needs_approval') for update skip locked;
    if found then
        perform bursar.end_runs(array[waiting], 'cancelled', 'cancelled by ' || bursar.actor() || coalesce(': ' || cancel.reason, ''));
        return 'cancelled';
    end if;
    return 'asked';
end
$$;

create or replace function bursar.end_runs(wanted bigint[], ended_as text, ended_because text) returns bigint
language sql security definer set search_path = pg_catalog, bursar as
$$
    with gone as (
        delete from bursar.run r where r.id = any (wanted) returning r.*
    ), freed as (
        update bursar.dedupe d set expires_at = clock_timestamp() + d.keep_for
        from gone g
        where g.dedupe_key is not null and d.job = g.job and d.tenant_id = coalesce(g.tenant_id, 0) and d.key = g.dedupe_key
    ), decided as (
        update bursar.proposal p
        set state = case when p.state = 'open' then 'superseded' when ended_as = 'succeeded' then 'applied' else p.state end,
            report = case when ended_as = 'succeeded' then g.checkpoint end
        from gone g where p.run_id = g.id and p.state in ('open', 'approved')
    ), answered as (
        delete from bursar.run_cancel c using gone g where c.run_id = g.id
    ), kept as (
        insert into bursar.run_history (id, job, schedule, fire_at, tenant_id, parameters, state, dry_run, as_of, requested_by, reason,
            dedupe_key, attempts, fence, checkpoint, outcome, created_at, started_at, finished_at)
        select g.id, g.job, g.schedule, g.fire_at, g.tenant_id, g.parameters, ended_as, g.dry_run, g.as_of, g.requested_by, g.reason,
            g.dedupe_key, g.attempts, g.fence, g.checkpoint, ended_because, g.created_at, g.started_at, clock_timestamp()
        from gone g
        returning id
    )
    select count(*) from kept
$$;

drop function bursar.tell_idle_nodes();
alter table bursar.node drop column idle;
drop function bursar.take_call(text);
drop function bursar.call_ended(text, boolean, text, interval);
drop function bursar.close_circuit(text);
drop function bursar.set_gates(text[]);
drop function bursar.admit(text, integer);
drop function bursar.let_pass(text, integer);
drop function bursar.rooms(text[]);
drop trigger run_takes_its_place on bursar.run;
drop trigger run_takes_its_place_again on bursar.run;
drop function bursar.take_place();
drop function bursar.gates_of(text, bigint, jsonb);
drop function bursar.last_turn(bigint, text, smallint);
drop table bursar.gate_pass;
drop index bursar.run_claim, bursar.run_flow, bursar.run_flow_of_job, bursar.run_gated, bursar.run_of_schedule, bursar.run_history_of_schedule;
alter table bursar.run reset (autovacuum_vacuum_scale_factor, autovacuum_vacuum_cost_delay);
alter table bursar.attempt reset (fillfactor);
alter table bursar.run drop column turn, drop column gates, drop column admitted;
drop index bursar.run_running;
create index run_running on bursar.run (node_id) where state = 'running';
create index run_ready on bursar.run (priority desc, run_at, id) where state = 'ready';
create index run_of_schedule on bursar.run (schedule, fire_at);
create index run_history_of_schedule on bursar.run_history (schedule, fire_at);
drop index bursar.proposal_undone;
drop table bursar.trial_entry, bursar.outage, bursar.provider, bursar.job_limit;
drop sequence bursar.turn;

reset role;
