-- The inbox of webhooks: what was posted, committed before it was answered, and what became of it.
--
-- These are tables of the engine's side: a post belongs to no tenant until it has been read, so there is no wall, and no role
-- that sees tenants one by one may read a body. The listener's role inserts and sees keys; nothing else.

-- The daemon takes the listener's role for its inserts where it has no login of the listener's own.
do $member$
begin
    if not pg_has_role('bursar', 'bursar_listener', 'member') then
        grant bursar_listener to bursar;
    end if;
end
$member$;

set local role bursar_owner;

-- A post whose signature was right. The raw bytes are what replay and dispute go back to, so a row is kept for 30 days at
-- least, and for as long as its payment is open.
create table bursar.webhook_event (
    id                 bigint generated always as identity primary key,
    source             text not null,
    -- By the source's rule: the sender's own id, fields of the body, or the body's hash.
    event_id           text not null check (octet_length(event_id) between 1 and 255),
    body               bytea not null,
    body_sha256        bytea not null generated always as (sha256(body)) stored,
    -- Those that the signature covers or consists of, in their order: [["webhook-id", "…"], …]. No secrets.
    headers            jsonb not null check (jsonb_typeof(headers) = 'array'),
    content_type       text,
    -- The verdict: which scheme found it right, by which secret (its fingerprint).
    scheme             text not null,
    secret             text,
    address            inet not null,
    received_at        timestamptz not null default clock_timestamp(),
    state              text not null default 'received' check (state in ('received', 'processed', 'ignored')),
    outcome            text,
    payment_attempt_id bigint,
    processed_at       timestamptz,
    -- How often an operator had it processed again, and how often the sender sent it again.
    replays            integer not null default 0,
    repeats            integer not null default 0,
    conflicts          integer not null default 0,
    last_seen_at       timestamptz,
    check ((state = 'received') = (processed_at is null)),
    check (state = 'received' or outcome is not null)
);
create unique index webhook_event_key on bursar.webhook_event (source, event_id);
create index webhook_event_pending on bursar.webhook_event (id) where state = 'received';

-- A right signature under an id that is taken, with another body. It is kept, raises an alarm, and has no effect.
create table bursar.webhook_conflict (
    id           bigint generated always as identity primary key,
    event        bigint not null references bursar.webhook_event on delete cascade,
    body         bytea not null,
    body_sha256  bytea not null generated always as (sha256(body)) stored,
    headers      jsonb not null,
    scheme       text not null,
    secret       text,
    address      inet not null,
    received_at  timestamptz not null default clock_timestamp(),
    repeats      integer not null default 0,
    last_seen_at timestamptz,
    unique (event, body_sha256)
);

-- Storing --------------------------------------------------------------------------------------------------------------

-- Posts whose id is taken: those with the stored body are counted, and answered with true, the others with false.
create function bursar.webhooks_seen_again(sources text[], event_ids text[], bodies text[])
returns table (place bigint, same boolean)
language sql security definer set search_path = pg_catalog, bursar as
$$
    with post as (
        select p.place, e.id, e.body_sha256 = decode(p.body, 'hex') as same
        from unnest(sources, event_ids, bodies) with ordinality as p (source, event_id, body, place)
        join bursar.webhook_event e on e.source = p.source and e.event_id = p.event_id
    ), counted as (
        update bursar.webhook_event e
        set repeats = e.repeats + s.count, last_seen_at = clock_timestamp()
        from (select p.id, count(*)::integer as count from post p where p.same group by p.id order by p.id) as s
        where e.id = s.id
    )
    select p.place, p.same from post p
$$;

-- Keeps a post with another body under a taken id, and raises the source's alarm.
create function bursar.webhook_conflicts(
    of_source text, with_id text, body bytea, headers jsonb, scheme text, secret text, address inet
) returns void
language sql security definer set search_path = pg_catalog, bursar as
$$
    with event as (
        update bursar.webhook_event e
        set conflicts = e.conflicts + 1, last_seen_at = clock_timestamp()
        where e.source = of_source and e.event_id = with_id
        returning e.id
    ), kept as (
        insert into bursar.webhook_conflict as c (event, body, headers, scheme, secret, address)
        select e.id, webhook_conflicts.body, webhook_conflicts.headers, webhook_conflicts.scheme, webhook_conflicts.secret,
            webhook_conflicts.address
        from event e
        on conflict (event, body_sha256) do update set repeats = c.repeats + 1, last_seen_at = clock_timestamp()
    )
    insert into bursar.alarm as a (key, severity, evidence)
    select 'webhook_conflict:' || of_source, 'critical',
        jsonb_build_object('source', of_source, 'event', e.id, 'event_id', with_id)
    from event e
    on conflict (key) where cleared_at is null do update set evidence = excluded.evidence
    where a.evidence is distinct from excluded.evidence
$$;

-- Asks for a run that reads the inbox, unless one is waiting to begin: what comes while one runs may have come too late for it.
create function bursar.wake_callback_verification() returns void
language plpgsql security definer set search_path = pg_catalog, bursar as
$$
begin
    if not pg_try_advisory_xact_lock(hashtextextended('bursar.wake/callback-verification', 0))
        or exists (
            select from bursar.run r
            where r.job = 'callback-verification' and not r.dry_run
                and (r.state = 'ready' or (r.state = 'scheduled' and r.run_at < clock_timestamp() + interval '5 seconds'))
        )
    then
        return;
    end if;
    perform bursar.enqueue('callback-verification', reason => 'webhooks came');
end
$$;

-- Processing -----------------------------------------------------------------------------------------------------------

-- The oldest posts that nobody has processed, locked.
create function bursar.pending_webhooks(up_to integer)
returns table (id bigint, source text, body bytea)
language sql security definer set search_path = pg_catalog, bursar as
$$
    select e.id, e.source, e.body
    from bursar.webhook_event e
    where e.state = 'received'
    order by e.id
    limit up_to
    for no key update
$$;

-- What became of posts; one that is processed already stays as it is. Answers how many there were.
create function bursar.webhooks_done(ids bigint[], states text[], outcomes text[], attempts bigint[]) returns bigint
language sql security definer set search_path = pg_catalog, bursar as
$$
    with done as (
        update bursar.webhook_event e
        set state = d.state, outcome = d.outcome, payment_attempt_id = coalesce(d.attempt, e.payment_attempt_id),
            processed_at = clock_timestamp()
        from unnest(ids, states, outcomes, attempts) as d (id, state, outcome, attempt)
        where e.id = d.id and e.state = 'received'
        returning e.id
    )
    select count(*) from done
$$;

-- Keeping --------------------------------------------------------------------------------------------------------------

-- Whether a payment can still change, so that its posts must stay. The payments say; until they do, every one is open.
create function bursar.webhook_payment_is_open(attempt bigint) returns boolean
language sql stable
begin atomic
    select true;
end;

-- The posts that need not be kept any longer at an instant: for whoever purges.
create function bursar.webhooks_purgeable(as_of timestamptz) returns setof bigint
language sql stable
begin atomic
    select e.id
    from bursar.webhook_event e
    where e.state <> 'received' and coalesce(e.last_seen_at, e.received_at) < webhooks_purgeable.as_of - interval '30 days'
        and (e.payment_attempt_id is null or not bursar.webhook_payment_is_open(e.payment_attempt_id));
end;

-- Rights ---------------------------------------------------------------------------------------------------------------

grant insert (source, event_id, body, headers, content_type, scheme, secret, address) on bursar.webhook_event to bursar_listener;
-- What `on conflict` and `returning` look at.
grant select (source, event_id) on bursar.webhook_event to bursar_listener;
grant execute on function
    bursar.webhooks_seen_again(text[], text[], text[]),
    bursar.webhook_conflicts(text, text, bytea, jsonb, text, text, inet),
    bursar.wake_callback_verification()
to bursar_listener;
grant execute on function bursar.wake_callback_verification() to bursar_engine;
grant execute on function bursar.pending_webhooks(integer) to bursar_scan, bursar_engine;
grant execute on function bursar.webhooks_done(bigint[], text[], text[], bigint[]) to bursar_scan, bursar_app, bursar_engine;
grant execute on function bursar.webhooks_purgeable(timestamptz), bursar.webhook_payment_is_open(bigint) to bursar_purge, bursar_ops;
grant select, update on bursar.webhook_event to bursar_engine;
grant select on bursar.webhook_event, bursar.webhook_conflict to bursar_engine, bursar_ops, bursar_scan, bursar_backup;
grant select, delete on bursar.webhook_event, bursar.webhook_conflict to bursar_purge;

reset role;
