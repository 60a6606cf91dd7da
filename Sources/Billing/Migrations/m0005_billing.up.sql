-- Billing: what is sold, who is subscribed to what, which periods were charged, and the invoices that say so.
--
-- Days are civil days in the issuer's zone; ranges of days are half-open. Amounts are minor units of their currency.

set local role bursar_owner;

-- Arithmetic --------------------------------------------------------------------------------------------------------------

-- Where period k begins. The same as PeriodRule in Swift: computed from the anchor; last_day matters at a month's end only.
create function bursar.boundary(anchor date, unit text, count integer, day_policy text, k integer) returns date
language sql immutable parallel safe
begin atomic
    select case
        when unit = 'day' then anchor + k * count
        when unit = 'week' then anchor + 7 * k * count
        when day_policy = 'last_day' and extract(day from anchor + 1) = 1 then
            (date_trunc('month', anchor::timestamp)
                + make_interval(months => k * count * case unit when 'year' then 12 else 1 end + 1))::date - 1
        else (anchor + make_interval(months => k * count * case unit when 'year' then 12 else 1 end))::date
    end;
end;

-- The k of the period that contains a day.
create function bursar.period_index(anchor date, unit text, count integer, day_policy text, on_day date) returns integer
language plpgsql immutable parallel safe as
$$
declare
    days_at_most integer := count * case unit when 'day' then 1 when 'week' then 7 when 'month' then 31 else 366 end;
    k            integer := floor((on_day - anchor)::numeric / days_at_most);
begin
    while bursar.boundary(anchor, unit, count, day_policy, k) > on_day loop k := k - 1; end loop;
    while bursar.boundary(anchor, unit, count, day_policy, k + 1) <= on_day loop k := k + 1; end loop;
    return k;
end
$$;

-- The part of an amount that falls on some days of a period, half up.
create function bursar.prorated(amount bigint, days integer, of_days integer) returns bigint
language sql immutable parallel safe
begin atomic
    select case when days = of_days then amount else (2 * amount * days + of_days) / (2 * of_days) end;
end;

-- The tax of a document: rounded once, half up.
create function bursar.tax_on(subtotal bigint, basis_points integer) returns bigint
language sql immutable parallel safe
begin atomic
    select (subtotal * basis_points + 5000) / 10000;
end;

-- Shares of a total in proportion to weights: whole units, the rest to the largest remainders, the earlier one first.
create function bursar.allocated(total bigint, weights bigint[]) returns bigint[]
language plpgsql immutable parallel safe as
$$
declare
    whole  numeric := 0;
    weight bigint;
    shares bigint[] := '{}';
    rests  numeric[] := '{}';
    rest   bigint := total;
    best   integer;
begin
    if cardinality(weights) = 1 then
        return array[total];
    end if;
    foreach weight in array weights loop
        whole := whole + weight;
    end loop;
    for i in 1..cardinality(weights) loop
        shares[i] := case when whole = 0 then 0 else div(total * weights[i]::numeric, whole) end;
        rests[i] := case when whole = 0 then 0 else mod(total * weights[i]::numeric, whole) end;
        rest := rest - shares[i];
    end loop;
    while rest > 0 and whole > 0 loop
        best := 1;
        for i in 2..cardinality(weights) loop
            if rests[i] > rests[best] then best := i; end if;
        end loop;
        shares[best] := shares[best] + 1;
        rests[best] := -1;
        rest := rest - 1;
    end loop;
    return shares;
end
$$;
grant execute on function
    bursar.boundary(date, text, integer, text, integer), bursar.period_index(date, text, integer, text, date),
    bursar.prorated(bigint, integer, integer), bursar.tax_on(bigint, integer), bursar.allocated(bigint, bigint[])
to public;

-- What an issuer sells, and by which rules ---------------------------------------------------------------------------

-- The money rules of an issuer, a plan version or a subscription. A change of rules is a new version.
create table bursar.policy (
    id                     bigint generated always as identity primary key,
    issuer_id              bigint not null references bursar.issuer,
    version                integer not null check (version > 0),
    net_days               integer not null default 7 check (net_days between 0 and 365),
    payment_grace_days     integer not null default 7 check (payment_grace_days between 0 and 365),
    catch_up_periods       integer not null default 3 check (catch_up_periods > 0),
    tax_rate_basis_points  integer not null default 1000 check (tax_rate_basis_points between 0 and 10000),
    tolerance_khr          bigint not null default 1 check (tolerance_khr >= 0),
    tolerance_usd          bigint not null default 1 check (tolerance_usd >= 0),
    cash_rounding_step     bigint not null default 100 check (cash_rounding_step > 0),
    rate_source            text not null default 'nbc',
    rate_max_age_days      integer not null default 7 check (rate_max_age_days >= 0),
    bill_while_suspended   boolean not null default false,
    -- A renewals run that would issue more than this for the issuer waits for approval. Null: no limit.
    approve_above_invoices integer check (approve_above_invoices >= 0),
    approve_above_total    jsonb check (jsonb_typeof(approve_above_total) = 'object'),  -- {"KHR": 1000000}
    created_at             timestamptz not null default bursar.business_now(),
    unique (issuer_id, version),
    unique (issuer_id, id)
);
-- The policy in force: the subscription's, or else its plan version's, or else the issuer's.
alter table bursar.issuer add column policy_id bigint;
alter table bursar.issuer add foreign key (id, policy_id) references bursar.policy (issuer_id, id);

create table bursar.plan (
    id        bigint generated always as identity primary key,
    issuer_id bigint not null references bursar.issuer,
    code      text not null check (code <> ''),
    name      text not null,
    unique (issuer_id, code),
    unique (issuer_id, id)
);

create table bursar.plan_version (
    id         bigint generated always as identity primary key,
    plan_id    bigint not null,
    issuer_id  bigint not null,
    version    integer not null check (version > 0),
    unit       text not null check (unit in ('day', 'week', 'month', 'year')),
    count      integer not null check (count between 1 and 1000),
    day_policy text not null default 'same_day_clamped' check (day_policy in ('same_day_clamped', 'last_day')),
    currency   text not null check (currency in ('KHR', 'USD')),
    trial_days integer not null default 0 check (trial_days between 0 and 3650),
    policy_id  bigint,
    created_at timestamptz not null default bursar.business_now(),
    unique (plan_id, version),
    unique (issuer_id, id),
    unique (id, currency),
    foreign key (issuer_id, plan_id) references bursar.plan (issuer_id, id),
    foreign key (issuer_id, policy_id) references bursar.policy (issuer_id, id),
    constraint last_day_needs_months check (day_policy <> 'last_day' or unit in ('month', 'year'))
);

create table bursar.price (
    id              bigint generated always as identity primary key,
    plan_version_id bigint not null,
    currency        text not null,
    code            text not null check (code <> ''),
    description     text not null check (description <> ''),
    -- The bounds of amount and quantity keep their product within a bigint.
    unit_amount     bigint not null check (unit_amount between 0 and 100000000000),
    unique (plan_version_id, code),
    foreign key (plan_version_id, currency) references bursar.plan_version (id, currency)
);

create trigger policy_never_changes before update or delete or truncate on bursar.policy
    for each statement execute function bursar.refuse_change('make a new version of the policy');
create trigger plan_version_never_changes before update or delete or truncate on bursar.plan_version
    for each statement execute function bursar.refuse_change('make a new version of the plan');
create trigger price_never_changes before update or delete or truncate on bursar.price
    for each statement execute function bursar.refuse_change('make a new version of the plan');

-- Official rates: how many riel one dollar is. The day is the one the source gave it for.
create table bursar.exchange_rate (
    source     text not null check (source <> ''),
    base       text not null check (base = 'USD'),
    quote      text not null check (quote = 'KHR'),
    rate_date  date not null,
    rate       numeric(12, 4) not null check (rate > 0),
    created_at timestamptz not null default bursar.business_now(),
    primary key (source, base, quote, rate_date)
);

-- The last number of a series. Its row is locked by whoever issues, to the end of the transaction, so that numbers have no gap.
create table bursar.number_series (
    issuer_id   bigint not null references bursar.issuer,
    series      text not null,
    year        integer not null,
    last_number bigint not null check (last_number >= 0),
    primary key (issuer_id, series, year)
);

grant select on bursar.policy, bursar.plan, bursar.plan_version, bursar.price, bursar.exchange_rate, bursar.number_series
    to bursar_app, bursar_scan, bursar_ops, bursar_backup;
grant insert, update on bursar.number_series to bursar_app;

-- Subscriptions ---------------------------------------------------------------------------------------------------------

create table bursar.subscription (
    id               bigint generated always as identity,
    tenant_id        bigint not null,
    issuer_id        bigint not null,
    external_ref     text,
    plan_version_id  bigint not null,
    policy_id        bigint,
    currency         text not null check (currency in ('KHR', 'USD')),
    state            text not null check (state in
        ('pending', 'trialing', 'active', 'past_due', 'suspended', 'paused', 'expired', 'canceled')),
    transitions      integer not null default 0,      -- seq of the last subscription_transition
    starts_on        date not null,
    trial_end        date,                            -- the first day after the trial
    cancel_on        date,                            -- a period that starts on this day or later is never billed
    paused_until     date,                            -- the day of resuming; null while paused: until someone resumes
    parked_at        timestamptz,                     -- an invariant broke: touch nothing until a person says so
    parked_reason    text,
    schedule_version integer not null default 1,
    next_k           integer not null default 0,      -- the next period to bill, its part, and the day it starts;
    next_part        integer not null default 0,      -- in mid-period where billing resumed there
    next_from        date not null,
    issue_on         date not null,                   -- the local day on which its invoice is due to be issued
    charged_through  date not null,                   -- every day before it is charged, or explained by a billing_gap
    created_at       timestamptz not null default bursar.business_now(),
    primary key (tenant_id, id),
    unique (issuer_id, external_ref),
    foreign key (issuer_id, tenant_id) references bursar.tenant (issuer_id, id),
    foreign key (issuer_id, plan_version_id) references bursar.plan_version (issuer_id, id),
    foreign key (issuer_id, policy_id) references bursar.policy (issuer_id, id),
    foreign key (plan_version_id, currency) references bursar.plan_version (id, currency),
    check ((parked_at is null) = (parked_reason is null)),
    check (trial_end >= starts_on)
) with (fillfactor = 80);
create index subscription_by_id on bursar.subscription (id);
-- What renewals page through, by id; the day is compared inside the index, so that what is not due costs no row.
create index subscription_due on bursar.subscription (id, issue_on) where state in ('active', 'past_due') and parked_at is null;
create index subscription_waiting on bursar.subscription (id) where state in ('pending', 'trialing', 'paused');
create index subscription_ending on bursar.subscription (cancel_on, id)
    where cancel_on is not null and state not in ('canceled', 'expired');
create index subscription_parked on bursar.subscription (id) where parked_at is not null;
call bursar.wall('bursar.subscription');

-- How a subscription's periods are counted. Boundary k is computed from the anchor, never from the boundary before it. A new
-- version takes over at valid_from, a boundary of the old one; a change of plan that keeps the interval keeps the anchor.
create table bursar.subscription_schedule (
    tenant_id       bigint not null,
    subscription_id bigint not null,
    version         integer not null check (version > 0),
    plan_version_id bigint not null references bursar.plan_version,
    anchor_date     date not null,
    unit            text not null check (unit in ('day', 'week', 'month', 'year')),
    count           integer not null check (count between 1 and 1000),
    day_policy      text not null check (day_policy in ('same_day_clamped', 'last_day')),
    first_k         integer not null default 0 check (first_k >= 0),
    valid_from      date not null,
    valid_until     date check (valid_until > valid_from),  -- null: in force until further notice
    primary key (tenant_id, subscription_id, version),
    foreign key (tenant_id, subscription_id) references bursar.subscription (tenant_id, id),
    constraint last_day_needs_months check (day_policy <> 'last_day' or unit in ('month', 'year'))
);
call bursar.wall('bursar.subscription_schedule');

-- What a subscription consists of. An item is billed by every period that starts on a day of [valid_from, valid_until).
create table bursar.subscription_item (
    id              bigint generated always as identity,
    tenant_id       bigint not null,
    subscription_id bigint not null,
    price_id        bigint not null references bursar.price,
    quantity        bigint not null check (quantity between 0 and 10000000),
    valid_from      date not null,
    valid_until     date check (valid_until >= valid_from),
    primary key (tenant_id, id),
    foreign key (tenant_id, subscription_id) references bursar.subscription (tenant_id, id)
);
-- In the order of the lines of an invoice.
create index subscription_item_of_subscription on bursar.subscription_item (tenant_id, subscription_id, id);
call bursar.wall('bursar.subscription_item');

-- The changes of state that exist. Whatever is not here is refused; 'new' is the state before the first.
create table bursar.legal_transition (
    from_state text not null,
    to_state   text not null,
    cause      text not null,
    primary key (from_state, to_state, cause)
);
insert into bursar.legal_transition (from_state, to_state, cause) values
    ('new', 'pending', 'created'), ('new', 'trialing', 'created'), ('new', 'active', 'created'),
    ('pending', 'trialing', 'started'), ('pending', 'active', 'started'),
    ('pending', 'canceled', 'canceled'),
    ('trialing', 'active', 'trial_ended'), ('trialing', 'canceled', 'canceled'),
    ('active', 'past_due', 'overdue'), ('active', 'paused', 'paused'), ('active', 'canceled', 'canceled'),
    ('past_due', 'active', 'paid'), ('past_due', 'suspended', 'unpaid'), ('past_due', 'paused', 'paused'),
    ('past_due', 'canceled', 'canceled'),
    ('suspended', 'active', 'paid'), ('suspended', 'expired', 'unpaid'), ('suspended', 'canceled', 'canceled'),
    ('paused', 'active', 'resumed'), ('paused', 'canceled', 'canceled');
grant select on bursar.legal_transition to bursar_app, bursar_scan, bursar_ops, bursar_backup;

create table bursar.subscription_transition (
    tenant_id       bigint not null,
    subscription_id bigint not null,
    seq             integer not null check (seq > 0),
    from_state      text not null,
    to_state        text not null,
    cause           text not null,
    as_of           timestamptz not null,
    run_id          bigint,
    actor           text not null default bursar.actor(),
    content         jsonb not null default '{}',
    primary key (tenant_id, subscription_id, seq),
    foreign key (tenant_id, subscription_id) references bursar.subscription (tenant_id, id),
    foreign key (from_state, to_state, cause) references bursar.legal_transition
);
call bursar.wall('bursar.subscription_transition', 'select, insert');
create trigger subscription_transition_never_changes before update or delete or truncate on bursar.subscription_transition
    for each statement execute function bursar.refuse_change('a transition is history; make the next one');

create function bursar.refuse_illegal_state() returns trigger
language plpgsql as
$$
declare
    before text := case tg_op when 'INSERT' then 'new' else old.state end;
    known  text := (select string_agg(distinct t.to_state, ', ' order by t.to_state)
                    from bursar.legal_transition t where t.from_state = before);
begin
    if not exists (select from bursar.legal_transition t where t.from_state = before and t.to_state = new.state) then
        raise exception 'subscription % cannot go from % to %', new.id, before, new.state
            using errcode = 'BU003', hint = coalesce('from ' || before || ' it may go to: ' || known, before || ' is final');
    end if;
    return new;
end
$$;
create trigger subscription_state_is_legal before update of state on bursar.subscription
    for each row when (old.state is distinct from new.state) execute function bursar.refuse_illegal_state();
create trigger subscription_begins_legally before insert on bursar.subscription
    for each row when (new.state not in ('pending', 'trialing', 'active')) execute function bursar.refuse_illegal_state();

-- While a hold is in force nothing is issued for its subscription. Each source releases only its own.
create table bursar.billing_hold (
    id              bigint generated always as identity,
    tenant_id       bigint not null,
    subscription_id bigint not null,
    source          text not null check (source <> ''),
    reason          text not null check (reason <> ''),
    valid_from      date not null,
    valid_until     date check (valid_until > valid_from),  -- the first day it is no longer in force
    placed_by       text not null default bursar.actor(),
    placed_at       timestamptz not null default bursar.business_now(),
    released_by     text,
    released_at     timestamptz,
    primary key (tenant_id, id),
    foreign key (tenant_id, subscription_id) references bursar.subscription (tenant_id, id),
    check ((released_at is null) = (released_by is null))
);
create unique index billing_hold_in_force on bursar.billing_hold (tenant_id, subscription_id, source) where released_at is null;
call bursar.wall('bursar.billing_hold');

-- Days that are not charged, and why: paused or suspended time.
create table bursar.billing_gap (
    tenant_id       bigint not null,
    subscription_id bigint not null,
    during          daterange not null check (not isempty(during) and lower(during) is not null and upper(during) is not null),
    cause           text not null check (cause in ('paused', 'suspended')),
    primary key (tenant_id, subscription_id, during),
    foreign key (tenant_id, subscription_id) references bursar.subscription (tenant_id, id)
);
call bursar.wall('bursar.billing_gap', 'select, insert');

-- Periods and invoices -----------------------------------------------------------------------------------------------

-- A stretch of days that was charged. No two of one subscription overlap, unless a reversing credit note released one.
create table bursar.period (
    id               bigint generated always as identity,
    tenant_id        bigint not null,
    subscription_id  bigint not null,
    schedule_version integer not null,
    k                integer not null,
    part             integer not null default 0,
    plan_version_id  bigint not null,
    of_days          integer not null check (of_days > 0),  -- of the whole period; a part of it is charged in proportion
    during           daterange not null check (not isempty(during) and lower(during) is not null and upper(during) is not null),
    released_at      timestamptz,
    primary key (tenant_id, id),
    foreign key (tenant_id, subscription_id, schedule_version) references bursar.subscription_schedule,
    constraint no_double_billing exclude using gist (tenant_id with =, subscription_id with =, during with &&)
        where (released_at is null)
);
create unique index period_of_subscription on bursar.period (tenant_id, subscription_id, schedule_version, k, part)
    where released_at is null;
call bursar.wall('bursar.period');

create sequence bursar.invoice_id;
grant usage on sequence bursar.invoice_id to bursar_app;

-- An issued invoice. It never changes; what moves is its receivable. The rules it was made by are copied onto it.
create table bursar.invoice (
    id                    bigint not null default nextval('bursar.invoice_id'),
    tenant_id             bigint not null,
    issuer_id             bigint not null,
    subscription_id       bigint not null,
    period_id             bigint not null,
    kind                  text not null default 'invoice' check (kind = 'invoice'),
    series                text not null default 'invoice',
    year                  integer not null,
    sequence              bigint not null check (sequence > 0),
    number                text not null,
    issue_date            date not null,
    due_date              date not null,
    grace_end             date not null,               -- the last day of payment_grace
    currency              text not null check (currency in ('KHR', 'USD')),
    line_count            integer not null constraint has_a_line check (line_count > 0),
    -- Beyond the bound somebody mistyped a price, and sums would no longer fit.
    subtotal              bigint not null constraint believable_subtotal check (subtotal between 0 and 100000000000000),
    tax                   bigint not null check (tax >= 0),
    total                 bigint not null,
    tax_rate_basis_points integer not null,
    policy_id             bigint not null,
    net_days              integer not null,
    payment_grace_days    integer not null,
    exchange_rate         numeric(12, 4),
    rate_source           text,
    rate_date             date,
    khr_total             bigint not null,
    run_id                bigint,
    as_of                 timestamptz not null,
    issued_at             timestamptz not null,        -- business time, never earlier than the number before it
    content_hash          bytea not null,              -- of bursar.invoice_content
    primary key (tenant_id, id),
    unique (issuer_id, series, year, sequence),
    unique (tenant_id, period_id),
    foreign key (tenant_id, period_id) references bursar.period (tenant_id, id),
    constraint total_is_subtotal_and_tax check (total = subtotal + tax),
    constraint days_follow_the_policy check (due_date = issue_date + net_days and grace_end = due_date + payment_grace_days),
    constraint riel_total_has_its_rate check (
        case currency
            when 'KHR' then khr_total = total and exchange_rate is null and rate_source is null and rate_date is null
            else exchange_rate is not null and rate_source is not null and rate_date <= issue_date
                and khr_total = round(total * exchange_rate / 100)
        end)
);
create index invoice_by_id on bursar.invoice (id);
call bursar.wall('bursar.invoice', 'select, insert');

create table bursar.invoice_line (
    tenant_id       bigint not null,
    invoice_id      bigint not null,
    line            integer not null check (line > 0),
    subscription_id bigint not null,
    period_id       bigint not null,
    item_id         bigint not null,
    price_id        bigint not null,
    description     text not null,
    quantity        bigint not null,
    unit_amount     bigint not null,
    days            integer not null,                  -- charged days, of the days of the whole period
    of_days         integer not null,
    amount          bigint not null,                   -- without tax; prorated where days < of_days
    tax             bigint not null,
    primary key (tenant_id, invoice_id, line),
    foreign key (tenant_id, invoice_id) references bursar.invoice (tenant_id, id),
    check (days between 1 and of_days),
    check (days < of_days or amount = quantity * unit_amount)
);
call bursar.wall('bursar.invoice_line', 'select, insert');

create trigger invoice_never_changes before update or delete or truncate on bursar.invoice
    for each statement execute function bursar.refuse_change('an issued invoice stays; credit it');
create trigger invoice_line_never_changes before update or delete or truncate on bursar.invoice_line
    for each statement execute function bursar.refuse_change('an issued invoice stays; credit it');

-- What is owed on an invoice: the side of it that moves.
create table bursar.receivable (
    tenant_id       bigint not null,
    invoice_id      bigint not null,
    subscription_id bigint not null,
    currency        text not null,
    total           bigint not null check (total >= 0),
    open_amount     bigint not null check (open_amount between 0 and total),
    tolerance       bigint not null check (tolerance >= 0),  -- open amounts up to this are rounding dust
    due_date        date not null,
    grace_end       date not null,
    state           text not null check (state in ('open', 'settled')),
    settled_at      timestamptz,
    primary key (tenant_id, invoice_id),
    foreign key (tenant_id, invoice_id) references bursar.invoice (tenant_id, id),
    check ((state = 'settled') = (settled_at is not null))
);
create index receivable_overdue on bursar.receivable (due_date, invoice_id) where state = 'open';
create index receivable_of_subscription on bursar.receivable (tenant_id, subscription_id) where state = 'open';
call bursar.wall('bursar.receivable');

reset role;
