-- Claims: in which order ready runs are taken, what keeps them back, who is told of them, and who may read beside whom.

set local role bursar_owner;

-- The order ------------------------------------------------------------------------------------------------------------

-- Ready runs are taken by their turn, which they get once. The runs of one tenant and priority are a flow: each gets a turn one
-- after the one before it, and the first begins right after the latest turn that was taken. So tenants take turns however many
-- runs one of them has, and a level of priority is a head start of 1,000 turns: bounded, and nobody waits for ever.
-- The sequence holds the latest turn taken. It is no counter: nodes set it, and what it says is only where new flows begin.
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
create index run_flow on bursar.run (coalesce(tenant_id, 0), priority, turn) where state = 'ready';
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

-- The turn after the last of a flow, before anything is added for its place in a batch.
create function bursar.last_turn(tenant bigint, priority smallint) returns bigint
language sql volatile
begin atomic
    select greatest(
        (select t.last_value from bursar.turn t) - 1000 * last_turn.priority::bigint,
        (select max(r.turn) from bursar.run r
         where r.state = 'ready' and coalesce(r.tenant_id, 0) = coalesce(last_turn.tenant, 0) and r.priority = last_turn.priority)
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

-- A run that becomes ready takes its place, and stands before its gates.
create function bursar.take_place() returns trigger
language plpgsql security definer set search_path = pg_catalog, bursar as
$$
begin
    if new.turn is null then
        new.turn := bursar.last_turn(new.tenant_id, new.priority) + 1;
    end if;
    new.gates := bursar.gates_of(new.job, new.tenant_id, new.parameters);
    new.admitted := new.gates is null;
    return new;
end
$$;
create trigger run_takes_its_place before insert on bursar.run
    for each row when (new.state = 'ready' and new.turn is null) execute function bursar.take_place();
create trigger run_takes_its_place_again before update of state on bursar.run
    for each row when (new.state = 'ready' and old.state <> 'ready') execute function bursar.take_place();
update bursar.run set turn = id where state = 'ready';
select setval('bursar.turn', greatest((select max(turn) from bursar.run), 0));
alter table bursar.run add constraint ready_has_its_turn check (state <> 'ready' or turn is not null);

-- How many more runs may pass a gate now.
create function bursar.room_at(gate text) returns integer
language sql stable
begin atomic
    select case split_part(room_at.gate, ':', 1)
            when 'provider' then (
                select case when p.open_until > clock_timestamp() then 0 else coalesce(p.at_once, 1000000) end
                from bursar.provider p where p.name = substr(room_at.gate, 10)
            )
            when 'job' then (select l.at_once from bursar.job_limit l where l.job = substr(room_at.gate, 5))
            else (select l.per_key from bursar.job_limit l where l.job = split_part(room_at.gate, ':', 2))
        end
        - (
            select count(*)::integer
            from bursar.gate_pass p
            join bursar.run r on r.id = p.run_id and (r.state = 'running' or r.state = 'ready' and r.admitted)
            where p.gate = room_at.gate
        );
end;

-- Lets runs pass the gates that have room, each gate's in the order of their turns; a gate that another node sees to at this
-- moment is left to it, so that no two can fill the same room. Looks at the gates after one name, so that a thousand keys
-- without room do not keep back the rest; answers with the last one looked at, null at the end of all.
create function bursar.admit(after text, most integer) returns text
language plpgsql security definer set search_path = pg_catalog, bursar as
$$
declare
    first  text := after;
    seen   integer := 0;
    room   integer;
    asking record;
    other  text;
begin
    loop
        select min(r.gates[1]) into first from bursar.run r
        where r.state = 'ready' and not r.admitted and r.gates[1] > first;
        if first is null then
            return null;
        end if;
        seen := seen + 1;
        if pg_try_advisory_xact_lock(hashtextextended('bursar.gate ' || first, 0)) then
            room := coalesce(bursar.room_at(first), 1000000);
            if room > 0 then
                for asking in
                    select r.id, r.gates from bursar.run r
                    where r.state = 'ready' and not r.admitted and r.gates[1] = first
                    order by r.turn, r.id
                    limit least(room, 1000)
                    for no key update skip locked
                loop
                    foreach other in array asking.gates[2:] loop
                        room := case
                            when not pg_try_advisory_xact_lock(hashtextextended('bursar.gate ' || other, 0)) then 0
                            else coalesce(bursar.room_at(other), 1000000)
                        end;
                        exit when room <= 0;
                    end loop;
                    exit when room <= 0;
                    insert into bursar.gate_pass (gate, run_id) select g, asking.id from unnest(asking.gates) as g
                    on conflict do nothing;
                    update bursar.run r set admitted = true where r.id = asking.id;
                end loop;
            end if;
        end if;
        if seen >= most then
            return first;
        end if;
    end loop;
end
$$;
grant execute on function bursar.admit(text, integer) to bursar_engine;

-- Takes tokens of a provider for one call. Answers how long to wait before asking again: nothing where the call may be made.
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
    if p.open_until > now then
        return p.open_until - now;
    end if;
    if p.rate is null then
        return interval '0';
    end if;
    p.tokens := least(p.burst, p.tokens + p.rate * extract(epoch from now - p.counted_at));
    if p.tokens < 1 then
        update bursar.provider x set tokens = p.tokens, counted_at = now where x.name = of_provider;
        return make_interval(secs => (1 - p.tokens) / p.rate);
    end if;
    update bursar.provider x set tokens = p.tokens - 1, counted_at = now where x.name = of_provider;
    return interval '0';
end
$$;

-- Tells how a call went. Failures in a row open the circuit for a while; one success closes it, and the time it was open is an
-- outage on record.
create function bursar.call_ended(of_provider text, succeeded boolean, error text default null) returns void
language plpgsql security definer set search_path = pg_catalog, bursar as
$$
declare
    p bursar.provider;
begin
    select * into p from bursar.provider x where x.name = of_provider for no key update;
    if not found then
        return;
    end if;
    if succeeded then
        if p.open_since is not null then
            insert into bursar.outage (kind, subject, during, evidence)
            values ('provider', of_provider, tstzrange(p.open_since, clock_timestamp()), jsonb_build_object('error', p.last_error));
        end if;
        if p.failures > 0 or p.open_since is not null then
            update bursar.provider x set failures = 0, open_since = null, open_until = null, last_error = null where x.name = of_provider;
        end if;
    else
        update bursar.provider x
        set failures = x.failures + 1, last_error = call_ended.error,
            open_since = case when x.failures + 1 >= x.trip_after then coalesce(x.open_since, clock_timestamp()) end,
            open_until = case when x.failures + 1 >= x.trip_after then clock_timestamp() + x.rest end
        where x.name = of_provider;
    end if;
end
$$;
grant execute on function bursar.take_call(text), bursar.call_ended(text, boolean, text) to bursar_engine;

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
    if coalesce(wanted_job, '') = '' then
        raise exception 'a run needs the name of a job' using errcode = 'BU003', hint = 'pass job => ''renewals''';
    end if;
    if jsonb_typeof(wanted_parameters) is distinct from 'object' then
        raise exception 'the parameters of a run are a JSON object' using errcode = 'BU003', hint = 'pass parameters => ''{"chunk": 500}''';
    end if;
    if enqueue.priority not between -100 and 100 then
        raise exception 'a priority is between -100 and 100, not %', enqueue.priority
            using errcode = 'BU003', hint = 'a level is a head start of 1,000 runs; leave it out for none';
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
        delete from bursar.dedupe d
        where d.job = wanted_job and d.tenant_id = coalesce(tenant, 0) and d.key = wanted_key and d.expires_at <= clock_timestamp();
        insert into bursar.dedupe as d (job, tenant_id, key, run_id, parameters, keep_for)
        values (wanted_job, coalesce(tenant, 0), wanted_key, enqueue.run_id, wanted_parameters, dedupe_for)
        on conflict do nothing;
        if not found then
            select * into known from bursar.dedupe d
            where d.job = wanted_job and d.tenant_id = coalesce(tenant, 0) and d.key = wanted_key;
            if known.parameters <> wanted_parameters then
                raise exception 'dedupe key % of job % was used with other parameters, by run %', wanted_key, wanted_job, known.run_id
                    using errcode = 'BU003', hint = 'use another key, or the same parameters';
            end if;
            run_id := known.run_id;
            created := false;
            return;
        end if;
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
    is_ready   boolean := enqueue_many.run_at is null or enqueue_many.run_at <= clock_timestamp();
    other      record;
begin
    if coalesce(wanted_job, '') = '' then
        raise exception 'runs need the name of a job' using errcode = 'BU003', hint = 'pass job => ''renewals''';
    end if;
    if coalesce(cardinality(tenants), many) <> many or coalesce(cardinality(dedupe_keys), many) <> many then
        raise exception 'tenants and dedupe_keys must be as long as parameters (%)', many
            using errcode = 'BU003', hint = 'put null where a run has none';
    end if;
    if exists (select from unnest(wanted) as p where jsonb_typeof(p) is distinct from 'object') then
        raise exception 'the parameters of a run are a JSON object' using errcode = 'BU003', hint = 'put ''{}'' where a run has none';
    end if;
    if enqueue_many.priority not between -100 and 100 then
        raise exception 'a priority is between -100 and 100, not %', enqueue_many.priority
            using errcode = 'BU003', hint = 'a level is a head start of 1,000 runs; leave it out for none';
    end if;
    if dedupe_keys is not null then
        delete from bursar.dedupe d
        using unnest(coalesce(tenants, array_fill(null::bigint, array[many])), dedupe_keys) as w (tenant_id, key)
        where d.job = wanted_job and d.tenant_id = coalesce(w.tenant_id, 0) and d.key = w.key and d.expires_at <= clock_timestamp();
    end if;

    return query
    with asked as materialized (
        select w.place::integer as place, w.parameters, w.tenant_id, w.key, nextval('bursar.run_id') as id
        from unnest(wanted, coalesce(tenants, array_fill(null::bigint, array[many])),
            coalesce(dedupe_keys, array_fill(null::text, array[many]))) with ordinality as w (parameters, tenant_id, key, place)
    ), firsts as (
        select distinct on (coalesce(tenant_id, 0), key) * from asked where key is not null order by coalesce(tenant_id, 0), key, place
    ), noted as (
        insert into bursar.dedupe as d (job, tenant_id, key, run_id, parameters, keep_for)
        select wanted_job, coalesce(tenant_id, 0), key, id, firsts.parameters, dedupe_for from firsts
        on conflict do nothing
        returning d.run_id
    ), fresh as materialized (
        select a.*, row_number() over (partition by a.tenant_id order by a.place) as nth
        from asked a
        where a.key is null or a.id in (select n.run_id from noted n)
    ), flows as materialized (
        select f.tenant_id, bursar.last_turn(f.tenant_id, enqueue_many.priority::smallint) as last
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
        returning bursar.run.id
    )
    select a.place, coalesce(m.id, d.run_id, own.id), m.id is not null
    from asked a
    left join made m on m.id = a.id
    -- A repeat: of an earlier request, or of one in this batch.
    left join bursar.dedupe d on m.id is null and d.job = wanted_job and d.tenant_id = coalesce(a.tenant_id, 0) and d.key = a.key
    left join firsts own on m.id is null and coalesce(own.tenant_id, 0) = coalesce(a.tenant_id, 0) and own.key = a.key
    order by a.place;

    if dedupe_keys is not null then
        select d.key, d.run_id into other
        from unnest(wanted, coalesce(tenants, array_fill(null::bigint, array[many])), dedupe_keys) as w (parameters, tenant_id, key)
        join bursar.dedupe d on d.job = wanted_job and d.tenant_id = coalesce(w.tenant_id, 0) and d.key = w.key
        where d.parameters <> w.parameters
        limit 1;
        if found then
            raise exception 'dedupe key % of job % was used with other parameters, by run %', other.key, wanted_job, other.run_id
                using errcode = 'BU003', hint = 'use another key, or the same parameters';
        end if;
    end if;
    if is_ready then
        perform bursar.tell_idle_nodes();
    end if;
end
$$;
grant execute on function bursar.enqueue_many to bursar_engine, bursar_ops, bursar_client;

-- Makes a run of one that ended: the same job, parameters, schedule and fire, asked for again by somebody with a reason.
create or replace function bursar.retry(run bigint, reason text) returns bigint
language plpgsql security definer set search_path = pg_catalog, bursar as
$$
declare
    ended bursar.run_history;
    again bigint;
begin
    if exists (select from bursar.run r where r.id = retry.run) then
        update bursar.run r set state = 'ready', run_at = clock_timestamp()
        where r.id = retry.run and r.state in ('scheduled', 'snoozed');
        if not found then
            raise exception 'run % is not waiting for a retry', retry.run
                using errcode = 'BU003', hint = 'look at it with: bursar runs show ' || retry.run;
        end if;
        return retry.run;
    end if;
    select * into ended from bursar.run_history h where h.id = retry.run;
    if not found then
        raise exception 'there is no run %', retry.run using errcode = 'BU004', hint = 'list the runs with: bursar runs list';
    end if;
    if ended.state = 'succeeded' then
        raise exception 'run % succeeded, there is nothing to retry', retry.run
            using errcode = 'BU003', hint = 'start a new one with: bursar run ' || ended.job;
    end if;
    insert into bursar.run (job, schedule, fire_at, tenant_id, parameters, state, dry_run, requested_by, reason,
        max_attempts, retry_initial, retry_max, retry_jitter, deadline)
    select ended.job, ended.schedule, ended.fire_at, ended.tenant_id, ended.parameters, 'ready', ended.dry_run, bursar.actor(),
        coalesce(retry.reason, 'retry') || ' (again run ' || ended.id || ')',
        coalesce((s.definition -> 'retry' ->> 'attempts')::integer, 8), coalesce(r.initial, interval '30 seconds'),
        coalesce(r.longest, interval '1 hour'), coalesce((s.definition -> 'retry' ->> 'jitter')::double precision, 0.2), r.deadline
    from (values (1)) as one
    left join bursar.schedule s on s.name = ended.schedule
    cross join lateral (
        select (s.definition -> 'retry' ->> 'initial')::interval as initial, (s.definition -> 'retry' ->> 'max')::interval as longest,
            (s.definition ->> 'deadline')::interval as deadline
    ) as r
    returning bursar.run.id into again;
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
