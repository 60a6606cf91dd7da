-- Settling: how seen money finds its attempt, what it takes off which invoice, and how that is undone.
--
-- Everything here runs in the caller's transaction and with its rights; the functions for people follow in m0022. Rows are
-- locked in one order: attempts, intents, receivables, subscriptions, each by id.

set local role bursar_owner;

-- Credit -----------------------------------------------------------------------------------------------------------------

create function bursar.credit_of(tenant bigint, in_currency text) returns bigint
language sql stable
begin atomic
    select coalesce(sum(c.amount), 0)::bigint from bursar.credit_entry c where c.tenant_id = tenant and c.currency = in_currency;
end;

-- Moves an invoice's intent to where its receivable says it is; nothing where there is no intent, or no change.
create function bursar.follow_receivable(of_tenant bigint, of_invoice bigint, because text, told_by text) returns void
language sql as
$$
    update bursar.payment_intent i
    set state = wanted.state, version = i.version + 1, cause = because, source = told_by
    from (
        select n.id, case
                when r.open_amount > r.tolerance then 'partially_paid'
                when because = 'money_came' and n.state in ('expired', 'cancelled') then 'late_paid'
                else 'paid'
            end as state
        from bursar.payment_intent n
        join bursar.receivable r on r.tenant_id = n.tenant_id and r.invoice_id = n.invoice_id
        where n.tenant_id = of_tenant and n.invoice_id = of_invoice
    ) as wanted
    where i.tenant_id = of_tenant and i.id = wanted.id and i.state <> wanted.state
        and exists (
            select from bursar.payment_move m
            where m.machine = 'intent' and m.from_state = i.state and m.to_state = wanted.state and m.cause = because
        )
$$;

-- Pays open invoices of a tenant with its money, oldest due first, and answers with what is left.
create function bursar.spread(
    of_tenant bigint, in_currency text, amount bigint, how text, of_match bigint, told_by text
) returns bigint
language plpgsql as
$$
declare
    rest bigint := spread.amount;
    part bigint;
    owed bursar.receivable;
begin
    for owed in
        select r.* from bursar.receivable r
        where r.tenant_id = of_tenant and r.currency = in_currency and r.state = 'open'
        order by r.due_date, r.invoice_id
        for no key update
    loop
        exit when rest = 0;
        part := least(rest, owed.open_amount);
        insert into bursar.allocation (tenant_id, invoice_id, currency, amount, kind, match_id)
        values (of_tenant, owed.invoice_id, in_currency, part, how, case when how = 'payment' then of_match end);
        if how = 'credit' then
            insert into bursar.credit_entry (tenant_id, currency, amount, kind, invoice_id)
            values (of_tenant, in_currency, -part, 'applied', owed.invoice_id);
        end if;
        perform bursar.follow_receivable(of_tenant, owed.invoice_id, case how when 'credit' then 'credit_applied' else 'money_came' end, told_by);
        rest := rest - part;
    end loop;
    return rest;
end
$$;

-- Uses what a tenant has to its credit for what it owes, and answers with how much.
create function bursar.apply_credit(of_tenant bigint, in_currency text, told_by text default 'operator') returns bigint
language plpgsql as
$$
declare
    credit bigint;
begin
    -- One at a time: two that read the same credit would spend it twice.
    perform pg_advisory_xact_lock(hashtextextended('bursar.credit/' || in_currency, of_tenant));
    credit := bursar.credit_of(of_tenant, in_currency);
    if credit <= 0 then
        return 0;
    end if;
    return credit - bursar.spread(of_tenant, in_currency, credit, 'credit', null, told_by);
end
$$;

-- Placing ----------------------------------------------------------------------------------------------------------------
-- The functions that look things up by key do so whatever their tables held when they were planned: a plan for empty tables
-- would read all of them in every chunk that follows. `offset 0` keeps a join in the order in which it is written.

-- Which attempt an observation may belong to, by the first tier that knows any: the QR's md5, the provider's own reference,
-- the bill number, the bank's reference. More than one candidate of a tier is ambiguous, and stops there. It reads every
-- tenant, so whoever asks must be allowed to. Money is placed one observation an attempt at a time, the oldest first.
create function bursar.candidates(of_observations bigint[]) returns table (
    observation_id     bigint,
    observation_tenant bigint,
    tenant_id          bigint,  -- of the attempt; null without exactly one
    attempt_id         bigint,
    tier               smallint,
    how_many           integer
)
language plpgsql stable
set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off set enable_material = off as
$$
#variable_conflict use_column
begin
    return query
    with asked as materialized (
        select o.id, o.tenant_id, o.issuer_id, o.account_id, o.md5, o.provider_hash, o.bill_number, o.bank_reference
        from unnest(of_observations) as wanted (id)
        join bursar.observation o on o.id = wanted.id
    ), found (id, observation_tenant, tier, tenant_id, attempt_id) as (
        select o.id, o.tenant_id, 1::smallint, a.tenant_id, a.id
        from asked o join bursar.payment_attempt a on a.issuer_id = o.issuer_id and a.md5 = o.md5
        union all
        select o.id, o.tenant_id, 1::smallint, a.tenant_id, a.id
        from asked o join bursar.payment_attempt a on a.issuer_id = o.issuer_id and a.md5_ascii = o.md5
        union all
        select o.id, o.tenant_id, 2::smallint, m.tenant_id, m.attempt_id
        from asked o
        cross join lateral (
            select m.tenant_id, m.attempt_id from bursar.payment_match m
            where m.issuer_id = o.issuer_id and m.provider_hash = o.provider_hash and m.role = 'settles' and m.released_at is null
            offset 0
        ) as m
        union all
        select o.id, o.tenant_id, 2::smallint, a.tenant_id, a.id
        from asked o
        join bursar.payment_attempt a on a.issuer_id = o.issuer_id and a.account_id = o.account_id and a.provider_reference = o.provider_hash
        union all
        select o.id, o.tenant_id, 3::smallint, a.tenant_id, a.id
        from asked o join bursar.payment_attempt a on a.issuer_id = o.issuer_id and a.bill_number = o.bill_number
        union all
        select o.id, o.tenant_id, 4::smallint, m.tenant_id, m.attempt_id
        from asked o
        cross join lateral (
            select other.id from bursar.observation other
            where other.account_id = o.account_id and other.bank_reference = o.bank_reference and other.id <> o.id
            offset 0
        ) as other
        cross join lateral (
            select m.tenant_id, m.attempt_id from bursar.payment_match m
            where m.issuer_id = o.issuer_id and m.observation_id = other.id and m.released_at is null
            offset 0
        ) as m
        union all
        -- The last tier knows none, so that every observation has an answer.
        select o.id, o.tenant_id, null, null, null from asked o
    )
    select distinct on (f.id) f.id, f.observation_tenant, case when count(distinct f.attempt_id) = 1 then min(f.tenant_id) end,
        case when count(distinct f.attempt_id) = 1 then min(f.attempt_id) end, f.tier, count(distinct f.attempt_id)::integer
    from found f
    group by f.id, f.observation_tenant, f.tier
    order by f.id, f.tier nulls last;
end
$$;
create index observation_by_reference on bursar.observation (account_id, bank_reference) where bank_reference is not null;
create index payment_match_by_hash on bursar.payment_match (issuer_id, provider_hash) where provider_hash is not null;

-- Attempts of the same account, currency and amount within a day: for a person to choose from, never more than that.
create function bursar.suggestions(of_observation bigint) returns jsonb
language sql stable
begin atomic
    select coalesce(jsonb_agg(jsonb_build_object('attempt', near.id, 'tenant', near.tenant_id, 'invoice', near.invoice_id,
        'presented_at', near.presented_at)), '[]')
    from (
        select a.id, a.tenant_id, i.invoice_id, a.presented_at
        from bursar.observation o
        join bursar.payment_attempt a on a.account_id = o.account_id and a.currency = o.currency and a.amount = o.amount
            and a.state not in ('confirmed', 'created')
            and a.presented_at between o.occurred_at - interval '1 day' and o.occurred_at + interval '1 hour'
        join bursar.payment_intent i on i.tenant_id = a.tenant_id and i.id = a.intent_id
        where o.id = of_observation
        order by abs(extract(epoch from a.presented_at - o.occurred_at)), a.id
        limit 5
    ) as near;
end;
create index payment_attempt_of_account on bursar.payment_attempt (account_id, currency, amount, presented_at)
    where state not in ('confirmed', 'created');

-- Money that waits for its place, by observation, with its candidates; of one attempt only the first.
create function bursar.waiting_money(after bigint, up_to integer) returns table (
    observation_id     bigint,
    observation_tenant bigint,
    tenant_id          bigint,
    attempt_id         bigint,
    tier               smallint,
    how_many           integer,
    reverses           boolean,
    suggestions        jsonb
)
language plpgsql stable
set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off set enable_material = off as
$$
#variable_conflict use_column
declare
    waiting bigint[] := array(
        select u.observation_id from bursar.observation_unplaced u
        where not u.is_claim and u.observation_id > after
        order by u.observation_id limit up_to);
begin
    return query
    select f.observation_id, f.observation_tenant, f.tenant_id, f.attempt_id, f.tier, f.how_many, o.reverses,
        case when f.how_many = 0 and not o.reverses then bursar.suggestions(f.observation_id) else '[]' end
    from (
        select c.*, row_number() over (partition by c.attempt_id order by c.observation_id) as place
        from bursar.candidates(waiting) as c
    ) as f
    join bursar.observation o on o.tenant_id = f.observation_tenant and o.id = f.observation_id
    where f.attempt_id is null or f.place = 1
    order by f.observation_id;
end
$$;

-- An observation with what was found of it: a row of the arrays that bursar.place is given.
create type bursar.chosen as (
    observation_id     bigint,
    observation_tenant bigint,
    tenant_id          bigint,
    attempt_id         bigint,
    tier               smallint,
    how_many           integer,
    suggestions        jsonb
);

-- An observation on its way to its place.
create type bursar.placement as (
    observation_tenant bigint,
    observation_id     bigint,
    issuer_id          bigint,
    account_id         bigint,
    kind               text,
    source             text,
    tier               smallint,
    tenant_id          bigint,
    attempt_id         bigint,
    intent_id          bigint,
    invoice_id         bigint,
    attempt_state      text,
    intent_state       text,
    provider_hash      text,
    currency           text,
    amount             bigint,
    occurred_at        timestamptz,
    of_match_id        bigint,   -- the settling match that this is the same money as
    of_match_currency  text,
    of_match_amount    bigint,
    role               text,     -- settles, confirms; null: to suspense
    result             text,     -- of the match, or the reason of the suspense
    applied            bigint,   -- to the attempt's own invoice
    open_after         bigint,   -- what that invoice then has open beyond its tolerance
    suggestions        jsonb
);

-- Decides where each observation belongs, from rows that are locked. At most one observation an attempt is given.
create function bursar.decide_placements(chosen bursar.chosen[]) returns setof bursar.placement
language sql stable
begin atomic
    with seen as (
        select o.tenant_id as observation_tenant, o.id, o.issuer_id, o.account_id, o.kind, o.source, g.tier, a.tenant_id, a.id as attempt_id,
            a.intent_id, i.invoice_id, a.state as attempt_state, i.state as intent_state, o.provider_hash, o.currency, o.amount, o.occurred_at,
            g.suggestions, same.of_match as of_match_id,
            case
                when g.how_many > 1 then 'ambiguous'
                when o.kind = 'claim' then case
                    when a.id is null then 'orphan'
                    when same.of_match is not null then 'same'
                    when same.is_settled then 'contradicted'
                    else 'unconfirmed'
                end
                when o.amount is null or o.currency is null then 'unreadable'
                when a.id is null then 'orphan'
                when same.of_match is not null then 'same'
                when o.account_id is distinct from a.account_id then 'wrong_account'
                when o.currency <> a.currency then 'wrong_currency'
                when same.is_settled then 'duplicate'
                -- A minute of difference between two clocks is no other payment.
                when o.occurred_at < a.created_at - interval '5 minutes' and o.kind <> 'hand' then 'too_early'
                when o.occurred_at > a.expires_at + interval '1 minute' and not acc.settles_late then 'late'
                when o.amount < a.amount - case a.currency when 'KHR' then acc.below_khr else acc.below_usd end then 'under'
                when o.amount > a.amount + case a.currency when 'KHR' then acc.above_khr else acc.above_usd end then 'over'
                when o.occurred_at > a.expires_at + interval '1 minute' then 'late_settled'
                else 'exact'
            end as verdict,
            r.open_amount, r.tolerance
        from unnest(chosen) as g
        join bursar.observation o on o.tenant_id = g.observation_tenant and o.id = g.observation_id
        left join bursar.payment_attempt a on a.tenant_id = g.tenant_id and a.id = g.attempt_id
        left join bursar.payment_intent i on i.tenant_id = a.tenant_id and i.id = a.intent_id
        left join bursar.receivable r on r.tenant_id = i.tenant_id and r.invoice_id = i.invoice_id
        left join bursar.receiving_account acc on acc.id = a.account_id
        left join lateral (
            -- The same money seen again: by its hash, or by another kind of witness who has not spoken for this match yet.
            select count(*) > 0 as is_settled, min(m.id) filter (where
                    (o.amount is null or o.amount = m.amount) and (o.currency is null or o.currency = m.currency)
                    and (o.account_id is null or o.account_id is not distinct from m.account_id)
                    and (m.provider_hash = o.provider_hash
                        or ((m.provider_hash is null or o.provider_hash is null)
                            and (o.kind = 'claim' or (m.kind <> o.kind and not exists (
                                select from bursar.payment_match c
                                where c.tenant_id = m.tenant_id and c.attempt_id = m.attempt_id and c.of_match_id = m.id
                                    and c.kind = o.kind and c.released_at is null)))))) as of_match
            from bursar.payment_match m
            where m.tenant_id = a.tenant_id and m.attempt_id = a.id and m.role = 'settles' and m.released_at is null
        ) as same on true
    ), sized as (
        select s.*, s.verdict in ('exact', 'under', 'over', 'late_settled') as settles,
            -- Two attempts of one invoice share what is open on it.
            greatest(0, s.open_amount - coalesce(sum(s.amount) filter (where s.verdict in ('exact', 'under', 'over', 'late_settled'))
                over (partition by s.tenant_id, s.invoice_id order by s.id rows between unbounded preceding and 1 preceding), 0)) as open_before
        from seen s
    )
    select s.observation_tenant, s.id, s.issuer_id, s.account_id, s.kind, s.source, s.tier, s.tenant_id, s.attempt_id, s.intent_id,
        s.invoice_id, s.attempt_state, s.intent_state, s.provider_hash, s.currency, s.amount, s.occurred_at,
        case when s.verdict = 'same' then s.of_match_id end,
        case when s.verdict = 'same' then (select m.currency from bursar.payment_match m where m.tenant_id = s.tenant_id and m.id = s.of_match_id) end,
        case when s.verdict = 'same' then (select m.amount from bursar.payment_match m where m.tenant_id = s.tenant_id and m.id = s.of_match_id) end,
        case when s.settles then 'settles' when s.verdict = 'same' then 'confirms' end,
        case s.verdict when 'late_settled' then 'late' else s.verdict end,
        case when s.settles then least(s.amount, s.open_before) end,
        case when s.settles then greatest(0, s.open_before - s.amount - s.tolerance) end,
        s.suggestions
    from sized s;
end;

-- What became of placed observations that bursar.place has to tell, or to do more about.
create type bursar.placed_tally as (result text, is_money boolean, currency text, how_many bigint, amount bigint);
create type bursar.surplus as (tenant_id bigint, match_id bigint, observation_id bigint, currency text, amount bigint, source text);

-- Places observations that are not placed yet, and tells by result and currency how many they were and how much they bear.
-- The arrays are those of bursar.candidates. The transaction names the tenants of the observations and of the attempts.
create function bursar.place(
    of_observations bigint[], of_observation_tenants bigint[], of_tenants bigint[], of_attempts bigint[], of_tiers smallint[],
    of_counts integer[], with_suggestions jsonb[]
) returns table (result text, is_money boolean, currency text, how_many bigint, amount bigint)
language plpgsql
set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off set enable_material = off as
$$
#variable_conflict use_column
declare
    of_run  bigint := nullif(current_setting('bursar.run', true), '')::bigint;
    fenced  bigint := nullif(current_setting('bursar.fence', true), '')::bigint;
    moment  timestamptz := bursar.business_now();
    teller  text := bursar.actor();
    chosen  bursar.chosen[];
    tenants bigint[];
    keys    bigint[];
    tallies bursar.placed_tally[];
    extra   bursar.surplus[];
    more    bursar.surplus;
    rest    bigint;
begin
    -- What another transaction has placed meanwhile is left out.
    with gone as (
        delete from bursar.observation_unplaced u
        using unnest(of_observations, of_observation_tenants, of_tenants, of_attempts, of_tiers, of_counts, with_suggestions)
            as g (id, observation_tenant, tenant, attempt, tier, how_many, suggestions)
        where u.tenant_id = g.observation_tenant and u.observation_id = g.id
        returning g.*
    )
    select array_agg(row(g.*)::bursar.chosen) into chosen from gone g;
    if chosen is null then
        return;
    end if;
    select array_agg(l.tenant_id), array_agg(l.intent_id) into tenants, keys from (
        select a.tenant_id, a.intent_id
        from unnest(chosen) g join bursar.payment_attempt a on a.tenant_id = g.tenant_id and a.id = g.attempt_id
        order by a.id for no key update of a
    ) as l;
    select array_agg(l.tenant_id), array_agg(l.invoice_id) into tenants, keys from (
        select i.tenant_id, i.invoice_id
        from unnest(tenants, keys) as g (tenant, id) join bursar.payment_intent i on i.tenant_id = g.tenant and i.id = g.id
        order by i.id for no key update of i
    ) as l;
    perform from unnest(tenants, keys) as g (tenant, id)
    join bursar.receivable r on r.tenant_id = g.tenant and r.invoice_id = g.id
    order by r.invoice_id for no key update of r;

    with placed as materialized (
        select d.*, d.role is not distinct from 'settles' as settles,
            case when d.role is not null then nextval('bursar.payment_match_id_seq') end as match_id
        from bursar.decide_placements(chosen) as d
    ), matched as (
        insert into bursar.payment_match (id, tenant_id, issuer_id, account_id, observation_id, attempt_id, intent_id, invoice_id, kind, role,
            result, tier, of_match_id, provider_hash, currency, amount, occurred_at, run_id, fence, actor, matched_at)
        overriding system value
        select p.match_id, p.tenant_id, p.issuer_id, p.account_id, p.observation_id, p.attempt_id, p.intent_id, p.invoice_id, p.kind, p.role,
            p.result, p.tier, p.of_match_id, p.provider_hash, coalesce(p.currency, p.of_match_currency),
            coalesce(p.amount, p.of_match_amount), p.occurred_at, of_run, fenced, teller, moment
        from placed p
        where p.role is not null
    ), waits as (
        insert into bursar.suspense (tenant_id, issuer_id, account_id, observation_id, attempt_id, reason, is_money, currency, amount,
            occurred_at, suggestions, opened_at)
        select coalesce(p.tenant_id, p.observation_tenant), p.issuer_id, p.account_id, p.observation_id, p.attempt_id, p.result,
            p.kind <> 'claim', p.currency, p.amount, p.occurred_at, coalesce(p.suggestions, '[]'), moment
        from placed p
        where p.role is null
    ), taken_off as (
        insert into bursar.allocation (tenant_id, invoice_id, currency, amount, kind, match_id, run_id, actor, at)
        select p.tenant_id, p.invoice_id, p.currency, p.applied, 'payment', p.match_id, of_run, teller, moment
        from placed p
        where p.settles and p.applied > 0
    ), intents as (
        update bursar.payment_intent i
        set state = wanted.state, version = i.version + 1, cause = 'money_came', source = wanted.source
        from (
            -- The last placement of an intent knows what is open in the end.
            select distinct on (p.tenant_id, p.intent_id) p.tenant_id, p.intent_id, p.source,
                case
                    when p.open_after > 0 then 'partially_paid' when p.intent_state in ('expired', 'cancelled') then 'late_paid' else 'paid'
                end as state
            from placed p
            where p.settles
            order by p.tenant_id, p.intent_id, p.observation_id desc
        ) as wanted
        where i.tenant_id = wanted.tenant_id and i.id = wanted.intent_id and i.state <> wanted.state
            and i.state not in ('paid', 'late_paid', 'refunded')
            -- What was partly given back stays so until all of it is paid again.
            and not (i.state = 'partially_refunded' and wanted.state = 'partially_paid')
    ), attempts as (
        update bursar.payment_attempt a
        set state = case when p.settles then 'confirmed' else 'mismatched' end, version = a.version + 1, source = p.source,
            cause = case when not p.settles then 'money_differs' when a.state = 'mismatched' then 'assigned' else 'money_came' end
        from placed p
        where a.tenant_id = p.tenant_id and a.id = p.attempt_id and a.state <> 'confirmed'
            and (p.settles
                or (p.role is null and p.kind <> 'claim' and a.state <> 'mismatched'
                    and p.result in ('wrong_account', 'wrong_currency', 'too_early', 'late')))
    ), asked_again as (
        -- What is found once is asked about again: a receiving bank may give it back.
        insert into bursar.payment_lookup as l (tenant_id, attempt_id, account_id, purpose, provider_hash, due_at, presented_at)
        select p.tenant_id, p.attempt_id, p.account_id, 'refund', p.provider_hash, greatest(moment, p.occurred_at) + interval '1 day',
            p.occurred_at
        from placed p
        where p.role is not null and p.kind in ('lookup', 'statement') and p.provider_hash is not null
        on conflict (tenant_id, attempt_id) do update
            set purpose = 'refund', provider_hash = excluded.provider_hash, due_at = excluded.due_at, hinted = false, tries = 0
            where l.purpose = 'payment'
    ), told as materialized (
        select coalesce(p.tenant_id, p.observation_tenant) as tenant_id,
            case when p.settles then 'payment.received' else 'payment.mismatched' end as kind,
            case when p.settles then 'invoice' else 'observation' end as subject_kind,
            case when p.settles then p.invoice_id else p.observation_id end as subject_id,
            jsonb_strip_nulls(jsonb_build_object('result', p.result, 'attempt', p.attempt_id, 'observation', p.observation_id,
                'source', p.source, 'currency', p.currency, 'amount', p.amount, 'invoice', p.invoice_id)) as content
        from placed p
        where p.settles or p.role is null
    ), events as (
        insert into bursar.event (tenant_id, at, kind, subject_kind, subject_id, run_id, actor, content)
        select t.tenant_id, moment, t.kind, t.subject_kind, t.subject_id, of_run, teller, t.content from told t
    ), audited as (
        insert into bursar.audit_entry (tenant_id, at, actor, action, object, run_id, canonical)
        select t.tenant_id, moment, teller, t.kind, t.subject_kind || ':' || t.subject_id, of_run,
            bursar.audit_canonical(t.tenant_id, moment, teller, t.kind, t.subject_kind || ':' || t.subject_id, of_run, t.content)
        from told t
    )
    select
        array(
            select row(p.result, p.kind <> 'claim', p.currency, count(*), sum(p.amount)::bigint)::bursar.placed_tally
            from placed p
            group by p.result, p.kind <> 'claim', p.currency
            order by p.result, p.kind <> 'claim', p.currency),
        array(
            select row(p.tenant_id, p.match_id, p.observation_id, p.currency, p.amount - p.applied, p.source)::bursar.surplus
            from placed p
            where p.settles and p.amount > p.applied
            order by p.observation_id)
    into tallies, extra;

    -- Only surplus goes elsewhere: the oldest debt first, the rest to the tenant's credit.
    foreach more in array extra loop
        rest := bursar.spread(more.tenant_id, more.currency, more.amount, 'payment', more.match_id, more.source);
        if rest > 0 then
            insert into bursar.credit_entry (tenant_id, currency, amount, kind, match_id)
            values (more.tenant_id, more.currency, rest, 'surplus', more.match_id);
        end if;
    end loop;

    return query select t.* from unnest(tallies) as t;
end
$$;

-- Money that went back ---------------------------------------------------------------------------------------------------

-- Puts back what a match took off invoices and gave as credit, newest first, up to an amount.
create function bursar.put_back(of_match bursar.payment_match, up_to bigint) returns void
language plpgsql as
$$
declare
    rest bigint := up_to;
    part bigint;
    took record;
begin
    select coalesce(sum(c.amount), 0)::bigint as left_over into took from bursar.credit_entry c
    where c.tenant_id = of_match.tenant_id and c.match_id = of_match.id;
    part := least(rest, took.left_over);
    if part > 0 then
        insert into bursar.credit_entry (tenant_id, currency, amount, kind, match_id)
        values (of_match.tenant_id, of_match.currency, -part, 'reversed', of_match.id);
        rest := rest - part;
    end if;
    for took in
        select a.invoice_id, sum(a.amount) filter (where a.kind <> 'rounding') as amount,
            coalesce(sum(a.amount) filter (where a.kind = 'rounding'), 0)::bigint as rounding, max(a.id) as newest
        from bursar.allocation a
        where a.tenant_id = of_match.tenant_id and a.match_id = of_match.id
        group by a.invoice_id having sum(a.amount) filter (where a.kind <> 'rounding') > 0
        order by newest desc
    loop
        exit when rest = 0;
        part := least(rest, took.amount);
        -- What rounded a payment goes with the last of it, in one statement: a receivable is never beyond its total between.
        insert into bursar.allocation (tenant_id, invoice_id, currency, amount, kind, match_id)
        select of_match.tenant_id, took.invoice_id, of_match.currency, back.amount, back.kind, of_match.id
        from (values (-part, 'reversal'), (case when part = took.amount then -took.rounding else 0 end, 'rounding')) as back (amount, kind)
        where back.amount <> 0;
        rest := rest - part;
    end loop;
end
$$;

-- What of a match is left after what went back.
create function bursar.left_of_match(of_tenant bigint, of_match bigint) returns bigint
language sql stable
begin atomic
    select m.amount - coalesce((
        select sum(f.amount) from bursar.refund f where f.tenant_id = m.tenant_id and f.match_id = m.id and f.done_at is not null), 0)::bigint
    from bursar.payment_match m where m.tenant_id = of_tenant and m.id = of_match;
end;

-- Places one observation of money that went back: the settlement of the same hash is undone, or its suspense is closed.
-- Candidates are given as for bursar.place.
create function bursar.place_reversal(of_observation bigint, of_observation_tenant bigint, of_tenant bigint, of_attempt bigint) returns text
language plpgsql as
$$
declare
    seen    bursar.observation;
    settled bursar.payment_match;
    left_of bigint;
    waits   bursar.suspense;
begin
    delete from bursar.observation_unplaced u where u.tenant_id = of_observation_tenant and u.observation_id = of_observation;
    if not found then
        return 'same';
    end if;
    select * into seen from bursar.observation o where o.tenant_id = of_observation_tenant and o.id = of_observation;
    perform from bursar.payment_attempt a where a.tenant_id = of_tenant and a.id = of_attempt for no key update;
    perform from bursar.payment_intent i join bursar.payment_attempt a on a.tenant_id = i.tenant_id and a.intent_id = i.id
    where a.tenant_id = of_tenant and a.id = of_attempt for no key update of i;
    select * into settled from bursar.payment_match m
    where m.tenant_id = of_tenant and m.attempt_id = of_attempt and m.role = 'settles' and m.released_at is null
        and m.provider_hash = seen.provider_hash;
    if not found then
        select s.* into waits from bursar.suspense s
        join bursar.observation o on o.id = s.observation_id
        where s.issuer_id = seen.issuer_id and s.resolution is null and s.is_money and o.provider_hash = seen.provider_hash
        for no key update of s;
        if found then
            update bursar.suspense s set resolution = 'went_back', resolved_by = bursar.actor(), resolved_at = bursar.business_now(),
                resolve_reason = 'the receiving bank gave it back'
            where s.tenant_id = waits.tenant_id and s.id = waits.id;
            insert into bursar.refund (tenant_id, issuer_id, kind, suspense_id, currency, amount, reason, reference, done_by, done_at)
            values (waits.tenant_id, waits.issuer_id, 'reversal', waits.id, waits.currency, waits.amount, 'the receiving bank gave it back',
                seen.external_key, bursar.actor(), seen.occurred_at);
            perform bursar.note(waits.tenant_id, 'suspense.went_back', 'suspense', waits.id,
                jsonb_build_object('observation', of_observation), seen.run_id);
            -- The row that shows that this observation has its place.
            insert into bursar.suspense (tenant_id, issuer_id, account_id, observation_id, reason, is_money, currency, amount, occurred_at,
                resolution, resolved_by, resolved_at, resolve_reason)
            values (waits.tenant_id, seen.issuer_id, seen.account_id, seen.id, 'reversal_unmatched', false, seen.currency, seen.amount,
                seen.occurred_at, 'went_back', bursar.actor(), bursar.business_now(), format('of suspense %s', waits.id));
            return 'went_back';
        end if;
        insert into bursar.suspense (tenant_id, issuer_id, account_id, observation_id, attempt_id, reason, is_money, currency, amount, occurred_at)
        values (coalesce(of_tenant, of_observation_tenant), seen.issuer_id, seen.account_id, seen.id, of_attempt, 'reversal_unmatched', false,
            seen.currency, seen.amount, seen.occurred_at);
        return 'reversal_unmatched';
    end if;

    left_of := bursar.left_of_match(settled.tenant_id, settled.id);
    insert into bursar.payment_match (tenant_id, issuer_id, account_id, observation_id, attempt_id, intent_id, invoice_id, kind, role, result,
        tier, of_match_id, provider_hash, currency, amount, occurred_at)
    values (settled.tenant_id, settled.issuer_id, settled.account_id, seen.id, settled.attempt_id, settled.intent_id, settled.invoice_id,
        seen.kind, 'reverses', 'reversed', 2, settled.id, seen.provider_hash, settled.currency, coalesce(seen.amount, settled.amount),
        seen.occurred_at);
    if left_of > 0 then
        insert into bursar.refund (tenant_id, issuer_id, kind, match_id, currency, amount, reason, reference, done_by, done_at)
        values (settled.tenant_id, settled.issuer_id, 'reversal', settled.id, settled.currency, left_of, 'the receiving bank gave it back',
            seen.external_key, bursar.actor(), seen.occurred_at);
        perform bursar.put_back(settled, left_of);
    end if;
    delete from bursar.payment_lookup l where l.tenant_id = settled.tenant_id and l.attempt_id = settled.attempt_id;
    update bursar.payment_intent i set state = 'reversed', version = i.version + 1, cause = 'reversed', source = seen.source
    where i.tenant_id = settled.tenant_id and i.id = settled.intent_id
        and exists (select from bursar.payment_move v where v.machine = 'intent' and v.from_state = i.state and v.to_state = 'reversed');
    perform bursar.note(settled.tenant_id, 'payment.reversed', 'invoice', settled.invoice_id,
        jsonb_build_object('attempt', settled.attempt_id, 'observation', seen.id, 'currency', settled.currency, 'amount', left_of), seen.run_id);
    return 'reversed';
end
$$;

grant execute on function bursar.candidates(bigint[]), bursar.suggestions(bigint), bursar.waiting_money(bigint, integer) to bursar_scan, bursar_ops;
grant usage on sequence bursar.payment_match_id_seq to bursar_app;
grant execute on function
    bursar.credit_of(bigint, text), bursar.follow_receivable(bigint, bigint, text, text),
    bursar.spread(bigint, text, bigint, text, bigint, text), bursar.apply_credit(bigint, text, text),
    bursar.decide_placements(bursar.chosen[]),
    bursar.place(bigint[], bigint[], bigint[], bigint[], smallint[], integer[], jsonb[]),
    bursar.put_back(bursar.payment_match, bigint), bursar.left_of_match(bigint, bigint),
    bursar.place_reversal(bigint, bigint, bigint, bigint)
to bursar_app;
grant execute on function bursar.credit_of(bigint, text), bursar.left_of_match(bigint, bigint) to bursar_scan, bursar_ops;

reset role;
