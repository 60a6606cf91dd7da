-- Notices: whom to tell, what was planned, what was sent, and what came of it.
--
-- A notice is one thing to say to one payer on one channel; a message is what is sent, and may carry several of them.
-- Instants are business time. What is planned, claimed and sent is told apart, so that a node that dies leaves no doubt but
-- about the one message that it was sending.

set local role bursar_owner;

-- Whom to tell -------------------------------------------------------------------------------------------------------------

-- The key of the hashes by which addresses are recognised after they are erased: HMAC-SHA-256, its two padded keys. It goes
-- with the data, into backups too: without it a suppression would protect nobody after a restore.
create table bursar.address_key (
    only_row  boolean primary key default true check (only_row),
    inner_key bytea not null check (length(inner_key) = 64),
    outer_key bytea not null check (length(outer_key) = 64)
);
do $key$
declare
    secret bytea := sha256(convert_to(gen_random_uuid()::text || gen_random_uuid()::text || gen_random_uuid()::text, 'UTF8'));
    inner_ bytea := ''::bytea;
    outer_ bytea := ''::bytea;
begin
    for i in 0..63 loop
        inner_ := inner_ || set_byte('\x00', 0, (case when i < 32 then get_byte(secret, i) else 0 end) # 54);
        outer_ := outer_ || set_byte('\x00', 0, (case when i < 32 then get_byte(secret, i) else 0 end) # 92);
    end loop;
    insert into bursar.address_key (inner_key, outer_key) values (inner_, outer_);
end
$key$;
grant select on bursar.address_key to bursar_backup;

-- The same address written in another way is the same address.
create function bursar.folded_address(channel text, address text) returns text
language sql immutable parallel safe
begin atomic
    select case channel
        when 'email' then lower(trim(address))
        when 'sms' then regexp_replace(address, '[^+0-9]', '', 'g')
        else trim(address)
    end;
end;

create function bursar.address_hash(channel text, address text) returns bytea
language sql stable parallel safe security definer set search_path = pg_catalog, bursar as
$$
    select sha256(k.outer_key || sha256(k.inner_key || convert_to(channel || ':' || bursar.folded_address(channel, address), 'UTF8')))
    from bursar.address_key k
$$;
grant execute on function bursar.folded_address(text, text), bursar.address_hash(text, text)
    to bursar_app, bursar_ops, bursar_scan, bursar_engine;

-- The tenant's billing contact. Where there is no row the tenant's own name, locale and its issuer's zone count.
create table bursar.payer (
    tenant_id  bigint primary key references bursar.tenant (id),
    name       text check (name <> ''),
    locale     text check (locale ~ '^[a-z]{2,3}(-[A-Za-z0-9]{2,8})*$'),
    time_zone  text constraint time_zone_is_known check (bursar.is_time_zone(time_zone)),
    changed_at timestamptz not null default bursar.business_now()
);
call bursar.wall('bursar.payer');

-- Where the payer is reached: one address in force for each channel. An erased one keeps its hash and loses its text.
create table bursar.payer_address (
    tenant_id   bigint not null,
    id          bigint generated always as identity,
    channel     text not null check (channel in ('email', 'telegram', 'sms', 'webhook')),
    address     text check (address <> '' and address !~ '[[:cntrl:]]'),
    hash        bytea not null,
    placed_by   text not null default bursar.actor(),
    placed_at   timestamptz not null default bursar.business_now(),
    retired_at  timestamptz,
    retired_why text check (retired_why in ('replaced', 'removed', 'erased')),
    primary key (tenant_id, id),
    check ((retired_at is null) = (retired_why is null)),
    check ((address is null) = (retired_why is not distinct from 'erased'))
);
create unique index one_address_per_channel on bursar.payer_address (tenant_id, channel) where retired_at is null;
create index payer_address_by_hash on bursar.payer_address (hash);
call bursar.wall('bursar.payer_address');

-- Addresses that are not written to any more, by hash: for one tenant, or for all of them (tenant 0).
create table bursar.suppression (
    tenant_id      bigint not null,
    id             bigint generated always as identity,
    channel        text not null,
    address_hash   bytea not null,
    reason         text not null check (reason in ('hard_bounce', 'soft_bounces', 'complaint', 'blocked', 'manual')),
    source         text not null check (source <> ''),     -- 'smtp', 'dsn', a provider's status webhook, 'operator'
    evidence       text not null check (evidence <> ''),   -- what was said, or where it lies
    placed_by      text not null default bursar.actor(),
    placed_at      timestamptz not null default bursar.business_now(),
    expires_at     timestamptz,                            -- null: until somebody releases it
    released_at    timestamptz,
    released_by    text,
    release_reason text check (release_reason <> ''),
    primary key (tenant_id, id),
    check ((released_at is null) = (released_by is null) and (released_at is null) = (release_reason is null))
);
create unique index one_suppression_in_force on bursar.suppression (tenant_id, channel, address_hash) where released_at is null;
create index suppression_by_address on bursar.suppression (channel, address_hash) where released_at is null;
call bursar.wall('bursar.suppression');

-- What a payer has agreed to and taken back, by category and channel: the latest counts. Only optional categories ask for it.
create table bursar.consent (
    tenant_id bigint not null,
    id        bigint generated always as identity,
    category  text not null,                               -- 'all' for every optional category
    channel   text not null,                               -- 'all' for every channel
    verb      text not null check (verb in ('granted', 'withdrawn')),
    source    text not null check (source <> ''),          -- 'one_click', 'operator', 'client'
    wording   text,                                        -- the version of the text that was agreed to
    evidence  text,
    actor     text not null default bursar.actor(),
    at        timestamptz not null default bursar.business_now(),
    primary key (tenant_id, id)
);
create index consent_latest on bursar.consent (tenant_id, category, channel, id);
call bursar.wall('bursar.consent', 'select, insert');
create trigger consent_never_changes before update or delete or truncate on bursar.consent
    for each statement execute function bursar.refuse_change('write what holds from now on');

-- What stops sending, now: everything, a channel or a category. Asked at claim and again before each send.
create table bursar.notice_stop (
    what   text primary key check (what ~ '^(all|channel:[a-z]+|category:[a-z_]+)$'),
    reason text not null check (reason <> ''),
    by     text not null default bursar.actor(),
    since  timestamptz not null default bursar.business_now()
);
grant select on bursar.notice_stop to bursar_app, bursar_scan, bursar_ops, bursar_backup;

-- What was planned ---------------------------------------------------------------------------------------------------------

-- The dunning policies that were ever used, as they were read.
create table bursar.dunning_policy (
    version       text primary key check (version ~ '^[0-9a-f]{16}$'),
    content       jsonb not null,
    first_used_at timestamptz not null default bursar.business_now()
);
grant select, insert on bursar.dunning_policy to bursar_app;
grant select on bursar.dunning_policy to bursar_scan, bursar_ops, bursar_backup;

create table bursar.notice_state (
    state    text primary key,
    place    integer not null,
    is_final boolean not null,
    meaning  text not null
);
insert into bursar.notice_state (state, place, is_final, meaning) values
    ('planned', 1, false, 'it is to be said, once its time has come and nothing speaks against it'),
    ('claimed', 2, false, 'it is part of a message that is being sent or tried again'),
    ('accepted', 3, false, 'the next hop has taken the message'),
    ('delivered', 4, false, 'the next hop says that it reached the payer'),
    ('hard_failed', 5, true, 'it cannot be delivered on this channel'),
    ('unknown', 6, false, 'nobody knows whether it arrived, and it is not tried again'),
    ('skipped', 7, true, 'it was not said, for the reason that stands beside it'),
    ('superseded', 8, true, 'a later step was due before it went out');
create table bursar.notice_move (
    from_state text not null references bursar.notice_state,
    to_state   text not null references bursar.notice_state,
    primary key (from_state, to_state)
);
insert into bursar.notice_move (from_state, to_state) values
    ('planned', 'claimed'), ('planned', 'skipped'), ('planned', 'superseded'),
    ('claimed', 'planned'), ('claimed', 'accepted'), ('claimed', 'hard_failed'), ('claimed', 'unknown'), ('claimed', 'skipped'),
    ('claimed', 'superseded'),
    ('accepted', 'delivered'), ('accepted', 'hard_failed'), ('delivered', 'hard_failed'),
    ('unknown', 'accepted'), ('unknown', 'delivered'), ('unknown', 'hard_failed');
grant select on bursar.notice_state, bursar.notice_move to bursar_app, bursar_scan, bursar_ops, bursar_backup;

-- One thing to say to a payer on one channel. A dunning notice is unique by invoice, step and channel, one that tells of an
-- event by event, category and channel; both live as long as what they tell of.
create table bursar.notice (
    tenant_id       bigint not null,
    id              bigint generated always as identity,
    issuer_id       bigint not null,
    kind            text not null check (kind in ('dunning', 'event')),
    category        text not null,
    class           text not null check (class in ('optional', 'mandatory', 'transaction', 'operator')),
    template        text not null,
    guarantee       text not null check (guarantee in ('at_least_once', 'at_most_once')),
    ladder          text[] not null,                       -- the channels in order; where one fails the next is planned
    channel         text not null check (channel in ('email', 'telegram', 'sms', 'webhook', 'operator')),
    invoice_id      bigint,
    subscription_id bigint,
    event_id        bigint,
    step            text,
    policy_version  text references bursar.dunning_policy,
    after_due       boolean not null default false,        -- it says that something was not paid: bank data must be fresh
    planned_for     timestamptz not null,                  -- the instant that the policy names
    not_before      timestamptz not null,                  -- grows where it is put off
    valid_until     timestamptz not null,                  -- later than that it is not said at all
    state           text not null default 'planned' references bursar.notice_state,
    reason          text check (reason in ('paid', 'below_tolerance', 'disputed', 'promise_to_pay', 'held', 'credit_pending', 'suppressed',
        'no_consent', 'no_address', 'address_unfit', 'channel_off', 'kill_switch', 'stale_reconciliation', 'expired_message', 'parked',
        'quiet_hours', 'one_a_day', 'budget', 'later_step', 'ended', 'journalled', 'unrenderable', 'retry')),
    superseded_by   text,                                  -- the step
    message_id      bigint,
    run_id          bigint default nullif(current_setting('bursar.run', true), '')::bigint,
    planned_at      timestamptz not null default bursar.business_now(),
    primary key (tenant_id, id),
    check (case kind
        when 'dunning' then invoice_id is not null and step is not null and policy_version is not null and event_id is null
        else event_id is not null and step is null and policy_version is null
    end),
    check (state not in ('skipped', 'superseded') or reason is not null),
    foreign key (tenant_id, invoice_id) references bursar.invoice (tenant_id, id)
) with (fillfactor = 85);
create unique index one_notice_per_step on bursar.notice (tenant_id, invoice_id, step, channel) where kind = 'dunning';
create unique index one_notice_per_event on bursar.notice (tenant_id, event_id, category, channel) where kind = 'event';
create index notice_by_id on bursar.notice (id);
create index notice_due on bursar.notice (tenant_id, not_before) where state = 'planned';
create index notice_final_lost on bursar.notice (valid_until) where category = 'final' and state in ('hard_failed', 'skipped');
create index notice_of_message on bursar.notice (tenant_id, message_id) where message_id is not null;
call bursar.wall('bursar.notice');

-- Refuses changes of state that the table of moves does not know.
--
-- What has changed is joined to what it was by hashing, also where the caller plans along indexes: neither has one.
create function bursar.refuse_illegal_notice_move() returns trigger
language plpgsql set enable_hashjoin = on as
$$
declare
    wrong record;
begin
    select n.id, o.state as was, n.state into wrong
    from after_it n join before_it o on o.tenant_id = n.tenant_id and o.id = n.id
    where o.state <> n.state and not exists (select from bursar.notice_move v where v.from_state = o.state and v.to_state = n.state)
    limit 1;
    if found then
        raise exception 'notice % cannot go from % to %', wrong.id, wrong.was, wrong.state
            using errcode = 'BU003', hint = coalesce('from ' || wrong.was || ' it may go to: ' || (select string_agg(v.to_state, ', ' order by v.to_state)
                from bursar.notice_move v where v.from_state = wrong.was), wrong.was || ' is final');
    end if;
    return null;
end
$$;
create trigger notice_moves_legally after update on bursar.notice referencing old table as before_it new table as after_it
    for each statement execute function bursar.refuse_illegal_notice_move();

-- What is sent -------------------------------------------------------------------------------------------------------------

-- What is sent to one payer. Its Message-ID is made once and goes with every try.
create table bursar.message (
    tenant_id     bigint not null,
    id            bigint generated always as identity,
    issuer_id     bigint not null,
    channel       text not null,
    class         text not null,
    local_day     date not null,                           -- of the payer, when it was first claimed
    address_id    bigint,
    address_hash  bytea,
    message_id    text not null check (message_id ~ '^[A-Za-z0-9._-]+@[A-Za-z0-9.-]+$'),  -- RFC 5322, without its brackets
    guarantee     text not null,
    locale        text,
    template      text,                                    -- where it was found: 'global/km/final'
    template_hash text,
    content_hash  bytea,
    fell_back     text,                                    -- why not by the first template that was there
    state         text not null default 'claimed' check (state in ('claimed', 'sending', 'waiting', 'accepted', 'delivered', 'hard_failed',
        'unknown', 'skipped')),
    reason        text,
    attempts      integer not null default 0,
    not_before    timestamptz not null,
    valid_until   timestamptz not null,
    transport     text,                                    -- of the last attempt
    outcome       text,                                    -- its class
    provider_id   text,                                    -- what the next hop calls it
    sending_since timestamptz,
    accepted_at   timestamptz,
    created_at    timestamptz not null default bursar.business_now(),
    run_id        bigint,
    fence         bigint,
    primary key (tenant_id, id),
    unique (tenant_id, message_id)
) with (fillfactor = 80);
create unique index one_message_a_day on bursar.message (tenant_id, channel, class, local_day) where class in ('optional', 'mandatory') and state <> 'skipped';
create index message_by_id on bursar.message (id);
create index message_by_message_id on bursar.message (message_id);
create index message_by_provider on bursar.message (provider_id) where provider_id is not null;
create index message_under_way on bursar.message (id) where state in ('claimed', 'sending');
create index message_waiting on bursar.message (tenant_id, not_before) where state = 'waiting';
create index message_in_doubt on bursar.message (created_at) where state = 'unknown';
create index message_fell_back on bursar.message (sending_since) where fell_back is not null;
create index message_of_day on bursar.message (channel, local_day);
call bursar.wall('bursar.message');

-- How each try ended. The message in state 'sending' is the word before it.
create table bursar.message_attempt (
    tenant_id   bigint not null,
    message_id  bigint not null,
    attempt     integer not null,
    transport   text not null,
    outcome     text not null check (outcome in ('accepted', 'transport', 'configuration', 'soft', 'hard', 'policy', 'rate_limited', 'unknown')),
    phase       text not null,                             -- how far it came: 'connect', 'recipient', 'content'
    code        integer,
    reply       text,                                      -- trimmed, without addresses
    provider_id text,
    started_at  timestamptz not null,
    took        interval not null,
    run_id      bigint,
    fence       bigint,
    primary key (tenant_id, message_id, attempt),
    foreign key (tenant_id, message_id) references bursar.message (tenant_id, id)
);
call bursar.wall('bursar.message_attempt', 'select, insert');

-- What a message said, for as long as the retention policy keeps it.
create table bursar.message_body (
    tenant_id  bigint not null,
    message_id bigint not null,
    subject    text,
    text       text not null,
    created_at timestamptz not null default bursar.business_now(),
    primary key (tenant_id, message_id),
    foreign key (tenant_id, message_id) references bursar.message (tenant_id, id)
);
call bursar.wall('bursar.message_body', 'select, insert, update');

-- From events --------------------------------------------------------------------------------------------------------------

-- The kinds of events that somebody is told of: the catalogue of the program, which a test compares.
create table bursar.noticed_kind (
    kind text primary key
);
insert into bursar.noticed_kind (kind) values
    ('invoice.issued'), ('payment.received'), ('payment.mismatched'), ('payment.reversed'), ('payment.refunded'),
    ('subscription.suspended'), ('subscription.reactivated'), ('subscription.canceled'), ('subscription.expired'), ('drill.failed'),
    ('backup.failed');
grant select on bursar.noticed_kind to public;

-- Events that nobody was told of yet; a row goes when the notices of its event are planned.
create table bursar.event_unnoticed (
    tenant_id bigint not null,
    event_id  bigint not null,
    primary key (tenant_id, event_id)
);
create index event_unnoticed_by_id on bursar.event_unnoticed (event_id);
call bursar.wall('bursar.event_unnoticed', 'select, insert, delete');

create function bursar.queue_events() returns trigger
language plpgsql as
$$
begin
    insert into bursar.event_unnoticed (tenant_id, event_id)
    select n.tenant_id, n.id from after_it n where n.kind in (select k.kind from bursar.noticed_kind k);
    return null;
end
$$;
create trigger event_waits_for_its_notices after insert on bursar.event referencing new table as after_it
    for each statement execute function bursar.queue_events();

reset role;
