-- Standing: whether a subscription whose payer is late may be suspended. Every gate is a value, what is wanted of it, and why;
-- a suspension writes them all down.
--
-- Instants are business time, days civil days of the issuer's zone, amounts minor units.

set local role bursar_owner;

-- What must have happened once -------------------------------------------------------------------------------------------

-- What this database has proved of itself. Nobody is suspended by a database of which no backup was ever seen to restore.
create table bursar.standing_receipt (
    id       bigint generated always as identity primary key,
    kind     text not null check (kind = 'drill'),
    at       timestamptz not null default bursar.business_now(),
    actor    text not null default bursar.actor(),
    evidence jsonb not null check (jsonb_typeof(evidence) = 'object' and evidence <> '{}')
);
grant select on bursar.standing_receipt to bursar_app, bursar_scan, bursar_ops, bursar_backup;
create trigger standing_receipt_never_changes before update or delete or truncate on bursar.standing_receipt
    for each statement execute function bursar.refuse_change('a receipt is evidence; write the next one');

-- Records that a drill has passed: a backup was restored elsewhere and compared. The evidence names it.
create function bursar.record_drill_pass(evidence jsonb) returns bigint
language plpgsql security definer set search_path = pg_catalog, bursar as
$$
declare
    made bigint;
begin
    if jsonb_typeof(record_drill_pass.evidence) is distinct from 'object' or record_drill_pass.evidence = '{}' then
        perform bursar.refuse('a drill that passed has evidence', 'pass a JSON object that names the drill and what it compared');
    end if;
    insert into bursar.standing_receipt as r (kind, evidence) values ('drill', record_drill_pass.evidence) returning r.id into made;
    perform bursar.note(0, 'drill.passed', 'standing_receipt', made, record_drill_pass.evidence);
    return made;
end
$$;
grant execute on function bursar.record_drill_pass(jsonb) to bursar_engine, bursar_ops;

-- A person's word that an invoice needs no final notice before its subscription is suspended.
create table bursar.notice_waiver (
    tenant_id       bigint not null,
    id              bigint generated always as identity,
    subscription_id bigint not null,
    invoice_id      bigint not null,
    reason          text not null check (reason <> ''),
    actor           text not null default bursar.actor(),
    at              timestamptz not null default bursar.business_now(),
    primary key (tenant_id, id),
    foreign key (tenant_id, invoice_id) references bursar.invoice (tenant_id, id)
);
create index notice_waiver_of_invoice on bursar.notice_waiver (tenant_id, invoice_id);
call bursar.wall('bursar.notice_waiver', 'select');
create trigger notice_waiver_never_changes before update or delete or truncate on bursar.notice_waiver
    for each statement execute function bursar.refuse_change('a waiver is a word that was given; hold the subscription instead');

-- Waives the final notice of the invoice for which a subscription would be suspended now, and answers with that invoice.
create function bursar.waive_final_notice(subscription bigint, reason text) returns bigint
language plpgsql security definer set search_path = pg_catalog, bursar as
$$
declare
    late   bursar.subscription;
    unpaid bigint;
begin
    perform bursar.begin_act(reason, true);
    if coalesce(trim(waive_final_notice.reason), '') = '' then
        perform bursar.refuse('a waiver needs a reason', 'say why, with --reason or reason =>');
    end if;
    late := bursar.locked_subscription(subscription);
    select r.invoice_id into unpaid
    from bursar.receivable r
    where r.tenant_id = late.tenant_id and r.subscription_id = late.id and r.state = 'open' and r.open_amount > r.tolerance
        and r.due_date < bursar.today_of(late.issuer_id)
    order by r.grace_end, r.invoice_id limit 1;
    if unpaid is null then
        perform bursar.refuse(format('nothing of subscription %s is overdue', subscription), 'there is no notice to waive');
    end if;
    insert into bursar.notice_waiver (tenant_id, subscription_id, invoice_id, reason)
    values (late.tenant_id, late.id, unpaid, trim(waive_final_notice.reason));
    perform bursar.note_act(late.tenant_id, 'subscription.notice_waived', 'subscription', late.id,
        jsonb_build_object('invoice', unpaid), waive_final_notice.reason);
    return unpaid;
end
$$;
grant execute on function bursar.waive_final_notice(bigint, text) to bursar_ops;

-- Grace and outages ------------------------------------------------------------------------------------------------------

-- The times up to an instant in which the payers of an issuer could not pay, or we could not see it: a provider of one of its
-- accounts was away, no node worked, or a quarantine was in force. What overlaps counts once.
create function bursar.paying_outages(of_issuer bigint, up_to timestamptz) returns tstzmultirange
language sql stable parallel safe security definer set search_path = pg_catalog, bursar as
$$
    select coalesce(range_agg(o.during * tstzrange(null, up_to)), '{}')
    from bursar.outage o
    where o.during && tstzrange(null, up_to)
        and (o.kind = 'engine'
            or o.subject in (
                select named from bursar.receiving_account a cross join lateral unnest(array[a.provider, a.account]) as named
                where a.issuer_id = of_issuer and a.retired_at is null
            ))
$$;

-- The last day of payment grace, later by the outages from the due date to that day, rounded up to whole days. What is away
-- in the added days lengthens it again.
create function bursar.lengthened_grace(due_date date, grace_end date, time_zone text, outages tstzmultirange) returns date
language plpgsql stable parallel safe as
$$
declare
    last_day date := grace_end;
    longer   date;
begin
    if outages is null or isempty(outages) then
        return grace_end;
    end if;
    loop
        select grace_end + ceil(coalesce(sum(extract(epoch from upper(lost) - lower(lost))), 0) / 86400)::integer into longer
        from unnest(outages * tstzmultirange(tstzrange(due_date::timestamp at time zone time_zone,
            (last_day + 1)::timestamp at time zone time_zone))) as lost;
        exit when longer <= last_day;
        last_day := longer;
    end loop;
    return last_day;
end
$$;

-- How gates are told -----------------------------------------------------------------------------------------------------

create function bursar.told_instant(at timestamptz) returns text
language sql stable parallel safe
begin atomic
    select to_char(at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"');
end;

-- An amount for a reader: riel have no cents.
create function bursar.told_money(amount bigint, currency text) returns text
language sql stable parallel safe
begin atomic
    select concat_ws(' ', currency, case currency when 'USD' then to_char(amount / 100.0, 'FM999999999999990.00') else amount::text end);
end;

create function bursar.told_gate(gate text, passed boolean, value jsonb, wanted text, why text) returns jsonb
language sql stable parallel safe
begin atomic
    select jsonb_build_object('gate', gate, 'passed', coalesce(passed, false), 'value', value, 'wanted', wanted, 'why', why);
end;

-- The first gate that is red; null where all have passed.
create function bursar.first_red(gates jsonb) returns text
language sql immutable parallel safe
begin atomic
    select g.told ->> 'gate'
    from jsonb_array_elements(gates) with ordinality as g (told, place)
    where not (g.told ->> 'passed')::boolean
    order by g.place
    limit 1;
end;

-- The gates --------------------------------------------------------------------------------------------------------------

-- The gates of subscriptions as of an instant, in the order in which they are told, and the first that is red. A past_due one
-- is to be suspended, a suspended one to expire where the rules say after how many days. Rules: suspends, minimum_notice
-- (seconds), opens and closes (minutes after local midnight), closed (day → its name), weekend (1 for Monday to 7), known_until (the calendar's last day),
-- expire_after (days), and tenants, by external_ref, with rules of their own. The transaction names the tenants, and tenant 0, where nobody's money is.
create function bursar.suspension_gates(as_of timestamptz, rules jsonb, of_tenants bigint[], of_subscriptions bigint[]) returns table (
    tenant_id       bigint,
    subscription_id bigint,
    issuer_id       bigint,
    from_state      text,
    to_state        text,
    invoice_id      bigint,   -- the reason: overdue, and the first whose grace ends
    currency        text,
    owed            bigint,   -- all that is overdue
    gates           jsonb,
    red             text
)
language sql stable
begin atomic
    with asked as materialized (
        select s.*, i.time_zone, as_of at time zone i.time_zone as local, (as_of at time zone i.time_zone)::date as today,
            coalesce(rules -> 'tenants' -> t.external_ref, rules) as rule
        from unnest(of_tenants, of_subscriptions) as g (tenant, id)
        join bursar.subscription s on s.tenant_id = g.tenant and s.id = g.id
        join bursar.tenant t on t.id = s.tenant_id
        join bursar.issuer i on i.id = s.issuer_id
    ), house as materialized (
        select i.issuer_id, bursar.paying_outages(i.issuer_id, as_of) as outages, a.accounts, a.never, a.complete_until, d.drilled_at
        from (select distinct issuer_id from asked) as i
        cross join lateral (
            select count(*) as accounts, string_agg(a.account, ', ' order by a.id) filter (where a.watermark is null) as never,
                min(coalesce(a.watermark, '-infinity')) as complete_until
            from bursar.receiving_account a
            where a.issuer_id = i.issuer_id and a.retired_at is null and (a.provider = 'bakong' or a.statement_required)
        ) as a
        cross join (select min(r.at) as drilled_at from bursar.standing_receipt r where r.kind = 'drill' and r.at <= as_of) as d
    ), stray as materialized (
        -- Money of nobody known yet, or a word of such money.
        select s.issuer_id, s.currency, s.amount, 'suspense ' || s.id as named, s.suggestions
        from bursar.suspense s
        where s.tenant_id = 0 and s.resolution is null and s.is_money
        union all
        select o.issuer_id, o.currency, o.amount, 'observation ' || min(o.id), '[]'
        from bursar.observation_unplaced u
        join bursar.observation o on o.tenant_id = u.tenant_id and o.id = u.observation_id
        where u.tenant_id = 0 and not o.reverses
        group by o.issuer_id, o.currency, o.amount
    ), known as (
        select a.*, h.outages, h.accounts, h.never, h.complete_until, h.drilled_at, reason.invoice_id, reason.number, reason.due_date,
            reason.grace_end as plain_grace_end, grace.grace_end, back.reopened_at,
            (grace.grace_end + 1)::timestamp at time zone a.time_zone as grace_over, debt.owed, debt.overdue, debt.fitting, debt.tolerance,
            extract(hour from a.local)::integer * 60 + extract(minute from a.local)::integer as minute,
            coalesce(a.rule -> 'closed' ->> to_char(a.today, 'YYYY-MM-DD'),
                case when a.rule -> 'weekend' @> to_jsonb(extract(isodow from a.today)::integer) then 'weekend' end) as holiday,
            make_interval(secs => coalesce((a.rule ->> 'minimum_notice')::float8, 0)) as notice
        from asked a
        join house h on h.issuer_id = a.issuer_id
        left join lateral (
            select r.invoice_id, i.number, r.due_date, r.grace_end
            from bursar.receivable r
            join bursar.invoice i on i.tenant_id = r.tenant_id and i.id = r.invoice_id
            where r.tenant_id = a.tenant_id and r.subscription_id = a.id and r.state = 'open' and r.open_amount > r.tolerance
                and r.due_date < a.today
            order by r.grace_end, r.invoice_id
            limit 1
        ) as reason on true
        cross join lateral (
            -- Money that went back makes an earlier notice say nothing: the payer had paid after it.
            select max(b.at) as reopened_at
            from bursar.allocation b
            where b.tenant_id = a.tenant_id and b.invoice_id = reason.invoice_id and b.kind = 'reversal'
        ) as back
        cross join lateral (
            select bursar.lengthened_grace(reason.due_date, reason.grace_end, a.time_zone, h.outages) as grace_end offset 0
        ) as grace
        cross join lateral (
            select coalesce(sum(r.open_amount) filter (where r.is_late), 0)::bigint as owed, max(r.tolerance) as tolerance,
                array_agg(r.invoice_id) filter (where r.is_late) as overdue,
                -- What somebody would pay: one of the invoices, what is left of it, all that is late here, or all that is open there.
                array_agg(r.open_amount) filter (where r.is_late) || array_agg(r.total) filter (where r.is_late)
                    || sum(r.open_amount) filter (where r.is_late)::bigint || sum(r.open_amount)::bigint as fitting
            from (
                select r.*, r.subscription_id = a.id and r.open_amount > r.tolerance and r.due_date < a.today as is_late
                from bursar.receivable r
                where r.tenant_id = a.tenant_id and r.currency = a.currency and r.state = 'open'
            ) as r
        ) as debt
    ), told as (
        select k.*, pay.pending, last_word.accepted_at, last_word.channel, last_word.came_to, waived.waiver, held.holds, was.suspended_on
        from known k
        cross join lateral (
            select jsonb_agg(p.named) as pending
            from (
                select format('attempt %s (%s, %s)', t.id, bursar.told_money(t.amount, t.currency), t.state) as named
                from bursar.payment_intent n
                join bursar.payment_attempt t on t.tenant_id = n.tenant_id and t.intent_id = n.id
                where n.tenant_id = k.tenant_id and n.invoice_id = any (k.overdue) and t.state in ('presented', 'observed', 'unknown')
                    and (t.expires_at > as_of or exists (
                        select from bursar.payment_lookup l
                        where l.tenant_id = t.tenant_id and l.attempt_id = t.id and l.purpose = 'payment'))
                    -- A QR of a letter lives for days: it is no payment under way once it was asked about after grace, just now.
                    and not (t.state = 'presented' and t.presented_at < as_of - interval '1 hour' and exists (
                        select from bursar.payment_lookup l
                        where l.tenant_id = t.tenant_id and l.attempt_id = t.id and l.conclusive_at >= k.grace_over
                            and l.conclusive_at >= as_of - interval '2 hours'))
                union all
                select format('suspense %s (%s, %s)', p.id, bursar.told_money(p.amount, p.currency), p.reason)
                from bursar.suspense p
                where p.tenant_id = k.tenant_id and p.resolution is null and p.is_money
                union all
                select format('observation %s (%s, not placed yet)', o.id, bursar.told_money(o.amount, o.currency))
                from bursar.observation_unplaced u
                join bursar.observation o on o.tenant_id = u.tenant_id and o.id = u.observation_id
                where u.tenant_id = k.tenant_id and not o.reverses
                union all
                select format('%s (%s, of nobody known)', s.named, bursar.told_money(s.amount, s.currency))
                from stray s
                where s.issuer_id = k.issuer_id and (s.currency is null or s.currency = k.currency)
                    and (s.amount is null
                        or exists (select from unnest(k.fitting) as fit where abs(s.amount - fit) <= k.tolerance)
                        or exists (select from jsonb_array_elements(s.suggestions) as near
                            where (near ->> 'invoice')::bigint = any (k.overdue)))
                union all
                select 'credit of ' || bursar.told_money(credit, k.currency)
                from bursar.credit_of(k.tenant_id, k.currency) as credit
                where credit > 0
                limit 5
            ) as p
        ) as pay
        cross join lateral (
            select min(m.accepted_at) filter (where n.state in ('accepted', 'delivered')) as accepted_at,
                (array_agg(n.channel order by m.accepted_at) filter (where n.state in ('accepted', 'delivered')))[1] as channel,
                string_agg(n.channel || ' ' || n.state || coalesce(' (' || n.reason || ')', ''), ', ' order by n.id) as came_to
            from bursar.notice n
            left join bursar.message m on m.tenant_id = n.tenant_id and m.id = n.message_id
            where n.tenant_id = k.tenant_id and n.invoice_id = k.invoice_id and n.kind = 'dunning' and n.category = 'final'
                and n.channel <> 'operator'
                -- What lies in a folder of this house has warned nobody; elsewhere than in production it stands for what would have.
                and (coalesce(m.transport, '') not like 'maildir%' or (select i.environment from bursar.installation i) <> 'production')
                and (k.reopened_at is null or m.accepted_at > k.reopened_at)
        ) as last_word
        left join lateral (
            select jsonb_build_object('waiver', w.id, 'by', w.actor, 'reason', w.reason, 'at', bursar.told_instant(w.at)) as waiver
            from bursar.notice_waiver w
            where w.tenant_id = k.tenant_id and w.invoice_id = k.invoice_id and w.at <= as_of
                and (k.reopened_at is null or w.at > k.reopened_at)
            order by w.id
            limit 1
        ) as waived on true
        cross join lateral (
            select jsonb_agg(h.source || ': ' || h.reason order by h.source) as holds
            from bursar.billing_hold h
            where h.tenant_id = k.tenant_id and h.subscription_id = k.id and h.released_at is null
                and h.valid_from <= k.today and (h.valid_until is null or k.today < h.valid_until)
        ) as held
        left join lateral (
            select (t.as_of at time zone k.time_zone)::date as suspended_on
            from bursar.subscription_transition t
            where t.tenant_id = k.tenant_id and t.subscription_id = k.id and t.to_state = 'suspended'
            order by t.seq desc
            limit 1
        ) as was on true
    ), judged as (
        select t.*,
            bursar.told_gate('bank_data', t.invoice_id is not null and (t.accounts = 0 or t.complete_until >= t.grace_over),
                to_jsonb(case when isfinite(t.complete_until) then bursar.told_instant(t.complete_until) end),
                coalesce('complete up to ' || bursar.told_instant(t.grace_over), 'complete up to the end of grace'),
                case
                    when t.invoice_id is null then 'nothing is overdue'
                    when t.accounts = 0 then 'the issuer has no account that is asked about, so all that came was recorded by hand'
                    when t.complete_until >= t.grace_over then 'everything that came in time was seen'
                    when t.complete_until is null or not isfinite(t.complete_until) then 'bank data was never complete'
                    else format('bank data is complete up to %s only, and grace ends with %s',
                        to_char(t.complete_until at time zone t.time_zone, 'YYYY-MM-DD HH24:MI'), t.grace_end)
                end) as bank_data,
            bursar.told_gate('payments', t.pending is null, coalesce(t.pending, '[]'), 'none',
                case when t.pending is null then 'no payment is under way and none lies unplaced'
                    else 'this may be its payment: ' || (t.pending ->> 0) end) as payments,
            bursar.told_gate('holds', t.holds is null and t.parked_at is null,
                coalesce(t.holds, '[]') || case when t.parked_at is null then '[]' else jsonb_build_array('parked: ' || t.parked_reason) end, 'none',
                case when t.parked_at is not null then 'it is parked: ' || t.parked_reason
                    when t.holds is not null then 'it is held by ' || (t.holds ->> 0)
                    else 'nobody holds it' end) as holding,
            bursar.told_gate('window',
                t.minute >= (t.rule ->> 'opens')::integer and t.minute < (t.rule ->> 'closes')::integer and t.holiday is null
                    and coalesce(t.today <= (t.rule ->> 'known_until')::date, true),
                to_jsonb(to_char(t.local, 'YYYY-MM-DD HH24:MI') || coalesce(', ' || t.holiday, '')),
                format('an open day, %s to %s', to_char(make_interval(mins => (t.rule ->> 'opens')::integer), 'HH24:MI'),
                    to_char(make_interval(mins => (t.rule ->> 'closes')::integer), 'HH24:MI')),
                case
                    when t.holiday is not null then format('%s is closed: %s', t.today, t.holiday)
                    when t.today > (t.rule ->> 'known_until')::date
                        then format('the calendar ends with %s and knows nothing of today', t.rule ->> 'known_until')
                    when t.minute >= (t.rule ->> 'opens')::integer and t.minute < (t.rule ->> 'closes')::integer
                        then 'somebody is there to answer the telephone'
                    else format('it is %s in %s', to_char(t.local, 'HH24:MI'), t.time_zone)
                end) as in_window
        from told t
    ), listed as (
        select j.*, case
            when j.state = 'suspended' then jsonb_build_array(
                bursar.told_gate('suspended_for', j.suspended_on + (rules ->> 'expire_after')::integer <= j.today,
                    to_jsonb(j.today - j.suspended_on), coalesce((rules ->> 'expire_after') || ' days', 'never'),
                    coalesce(format('suspended on %s, and it expires after %s days', j.suspended_on, rules ->> 'expire_after'),
                        'suspended subscriptions do not expire')),
                j.bank_data, j.payments, j.holding, j.in_window)
            else jsonb_build_array(
                bursar.told_gate('switch', (j.rule ->> 'suspends')::boolean, j.rule -> 'suspends', 'on',
                    case when (j.rule ->> 'suspends')::boolean then 'the dunning policy in force suspends'
                        else 'the dunning policy in force does not suspend' end),
                bursar.told_gate('drill', j.drilled_at is not null, to_jsonb(bursar.told_instant(j.drilled_at)), 'a drill that passed',
                    case when j.drilled_at is null then 'no backup of this database was ever seen to restore: run a drill'
                        else 'a backup of this database was seen to restore' end),
                bursar.told_gate('reconciliation', j.never is null, to_jsonb(j.never), 'every account was reconciled once',
                    case when j.accounts = 0 then 'the issuer has no account that is asked about'
                        else coalesce('never reconciled: ' || j.never, 'every account was reconciled') end),
                bursar.told_gate('grace', j.today > j.grace_end, to_jsonb(j.grace_end), 'before ' || j.today,
                    case
                        when j.invoice_id is null then 'nothing is overdue'
                        else format('grace of %s %s with %s%s', j.number,
                            case when j.today > j.grace_end then 'ended' else 'ends' end, j.grace_end,
                            case when j.grace_end > j.plain_grace_end
                                then format(', %s days later for outages', j.grace_end - j.plain_grace_end) else '' end)
                    end),
                j.bank_data, j.payments,
                bursar.told_gate('final_notice', j.waiver is not null or j.accepted_at <= as_of - j.notice,
                    coalesce(j.waiver, jsonb_build_object('accepted_at', bursar.told_instant(j.accepted_at), 'channel', j.channel)),
                    format('accepted %s hours ago, or waived', round(extract(epoch from j.notice) / 3600, 1)),
                    case
                        when j.invoice_id is null then 'nothing is overdue'
                        when j.waiver is not null then format('waived by %s: %s', j.waiver ->> 'by', j.waiver ->> 'reason')
                        when j.accepted_at is not null and j.accepted_at <= as_of - j.notice then 'the payer was told in time, by ' || j.channel
                        when j.accepted_at is not null then format('the payer was told by %s, and the time for it ends at %s', j.channel,
                            to_char((j.accepted_at + j.notice) at time zone j.time_zone, 'YYYY-MM-DD HH24:MI'))
                        when j.reopened_at is not null and j.came_to is null
                            then format('the money for %s went back at %s, and nobody has told the payer since', j.number,
                                to_char(j.reopened_at at time zone j.time_zone, 'YYYY-MM-DD HH24:MI'))
                        else format('no final notice of %s was accepted%s', j.number, coalesce(': ' || j.came_to, ', none was planned'))
                    end),
                j.holding,
                bursar.told_gate('billed', j.issue_on > j.today or coalesce(j.cancel_on <= j.issue_on, false), to_jsonb(j.issue_on),
                    'after ' || j.today,
                    case when j.issue_on > j.today or j.cancel_on <= j.issue_on then 'every period that has begun is billed'
                        else format('the period that began on %s is not billed yet: renewals come first', j.issue_on) end),
                j.in_window)
            end as gates
        from judged j
    )
    select l.tenant_id, l.id, l.issuer_id, l.state,
        case l.state when 'past_due' then 'suspended' when 'suspended' then 'expired' end,
        l.invoice_id, l.currency, l.owed, l.gates, bursar.first_red(l.gates)
    from listed l;
end;

-- Whom a run looks at: past due with a grace that has ended were there no outages, and suspended ones where they may expire.
create function bursar.suspension_candidates(as_of timestamptz, rules jsonb) returns table (tenant_id bigint, subscription_id bigint)
language sql stable
begin atomic
    select s.tenant_id, s.id
    from bursar.subscription s
    join bursar.issuer i on i.id = s.issuer_id
    where s.state in ('past_due', 'suspended')
        and case s.state
            when 'suspended' then coalesce((rules ->> 'expire_after')::integer, 0) > 0
            else exists (
                select from bursar.receivable r
                where r.tenant_id = s.tenant_id and r.subscription_id = s.id and r.state = 'open' and r.open_amount > r.tolerance
                    and r.grace_end < (as_of at time zone i.time_zone)::date)
        end;
end;
create index subscription_in_arrears on bursar.subscription (id) where state in ('past_due', 'suspended');

-- The seventh gate, which is the run's: what it proposed, and who approved where that was over the limit.
create function bursar.blast_gate(of_run bigint) returns jsonb
language sql stable
begin atomic
    select bursar.told_gate('blast_limit', true,
        jsonb_build_object('planned', p.count, 'proposal', p.id, 'approved_by', case p.state when 'approved' then p.decided_by end),
        'within the limit of a run, or approved',
        case p.state when 'approved' then format('approved by %s: %s', p.decided_by, p.reason) else p.why end)
    from bursar.proposal p
    where p.run_id = of_run and p.state in ('approved', 'applied')
    order by p.id desc
    limit 1;
end;

grant execute on function
    bursar.paying_outages(bigint, timestamptz), bursar.lengthened_grace(date, date, text, tstzmultirange), bursar.told_instant(timestamptz),
    bursar.told_money(bigint, text), bursar.told_gate(text, boolean, jsonb, text, text), bursar.first_red(jsonb),
    bursar.suspension_gates(timestamptz, jsonb, bigint[], bigint[])
to bursar_app, bursar_scan, bursar_ops;
grant execute on function bursar.suspension_candidates(timestamptz, jsonb), bursar.blast_gate(bigint) to bursar_scan, bursar_ops;

reset role;
