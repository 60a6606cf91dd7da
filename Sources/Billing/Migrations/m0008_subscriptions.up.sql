-- The contract of subscriptions: subscribing, changing, ending, pausing, holding, and letting parked ones go on.
-- What m0006 says of the contract holds here too.

set local role bursar_owner;

-- What the functions share; nobody else may call these ------------------------------------------------------------------------------

-- Locks a subscription for a change, and refuses where nothing may be changed; holds are put on ended ones too.
create function bursar.locked_subscription(subscription bigint, even_ended boolean default false) returns bursar.subscription
language plpgsql as
$$
declare
    found_row bursar.subscription;
begin
    select * into found_row from bursar.subscription s where s.id = subscription for update;
    if not found then
        perform bursar.refuse(format('there is no subscription %s', coalesce(subscription::text, 'null')),
            'list them with: bursar subscriptions list', 'BU004');
    elsif even_ended then
        return found_row;
    elsif found_row.state in ('canceled', 'expired') then
        perform bursar.refuse(format('subscription %s is %s, which is final', subscription, found_row.state), 'make a new subscription');
    elsif found_row.parked_at is not null and not bursar.is_operator() then
        perform bursar.refuse(format('subscription %s is parked: %s', subscription, found_row.parked_reason),
            'an operator looks into it and says: bursar subscriptions unpark ' || subscription);
    end if;
    return found_row;
end
$$;

-- The first boundary after today that is not billed yet: where a change of plan, or the end, falls.
create function bursar.open_boundary(of_subscription bursar.subscription) returns date
language sql volatile as
$$
    select case
        when of_subscription.next_from > today then of_subscription.next_from
        else (bursar.period_at(of_subscription, today)).ends_on
    end
    from bursar.today_of(of_subscription.issuer_id) as today
$$;

-- Goes to another state, with its transition; refuses what the table of legal transitions does not know.
create function bursar.move_subscription(subscription bursar.subscription, to_state text, cause text, content jsonb default '{}') returns void
language plpgsql as
$$
begin
    update bursar.subscription s set state = to_state, transitions = s.transitions + 1
    where s.tenant_id = subscription.tenant_id and s.id = subscription.id;
    insert into bursar.subscription_transition (tenant_id, subscription_id, seq, from_state, to_state, cause, as_of, content)
    values (subscription.tenant_id, subscription.id, subscription.transitions + 1, subscription.state, to_state, cause,
        bursar.business_now(), jsonb_strip_nulls(content));
end
$$;

-- Items as the caller names them, [{"price": code, "quantity": n}], as prices of a plan version.
create function bursar.priced_items(plan_version bigint, items jsonb) returns table (price_id bigint, quantity bigint)
language plpgsql as
$$
declare
    item  jsonb;
    whole numeric := 0;
    known bursar.price;
begin
    if jsonb_typeof(items) is distinct from 'array' or jsonb_array_length(items) = 0 then
        perform bursar.refuse('a subscription needs items', 'pass [{"price": "seat", "quantity": 3}]');
    end if;
    for item in select * from jsonb_array_elements(items) loop
        perform bursar.refuse_unknown_keys('an item', item, array['price', 'quantity']);
        select * into known from bursar.price p where p.plan_version_id = plan_version and p.code = item ->> 'price';
        if not found then
            perform bursar.refuse(format('the plan version has no price %L', item ->> 'price'),
                'its prices: ' || (select string_agg(p.code, ', ' order by p.id) from bursar.price p where p.plan_version_id = plan_version));
        end if;
        price_id := known.id;
        quantity := bursar.whole_number(format('quantity of %s', known.code), coalesce(item -> 'quantity', '1'));
        whole := whole + known.unit_amount::numeric * quantity;
        if whole > 1000000000000000 then
            perform bursar.refuse('a period would cost more than 1,000,000,000,000,000 minor units', 'check quantities and prices');
        end if;
        return next;
    end loop;
    if (select count(distinct i ->> 'price') from jsonb_array_elements(items) as i) < jsonb_array_length(items) then
        perform bursar.refuse('two items have one price', 'add their quantities up');
    end if;
end
$$;

-- A version of a plan by the plan's code; without a number the newest.
create function bursar.plan_version_named(issuer bigint, plan text, version integer) returns bursar.plan_version
language plpgsql as
$$
declare
    found_row bursar.plan_version;
begin
    select v.* into found_row from bursar.plan p join bursar.plan_version v on v.plan_id = p.id
    where p.issuer_id = issuer and p.code = plan and v.version = coalesce(plan_version_named.version, v.version)
    order by v.version desc limit 1;
    if not found then
        perform bursar.refuse(format('issuer %s has no plan %L%s', issuer, plan, coalesce(' of version ' || version, '')),
            'list them with: bursar plans list', 'BU004');
    end if;
    return found_row;
end
$$;

-- Subscriptions ---------------------------------------------------------------------------------------------------------

-- Subscribes a tenant to a plan. Items: [{"price": code, "quantity": n}]. It starts today unless told otherwise, and its
-- first period begins after the trial. The anchor is the day that periods are counted from, the first billed day unless an
-- earlier one is given; a first period cut by an earlier anchor is charged by its days. A start in the past is billed by
-- the next renewals run as far as the policy's catch_up_periods allow.
create function bursar.subscribe(
    tenant bigint, external_ref text, plan text, items jsonb, plan_version integer default null, starts_on date default null,
    trial_days integer default null, anchor date default null, policy bigint default null, reason text default null
) returns bigint
language plpgsql security definer set search_path = pg_catalog, bursar as
$$
#variable_conflict use_column
declare
    customer bursar.tenant;
    sold     bursar.plan_version;
    today    date;
    starts   date;
    trial    integer;
    first    date;  -- the first billed day
    counted  date;
    first_k  integer;
    made     bursar.subscription;
begin
    perform bursar.begin_act(reason);
    select * into customer from bursar.tenant t where t.id = subscribe.tenant;
    if not found then
        perform bursar.refuse(format('there is no tenant %s', coalesce(tenant::text, 'null')), 'list them with: bursar tenants list', 'BU004');
    end if;
    made.id := bursar.known_request(customer.issuer_id, 'subscription', subscribe.external_ref,
        jsonb_build_object('tenant', tenant, 'plan', plan, 'plan_version', subscribe.plan_version, 'items', items,
            'starts_on', subscribe.starts_on, 'trial_days', subscribe.trial_days, 'anchor', anchor, 'policy', policy));
    if made.id is not null then
        return made.id;
    end if;

    sold := bursar.plan_version_named(customer.issuer_id, plan, subscribe.plan_version);
    today := bursar.today_of(customer.issuer_id);
    starts := coalesce(subscribe.starts_on, today);
    trial := coalesce(subscribe.trial_days, sold.trial_days);
    if trial not between 0 and 3650 then
        perform bursar.refuse(format('a trial of %s days is refused', trial), 'trial_days is between 0 and 3650');
    end if;
    first := starts + trial;
    counted := coalesce(anchor, first);
    if counted > first then
        perform bursar.refuse(format('the anchor %s lies after the first billed day %s', counted, first),
            'give the same day of an earlier month or year');
    elsif counted < date '1900-01-01' or first > date '9000-01-01' then
        perform bursar.refuse('the dates of the subscription are out of range', 'check starts_on, trial_days and anchor');
    elsif policy is not null and not exists (select from bursar.policy p where p.id = policy and p.issuer_id = customer.issuer_id) then
        perform bursar.refuse(format('issuer %s has no policy %s', customer.issuer_id, policy), 'make one with create_policy', 'BU004');
    elsif exists (select from bursar.subscription s where s.issuer_id = customer.issuer_id and s.external_ref = subscribe.external_ref) then
        perform bursar.refuse(format('external_ref %L belongs to another subscription', subscribe.external_ref), 'use another external_ref');
    end if;
    first_k := bursar.period_index(counted, sold.unit, sold.count, sold.day_policy, first);

    insert into bursar.subscription as s (tenant_id, issuer_id, external_ref, plan_version_id, policy_id, currency, state, transitions,
        starts_on, trial_end, next_k, next_from, issue_on, charged_through)
    values (customer.id, customer.issuer_id, subscribe.external_ref, sold.id, policy, sold.currency,
        case when starts > today then 'pending' when first > today and trial > 0 then 'trialing' else 'active' end,
        1, starts, case when trial > 0 then first end, first_k, first, first, first)
    returning s.* into made;
    insert into bursar.subscription_schedule (tenant_id, subscription_id, version, plan_version_id, anchor_date, unit, count, day_policy,
        first_k, valid_from)
    values (made.tenant_id, made.id, 1, sold.id, counted, sold.unit, sold.count, sold.day_policy, first_k, first);
    insert into bursar.subscription_item (tenant_id, subscription_id, price_id, quantity, valid_from)
    select made.tenant_id, made.id, i.price_id, i.quantity, starts from bursar.priced_items(sold.id, items) i;
    insert into bursar.subscription_transition (tenant_id, subscription_id, seq, from_state, to_state, cause, as_of)
    values (made.tenant_id, made.id, 1, 'new', made.state, 'created', bursar.business_now());
    perform bursar.remember_request(customer.issuer_id, 'subscription', subscribe.external_ref, made.id);
    perform bursar.note_act(made.tenant_id, 'subscription.created', 'subscription', made.id,
        jsonb_build_object('external_ref', subscribe.external_ref, 'plan', plan, 'plan_version', sold.version, 'items', items,
            'state', made.state, 'starts_on', starts, 'trial_end', made.trial_end, 'anchor', counted, 'policy', policy), reason);
    return made.id;
end
$$;

-- Changes plan and items at the first boundary after today that is not billed yet, and answers with that day. A change made
-- before and not in force yet is replaced. The same length of period keeps the anchor, another one begins at the boundary.
create function bursar.change_plan(
    subscription bigint, plan text, items jsonb, plan_version integer default null, reason text default null
) returns date
language plpgsql security definer set search_path = pg_catalog, bursar as
$$
#variable_conflict use_column
declare
    changed  bursar.subscription;
    sold     bursar.plan_version;
    previous bursar.subscription_schedule;
    boundary date;
    counted  date;
    first_k  integer := 0;
begin
    perform bursar.begin_act(reason, true);
    changed := bursar.locked_subscription(subscription);
    sold := bursar.plan_version_named(changed.issuer_id, plan, change_plan.plan_version);
    if sold.currency <> changed.currency then
        perform bursar.refuse(format('plan %s is billed in %s, the subscription in %s', plan, sold.currency, changed.currency),
            'cancel it at the period''s end and subscribe to the other plan');
    end if;
    boundary := bursar.open_boundary(changed);
    if changed.cancel_on <= boundary then
        perform bursar.refuse(format('subscription %s ends on %s, before the change', subscription, changed.cancel_on),
            'take the cancellation back first, with keep_subscription');
    end if;

    delete from bursar.subscription_schedule v
    where v.tenant_id = changed.tenant_id and v.subscription_id = changed.id
        and v.version > changed.schedule_version and v.valid_from >= boundary;
    select * into previous from bursar.subscription_schedule v
    where v.tenant_id = changed.tenant_id and v.subscription_id = changed.id order by v.version desc limit 1;
    counted := boundary;
    if (previous.unit, previous.count, previous.day_policy) = (sold.unit, sold.count, sold.day_policy) then
        counted := previous.anchor_date;
        first_k := bursar.period_index(counted, sold.unit, sold.count, sold.day_policy, boundary);
    end if;
    if previous.valid_from = boundary then  -- nothing was billed by it yet: a trial, or a start to come
        update bursar.subscription_schedule v set plan_version_id = sold.id, anchor_date = counted, unit = sold.unit, count = sold.count,
            day_policy = sold.day_policy, first_k = change_first.k, valid_until = null
        from (select first_k as k) as change_first
        where v.tenant_id = changed.tenant_id and v.subscription_id = changed.id and v.version = previous.version;
        update bursar.subscription s set plan_version_id = sold.id, next_k = change_first.k
        from (select first_k as k) as change_first
        where s.tenant_id = changed.tenant_id and s.id = changed.id and s.schedule_version = previous.version;
    elsif previous.plan_version_id = sold.id and counted = previous.anchor_date then  -- only items change, or the plan is kept after all
        update bursar.subscription_schedule v set valid_until = null
        where v.tenant_id = changed.tenant_id and v.subscription_id = changed.id and v.version = previous.version;
    else
        update bursar.subscription_schedule v set valid_until = boundary
        where v.tenant_id = changed.tenant_id and v.subscription_id = changed.id and v.version = previous.version;
        insert into bursar.subscription_schedule (tenant_id, subscription_id, version, plan_version_id, anchor_date, unit, count,
            day_policy, first_k, valid_from)
        values (changed.tenant_id, changed.id, previous.version + 1, sold.id, counted, sold.unit, sold.count, sold.day_policy, first_k,
            boundary);
    end if;

    update bursar.subscription_item i set valid_until = greatest(i.valid_from, boundary)
    where i.tenant_id = changed.tenant_id and i.subscription_id = changed.id and (i.valid_until is null or i.valid_until > boundary);
    insert into bursar.subscription_item (tenant_id, subscription_id, price_id, quantity, valid_from)
    select changed.tenant_id, changed.id, i.price_id, i.quantity, boundary from bursar.priced_items(sold.id, items) i;
    perform bursar.note_act(changed.tenant_id, 'subscription.changed', 'subscription', changed.id,
        jsonb_build_object('plan', plan, 'plan_version', sold.version, 'items', items, 'effective_on', boundary), reason);
    return boundary;
end
$$;

-- Changes the items and keeps the plan, like change_plan.
create function bursar.change_items(subscription bigint, items jsonb, reason text default null) returns date
language plpgsql security definer set search_path = pg_catalog, bursar as
$$
declare
    named record;
begin
    select p.code, v.version into named
    from bursar.subscription_schedule s
    join bursar.plan_version v on v.id = s.plan_version_id
    join bursar.plan p on p.id = v.plan_id
    where s.subscription_id = change_items.subscription order by s.version desc limit 1;
    return bursar.change_plan(subscription, named.code, items, named.version, reason);
end
$$;

-- Ends a subscription: at 'period_end' (the first boundary after today that is not billed), 'now', or on a day (at =>
-- 'on_date', on_date => …). A period that starts before the end is billed whole; what was paid for is not given back here.
-- The answer is the state it is in, and the day it ends: what it owes for periods before is billed first.
create function bursar.cancel_subscription(
    subscription bigint, at text default 'period_end', on_date date default null, reason text default null,
    out state text, out cancel_on date
)
language plpgsql security definer set search_path = pg_catalog, bursar as
$$
#variable_conflict use_column
declare
    ending bursar.subscription;
    today  date;
begin
    perform bursar.begin_act(reason, true);
    ending := bursar.locked_subscription(subscription);
    today := bursar.today_of(ending.issuer_id);
    if at not in ('period_end', 'now', 'on_date') or at is null then
        perform bursar.refuse(format('%L is not a time to cancel at', at), 'use period_end, now, or on_date with on_date => a day');
    elsif (at = 'on_date') <> (on_date is not null) then
        perform bursar.refuse('a day to cancel on goes with at => ''on_date'', and only with it', 'pass both or none');
    elsif on_date < today then
        perform bursar.refuse(format('%s is past: it is %s', on_date, today), 'use today or a day to come');
    end if;
    cancel_subscription.cancel_on := case at when 'now' then today when 'on_date' then on_date else bursar.open_boundary(ending) end;
    if at = 'period_end' and (ending.state = 'pending' or ending.state in ('paused', 'suspended') and ending.next_from <= today) then
        cancel_subscription.cancel_on := today;  -- no period is running
    end if;
    cancel_subscription.state := ending.state;
    update bursar.subscription s set cancel_on = cancel_subscription.cancel_on
    where s.tenant_id = ending.tenant_id and s.id = ending.id;
    perform bursar.note_act(ending.tenant_id, 'subscription.cancellation_set', 'subscription', ending.id,
        jsonb_build_object('at', at, 'cancel_on', cancel_subscription.cancel_on), reason);
    if cancel_subscription.cancel_on <= today
        and (ending.next_from >= cancel_subscription.cancel_on or ending.state in ('pending', 'trialing', 'paused', 'suspended')) then
        perform bursar.move_subscription(ending, 'canceled', 'canceled', jsonb_build_object('at', at, 'reason', nullif(trim(reason), '')));
        perform bursar.note_act(ending.tenant_id, 'subscription.canceled', 'subscription', ending.id, '{}', reason);
        cancel_subscription.state := 'canceled';
    end if;
end
$$;

-- Takes a cancellation back that has not come true yet.
create function bursar.keep_subscription(subscription bigint, reason text default null) returns void
language plpgsql security definer set search_path = pg_catalog, bursar as
$$
#variable_conflict use_column
declare
    kept bursar.subscription;
begin
    perform bursar.begin_act(reason, true);
    kept := bursar.locked_subscription(subscription);
    if kept.cancel_on is null then
        perform bursar.refuse(format('subscription %s is not to be canceled', subscription), 'there is nothing to take back');
    elsif kept.cancel_on <= bursar.today_of(kept.issuer_id) then
        perform bursar.refuse(format('subscription %s ended on %s', subscription, kept.cancel_on), 'make a new subscription');
    end if;
    update bursar.subscription s set cancel_on = null where s.tenant_id = kept.tenant_id and s.id = kept.id;
    perform bursar.note_act(kept.tenant_id, 'subscription.kept', 'subscription', kept.id,
        jsonb_build_object('cancel_on', kept.cancel_on), reason);
end
$$;

-- Pauses from today on: no period is billed until it is resumed, or until the given day of resuming. What was charged
-- already stays charged.
create function bursar.pause_subscription(subscription bigint, until date default null, reason text default null) returns void
language plpgsql security definer set search_path = pg_catalog, bursar as
$$
#variable_conflict use_column
declare
    paused bursar.subscription;
    today  date;
begin
    perform bursar.begin_act(reason, true);
    paused := bursar.locked_subscription(subscription);
    today := bursar.today_of(paused.issuer_id);
    if paused.state not in ('active', 'past_due') then
        perform bursar.refuse(format('subscription %s is %s and cannot be paused', subscription, paused.state), 'only an active or past_due one can');
    elsif until <= today then
        perform bursar.refuse(format('the day of resuming, %s, is not in the future', until), 'name a day after ' || today || ', or none');
    elsif paused.next_from < today then
        perform bursar.refuse(format('the period of subscription %s that began on %s is not billed yet', subscription, paused.next_from),
            'pause it after the next renewals run: bursar run renewals');
    end if;
    update bursar.subscription s set paused_until = until where s.tenant_id = paused.tenant_id and s.id = paused.id;
    perform bursar.move_subscription(paused, 'paused', 'paused', jsonb_build_object('until', until, 'reason', nullif(trim(reason), '')));
    perform bursar.note_act(paused.tenant_id, 'subscription.paused', 'subscription', paused.id,
        jsonb_build_object('until', until), reason);
end
$$;

-- Resumes a paused subscription today. Days that were not charged while it was paused stay uncharged; the rest of the
-- running period is charged by its days at the next renewals run, and the anchor stays. Answers with the first billed day.
create function bursar.resume_subscription(subscription bigint, reason text default null) returns date
language plpgsql security definer set search_path = pg_catalog, bursar as
$$
#variable_conflict use_column
declare
    resumed bursar.subscription;
    today   date;
begin
    perform bursar.begin_act(reason, true);
    resumed := bursar.locked_subscription(subscription);
    today := bursar.today_of(resumed.issuer_id);
    if resumed.state <> 'paused' then
        perform bursar.refuse(format('subscription %s is %s, not paused', subscription, resumed.state), 'there is nothing to resume');
    end if;
    perform bursar.move_subscription(resumed, 'active', 'resumed', jsonb_build_object('reason', nullif(trim(reason), '')));
    update bursar.subscription s set paused_until = null where s.tenant_id = resumed.tenant_id and s.id = resumed.id;
    perform bursar.skip_to(resumed, today, 'paused');
    perform bursar.note_act(resumed.tenant_id, 'subscription.resumed', 'subscription', resumed.id,
        jsonb_build_object('billed_from', greatest(resumed.next_from, today)), reason);
    return greatest(resumed.next_from, today);
end
$$;

-- Holds -----------------------------------------------------------------------------------------------------------------

-- Puts a hold in force from today, in place of the one that the same source had.
create function bursar.place_hold(
    subscription bigint, source text, stops_billing boolean, until date, reason text
) returns bigint
language plpgsql as
$$
#variable_conflict use_column
declare
    held  bursar.subscription := bursar.locked_subscription(subscription, true);
    today date := bursar.today_of(held.issuer_id);
    made  bigint;
begin
    if coalesce(trim(reason), '') = '' then
        perform bursar.refuse('a hold needs a reason', 'say why, with --reason or reason =>');
    elsif coalesce(place_hold.source, '') !~ '^[a-z][a-z_]{0,30}$' then
        perform bursar.refuse(format('%L is not the source of a hold', place_hold.source), 'use a word such as sales or fraud_check');
    elsif until <= today then
        perform bursar.refuse(format('a hold until %s is over already: it is %s', until, today), 'name a day to come, or none');
    end if;
    update bursar.billing_hold h set released_at = bursar.business_now(), released_by = bursar.actor()
    where h.tenant_id = held.tenant_id and h.subscription_id = held.id and h.source = place_hold.source and h.released_at is null;
    insert into bursar.billing_hold as h (tenant_id, subscription_id, source, reason, valid_from, valid_until, stops_billing)
    values (held.tenant_id, held.id, place_hold.source, reason, today, until, place_hold.stops_billing)
    returning h.id into made;
    perform bursar.note_act(held.tenant_id, 'subscription.held', 'subscription', held.id,
        jsonb_build_object('hold', made, 'source', place_hold.source, 'until', until, 'stops_billing', place_hold.stops_billing), reason);
    return made;
end
$$;

-- Stops billing until a day (the first one that is billed again), or until the same source releases the hold. A later hold
-- of a source replaces its earlier one. The sources operator and legal are the operator's; promise and dispute have their
-- own functions.
create function bursar.hold_billing(
    subscription bigint, source text default null, until date default null, reason text default null
) returns bigint
language plpgsql security definer set search_path = pg_catalog, bursar as
$$
declare
    named text := coalesce(source, case when bursar.is_operator() then 'operator' else 'client' end);
begin
    perform bursar.begin_act(reason, true);
    if named in ('promise', 'dispute') then
        perform bursar.refuse(format('a hold is not placed by hand for a %s', named), 'call bursar.' || named || '()');
    elsif named in ('operator', 'legal') and not bursar.is_operator() then
        perform bursar.refuse(format('a hold of source %s is the operator''s', named), 'use a source of your own', 'BU005');
    end if;
    return bursar.place_hold(subscription, named, true, until, reason);
end
$$;

-- Releases the hold of one source and leaves those of others in force.
create function bursar.release_hold(subscription bigint, source text default null, reason text default null) returns void
language plpgsql security definer set search_path = pg_catalog, bursar as
$$
#variable_conflict use_column
declare
    named text := coalesce(release_hold.source, case when bursar.is_operator() then 'operator' else 'client' end);
    held  bursar.subscription;
    freed bigint;
begin
    perform bursar.begin_act(reason, true);
    held := bursar.locked_subscription(subscription, true);
    if named in ('operator', 'legal') and not bursar.is_operator() then
        perform bursar.refuse(format('a hold of source %s is the operator''s', named), 'ask the operator to release it', 'BU005');
    end if;
    update bursar.billing_hold h set released_at = bursar.business_now(), released_by = bursar.actor()
    where h.tenant_id = held.tenant_id and h.subscription_id = held.id and h.source = named and h.released_at is null
    returning h.id into freed;
    if freed is null then
        perform bursar.refuse(format('subscription %s has no hold of source %s', subscription, named), coalesce(
            'it is held by: ' || (select string_agg(h.source, ', ' order by h.source) from bursar.billing_hold h
                where h.tenant_id = held.tenant_id and h.subscription_id = held.id and h.released_at is null),
            'it is not held'), 'BU004');
    end if;
    perform bursar.note_act(held.tenant_id, 'subscription.released', 'subscription', held.id,
        jsonb_build_object('hold', freed, 'source', named), reason);
end
$$;

-- The customer promised to pay by a day: reminders and suspension wait to its end, billing goes on.
create function bursar.promise(subscription bigint, pay_by date, reason text default null) returns bigint
language plpgsql security definer set search_path = pg_catalog, bursar as
$$
begin
    perform bursar.begin_act(reason, true);
    if pay_by is null then
        perform bursar.refuse('a promise names the day to pay by', 'pass pay_by =>');
    end if;
    return bursar.place_hold(subscription, 'promise', false, pay_by + 1,
        coalesce(nullif(trim(reason), ''), 'promised to pay by ' || pay_by));
end
$$;

-- The customer disputes what is asked: reminders and suspension wait until it is settled, billing goes on.
create function bursar.dispute(subscription bigint, reason text) returns bigint
language plpgsql security definer set search_path = pg_catalog, bursar as
$$
begin
    perform bursar.begin_act(reason, true);
    return bursar.place_hold(subscription, 'dispute', false, null, reason);
end
$$;

-- Parked subscriptions, operators only ------------------------------------------------------------------------------------

create function bursar.unpark(parked bursar.subscription, missed text, reason text) returns date
language plpgsql as
$$
#variable_conflict use_column
declare
    today  date := bursar.today_of(parked.issuer_id);
    starts date := (bursar.period_at(parked, today)).starts_on;
begin
    update bursar.subscription s set parked_at = null, parked_reason = null,
        catch_up_through = case when missed = 'bill' then today else s.catch_up_through end
    where s.tenant_id = parked.tenant_id and s.id = parked.id;
    if missed = 'waive' then
        perform bursar.skip_to(parked, starts, 'waived');
    end if;
    perform bursar.note_act(parked.tenant_id, 'subscription.unparked', 'subscription', parked.id,
        jsonb_build_object('was', parked.parked_reason, 'missed', missed), reason);
    return case when missed = 'waive' then greatest(parked.next_from, starts) else parked.next_from end;
end
$$;

create function bursar.refuse_unknown_missed(missed text) returns void
language plpgsql as
$$
begin
    if missed is null or missed not in ('bill', 'waive') then
        perform bursar.refuse(format('%L does not say what becomes of missed periods', missed),
            'bill: the next renewals run issues them all; waive: only the running one');
    end if;
end
$$;

-- Lets a parked subscription go on. Missed periods are billed by the next run, however many they are, or waived up to the
-- running one. Answers with the first day that will be billed.
create function bursar.unpark_subscription(subscription bigint, missed text default 'bill', reason text default null) returns date
language plpgsql security definer set search_path = pg_catalog, bursar as
$$
declare
    parked bursar.subscription;
begin
    perform bursar.begin_act(reason, true);
    perform bursar.refuse_unknown_missed(missed);
    parked := bursar.locked_subscription(subscription);
    if parked.parked_at is null then
        perform bursar.refuse(format('subscription %s is not parked', subscription), 'list the parked ones with: bursar subscriptions list --parked');
    end if;
    return bursar.unpark(parked, missed, reason);
end
$$;

-- Proposes to unpark all parked subscriptions of an issuer, or those whose reason contains a text: nothing changes yet. Count,
-- totals of what the next run would issue for them, and the items are stored; a newer proposal supersedes an open one.
create function bursar.propose_unpark(
    issuer bigint, missed text default 'bill', because text default null, reason text default null,
    out proposal bigint, out count bigint, out totals jsonb, out digest text
)
language plpgsql security definer set search_path = pg_catalog, bursar as
$$
#variable_conflict use_column
declare
    today  date := bursar.today_of(propose_unpark.issuer);
    stored jsonb;
begin
    perform bursar.begin_act(reason, true);
    perform bursar.refuse_unknown_missed(missed);
    if today is null then
        perform bursar.refuse(format('there is no issuer %s', issuer), 'list them with: bursar issuers list', 'BU004');
    end if;
    with priced as (
        select s.id, s.tenant_id, s.parked_at, s.parked_reason, s.next_from, s.currency, k,
            bursar.tax_on(sum(bursar.prorated(i.quantity * p.unit_amount, period.ends_on - period.starts_on, period.ends_on - period.whole_from))::bigint,
                pol.tax_rate_basis_points)
                + sum(bursar.prorated(i.quantity * p.unit_amount, period.ends_on - period.starts_on, period.ends_on - period.whole_from)) as amount
        from bursar.subscription s
        join bursar.subscription_schedule v on v.tenant_id = s.tenant_id and v.subscription_id = s.id and v.version = s.schedule_version
        join bursar.plan_version pv on pv.id = v.plan_version_id
        join bursar.issuer iss on iss.id = s.issuer_id
        join bursar.policy pol on pol.id = coalesce(s.policy_id, pv.policy_id, iss.policy_id)
        cross join lateral bursar.period_index(v.anchor_date, v.unit, v.count, v.day_policy, today) as last_k
        left join lateral generate_series(case missed when 'bill' then s.next_k else greatest(s.next_k, last_k) end, last_k) as k on true
        left join lateral (
            select bursar.boundary(v.anchor_date, v.unit, v.count, v.day_policy, k) as whole_from,
                greatest(s.next_from, bursar.boundary(v.anchor_date, v.unit, v.count, v.day_policy, k)) as starts_on,
                bursar.boundary(v.anchor_date, v.unit, v.count, v.day_policy, k + 1) as ends_on
        ) as period on true
        left join bursar.subscription_item i on i.tenant_id = s.tenant_id and i.subscription_id = s.id
            and i.valid_from <= period.starts_on and (i.valid_until is null or period.starts_on < i.valid_until)
        left join bursar.price p on p.id = i.price_id
        where s.parked_at is not null and s.issuer_id = propose_unpark.issuer and s.state not in ('canceled', 'expired')
            and (because is null or strpos(s.parked_reason, because) > 0)
        group by s.id, s.tenant_id, s.parked_at, s.parked_reason, s.next_from, s.currency, k, pol.tax_rate_basis_points
    ), summed as (
        select q.id, q.tenant_id, q.currency, jsonb_build_object('parked_at', q.parked_at, 'parked_reason', q.parked_reason,
            'next_from', q.next_from, 'currency', q.currency, 'missed', missed, 'periods', pg_catalog.count(q.k),
            'amount', coalesce(sum(q.amount), 0)::bigint) as content
        from priced q group by q.id, q.tenant_id, q.parked_at, q.parked_reason, q.next_from, q.currency
    )
    select jsonb_agg(to_jsonb(s) order by s.id), pg_catalog.count(*), md5(coalesce(string_agg(s.id || s.content::text, ',' order by s.id), '')),
        coalesce((select jsonb_object_agg(t.currency, t.amount) from (
            select x.currency, sum((x.content ->> 'amount')::bigint) as amount from summed x group by x.currency) as t), '{}')
    into stored, count, digest, totals from summed s;
    if count = 0 then
        perform bursar.refuse('no subscription of this kind is parked', 'list the parked ones with: bursar subscriptions list --parked');
    end if;
    update bursar.proposal p set state = 'superseded'
    where p.kind = 'unpark' and p.subject = 'issuer:' || issuer and p.state = 'open';
    insert into bursar.proposal as p (kind, subject, count, totals, digest, why)
    values ('unpark', 'issuer:' || issuer, propose_unpark.count, propose_unpark.totals, propose_unpark.digest,
        coalesce(nullif(trim(reason), ''), 'unpark in bulk'))
    returning p.id into proposal;
    insert into bursar.proposal_item (proposal_id, key, tenant_id, content)
    select propose_unpark.proposal, (s ->> 'id')::bigint, (s ->> 'tenant_id')::bigint, s -> 'content' from jsonb_array_elements(stored) as s;
    perform bursar.note_act(0, 'unpark.proposed', 'proposal', proposal,
        jsonb_build_object('issuer', issuer, 'count', count, 'totals', totals, 'digest', digest, 'missed', missed), reason);
end
$$;

-- Applies a proposal to unpark: each subscription that still stands as proposed, and nothing else. The others are reported.
create function bursar.approve_unpark(proposal bigint, reason text default null, out unparked bigint, out left_alone jsonb)
language plpgsql security definer set search_path = pg_catalog, bursar as
$$
#variable_conflict use_column
declare
    wanted bursar.proposal;
    item   record;
    now_is bursar.subscription;
begin
    perform bursar.begin_act(reason, true);
    select * into wanted from bursar.proposal p where p.id = approve_unpark.proposal and p.kind = 'unpark' for update;
    if not found then
        perform bursar.refuse(format('there is no proposal %s to unpark', proposal), 'make one with: bursar subscriptions unpark --all', 'BU004');
    elsif wanted.state <> 'open' then
        perform bursar.refuse(format('proposal %s is %s', proposal, wanted.state), 'make a new one');
    end if;
    unparked := 0;
    left_alone := '[]';
    for item in select i.key, i.content from bursar.proposal_item i where i.proposal_id = wanted.id order by i.key loop
        select * into now_is from bursar.subscription s where s.id = item.key for update;
        if now_is.parked_at is distinct from (item.content ->> 'parked_at')::timestamptz
            or now_is.next_from is distinct from (item.content ->> 'next_from')::date or now_is.state in ('canceled', 'expired') then
            left_alone := left_alone || jsonb_build_object('subscription', item.key, 'why', 'it changed since the proposal');
        else
            perform bursar.unpark(now_is, item.content ->> 'missed', coalesce(reason, wanted.why));
            unparked := unparked + 1;
        end if;
    end loop;
    update bursar.proposal p set state = 'applied', decided_at = clock_timestamp(), decided_by = bursar.actor(),
        reason = approve_unpark.reason, report = jsonb_build_object('unparked', unparked, 'left_alone', left_alone)
    where p.id = wanted.id;
    perform bursar.note_act(0, 'unpark.approved', 'proposal', wanted.id,
        jsonb_build_object('unparked', unparked, 'left_alone', left_alone), reason);
end
$$;

-- Rights ---------------------------------------------------------------------------------------------------------------

grant execute on function
    bursar.subscribe, bursar.change_plan, bursar.change_items, bursar.cancel_subscription, bursar.keep_subscription,
    bursar.pause_subscription, bursar.resume_subscription, bursar.hold_billing, bursar.release_hold, bursar.promise, bursar.dispute
to bursar_client, bursar_ops;
grant execute on function bursar.unpark_subscription, bursar.propose_unpark, bursar.approve_unpark to bursar_ops;

reset role;
