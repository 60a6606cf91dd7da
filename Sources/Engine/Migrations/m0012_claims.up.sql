-- Claims: in which order ready runs are taken, what keeps them back, who is told of them, and who may read beside whom.

set local role bursar_owner;

-- The order ------------------------------------------------------------------------------------------------------------

-- Ready runs are taken by their turn. The runs of one tenant and priority, or of one job where they have no tenant, are a flow:
-- each gets a turn one after the one before it, and the first begins right after what was taken last. So tenants take turns however
-- many runs one of them has. A level of priority is a head start of 1,000 turns: bounded, and nobody waits for ever.
-- The sequence holds how far the taking has come: the latest turn taken, less its head start. It is no counter: nodes set it, and
-- what it says is only where new flows begin.
create sequence bursar.turn minvalue -9000000000000000 start 0;

-- Limits: what a job says of itself. Each node writes down what its build knows when it starts.
create table bursar.job_limit (
    job           text primary key,
    at_once       integer check (at_once > 0),         -- runs of the job, over all nodes
    per_key       integer check (per_key > 0),         -- runs of one key
    key           text,                                -- 'tenant', or the name of a parameter
    provider      text,
    check ((per_key is null) = (key is null))
);

-- Whom jobs call, with how many calls a second, and whether it is worth calling at all.
create table bursar.provider (
    id            bigint generated always as identity unique,
    name          text primary key,
    at_once       integer check (at_once > 0),         -- runs that may use it at the same time; null: no limit
    rate          double precision check (rate > 0),   -- calls a second, over all nodes; null: no limit
    burst         double precision not null default 1 check (burst >= 1),
    tokens        double precision not null default 1,
    counted_at    timestamptz not null default clock_timestamp(),
    trip_after    integer not null default 5 check (trip_after > 0),   -- failures in a row that open the circuit
    rest          interval not null default interval '1 minute' check (rest > interval '0'),
    failures      integer not null default 0,
    open_since    timestamptz,
    open_until    timestamptz,
    last_error    text,
    asked_to_wait_until timestamptz,                                  -- it said itself when to come again
    check ((open_since is null) = (open_until is null))
);

-- Times in which something could not be done, and whose fault it was not: payment grace reads them.
create table bursar.outage (
    id       bigint generated always as identity primary key,
    kind     text not null check (kind in ('engine', 'provider')),
    subject  text not null,               -- 'nodes', or the provider's name
    during   tstzrange not null check (not isempty(during)),
    evidence jsonb not null default '{}',
    constraint outage_told_once exclude using gist (kind with =, subject with =, during with &&)
);

alter table bursar.run
    add column turn     bigint,
    -- What must have room before the run may be claimed: 'key:JOB:KEY', 'job:JOB', 'provider:NAME'. Null: nothing.
    add column gates    text[] check (cardinality(gates) > 0),
    add column admitted boolean not null default true,
    add check (gates is not null or admitted);
drop index bursar.run_ready;
drop index bursar.run_of_schedule;
-- By number, so that whoever asks for one running run never reads them all, whatever the planner believes of how few there are.
drop index bursar.run_running;
create index run_running on bursar.run (id, node_id) where state = 'running';
create index run_claim on bursar.run (turn, id) where state = 'ready' and admitted;
create index run_flow on bursar.run (tenant_id, priority, turn) where state = 'ready' and tenant_id is not null;
create index run_flow_of_job on bursar.run (job, priority, turn) where state = 'ready' and tenant_id is null;
create index run_gated on bursar.run ((gates[1]), turn) where state = 'ready' and not admitted;
create index run_of_schedule on bursar.run (schedule, fire_at) where schedule is not null;
drop index bursar.run_history_of_schedule;
create index run_history_of_schedule on bursar.run_history (schedule, fire_at) where schedule is not null;
-- Room on the page for what is written when it ends.
alter table bursar.attempt set (fillfactor = 60);
alter table bursar.run set (autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_cost_delay = 0);

-- Which runs have passed which gate. What counts against a limit is the run itself, while it is claimed or may be: a pass that
-- was left over counts for nothing.
create table bursar.gate_pass (
    gate   text not null,
    run_id bigint not null,
    primary key (gate, run_id)
);
create index gate_pass_of_run on bursar.gate_pass (run_id);

-- The turn after which a flow goes on. In PL/pgSQL like the next one: a function in SQL is planned anew at every call.
create function bursar.last_turn(tenant bigint, job text, priority smallint) returns bigint
language plpgsql volatile as
$$
declare
    start bigint := (select t.last_value from bursar.turn t) - 1000 * last_turn.priority::bigint;
begin
    if last_turn.tenant is null then
        return greatest(start, (
            select max(r.turn) from bursar.run r
            where r.state = 'ready' and r.tenant_id is null and r.job = last_turn.job and r.priority = last_turn.priority
        ));
    end if;
    return greatest(start, (
        select max(r.turn) from bursar.run r
        where r.state = 'ready' and r.tenant_id is not null and r.tenant_id = last_turn.tenant and r.priority = last_turn.priority
    ));
end
$$;

create function bursar.gates_of(job text, tenant bigint, parameters jsonb) returns text[]
language plpgsql stable as
$$
declare
    l bursar.job_limit;
begin
    select * into l from bursar.job_limit x where x.job = gates_of.job;
    if not found then
        return null;
    end if;
    return nullif(array_remove(array[
        case when l.per_key is not null
            then 'key:' || l.job || ':' || coalesce(case l.key when 'tenant' then gates_of.tenant::text else gates_of.parameters ->> l.key end, '')
        end,
        case when l.at_once is not null then 'job:' || l.job end,
        'provider:' || l.provider
    ], null), '{}');
end
$$;

-- A run that becomes ready stands before its gates, and takes its place: one that comes back after a wait takes a new one, behind
-- the rest of its flow; one that was handed back, rescued or approved keeps the place it had. A run that stops being ready or
-- running leaves its gates.
create function bursar.take_place() returns trigger
language plpgsql security definer set search_path = pg_catalog, bursar as
$$
begin
    if tg_op = 'UPDATE' and old.gates is not null then
        delete from bursar.gate_pass p where p.run_id = new.id;
    end if;
    if new.state <> 'ready' then
        return new;
    end if;
    if new.turn is null or tg_op = 'UPDATE' and old.state in ('scheduled', 'snoozed') then
        new.turn := greatest(new.turn, bursar.last_turn(new.tenant_id, new.job, new.priority) + 1);
    end if;
    new.gates := bursar.gates_of(new.job, new.tenant_id, new.parameters);
    new.admitted := new.gates is null;
    return new;
end
$$;
create trigger run_takes_its_place before insert on bursar.run
    for each row when (new.state = 'ready' and new.turn is null) execute function bursar.take_place();
create trigger run_takes_its_place_again before update of state on bursar.run
    for each row
    when (new.state = 'ready' and old.state <> 'ready' or old.gates is not null and new.state not in ('ready', 'running'))
    execute function bursar.take_place();
update bursar.run set turn = id where state = 'ready';
select setval('bursar.turn', greatest((select max(turn) from bursar.run), 0));
alter table bursar.run add constraint ready_has_its_turn check (state <> 'ready' or turn is not null);

-- How many more runs may pass each gate now. Where there is no limit, a thousand may stand ready behind it: what passes too early
-- cannot be kept back when a circuit opens.
create function bursar.rooms(gates text[]) returns table (gate text, room integer)
language sql stable
begin atomic
    select g.gate, case when l.most is null then 1000 - c.ready else l.most - c.taken end
    from unnest(rooms.gates) as g (gate)
    cross join lateral (
        select case split_part(g.gate, ':', 1)
            when 'provider' then (
                select case
                    when greatest(p.open_until, p.asked_to_wait_until) > clock_timestamp() then 0
                    when p.open_since is not null then 1  -- it has rested: one run tries
                    else p.at_once end
                from bursar.provider p where p.name = substr(g.gate, 10)
            )
            when 'job' then (select j.at_once from bursar.job_limit j where j.job = substr(g.gate, 5))
            else (select j.per_key from bursar.job_limit j where j.job = split_part(g.gate, ':', 2)) end as most
    ) as l
    cross join lateral (
        select count(*)::integer as taken, (count(*) filter (where r.state = 'ready'))::integer as ready
        from bursar.gate_pass p
        join bursar.run r on r.id = p.run_id and (r.state = 'running' or r.state = 'ready' and r.admitted)
        where p.gate = g.gate
    ) as c;
end;

-- Lets runs pass the gates that have room, in the order of their turns. Looks at so many gates after one name, so that thousands
-- of keys without room do not keep back the rest; answers after which name to look on, null at the end of all.
--
-- The gates of a job are seen to by one transaction at a time, which keeps them to its commit; whoever finds them taken leaves
-- them, and so nobody waits for anybody. Room is counted by a statement that begins after the gates were got: it sees what their
-- last holder committed.
create function bursar.let_pass(after text, most integer) returns text
language plpgsql security definer
-- Each of these statements goes along an index, whatever the statistics of a queue say at the moment.
set search_path = pg_catalog, bursar set enable_seqscan = off set enable_bitmapscan = off set enable_hashjoin = off
set enable_mergejoin = off as
$$
declare
    looked integer;
    last   text;
    open   text[];      -- the first gates behind which there may be room
    behind text[];      -- what stands behind them: the runs of one job have these in common
    names  text[];      -- all gates that were got and have room
    rooms  integer[];   -- how much
    got    text[] := '{}';
    missed boolean := false;
    owner  text;
    places integer[];
    place  integer;
    chosen bigint[] := '{}';
    asking record;
begin
    with recursive standing (gates) as (
        (
            select r.gates from bursar.run r
            where r.state = 'ready' and not r.admitted and r.gates[1] > after
            order by r.gates[1], r.turn limit 1
        )
        union all
        select (
            select r.gates from bursar.run r
            where r.state = 'ready' and not r.admitted and r.gates[1] > s.gates[1]
            order by r.gates[1], r.turn limit 1
        )
        from standing s where s.gates is not null
    ), head as materialized (
        select s.gates from standing s where s.gates is not null limit most
    ), roomy as materialized (
        select array_agg(r.gate) as gates
        from bursar.rooms(array(select distinct o.gate from head h cross join lateral unnest(h.gates[2:]) as o (gate))) r
        where r.room > 0
    )
    select count(*), max(h.gates[1]),
        array_agg(h.gates[1]) filter (where h.gates[2:] <@ coalesce(roomy.gates, '{}')), min(roomy.gates)
    into looked, last, open, behind
    from head h cross join roomy;
    if looked = 0 then
        return null;
    end if;
    if looked < most then
        last := null;
    end if;
    select array_agg(r.gate) into open from bursar.rooms(open) r where r.room > 0;
    if open is null then
        return last;
    end if;
    -- Shared: limits that change do so while nobody passes.
    if not pg_try_advisory_xact_lock_shared(hashtextextended('bursar.gates', 0)) then
        return coalesce(last, after);
    end if;
    for owner in
        select distinct split_part(g.gate, ':', 1) || ':' || split_part(g.gate, ':', 2) from unnest(open || behind) as g (gate)
    loop
        if pg_try_advisory_xact_lock(hashtextextended('bursar.gates ' || owner, 0)) then
            got := got || owner;
        else
            missed := true;
        end if;
    end loop;
    select array_agg(r.gate), array_agg(r.room) into names, rooms
    from bursar.rooms(array(
        select distinct g.gate from unnest(open || behind) as g (gate)
        where split_part(g.gate, ':', 1) || ':' || split_part(g.gate, ':', 2) = any (got)
    )) r
    where r.room > 0;

    for asking in
        select c.id, c.gates
        from unnest(open) as h (gate)
        cross join lateral (
            select min(coalesce(rooms[array_position(names, b.gate)], 0)) as room
            from (
                select r.gates from bursar.run r
                where r.state = 'ready' and not r.admitted and r.gates[1] = h.gate order by r.turn, r.id limit 1
            ) as head
            cross join lateral unnest(head.gates) as b (gate)
        ) as all_of_them
        cross join lateral (
            select r.id, r.gates, r.turn from bursar.run r
            where r.state = 'ready' and not r.admitted and r.gates[1] = h.gate
            order by r.turn, r.id
            limit coalesce(all_of_them.room, 0)
        ) as c
        order by c.turn, c.id
        limit 5000
    loop
        places := array(select array_position(names, g.gate) from unnest(asking.gates) as g (gate));
        continue when exists (select from unnest(places) as p (place) where (rooms[p.place] > 0) is not true);
        foreach place in array places loop
            rooms[place] := rooms[place] - 1;
        end loop;
        chosen := chosen || asking.id;
    end loop;

    if chosen <> '{}' then
        with free as (
            select r.id from bursar.run r
            where r.id = any (chosen) and r.state = 'ready' and not r.admitted
            for no key update skip locked
        ), let as (
            update bursar.run r set admitted = true from free f where r.id = f.id returning r.id, r.gates
        )
        insert into bursar.gate_pass (gate, run_id) select g.gate, l.id from let l cross join lateral unnest(l.gates) as g (gate)
        on conflict do nothing;
    end if;
    return coalesce(last, case when missed then after end);
end
$$;

-- What every look for work asks: next to nothing where no run stands before a gate.
create function bursar.admit(after text, most integer) returns text
language sql volatile security definer set search_path = pg_catalog, bursar set enable_seqscan = off set enable_bitmapscan = off as
$$
    select case
        when exists (select from bursar.run r where r.state = 'ready' and not r.admitted and r.gates[1] > after)
            then bursar.let_pass(after, most)
    end
$$;
grant execute on function bursar.admit(text, integer) to bursar_engine;

-- Puts runs before the gates that their jobs have now: those that stand ready, and counts those that run. Runs that are asked for
-- by transactions that were open when the limits changed keep the gates of before.
create function bursar.set_gates(jobs text[]) returns void
language plpgsql security definer set search_path = pg_catalog, bursar as
$$
begin
    perform pg_advisory_xact_lock(hashtextextended('bursar.gates', 0));
    delete from bursar.gate_pass p using bursar.run r
    where p.run_id = r.id and r.job = any (jobs) and r.state in ('ready', 'running')
        and p.gate <> all (coalesce(bursar.gates_of(r.job, r.tenant_id, r.parameters), '{}'));
    insert into bursar.gate_pass (gate, run_id)
    select g.gate, r.id
    from bursar.run r
    cross join lateral unnest(bursar.gates_of(r.job, r.tenant_id, r.parameters)) as g (gate)
    where r.job = any (jobs) and r.state = 'running'
    on conflict do nothing;
    update bursar.run r set gates = n.gates, admitted = n.gates is null
    from (
        select w.id, bursar.gates_of(w.job, w.tenant_id, w.parameters) as gates from bursar.run w
        where w.job = any (jobs) and w.state = 'ready'
        for no key update of w skip locked
    ) as n
    where r.id = n.id and r.gates is distinct from n.gates;
end
$$;
grant execute on function bursar.set_gates(text[]) to bursar_engine;

-- Providers ------------------------------------------------------------------------------------------------------------

-- Takes tokens of a provider for one call. Answers how long to wait before asking again: nothing where the call may be made.
-- A provider that has rested after failures gets one call, and the others wait for what becomes of it.
create function bursar.take_call(of_provider text) returns interval
language plpgsql security definer set search_path = pg_catalog, bursar as
$$
declare
    p   bursar.provider;
    now timestamptz;
begin
    select * into p from bursar.provider x where x.name = of_provider for no key update;
    if not found then
        return interval '0';
    end if;
    now := clock_timestamp();
    if greatest(p.open_until, p.asked_to_wait_until) > now then
        return greatest(p.open_until, p.asked_to_wait_until) - now;
    end if;
    if p.rate is not null then
        p.tokens := least(p.burst, p.tokens + p.rate * greatest(extract(epoch from now - p.counted_at), 0));
        if p.tokens < 1 then
            update bursar.provider x set tokens = p.tokens, counted_at = now where x.name = of_provider;
            return make_interval(secs => (1 - p.tokens) / p.rate);
        end if;
    end if;
    if p.rate is not null or p.open_since is not null then
        update bursar.provider x
        set tokens = case when p.rate is null then x.tokens else p.tokens - 1 end, counted_at = now,
            open_until = case when p.open_since is not null then now + p.rest end
        where x.name = of_provider;
    end if;
    return interval '0';
end
$$;

-- Tells how a call went. Failures in a row open the circuit for a while; one success closes it, and the time it was open is an
-- outage on record. A provider that answered with a time to wait is well, and left alone until then.
create function bursar.call_ended(of_provider text, succeeded boolean, error text default null, wait interval default null) returns void
language plpgsql security definer set search_path = pg_catalog, bursar as
$$
declare
    p   bursar.provider;
    now timestamptz;
begin
    -- Most calls go well, of providers that are well: they lock nothing.
    if succeeded and wait is null and not exists (
        select from bursar.provider x where x.name = of_provider and (x.failures > 0 or x.open_since is not null)
    ) then
        return;
    end if;
    select * into p from bursar.provider x where x.name = of_provider for no key update;
    if not found then
        return;
    end if;
    now := clock_timestamp();
    if succeeded then
        perform bursar.close_circuit(of_provider);
        update bursar.provider x set asked_to_wait_until = now + call_ended.wait where x.name = of_provider and call_ended.wait is not null;
    else
        update bursar.provider x
        set failures = x.failures + 1, last_error = left(call_ended.error, 500),
            open_since = case when x.failures + 1 >= x.trip_after then coalesce(x.open_since, now) end,
            open_until = case when x.failures + 1 >= x.trip_after then now + x.rest end
        where x.name = of_provider
        returning * into p;
        if p.open_since = now then
            insert into bursar.outage (kind, subject, during, evidence)
            values ('provider', of_provider, tstzrange(now, null), jsonb_build_object('error', p.last_error, 'failures', p.failures))
            on conflict do nothing;
        end if;
    end if;
    -- Who passed its gate and was not claimed yet stands before it again.
    if greatest(p.open_until, now + wait) > now then
        update bursar.run r set admitted = false
        from (
            select w.id from bursar.gate_pass g join bursar.run w on w.id = g.run_id
            where g.gate = 'provider:' || of_provider and w.state = 'ready' and w.admitted and w.gates is not null
            for no key update of w skip locked
        ) as back
        where r.id = back.id;
    end if;
end
$$;

-- The provider is well. Answers false where it was already.
create function bursar.close_circuit(of_provider text) returns boolean
language plpgsql security definer set search_path = pg_catalog, bursar as
$$
begin
    update bursar.provider x set failures = 0, open_since = null, open_until = null, last_error = null, asked_to_wait_until = null
    where x.name = of_provider and (x.failures > 0 or x.open_since is not null or x.asked_to_wait_until is not null);
    if not found then
        return false;
    end if;
    update bursar.outage o
    set during = tstzrange(lower(o.during), greatest(clock_timestamp(), lower(o.during) + interval '1 microsecond'))
    where o.kind = 'provider' and o.subject = of_provider and upper_inf(o.during);
    return true;
end
$$;
grant execute on function bursar.take_call(text), bursar.call_ended(text, boolean, text, interval) to bursar_engine;
grant execute on function bursar.close_circuit(text) to bursar_ops;

-- Who is told ----------------------------------------------------------------------------------------------------------

-- A node that has slots free and found nothing more to claim. Only then does a request for work notify: a notify queues its
-- transaction's commit behind those of all others.
alter table bursar.node add column idle boolean not null default false;

create function bursar.tell_idle_nodes() returns void
language sql volatile security definer set search_path = pg_catalog, bursar as
$$
    select pg_notify('bursar_ready', '')
    where exists (select from bursar.node n where n.idle and n.lease_until > clock_timestamp())
$$;
revoke execute on function bursar.tell_idle_nodes() from public;
grant execute on function bursar.tell_idle_nodes() to bursar_engine;

-- How runs end ---------------------------------------------------------------------------------------------------------

-- Moves runs out of the way of the claim: into history, with how they ended; frees what was kept for them.
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
    ), passed as (
        delete from bursar.gate_pass p using gone g where g.gates is not null and p.run_id = g.id
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

-- Asks that a run ends, and tells the node that works on it.
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
    perform pg_notify('bursar_cancel', cancel.run::text);
    return 'asked';
end
$$;

-- Fences ---------------------------------------------------------------------------------------------------------------

-- The fence for one of several transactions of a run that only read, side by side: they share the lock on the run's row.
create function bursar.assert_fence_to_read(of_run bigint, with_fence bigint) returns void
language plpgsql security definer set search_path = pg_catalog, bursar as
$$
begin
    perform from bursar.run where id = of_run and fence = with_fence and state = 'running' for share;
    if not found then
        raise exception 'the lease on run % is lost: fence % is no longer in force', of_run, with_fence
            using errcode = 'BU002', hint = 'another node may own this run now; nothing of this transaction is applied';
    end if;
end
$$;
grant execute on function bursar.assert_fence_to_read(bigint, bigint) to bursar_scan;

create index proposal_undone on bursar.proposal (run_id) where state in ('open', 'approved');

-- What trial runs leave: a row for every effect. Nothing keeps the same effect from being written twice but the fence.
create table bursar.trial_entry (
    run_id     bigint not null,
    number     bigint not null,
    fence      bigint not null,
    written_at timestamptz not null default clock_timestamp()
);
create index trial_entry_of_run on bursar.trial_entry (run_id);
grant select, insert on bursar.trial_entry to bursar_engine;
grant select on bursar.trial_entry to bursar_scan, bursar_ops, bursar_backup;

-- Rights ---------------------------------------------------------------------------------------------------------------

grant select, insert, update, delete on bursar.job_limit, bursar.provider, bursar.gate_pass, bursar.outage to bursar_engine;
grant select, insert, update, delete on bursar.provider to bursar_ops;
grant select on bursar.job_limit, bursar.provider, bursar.gate_pass, bursar.outage to bursar_ops, bursar_scan, bursar_backup;
grant usage, select, update on sequence bursar.turn to bursar_engine;

reset role;
