-- Payments: what is expected, by which QR it was asked for, what was seen, and where every riel of it was placed.
--
-- Amounts are minor units of their currency. Instants are business time. Observations, matches and allocations are never
-- changed: what is undone is undone by a row of its own.

set local role bursar_owner;

-- The accounts of an issuer that money arrives on. The rules of an account say how much may be missing or too much, and
-- what becomes of money that comes late.
create table bursar.receiving_account (
    id                  bigint generated always as identity primary key,
    issuer_id           bigint not null references bursar.issuer,
    provider            text not null check (provider in ('bakong', 'gateway', 'bank', 'cash')),
    account             text not null check (account <> '' and account = lower(account)),
    currency            text check (currency in ('KHR', 'USD')),            -- null: both
    name                text not null check (name <> ''),
    merchant            jsonb not null default '{}' check (jsonb_typeof(merchant) = 'object'),  -- what a QR says of the payee
    qr_lifetime         interval not null default interval '10 minutes' check (qr_lifetime between interval '1 minute' and interval '30 days'),
    below_khr           bigint not null default 0 check (below_khr >= 0),   -- so much less than asked for is as good as all of it
    below_usd           bigint not null default 0 check (below_usd >= 0),
    above_khr           bigint not null default 0 check (above_khr >= 0),   -- so much more is not worth a word
    above_usd           bigint not null default 0 check (above_usd >= 0),
    settles_late        boolean not null default true,                      -- else late money waits in suspense
    statement_required  boolean not null default false,                     -- the watermark waits for statement files
    watermark           timestamptz,                                        -- bank data is complete up to here
    retired_at          timestamptz,
    created_at          timestamptz not null default bursar.business_now(),
    unique (issuer_id, provider, account),
    unique (issuer_id, id)
);
grant select on bursar.receiving_account to bursar_app, bursar_scan, bursar_ops, bursar_backup;

-- The two machines -----------------------------------------------------------------------------------------------------------
-- docs/payment-states.md is made from these tables.

create table bursar.payment_state (
    machine  text not null check (machine in ('intent', 'attempt')),
    state    text not null,
    place    integer not null,                 -- for people: the order in which they are told
    is_final boolean not null,                 -- left only by an operator's act or by a reversal
    meaning  text not null,
    primary key (machine, state)
);
insert into bursar.payment_state (machine, state, place, is_final, meaning) values
    ('intent', 'open', 1, false, 'money is expected, and no QR was shown yet'),
    ('intent', 'pending', 2, false, 'a QR or another way to pay was shown'),
    ('intent', 'partially_paid', 3, false, 'some of it came; the rest is still expected'),
    ('intent', 'paid', 4, true, 'all of it came'),
    ('intent', 'expired', 5, false, 'every QR ran out and nothing came; a new one may be shown'),
    ('intent', 'cancelled', 6, true, 'nothing is expected any more'),
    ('intent', 'late_paid', 7, true, 'it came after it had expired or was cancelled'),
    ('intent', 'partially_refunded', 8, false, 'a part of what came was given back'),
    ('intent', 'refunded', 9, true, 'all that came was given back'),
    ('intent', 'reversed', 10, false, 'the bank took back what came; the invoice is open again'),
    ('intent', 'review', 11, false, 'a person has to look'),
    ('attempt', 'created', 1, false, 'the QR exists, and nobody has seen it'),
    ('attempt', 'presented', 2, false, 'the payer was shown it'),
    ('attempt', 'observed', 3, false, 'somebody says that it was paid; our own lookup has not said so yet'),
    ('attempt', 'unknown', 4, false, 'a call ended without an answer; only a lookup leaves this state'),
    ('attempt', 'confirmed', 5, true, 'our own lookup, a statement or a person with evidence says that it was paid'),
    ('attempt', 'mismatched', 6, false, 'money came that is not what was asked for; it lies in suspense'),
    ('attempt', 'failed', 7, false, 'the provider says that the transaction failed'),
    ('attempt', 'expired', 8, false, 'its time is over and no money was found; late money is still looked for');

create table bursar.payment_move (
    machine    text not null,
    from_state text not null,                  -- 'new' is the state before the first
    to_state   text not null,
    cause      text not null,
    primary key (machine, from_state, to_state, cause),
    foreign key (machine, to_state) references bursar.payment_state (machine, state)
);
insert into bursar.payment_move (machine, from_state, to_state, cause)
select 'intent', from_state, to_state, cause
from (values
    (array['new'], 'open', 'created'),
    (array['open', 'expired', 'reversed'], 'pending', 'presented'),
    (array['open', 'pending', 'review'], 'partially_paid', 'money_came'),
    (array['open', 'pending', 'partially_paid', 'review', 'reversed', 'partially_refunded'], 'paid', 'money_came'),
    (array['open', 'pending', 'partially_paid', 'expired', 'review', 'reversed'], 'paid', 'credit_applied'),
    (array['open', 'pending', 'expired', 'review', 'reversed'], 'partially_paid', 'credit_applied'),
    (array['expired', 'cancelled'], 'late_paid', 'money_came'),
    (array['expired', 'cancelled', 'reversed'], 'partially_paid', 'money_came'),
    (array['open', 'pending'], 'expired', 'time_over'),
    (array['open', 'pending', 'partially_paid', 'expired', 'review', 'reversed', 'partially_refunded'], 'cancelled', 'written_off'),
    (array['open', 'pending', 'expired', 'review'], 'cancelled', 'withdrawn'),
    (array['paid', 'late_paid', 'partially_paid'], 'partially_refunded', 'refunded'),
    (array['paid', 'late_paid', 'partially_paid', 'partially_refunded'], 'refunded', 'refunded'),
    (array['paid', 'late_paid', 'partially_paid', 'partially_refunded', 'cancelled'], 'reversed', 'reversed'),
    (array['paid', 'late_paid', 'partially_paid'], 'review', 'match_released'),
    (array['open', 'pending', 'partially_paid', 'expired', 'partially_refunded', 'reversed'], 'review', 'asked_for'),
    (array['review'], 'pending', 'reviewed'),
    (array['review'], 'partially_paid', 'reviewed')
) as move (from_states, to_state, cause)
cross join lateral unnest(move.from_states) as from_state
union all
select 'attempt', from_state, to_state, cause
from (values
    (array['new'], 'created', 'created'),
    (array['created'], 'presented', 'presented'),
    (array['presented', 'unknown'], 'observed', 'claimed'),
    (array['created', 'presented', 'observed', 'unknown', 'expired', 'failed'], 'confirmed', 'money_came'),
    (array['mismatched', 'expired', 'failed'], 'confirmed', 'assigned'),
    (array['created', 'presented', 'observed', 'unknown', 'expired', 'failed'], 'mismatched', 'money_differs'),
    (array['created', 'presented', 'observed', 'unknown', 'expired'], 'failed', 'provider_said_no'),
    (array['created', 'presented', 'observed'], 'unknown', 'no_answer'),
    (array['created', 'presented', 'observed', 'unknown', 'failed'], 'expired', 'time_over'),
    (array['confirmed'], 'mismatched', 'match_released')
) as move (from_states, to_state, cause)
cross join lateral unnest(move.from_states) as from_state;
grant select on bursar.payment_state, bursar.payment_move to bursar_app, bursar_scan, bursar_ops, bursar_backup, bursar_client;

-- Money that is expected for an invoice.
create table bursar.payment_intent (
    tenant_id  bigint not null,
    id         bigint generated always as identity,
    issuer_id  bigint not null,
    invoice_id bigint not null,
    currency   text not null,
    amount     bigint not null check (amount > 0),     -- the invoice's total
    state      text not null default 'open',
    version    integer not null default 1,             -- grows by one with each change of state
    cause      text not null default 'created',        -- of the last change
    source     text not null default 'contract',       -- who brought it: a provider, a webhook source, 'operator', a job
    created_at timestamptz not null default bursar.business_now(),
    primary key (tenant_id, id),
    unique (tenant_id, invoice_id),
    foreign key (tenant_id, invoice_id) references bursar.invoice (tenant_id, id)
) with (fillfactor = 85);
create index payment_intent_by_id on bursar.payment_intent (id);
call bursar.wall('bursar.payment_intent');

-- One QR, one gateway transaction, or one payment by hand.
create table bursar.payment_attempt (
    tenant_id          bigint not null,
    id                 bigint generated always as identity,
    issuer_id          bigint not null,
    intent_id          bigint not null,
    account_id         bigint not null,
    currency           text not null,
    amount             bigint not null check (amount > 0),
    bill_number        text check (bill_number <> ''),
    qr                 text,                           -- the exact text; its md5 is the key of every lookup
    md5                text check (md5 = md5(qr)),
    md5_ascii          text,                           -- with '?' for each character beyond ASCII: some peers index this one
    provider_reference text,                           -- a gateway's tran_id
    state              text not null default 'created',
    version            integer not null default 1,
    cause              text not null default 'created',
    source             text not null default 'contract',
    created_at         timestamptz not null default bursar.business_now(),
    presented_at       timestamptz,
    expires_at         timestamptz,
    primary key (tenant_id, id),
    foreign key (tenant_id, intent_id) references bursar.payment_intent (tenant_id, id),
    foreign key (issuer_id, account_id) references bursar.receiving_account (issuer_id, id),
    constraint one_attempt_per_md5 unique (issuer_id, md5),
    constraint one_attempt_per_reference unique (issuer_id, account_id, provider_reference)
) with (fillfactor = 85);
create index payment_attempt_by_id on bursar.payment_attempt (id);
create index payment_attempt_of_intent on bursar.payment_attempt (tenant_id, intent_id);
create index payment_attempt_by_bill on bursar.payment_attempt (issuer_id, bill_number) where bill_number is not null;
create index payment_attempt_by_ascii on bursar.payment_attempt (issuer_id, md5_ascii) where md5_ascii is not null;
call bursar.wall('bursar.payment_attempt');

-- Every change of state of both machines, written by the change itself.
create table bursar.payment_event (
    tenant_id  bigint not null,
    id         bigint generated always as identity,
    machine    text not null,
    object_id  bigint not null,
    seq        integer not null check (seq > 0),
    from_state text not null,
    to_state   text not null,
    cause      text not null,
    source     text not null,
    run_id     bigint,
    fence      bigint,                                 -- of the run's claim: no run moves money without one
    actor      text not null,
    at         timestamptz not null,
    primary key (tenant_id, id),
    unique (tenant_id, machine, object_id, seq),
    foreign key (machine, from_state, to_state, cause) references bursar.payment_move,
    check ((run_id is null) = (fence is null))
);
call bursar.wall('bursar.payment_event', 'select, insert');
create trigger payment_event_never_changes before update or delete or truncate on bursar.payment_event
    for each statement execute function bursar.refuse_change('a change of state is history; make the next one');

-- Says which moves there are instead.
create function bursar.refuse_payment_move(of_machine text, object bigint, before text, after text, because text) returns void
language plpgsql as
$$
declare
    known text;
begin
    select string_agg(distinct m.to_state || ' (' || m.cause || ')', ', ') into known
    from bursar.payment_move m where m.machine = of_machine and m.from_state = before;
    raise exception 'payment % % cannot go from % to % because of %', of_machine, object, before, after, because
        using errcode = 'BU003', hint = coalesce('from ' || before || ' it may go to: ' || known, before || ' has no way out');
end
$$;
grant execute on function bursar.refuse_payment_move(text, bigint, text, text, text) to public;

-- Refuses a first state that the table of moves does not know.
create function bursar.refuse_illegal_payment_start() returns trigger
language plpgsql as
$$
begin
    if not exists (
        select from bursar.payment_move m
        where m.machine = tg_argv[0] and m.from_state = 'new' and m.to_state = new.state and m.cause = new.cause
    ) then
        perform bursar.refuse_payment_move(tg_argv[0], new.id, 'new', new.state, new.cause);
    end if;
    return new;
end
$$;
create trigger payment_intent_begins_legally before insert on bursar.payment_intent
    for each row when (new.state <> 'open') execute function bursar.refuse_illegal_payment_start('intent');
create trigger payment_attempt_begins_legally before insert on bursar.payment_attempt
    for each row when (new.state <> 'created') execute function bursar.refuse_illegal_payment_start('attempt');

-- Refuses changes that the table of moves does not know, and those that hide behind another; then writes the events of the
-- statement's changes. The run and its fence are those of the transaction.
create function bursar.tell_payment_moves() returns trigger
language plpgsql
-- Before and after are many rows each, and the caller may have turned hash joins off.
set enable_hashjoin = on as
$$
declare
    of_machine text := tg_argv[0];
    of_run     bigint := nullif(current_setting('bursar.run', true), '')::bigint;
    with_fence bigint := nullif(current_setting('bursar.fence', true), '')::bigint;
    teller     text := bursar.actor();
    moment     timestamptz := bursar.business_now();
    wrong      record;
begin
    if tg_op = 'INSERT' then
        insert into bursar.payment_event (tenant_id, machine, object_id, seq, from_state, to_state, cause, source, run_id, fence, actor, at)
        select n.tenant_id, of_machine, n.id, n.version, 'new', n.state, n.cause, n.source, of_run, with_fence, teller, moment from after_it n;
        return null;
    end if;
    select n.id, o.state as was, n.state, n.cause, o.version, n.version - 1 as read_at into wrong
    from after_it n
    join before_it o on o.id = n.id and o.tenant_id = n.tenant_id
    left join bursar.payment_move m
        on m.machine = of_machine and m.from_state = o.state and m.to_state = n.state and m.cause = n.cause
    where o.state <> n.state and (m.machine is null or n.version <> o.version + 1)
    limit 1;
    if found then
        if wrong.version = wrong.read_at then
            perform bursar.refuse_payment_move(of_machine, wrong.id, wrong.was, wrong.state, wrong.cause);
        end if;
        raise exception 'payment % % is at version %, not at %', of_machine, wrong.id, wrong.version, wrong.read_at
            using errcode = 'BU003', hint = 'read it again and decide again';
    end if;
    insert into bursar.payment_event (tenant_id, machine, object_id, seq, from_state, to_state, cause, source, run_id, fence, actor, at)
    select n.tenant_id, of_machine, n.id, n.version, o.state, n.state, n.cause, n.source, of_run, with_fence, teller, moment
    from after_it n join before_it o on o.id = n.id and o.tenant_id = n.tenant_id
    where o.state <> n.state;
    return null;
end
$$;
create trigger payment_intent_tells_its_first after insert on bursar.payment_intent referencing new table as after_it
    for each statement execute function bursar.tell_payment_moves('intent');
create trigger payment_intent_tells_its_moves after update on bursar.payment_intent referencing old table as before_it new table as after_it
    for each statement execute function bursar.tell_payment_moves('intent');
create trigger payment_attempt_tells_its_first after insert on bursar.payment_attempt referencing new table as after_it
    for each statement execute function bursar.tell_payment_moves('attempt');
create trigger payment_attempt_tells_its_moves after update on bursar.payment_attempt referencing old table as before_it new table as after_it
    for each statement execute function bursar.tell_payment_moves('attempt');

-- What was seen --------------------------------------------------------------------------------------------------------------

-- Money that was seen, or claimed, by whoever saw it. The tenant is the one whose QR was asked about; 0 where the money
-- itself tells of none.
create table bursar.observation (
    tenant_id      bigint not null,
    id             bigint generated always as identity,
    issuer_id      bigint not null references bursar.issuer,
    account_id     bigint,                             -- null: it arrived on an account that is not ours to know
    kind           text not null check (kind in ('lookup', 'gateway', 'statement', 'hand', 'claim')),
    source         text not null,                      -- 'bakong', a webhook source, a statement's layout, 'operator'
    external_key   text not null,                      -- what makes it one: Bakong's hash, an event's id, a bank's reference
    reverses       boolean not null default false,     -- money that went back
    md5            text,
    bill_number    text,
    provider_hash  text,
    bank_reference text,
    payer          text,
    currency       text,
    amount         bigint check (amount > 0),          -- null: it could not be read; it lies in `raw`
    occurred_at    timestamptz not null,
    recorded_at    timestamptz not null default bursar.business_now(),
    run_id         bigint default nullif(current_setting('bursar.run', true), '')::bigint,
    actor          text not null default bursar.actor(),
    raw            text,
    primary key (tenant_id, id),
    unique (issuer_id, source, external_key),
    foreign key (issuer_id, account_id) references bursar.receiving_account (issuer_id, id)
);
create index observation_by_id on bursar.observation (id);
create index observation_of_day on bursar.observation (account_id, occurred_at);
call bursar.wall('bursar.observation', 'select, insert');
create trigger observation_never_changes before update or delete or truncate on bursar.observation
    for each statement execute function bursar.refuse_change('what was seen stays seen; match it, or resolve its suspense');

-- Observations that are neither matched nor in suspense yet.
create table bursar.observation_unplaced (
    tenant_id      bigint not null,
    observation_id bigint not null,
    issuer_id      bigint not null,
    is_claim       boolean not null,
    primary key (tenant_id, observation_id),
    foreign key (tenant_id, observation_id) references bursar.observation (tenant_id, id)
);
create index observation_unplaced_money on bursar.observation_unplaced (observation_id) where not is_claim;
create index observation_unplaced_claims on bursar.observation_unplaced (observation_id) where is_claim;
call bursar.wall('bursar.observation_unplaced', 'select, insert, delete');

create function bursar.queue_observations() returns trigger
language plpgsql as
$$
begin
    insert into bursar.observation_unplaced (tenant_id, observation_id, issuer_id, is_claim)
    select n.tenant_id, n.id, n.issuer_id, n.kind = 'claim' from after_it n;
    return null;
end
$$;
create trigger observation_waits_for_its_place after insert on bursar.observation referencing new table as after_it
    for each statement execute function bursar.queue_observations();

-- Where it was placed --------------------------------------------------------------------------------------------------------

-- An observation and the attempt it belongs to. It settles (bears the money), confirms (the same money, seen by another), or
-- reverses (the money went back).
create table bursar.payment_match (
    tenant_id      bigint not null,
    id             bigint generated always as identity,
    issuer_id      bigint not null,
    account_id     bigint,
    observation_id bigint not null,
    attempt_id     bigint not null,
    intent_id      bigint not null,
    invoice_id     bigint not null,
    kind           text not null,                      -- the observation's
    role           text not null check (role in ('settles', 'confirms', 'reverses')),
    result         text not null check (result in ('exact', 'under', 'over', 'late', 'same', 'reversed')),
    tier           smallint not null check (tier between 1 and 5),  -- 1 md5, 2 provider's hash, 3 bill number, 4 bank's reference, 5 a person
    of_match_id    bigint,                             -- the settling match that this one confirms or reverses
    provider_hash  text,
    currency       text not null,
    amount         bigint not null check (amount > 0),
    occurred_at    timestamptz not null,
    run_id         bigint default nullif(current_setting('bursar.run', true), '')::bigint,
    fence          bigint default nullif(current_setting('bursar.fence', true), '')::bigint,
    actor          text not null default bursar.actor(),
    matched_at     timestamptz not null default bursar.business_now(),
    released_at    timestamptz,                        -- a person has taken the match apart
    released_by    text,
    release_reason text,
    primary key (tenant_id, id),
    foreign key (tenant_id, attempt_id) references bursar.payment_attempt (tenant_id, id),
    check ((released_at is null) = (released_by is null)),
    check ((role = 'settles') = (of_match_id is null)),
    check ((run_id is null) = (fence is null))
);
create unique index one_match_per_observation on bursar.payment_match (issuer_id, observation_id) where released_at is null;
create unique index one_settlement_per_hash on bursar.payment_match (issuer_id, provider_hash)
    where role = 'settles' and released_at is null and provider_hash is not null;
create index payment_match_of_attempt on bursar.payment_match (tenant_id, attempt_id) where released_at is null;
create index payment_match_of_day on bursar.payment_match (account_id, occurred_at);
call bursar.wall('bursar.payment_match');

create function bursar.refuse_match_change() returns trigger
language plpgsql as
$$
begin
    if tg_op = 'UPDATE' and old.released_at is null and new.released_at is not null
        and to_jsonb(old) - array['released_at', 'released_by', 'release_reason']
            = to_jsonb(new) - array['released_at', 'released_by', 'release_reason']
    then
        return new;
    end if;
    raise exception '% of a match is refused', lower(tg_op)
        using errcode = 'BU003', hint = 'a match is released once, with a reason, and never changes otherwise';
end
$$;
create trigger payment_match_never_changes before update or delete on bursar.payment_match
    for each row execute function bursar.refuse_match_change();
create trigger payment_match_never_vanishes before truncate on bursar.payment_match
    for each statement execute function bursar.refuse_change('a match is released, with a reason');

-- Money, or a claim of it, that has no place yet. A row is closed by a person, with a reason, or by the money going back.
create table bursar.suspense (
    tenant_id      bigint not null,                    -- 0 where no tenant is known
    id             bigint generated always as identity,
    issuer_id      bigint not null,
    account_id     bigint,
    observation_id bigint not null,
    attempt_id     bigint,                             -- the one it was taken to belong to
    reason         text not null check (reason in ('orphan', 'ambiguous', 'duplicate', 'wrong_account', 'wrong_currency', 'too_early',
        'late', 'unreadable', 'reversal_unmatched', 'contradicted', 'unconfirmed')),
    is_money       boolean not null,                   -- false: a claim that nothing bears out
    currency       text,
    amount         bigint,
    occurred_at    timestamptz not null,
    suggestions    jsonb not null default '[]',        -- attempts of the same account, currency and amount at that time: never more than that
    opened_at      timestamptz not null default bursar.business_now(),
    run_id         bigint default nullif(current_setting('bursar.run', true), '')::bigint,
    resolution     text check (resolution in ('assigned', 'refunded', 'written_off', 'went_back')),
    resolved_by    text,
    resolved_at    timestamptz,
    resolve_reason text check (resolve_reason <> ''),
    primary key (tenant_id, id),
    check ((resolution is null) = (resolved_at is null) and (resolution is null) = (resolved_by is null)
        and (resolution is null) = (resolve_reason is null))
);
create unique index one_suspense_per_observation on bursar.suspense (issuer_id, observation_id);
create index suspense_by_id on bursar.suspense (id);
create index suspense_open on bursar.suspense (opened_at) where resolution is null;
create index suspense_of_day on bursar.suspense (account_id, occurred_at) where is_money;
call bursar.wall('bursar.suspense');

-- What a tenant has paid beyond its invoices, in each currency: the sum of these. Used up oldest invoice first.
create table bursar.credit_entry (
    tenant_id  bigint not null,
    id         bigint generated always as identity,
    currency   text not null,
    amount     bigint not null check (amount <> 0),
    kind       text not null check (kind in ('surplus', 'applied', 'refunded', 'reversed')),
    match_id   bigint,                                 -- of a surplus or its reversal
    invoice_id bigint,                                 -- that it was applied to
    refund_id  bigint,
    run_id     bigint default nullif(current_setting('bursar.run', true), '')::bigint,
    actor      text not null default bursar.actor(),
    at         timestamptz not null default bursar.business_now(),
    primary key (tenant_id, id),
    check ((kind = 'surplus') = (amount > 0))
);
create index credit_entry_of_match on bursar.credit_entry (tenant_id, match_id) where match_id is not null;
call bursar.wall('bursar.credit_entry', 'select, insert');
create trigger credit_entry_never_changes before update or delete or truncate on bursar.credit_entry
    for each statement execute function bursar.refuse_change('write an entry of the other sign');

-- Money given back: by us (a request, then a person's word with the bank's reference), or taken back by the bank.
create table bursar.refund (
    tenant_id    bigint not null,
    id           bigint generated always as identity,
    issuer_id    bigint not null,
    kind         text not null check (kind in ('refund', 'reversal')),
    match_id     bigint,
    suspense_id  bigint,
    currency     text not null,
    amount       bigint not null check (amount > 0),
    reason       text not null check (reason <> ''),
    requested_by text not null default bursar.actor(),
    requested_at timestamptz not null default bursar.business_now(),
    reference    text,                                 -- the bank's, once it is done
    done_by      text,
    done_at      timestamptz,
    primary key (tenant_id, id),
    check ((match_id is null) <> (suspense_id is null)),
    check ((done_at is null) = (done_by is null))
);
create index refund_by_id on bursar.refund (id);
create index refund_of_match on bursar.refund (tenant_id, match_id) where match_id is not null;
create index refund_open on bursar.refund (requested_at) where done_at is null;
call bursar.wall('bursar.refund');

-- Nothing is expected any more of an invoice that was written off.
create function bursar.cancel_written_off_intents() returns trigger
language plpgsql as
$$
begin
    update bursar.payment_intent i set state = 'cancelled', version = i.version + 1, cause = 'written_off', source = 'operator'
    from after_it n
    where n.kind = 'write_off' and i.tenant_id = n.tenant_id and i.invoice_id = n.invoice_id
        and exists (select from bursar.payment_move v
            where v.machine = 'intent' and v.from_state = i.state and v.to_state = 'cancelled' and v.cause = 'written_off');
    return null;
end
$$;
create trigger allocation_cancels_intents after insert on bursar.allocation referencing new table as after_it
    for each statement execute function bursar.cancel_written_off_intents();

-- When an attempt is asked about next. The row goes when nothing more is to be asked.
create table bursar.payment_lookup (
    tenant_id     bigint not null,
    attempt_id    bigint not null,
    account_id    bigint not null references bursar.receiving_account,
    purpose       text not null check (purpose in ('payment', 'refund')),  -- whether it was paid; whether it went back
    provider_hash text,                                -- what a refund is looked for by
    due_at        timestamptz not null,
    hinted        boolean not null default false,      -- somebody says that it was paid: it goes first
    tries         integer not null default 0,
    presented_at  timestamptz not null,
    conclusive_at timestamptz,                         -- of the last lookup that had an answer
    last_finding  text,
    primary key (tenant_id, attempt_id),
    foreign key (tenant_id, attempt_id) references bursar.payment_attempt (tenant_id, id)
) with (fillfactor = 80);
create index payment_lookup_due on bursar.payment_lookup (due_at);
create index payment_lookup_hinted on bursar.payment_lookup (due_at) where hinted;
create index payment_lookup_of_account on bursar.payment_lookup (account_id, attempt_id) where purpose = 'payment';
call bursar.wall('bursar.payment_lookup', 'select, insert, update, delete');

reset role;
