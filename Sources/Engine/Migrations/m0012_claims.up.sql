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

-- The turn after which a flow goes on.
create function bursar.last_turn(tenant bigint, job text, priority smallint) returns bigint
language sql volatile
begin atomic
    select greatest(
        (select t.last_value from bursar.turn t) - 1000 * last_turn.priority::bigint,
        case
            when last_turn.tenant is null then (
                select max(r.turn) from bursar.run r
                where r.state = 'ready' and r.tenant_id is null and r.job = last_turn.job and r.priority = last_turn.priority
            )
            else (
                select max(r.turn) from bursar.run r
                where r.state = 'ready' and r.tenant_id is not null and r.tenant_id = last_turn.tenant and r.priority = last_turn.priority
            )
        end
    );
end;

create function bursar.gates_of(job text, tenant bigint, parameters jsonb) returns text[]
language sql stable
begin atomic
    select nullif(array_remove(array[
        case when l.per_key is not null
            then 'key:' || l.job || ':' || coalesce(case l.key when 'tenant' then gates_of.tenant::text else gates_of.parameters ->> l.key end, '')
        end,
        case when l.at_once is not null then 'job:' || l.job end,
        'provider:' || l.provider
    ], null), '{}')
    from bursar.job_limit l
    where l.job = gates_of.job;
end;

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

-- The contract for other languages --------------------------------------------------------------------------------------

-- Refuses what no run may be like, before anything is written. What cannot be added to an instant would stop those who look at it.
create function bursar.check_request(
    job text, dedupe_for interval, run_at timestamptz, priority integer, as_of timestamptz, retry jsonb
) returns void
language plpgsql stable set search_path = pg_catalog, bursar as
$$
begin
    if coalesce(job, '') = '' then
        raise exception 'a run needs the name of a job' using errcode = 'BU003', hint = 'pass job => ''renewals''';
    end if;
    if (priority between -100 and 100) is not true then
        raise exception 'a priority is between -100 and 100, not %', coalesce(priority::text, 'null')
            using errcode = 'BU003', hint = 'a level is a head start of 1,000 runs; leave it out for none';
    end if;
    if not (isfinite(coalesce(run_at, '2000-01-01')) and isfinite(coalesce(as_of, '2000-01-01'))) then
        raise exception 'run_at and as_of are instants, infinity is none' using errcode = 'BU003', hint = 'leave them out for now';
    end if;
    if dedupe_for not between interval '0' and interval '100 years' then
        raise exception 'dedupe_for is between nothing and 100 years, not %', dedupe_for
            using errcode = 'BU003', hint = 'pass null to keep the key for ever';
    end if;
    if jsonb_typeof(retry) is distinct from 'object' or exists (
        select from jsonb_object_keys(retry) as k (name) where k.name not in ('attempts', 'initial', 'max', 'jitter', 'deadline')
    ) then
        raise exception 'retry is an object with attempts, initial, max, jitter and deadline'
            using errcode = 'BU003', hint = 'pass retry => ''{"attempts": 3, "initial": "10 seconds"}''';
    end if;
    begin
        if (retry ->> 'attempts')::integer not between 1 and 1000
            or (retry ->> 'initial')::interval not between interval '0' and interval '1 day'
            or (retry ->> 'max')::interval not between interval '0' and interval '1 year'
            or (retry ->> 'jitter')::double precision not between 0 and 1
            or not ((retry ->> 'deadline')::interval > interval '0' and (retry ->> 'deadline')::interval <= interval '1 year') then
            raise exception using errcode = 'numeric_value_out_of_range';
        end if;
    exception when data_exception then
        raise exception 'a value of retry is not what it may be: %', retry using errcode = 'BU003',
            hint = 'attempts 1 to 1000, initial up to 1 day, max up to 1 year, jitter 0 to 1, deadline up to 1 year';
    end;
end
$$;

create or replace function bursar.enqueue(
    job text,
    parameters jsonb default '{}',
    tenant bigint default null,
    dedupe_key text default null,
    dedupe_for interval default interval '30 days',
    run_at timestamptz default null,
    priority integer default 0,
    reason text default null,
    as_of timestamptz default null,
    dry_run boolean default false,
    retry jsonb default '{}',
    out run_id bigint,
    out created boolean
)
language plpgsql security definer set search_path = pg_catalog, bursar as
$$
declare
    wanted_job        alias for job;
    wanted_parameters alias for parameters;
    wanted_key        alias for dedupe_key;
    known             bursar.dedupe;
    is_ready          boolean := enqueue.run_at is null or enqueue.run_at <= clock_timestamp();
begin
    perform bursar.check_request(wanted_job, dedupe_for, enqueue.run_at, enqueue.priority, as_of, retry);
    if jsonb_typeof(wanted_parameters) is distinct from 'object' then
        raise exception 'the parameters of a run are a JSON object' using errcode = 'BU003', hint = 'pass parameters => ''{"chunk": 500}''';
    end if;
    if as_of is not null and not dry_run and as_of < bursar.business_now() - interval '1 second' then
        raise exception 'a past as_of is only for a dry run' using errcode = 'BU003', hint = 'pass dry_run => true, or leave as_of out';
    end if;
    if as_of is not null and as_of > bursar.business_now() and (select i.environment from bursar.installation i) = 'production' then
        raise exception 'a future as_of is refused in production' using errcode = 'BU005', hint = 'leave as_of out';
    end if;

    run_id := nextval('bursar.run_id');
    created := true;
    if wanted_key is not null then
        loop
            delete from bursar.dedupe d
            where d.job = wanted_job and d.tenant_id = coalesce(tenant, 0) and d.key = wanted_key and d.expires_at <= clock_timestamp();
            insert into bursar.dedupe as d (job, tenant_id, key, run_id, parameters, keep_for)
            values (wanted_job, coalesce(tenant, 0), wanted_key, enqueue.run_id, wanted_parameters, dedupe_for)
            on conflict do nothing;
            exit when found;
            select * into known from bursar.dedupe d
            where d.job = wanted_job and d.tenant_id = coalesce(tenant, 0) and d.key = wanted_key;
            continue when not found;  -- it was forgotten at this moment
            if known.parameters <> wanted_parameters then
                raise exception 'dedupe key % of job % was used with other parameters, by run %', wanted_key, wanted_job, known.run_id
                    using errcode = 'BU003', hint = 'use another key, or the same parameters';
            end if;
            run_id := known.run_id;
            created := false;
            return;
        end loop;
    end if;

    insert into bursar.run (id, job, tenant_id, parameters, state, priority, run_at, dry_run, given_as_of, requested_by, reason,
        dedupe_key, max_attempts, retry_initial, retry_max, retry_jitter, deadline)
    values (enqueue.run_id, wanted_job, tenant, wanted_parameters, case when is_ready then 'ready' else 'scheduled' end,
        enqueue.priority, coalesce(enqueue.run_at, clock_timestamp()), enqueue.dry_run, enqueue.as_of, bursar.actor(), enqueue.reason,
        wanted_key,
        coalesce((retry ->> 'attempts')::integer, 8),
        coalesce((retry ->> 'initial')::interval, interval '30 seconds'),
        coalesce((retry ->> 'max')::interval, interval '1 hour'),
        coalesce((retry ->> 'jitter')::double precision, 0.2),
        (retry ->> 'deadline')::interval);
    if is_ready then
        perform bursar.tell_idle_nodes();
    end if;
end
$$;

-- Asks for many runs of a job at once, in the order of the arrays; `tenants` and `dedupe_keys` are as long as `parameters`, or
-- left out. Answers one row a request, in order; a repeat of a dedupe key, in the batch too, answers with the first run.
create function bursar.enqueue_many(
    job text,
    parameters jsonb[],
    tenants bigint[] default null,
    dedupe_keys text[] default null,
    dedupe_for interval default interval '30 days',
    run_at timestamptz default null,
    priority integer default 0,
    reason text default null,
    retry jsonb default '{}'
) returns table (place integer, run_id bigint, created boolean)
language plpgsql security definer set search_path = pg_catalog, bursar as
$$
#variable_conflict use_column
declare
    wanted     alias for parameters;
    wanted_job alias for job;
    many       integer := coalesce(cardinality(wanted), 0);
    of_tenant  bigint[] := coalesce(tenants, array_fill(null::bigint, array[many]));
    of_key     text[] := coalesce(dedupe_keys, array_fill(null::text, array[many]));
    ids        bigint[] := array(select nextval('bursar.run_id') from generate_series(1, many));
    is_ready   boolean := enqueue_many.run_at is null or enqueue_many.run_at <= clock_timestamp();
    other      record;
begin
    perform bursar.check_request(wanted_job, dedupe_for, enqueue_many.run_at, enqueue_many.priority, null, retry);
    if wanted is null or array_ndims(wanted) > 1 then
        raise exception 'parameters are a list with one JSON object a run' using errcode = 'BU003', hint = 'put ''{}'' where a run has none';
    end if;
    if cardinality(of_tenant) <> many or cardinality(of_key) <> many then
        raise exception 'tenants and dedupe_keys must be as long as parameters (%)', many
            using errcode = 'BU003', hint = 'put null where a run has none';
    end if;
    if exists (select from unnest(wanted) as p where jsonb_typeof(p) is distinct from 'object') then
        raise exception 'the parameters of a run are a JSON object' using errcode = 'BU003', hint = 'put ''{}'' where a run has none';
    end if;

    if dedupe_keys is not null then
        delete from bursar.dedupe d
        using unnest(of_tenant, of_key) as w (tenant_id, key)
        where d.job = wanted_job and d.tenant_id = coalesce(w.tenant_id, 0) and d.key = w.key and d.expires_at <= clock_timestamp();
        -- In the order of the keys, so that two that ask for the same wait for each other once.
        insert into bursar.dedupe as d (job, tenant_id, key, run_id, parameters, keep_for)
        select distinct on (coalesce(w.tenant_id, 0), w.key) wanted_job, coalesce(w.tenant_id, 0), w.key, w.id, w.parameters, dedupe_for
        from unnest(wanted, of_tenant, of_key, ids) with ordinality as w (parameters, tenant_id, key, id, place)
        where w.key is not null
        order by coalesce(w.tenant_id, 0), w.key, w.place
        on conflict do nothing;
        -- What others had asked for before is seen only by a statement that begins after theirs have ended.
        select d.key, d.run_id into other
        from unnest(wanted, of_tenant, of_key) as w (parameters, tenant_id, key)
        join bursar.dedupe d on d.job = wanted_job and d.tenant_id = coalesce(w.tenant_id, 0) and d.key = w.key
        where d.parameters <> w.parameters
        limit 1;
        if found then
            raise exception 'dedupe key % of job % was used with other parameters, by run %', other.key, wanted_job, other.run_id
                using errcode = 'BU003', hint = 'use another key, or the same parameters';
        end if;
    end if;

    return query
    with asked as materialized (
        select w.place::integer as place, w.parameters, w.tenant_id, w.key, w.id, coalesce(d.run_id, w.id) as made_as
        from unnest(wanted, of_tenant, of_key, ids) with ordinality as w (parameters, tenant_id, key, id, place)
        left join bursar.dedupe d
            on dedupe_keys is not null and d.job = wanted_job and d.tenant_id = coalesce(w.tenant_id, 0) and d.key = w.key
    ), fresh as materialized (
        select a.*, row_number() over (partition by a.tenant_id order by a.place) as nth from asked a where a.made_as = a.id
    ), flows as materialized (
        select f.tenant_id, bursar.last_turn(f.tenant_id, wanted_job, enqueue_many.priority::smallint) as last
        from (select distinct tenant_id from fresh) as f
    ), made as (
        insert into bursar.run (id, job, tenant_id, parameters, state, priority, turn, gates, admitted, run_at, requested_by, reason,
            dedupe_key, max_attempts, retry_initial, retry_max, retry_jitter, deadline)
        select f.id, wanted_job, f.tenant_id, f.parameters, case when is_ready then 'ready' else 'scheduled' end, enqueue_many.priority,
            case when is_ready then flows.last + f.nth end, g.gates, g.gates is null,
            coalesce(enqueue_many.run_at, clock_timestamp()), bursar.actor(), enqueue_many.reason, f.key,
            coalesce((retry ->> 'attempts')::integer, 8),
            coalesce((retry ->> 'initial')::interval, interval '30 seconds'),
            coalesce((retry ->> 'max')::interval, interval '1 hour'),
            coalesce((retry ->> 'jitter')::double precision, 0.2),
            (retry ->> 'deadline')::interval
        from fresh f
        join flows on flows.tenant_id is not distinct from f.tenant_id
        cross join lateral (
            select case when is_ready and exists (select from bursar.job_limit l where l.job = wanted_job)
                then bursar.gates_of(wanted_job, f.tenant_id, f.parameters) end as gates
        ) as g
    )
    select a.place, a.made_as, a.made_as = a.id from asked a order by a.place;
    if is_ready then
        perform bursar.tell_idle_nodes();
    end if;
end
$$;
grant execute on function bursar.enqueue_many to bursar_engine, bursar_ops, bursar_client;

-- The run that tries again what this one did not do.
alter table bursar.run_history add column retried_as bigint;

-- Tries a run again now: one that waits, or makes one of a run that ended, with the same job, parameters, schedule and fire, and
-- with its dedupe key. A run is retried once: a repeat answers with the run that was made.
create or replace function bursar.retry(run bigint, reason text) returns bigint
language plpgsql security definer set search_path = pg_catalog, bursar as
$$
declare
    ended bursar.run_history;
    later text;
    owner bigint;
    again bigint;
begin
    if exists (select from bursar.run r where r.id = retry.run) then
        update bursar.run r set state = 'ready', run_at = clock_timestamp()
        where r.id = retry.run and r.state in ('scheduled', 'snoozed');
        if not found then
            raise exception 'run % is not waiting for a retry', retry.run
                using errcode = 'BU003', hint = 'look at it with: bursar runs show ' || retry.run;
        end if;
        perform bursar.tell_idle_nodes();
        return retry.run;
    end if;
    select * into ended from bursar.run_history h where h.id = retry.run for no key update;
    if not found then
        raise exception 'there is no run %', retry.run using errcode = 'BU004', hint = 'list the runs with: bursar runs list';
    end if;
    if ended.state = 'succeeded' then
        raise exception 'run % succeeded, there is nothing to retry', retry.run
            using errcode = 'BU003', hint = 'start a new one with: bursar run ' || ended.job;
    end if;
    if ended.retried_as is not null then
        select h.state into later from bursar.run_history h where h.id = ended.retried_as;
        if not found then
            return ended.retried_as;
        end if;
        raise exception 'run % was tried again as run %, which is %', ended.id, ended.retried_as, later
            using errcode = 'BU003', hint = 'look at it with: bursar runs show ' || ended.retried_as;
    end if;
    again := nextval('bursar.run_id');
    if ended.dedupe_key is not null then
        -- The key goes over to the new run, unless somebody has asked for the same anew since it was forgotten.
        insert into bursar.dedupe as d (job, tenant_id, key, run_id, parameters, keep_for)
        values (ended.job, coalesce(ended.tenant_id, 0), ended.dedupe_key, again, ended.parameters, interval '30 days')
        on conflict (job, tenant_id, key) do update set run_id = again, parameters = excluded.parameters, expires_at = null
        where d.run_id = ended.id or d.expires_at <= clock_timestamp()
        returning d.run_id into owner;
        if owner is null then
            select d.run_id into owner from bursar.dedupe d
            where d.job = ended.job and d.tenant_id = coalesce(ended.tenant_id, 0) and d.key = ended.dedupe_key;
            raise exception 'the work of run % was asked for again as run %, under the same dedupe key', ended.id, owner
                using errcode = 'BU003', hint = 'look at it with: bursar runs show ' || owner;
        end if;
    end if;
    insert into bursar.run (id, job, schedule, fire_at, tenant_id, parameters, state, dry_run, dedupe_key, requested_by, reason,
        max_attempts, retry_initial, retry_max, retry_jitter, deadline)
    select again, ended.job, ended.schedule, ended.fire_at, ended.tenant_id, ended.parameters, 'ready', ended.dry_run, ended.dedupe_key,
        bursar.actor(), coalesce(retry.reason, 'retry') || ' (again run ' || ended.id || ')',
        coalesce((s.definition -> 'retry' ->> 'attempts')::integer, 8), coalesce(r.initial, interval '30 seconds'),
        coalesce(r.longest, interval '1 hour'), coalesce((s.definition -> 'retry' ->> 'jitter')::double precision, 0.2), r.deadline
    from (values (1)) as one
    left join bursar.schedule s on s.name = ended.schedule
    cross join lateral (
        select (s.definition -> 'retry' ->> 'initial')::interval as initial, (s.definition -> 'retry' ->> 'max')::interval as longest,
            (s.definition ->> 'deadline')::interval as deadline
    ) as r;
    update bursar.run_history h set retried_as = again where h.id = ended.id and h.finished_at = ended.finished_at;
    perform bursar.tell_idle_nodes();
    return again;
end
$$;

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
