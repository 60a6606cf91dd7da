-- The contract: the functions and views by which another program, or an operator, works with issuers, tenants, plans and
-- subscriptions. They run as the owner; bursar_client may call them and read the client_ views, and nothing else.
--
-- Every change writes its event and its audit row in the caller's transaction. An external_ref makes a call safe to repeat:
-- the same content under it answers with the first object, other content is an error. Days are civil days of the issuer's
-- zone, "today" is business time there; amounts are whole minor units of their currency (cents, riel).
-- Errors: BU003 a rule refuses · BU004 not found · BU005 not permitted here. The message says what, the hint what to do.

set local role bursar_owner;

-- Periods up to this day do not count against the catch-up cap: someone decided that they are to be billed.
alter table bursar.subscription add column if not exists catch_up_through date;
-- A promise or a dispute keeps reminders and suspension away, and does not stop new periods.
alter table bursar.billing_hold add column if not exists stops_billing boolean not null default true;
alter table bursar.billing_gap drop constraint billing_gap_cause_check;
alter table bursar.billing_gap add constraint billing_gap_cause_check check (cause in ('paused', 'suspended', 'waived'));

-- What was asked for under an external_ref, as a hash: it holds nothing of the content.
create table bursar.contract_request (
    issuer_id    bigint not null,                  -- 0 for issuers themselves
    kind         text not null check (kind in ('issuer', 'tenant', 'subscription')),
    external_ref text not null check (external_ref <> ''),
    content_hash bytea not null,
    object_id    bigint,
    made_at      timestamptz not null default bursar.business_now(),
    primary key (issuer_id, kind, external_ref)
);

-- Who acts. Only a login that may act for operators or the engine is believed; any other speaks as client:…, whatever it claims.
create or replace function bursar.actor() returns text
language sql stable parallel safe
begin atomic
    select case
        when pg_has_role(session_user, 'bursar_ops', 'member')
            then coalesce(nullif(current_setting('bursar.actor', true), ''), 'role:' || session_user)
        else 'client:' || coalesce(nullif(regexp_replace(current_setting('bursar.actor', true), '^client:', ''), ''), session_user::text)
    end;
end;

-- What the functions share; nobody else may call these -------------------------------------------------------------------

create function bursar.refuse(what text, hint text, code text default 'BU003') returns void
language plpgsql as
$$
begin
    raise exception '%', what using errcode = code, hint = refuse.hint;
end
$$;

-- An operator's decision needs a reason on record.
create function bursar.begin_act(reason text, is_decision boolean default false) returns void
language plpgsql as
$$
begin
    if is_decision and bursar.actor() like 'operator:%' and coalesce(trim(reason), '') = '' then
        perform bursar.refuse('an operator''s decision needs a reason', 'say why, with --reason or reason =>');
    end if;
end
$$;

create function bursar.is_operator() returns boolean
language sql stable
begin atomic
    select pg_has_role(session_user, 'bursar_ops', 'member');
end;

-- Writes event and audit row of an act; the reason is part of both.
create function bursar.note_act(tenant bigint, kind text, subject_kind text, subject bigint, content jsonb, reason text) returns void
language sql as
$$
    select bursar.note(tenant, kind, subject_kind, subject,
        jsonb_strip_nulls(content || jsonb_build_object('reason', nullif(trim(reason), ''))))
$$;

-- The issuer's local day.
create function bursar.today_of(issuer bigint) returns date
language sql volatile as
$$
    select (bursar.business_now() at time zone i.time_zone)::date from bursar.issuer i where i.id = issuer
$$;

-- Null when a request is new under its reference, or the object that the same request made before.
create function bursar.known_request(issuer bigint, kind text, ref text, content jsonb) returns bigint
language plpgsql as
$$
declare
    hash  bytea := sha256(convert_to(jsonb_strip_nulls(content)::text, 'UTF8'));
    known bursar.contract_request;
begin
    if ref is null then
        return null;
    elsif trim(ref) = '' then
        perform bursar.refuse('an external_ref is not empty', 'pass your own id of the ' || kind || ', or null');
    end if;
    insert into bursar.contract_request (issuer_id, kind, external_ref, content_hash) values (issuer, known_request.kind, ref, hash)
    on conflict do nothing;
    if found then
        return null;
    end if;
    select * into known from bursar.contract_request r
    where r.issuer_id = issuer and r.kind = known_request.kind and r.external_ref = ref;
    if known.content_hash <> hash then
        perform bursar.refuse(format('the %s with external_ref %L was asked for with other content', kind, ref),
            format('it is %s %s; change that one, or use another external_ref', kind, known.object_id));
    end if;
    return known.object_id;
end
$$;

create function bursar.remember_request(issuer bigint, kind text, ref text, object bigint) returns void
language sql as
$$
    update bursar.contract_request r set object_id = object
    where r.issuer_id = issuer and r.kind = remember_request.kind and r.external_ref = ref
$$;

-- Refuses keys that nobody reads: a misspelt one must not look accepted.
create function bursar.refuse_unknown_keys(what text, given jsonb, known text[]) returns void
language plpgsql as
$$
declare
    unknown text;
begin
    if jsonb_typeof(given) is distinct from 'object' then
        perform bursar.refuse(format('%s is a JSON object, not %s', what, coalesce(given::text, 'null')), 'keys: ' || array_to_string(known, ', '));
    end if;
    select key into unknown from jsonb_object_keys(given) as key where key <> all (known) order by key limit 1;
    if unknown is not null then
        perform bursar.refuse(format('%s has no %L', what, unknown), 'known keys: ' || array_to_string(known, ', '));
    end if;
end
$$;

-- A whole number out of JSON, with words where it is none.
create function bursar.whole_number(what text, given jsonb) returns bigint
language plpgsql as
$$
begin
    if jsonb_typeof(given) is distinct from 'number' or given::text !~ '^\d{1,15}$' then
        perform bursar.refuse(format('%s is a whole number of at most 15 digits, not %s', what, coalesce(given::text, 'null')),
            'pass a JSON number without a fraction; amounts are in minor units');
    end if;
    return given::text::bigint;
end
$$;

-- Issuers, policies, plans ----------------------------------------------------------------------------------------------

-- Makes a new version of the issuer's money rules: those in force, with the given settings changed. Where nothing would
-- change it answers with the version in force. With in_force => false the version is only there for plans and subscriptions
-- to name.
create function bursar.create_policy(
    issuer bigint, settings jsonb, in_force boolean default true, reason text default null,
    out policy bigint, out version integer, out created boolean
)
language plpgsql security definer set search_path = pg_catalog, bursar as
$$
#variable_conflict use_column
declare
    owner_row bursar.issuer;
    before    bursar.policy;
    wanted    bursar.policy;
    broken    text;
begin
    perform bursar.begin_act(reason, true);
    select * into owner_row from bursar.issuer i where i.id = create_policy.issuer for update;
    if not found then
        perform bursar.refuse(format('there is no issuer %s', issuer), 'list them with: bursar issuers list', 'BU004');
    end if;
    perform bursar.refuse_unknown_keys('a policy', settings, array['net_days', 'payment_grace_days', 'catch_up_periods',
        'tax_rate_basis_points', 'tolerance_khr', 'tolerance_usd', 'cash_rounding_step', 'rate_source', 'rate_max_age_days',
        'bill_while_suspended', 'approve_above_invoices', 'approve_above_total']);
    select * into before from bursar.policy p where p.id = owner_row.policy_id;
    if before.id is null then
        select 7, 7, 3, 1000, 1, 1, 100, 'nbc', 7, false
        into before.net_days, before.payment_grace_days, before.catch_up_periods, before.tax_rate_basis_points, before.tolerance_khr,
            before.tolerance_usd, before.cash_rounding_step, before.rate_source, before.rate_max_age_days, before.bill_while_suspended;
    end if;
    begin
        wanted := jsonb_populate_record(before, settings);
        if before.id is not null and wanted = before then
            policy := before.id;
            version := before.version;
            created := false;
            return;
        end if;
        insert into bursar.policy (issuer_id, version, net_days, payment_grace_days, catch_up_periods, tax_rate_basis_points,
            tolerance_khr, tolerance_usd, cash_rounding_step, rate_source, rate_max_age_days, bill_while_suspended,
            approve_above_invoices, approve_above_total)
        values (create_policy.issuer, (select coalesce(max(p.version), 0) + 1 from bursar.policy p where p.issuer_id = create_policy.issuer),
            wanted.net_days, wanted.payment_grace_days, wanted.catch_up_periods, wanted.tax_rate_basis_points, wanted.tolerance_khr,
            wanted.tolerance_usd, wanted.cash_rounding_step, wanted.rate_source, wanted.rate_max_age_days, wanted.bill_while_suspended,
            wanted.approve_above_invoices, wanted.approve_above_total)
        returning id, policy.version into create_policy.policy, create_policy.version;
    exception
        when check_violation then
            get stacked diagnostics broken = constraint_name;
            perform bursar.refuse(format('%s of a policy is out of its range', regexp_replace(broken, '^policy_(.*)_check$', '\1')),
                'docs/web-application.md tells the range of each setting');
        when not_null_violation then
            get stacked diagnostics broken = column_name;
            perform bursar.refuse(format('%s of a policy cannot be null', broken), 'leave it out to keep the value in force');
        when data_exception then
            get stacked diagnostics broken = message_text;
            perform bursar.refuse('a policy has a value of the wrong kind: ' || broken, 'days, periods and amounts are whole numbers');
    end;
    created := true;
    if in_force then
        update bursar.issuer i set policy_id = create_policy.policy where i.id = create_policy.issuer;
    end if;
    perform bursar.note_act(0, 'policy.created', 'policy', policy,
        jsonb_build_object('issuer', issuer, 'version', version, 'in_force', in_force, 'settings', settings), reason);
end
$$;

-- Makes an issuer, the legal entity that sends invoices, with the first version of its policy.
create function bursar.create_issuer(
    name text, legal_name text, time_zone text default 'Asia/Phnom_Penh', invoice_prefix text default 'INV',
    tax_id text default null, external_ref text default null, policy jsonb default '{}', reason text default null
) returns bigint
language plpgsql security definer set search_path = pg_catalog, bursar as
$$
#variable_conflict use_column
declare
    made    bigint;
    request jsonb := jsonb_build_object('name', create_issuer.name, 'legal_name', create_issuer.legal_name, 'time_zone', create_issuer.time_zone,
        'invoice_prefix', create_issuer.invoice_prefix, 'tax_id', create_issuer.tax_id, 'policy', create_issuer.policy);
begin
    perform bursar.begin_act(reason);
    made := bursar.known_request(0, 'issuer', create_issuer.external_ref, request);
    if made is not null then
        return made;
    end if;
    if coalesce(trim(create_issuer.name), '') = '' or coalesce(trim(create_issuer.legal_name), '') = '' then
        perform bursar.refuse('an issuer needs a name and a legal name', 'pass name => and legal_name =>');
    elsif not coalesce(bursar.is_time_zone(create_issuer.time_zone), false) then
        perform bursar.refuse(format('%L is not a time zone', create_issuer.time_zone), 'name one of the IANA database, such as Asia/Phnom_Penh');
    elsif coalesce(create_issuer.invoice_prefix, '') !~ '^[A-Z0-9]{1,10}$' then
        perform bursar.refuse(format('%L cannot begin an invoice''s number', create_issuer.invoice_prefix), 'use 1 to 10 of A-Z and 0-9');
    elsif exists (select from bursar.issuer i where i.external_ref = create_issuer.external_ref) then
        perform bursar.refuse(format('external_ref %L belongs to another issuer', create_issuer.external_ref), 'use another external_ref');
    end if;
    insert into bursar.issuer as i (external_ref, name, legal_name, time_zone, tax_id, invoice_prefix)
    values (create_issuer.external_ref, create_issuer.name, create_issuer.legal_name, create_issuer.time_zone, create_issuer.tax_id,
        create_issuer.invoice_prefix)
    returning i.id into made;
    perform bursar.remember_request(0, 'issuer', create_issuer.external_ref, made);
    perform bursar.note_act(0, 'issuer.created', 'issuer', made, request, reason);
    perform bursar.create_policy(made, create_issuer.policy, true, coalesce(reason, 'the issuer''s first policy'));
    return made;
end
$$;

-- Makes a version of a plan, and the plan with its first one. Prices: [{"code", "description", "unit_amount"}], amounts in
-- minor units. The same content as the newest version answers with that version.
create function bursar.create_plan_version(
    issuer bigint, code text, prices jsonb, currency text, unit text default 'month', count integer default 1,
    day_policy text default 'same_day_clamped', trial_days integer default 0, name text default null, policy bigint default null,
    reason text default null,
    out plan_version bigint, out version integer, out created boolean
)
language plpgsql security definer set search_path = pg_catalog, bursar as
$$
#variable_conflict use_column
declare
    sold   bursar.plan;
    newest bursar.plan_version;
    price  jsonb;
begin
    perform bursar.begin_act(reason);
    if not exists (select from bursar.issuer i where i.id = create_plan_version.issuer) then
        perform bursar.refuse(format('there is no issuer %s', issuer), 'list them with: bursar issuers list', 'BU004');
    elsif coalesce(trim(create_plan_version.code), '') = '' then
        perform bursar.refuse('a plan needs a code', 'pass code => ''basic''');
    elsif coalesce(create_plan_version.currency, '') not in ('KHR', 'USD') then
        perform bursar.refuse(format('%L is not a currency that is billed here', create_plan_version.currency), 'use KHR or USD');
    elsif coalesce(create_plan_version.unit, '') not in ('day', 'week', 'month', 'year') then
        perform bursar.refuse(format('a period is not counted in %L', create_plan_version.unit), 'use day, week, month or year');
    elsif coalesce(create_plan_version.count, 0) not between 1 and 1000 then
        perform bursar.refuse(format('a period of %s %ss is refused', create_plan_version.count, create_plan_version.unit), 'count is between 1 and 1000');
    elsif coalesce(create_plan_version.day_policy, '') not in ('same_day_clamped', 'last_day') then
        perform bursar.refuse(format('%L is not a day policy', create_plan_version.day_policy), 'use same_day_clamped or last_day');
    elsif create_plan_version.day_policy = 'last_day' and create_plan_version.unit not in ('month', 'year') then
        perform bursar.refuse('the day policy last_day needs months or years', 'use same_day_clamped, or unit month or year');
    elsif coalesce(create_plan_version.trial_days, -1) not between 0 and 3650 then
        perform bursar.refuse(format('a trial of %s days is refused', create_plan_version.trial_days), 'trial_days is between 0 and 3650');
    elsif create_plan_version.policy is not null
        and not exists (select from bursar.policy p where p.id = create_plan_version.policy and p.issuer_id = create_plan_version.issuer) then
        perform bursar.refuse(format('issuer %s has no policy %s', issuer, policy), 'make one with create_policy', 'BU004');
    elsif jsonb_typeof(prices) is distinct from 'array' or jsonb_array_length(prices) = 0 then
        perform bursar.refuse('a plan version needs prices', 'pass [{"code": "seat", "description": "Seat", "unit_amount": 1250}]');
    end if;
    for price in select * from jsonb_array_elements(prices) loop
        perform bursar.refuse_unknown_keys('a price', price, array['code', 'description', 'unit_amount']);
        if coalesce(trim(price ->> 'code'), '') = '' or coalesce(trim(price ->> 'description'), '') = '' then
            perform bursar.refuse('a price needs a code and a description', 'the description is what the invoice line says');
        end if;
        perform bursar.whole_number(format('unit_amount of %s', price ->> 'code'), price -> 'unit_amount');
    end loop;
    if (select count(distinct p ->> 'code') from jsonb_array_elements(prices) as p) < jsonb_array_length(prices) then
        perform bursar.refuse('two prices of a plan version have one code', 'give each its own code');
    end if;

    insert into bursar.plan as p (issuer_id, code, name)
    values (create_plan_version.issuer, create_plan_version.code, coalesce(create_plan_version.name, create_plan_version.code))
    on conflict (issuer_id, code) do nothing;
    select * into sold from bursar.plan p
    where p.issuer_id = create_plan_version.issuer and p.code = create_plan_version.code for update;
    select * into newest from bursar.plan_version v where v.plan_id = sold.id order by v.version desc limit 1;
    created := newest.id is null
        or (newest.unit, newest.count, newest.day_policy, newest.currency, newest.trial_days)
            <> (create_plan_version.unit, create_plan_version.count, create_plan_version.day_policy, create_plan_version.currency,
                create_plan_version.trial_days)
        or newest.policy_id is distinct from create_plan_version.policy
        or exists (
            (select p.code, p.description, p.unit_amount from bursar.price p where p.plan_version_id = newest.id
                except select p ->> 'code', p ->> 'description', (p ->> 'unit_amount')::bigint from jsonb_array_elements(prices) as p)
            union all
            (select p ->> 'code', p ->> 'description', (p ->> 'unit_amount')::bigint from jsonb_array_elements(prices) as p
                except select p.code, p.description, p.unit_amount from bursar.price p where p.plan_version_id = newest.id)
        );
    plan_version := newest.id;
    version := newest.version;
    if not created then
        return;
    end if;
    insert into bursar.plan_version as v (plan_id, issuer_id, version, unit, count, day_policy, currency, trial_days, policy_id)
    values (sold.id, sold.issuer_id, coalesce(newest.version, 0) + 1, create_plan_version.unit, create_plan_version.count,
        create_plan_version.day_policy, create_plan_version.currency, create_plan_version.trial_days, create_plan_version.policy)
    returning v.id, v.version into create_plan_version.plan_version, create_plan_version.version;
    insert into bursar.price (plan_version_id, currency, code, description, unit_amount)
    select create_plan_version.plan_version, create_plan_version.currency, p ->> 'code', p ->> 'description', (p ->> 'unit_amount')::bigint
    from jsonb_array_elements(prices) with ordinality as given (p, position) order by position;
    perform bursar.note_act(0, 'plan_version.created', 'plan_version', plan_version,
        jsonb_build_object('issuer', issuer, 'plan', sold.code, 'version', version, 'unit', unit, 'count', count, 'day_policy', day_policy,
            'currency', currency, 'trial_days', trial_days, 'policy', policy, 'prices', prices), reason);
end
$$;

-- Tenants ---------------------------------------------------------------------------------------------------------------

-- Makes a tenant, a customer of the issuer.
create function bursar.create_tenant(
    issuer bigint, external_ref text, name text, tax_id text default null, locale text default 'km', reason text default null
) returns bigint
language plpgsql security definer set search_path = pg_catalog, bursar as
$$
#variable_conflict use_column
declare
    made    bigint;
    request jsonb := jsonb_build_object('name', create_tenant.name, 'tax_id', create_tenant.tax_id, 'locale', create_tenant.locale);
begin
    perform bursar.begin_act(reason);
    if not exists (select from bursar.issuer i where i.id = create_tenant.issuer) then
        perform bursar.refuse(format('there is no issuer %s', issuer), 'list them with: bursar issuers list', 'BU004');
    end if;
    made := bursar.known_request(issuer, 'tenant', create_tenant.external_ref, request);
    if made is not null then
        return made;
    end if;
    if coalesce(trim(create_tenant.name), '') = '' then
        perform bursar.refuse('a tenant needs a name', 'pass name =>, as it should stand on invoices');
    elsif coalesce(create_tenant.locale, '') !~ '^[a-z]{2,3}(-[A-Za-z0-9]{2,8})*$' then
        perform bursar.refuse(format('%L is not a locale', create_tenant.locale), 'use a language tag such as km or en');
    elsif exists (select from bursar.tenant t where t.issuer_id = create_tenant.issuer and t.external_ref = create_tenant.external_ref) then
        perform bursar.refuse(format('external_ref %L belongs to another tenant', create_tenant.external_ref), 'use another external_ref');
    end if;
    insert into bursar.tenant as t (issuer_id, external_ref, name, tax_id, locale)
    values (create_tenant.issuer, create_tenant.external_ref, create_tenant.name, create_tenant.tax_id, create_tenant.locale)
    returning t.id into made;
    perform bursar.remember_request(issuer, 'tenant', create_tenant.external_ref, made);
    perform bursar.note_act(made, 'tenant.created', 'tenant', made,
        jsonb_build_object('issuer', issuer, 'external_ref', create_tenant.external_ref, 'name', create_tenant.name,
            'tax_id', create_tenant.tax_id, 'locale', create_tenant.locale), reason);
    return made;
end
$$;

-- Changes what invoices to come say of a tenant; null leaves a value as it is, '' takes the tax id away.
create function bursar.change_tenant(
    tenant bigint, name text default null, tax_id text default null, locale text default null, reason text default null
) returns void
language plpgsql security definer set search_path = pg_catalog, bursar as
$$
#variable_conflict use_column
declare
    before bursar.tenant;
begin
    perform bursar.begin_act(reason, true);
    select * into before from bursar.tenant t where t.id = change_tenant.tenant for update;
    if not found then
        perform bursar.refuse(format('there is no tenant %s', tenant), 'list them with: bursar tenants list', 'BU004');
    elsif trim(change_tenant.name) = '' then
        perform bursar.refuse('a tenant needs a name', 'pass name =>, or leave it out');
    elsif change_tenant.locale !~ '^[a-z]{2,3}(-[A-Za-z0-9]{2,8})*$' then
        perform bursar.refuse(format('%L is not a locale', change_tenant.locale), 'use a language tag such as km or en');
    end if;
    update bursar.tenant t set name = coalesce(change_tenant.name, t.name), locale = coalesce(change_tenant.locale, t.locale),
        tax_id = case when change_tenant.tax_id is null then t.tax_id else nullif(change_tenant.tax_id, '') end
    where t.id = change_tenant.tenant;
    perform bursar.note_act(tenant, 'tenant.changed', 'tenant', tenant,
        jsonb_build_object('name', change_tenant.name, 'tax_id', change_tenant.tax_id, 'locale', change_tenant.locale), reason);
end
$$;

-- Subscriptions: what their functions share ------------------------------------------------------------------------------

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

-- The period that a day lies in, by the schedule version that is or will be in force then.
create function bursar.period_at(
    of_subscription bursar.subscription, on_day date, out schedule_version integer, out k integer, out starts_on date, out ends_on date
)
language sql stable as
$$
    select s.version, i.k, bursar.boundary(s.anchor_date, s.unit, s.count, s.day_policy, i.k),
        least(bursar.boundary(s.anchor_date, s.unit, s.count, s.day_policy, i.k + 1), s.valid_until)
    from bursar.subscription_schedule s
    cross join lateral bursar.period_index(s.anchor_date, s.unit, s.count, s.day_policy, on_day) as i (k)
    where s.tenant_id = of_subscription.tenant_id and s.subscription_id = of_subscription.id
        and s.version >= of_subscription.schedule_version
        and (s.valid_from <= on_day or s.version = of_subscription.schedule_version)
    order by s.version desc limit 1
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

-- Leaves the days from the next one to bill up to a later one uncharged, and says why; the period that day lies in is charged
-- from that day on. It does not change the state.
create function bursar.skip_to(skipping bursar.subscription, day date, cause text) returns void
language plpgsql as
$$
#variable_conflict use_column
declare
    place record := bursar.period_at(skipping, day);
    part  integer := (
        select coalesce(max(p.part) + 1, 0) from bursar.period p
        where p.tenant_id = skipping.tenant_id and p.subscription_id = skipping.id
            and p.schedule_version = place.schedule_version and p.k = place.k
    );
begin
    if day <= skipping.next_from then
        return;
    end if;
    insert into bursar.billing_gap (tenant_id, subscription_id, during, cause)
    values (skipping.tenant_id, skipping.id, daterange(skipping.next_from, day), skip_to.cause);
    update bursar.subscription s set schedule_version = place.schedule_version, next_k = place.k, next_part = part,
        next_from = day, issue_on = day, charged_through = day,
        plan_version_id = (
            select v.plan_version_id from bursar.subscription_schedule v
            where v.tenant_id = skipping.tenant_id and v.subscription_id = skipping.id and v.version = place.schedule_version
        )
    where s.tenant_id = skipping.tenant_id and s.id = skipping.id;
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

-- Rates -----------------------------------------------------------------------------------------------------------------

create function bursar.put_rate(of_source text, day date, riel numeric, replace boolean, reason text) returns text
language plpgsql as
$$
declare
    before numeric := (select r.rate from bursar.exchange_rate r
        where r.source = of_source and r.base = 'USD' and r.quote = 'KHR' and r.rate_date = day);
begin
    if coalesce(trim(of_source), '') = '' or day is null or riel is null then
        perform bursar.refuse('a rate needs its source, its day and its value', 'pass source, rate_date and rate');
    elsif riel <= 0 or riel <> round(riel, 4) or riel >= 100000000 then
        perform bursar.refuse(format('%s riel per dollar is not a rate', riel), 'use a positive number with at most four decimals, such as 4013');
    elsif before = riel then
        return 'unchanged';
    elsif before is not null and not replace then
        perform bursar.refuse(format('%s has a rate of %s for %s already', of_source, trim_scale(before), day), 'pass replace => true to correct it');
    elsif before is not null and exists (select from bursar.invoice i where i.rate_source = of_source and i.rate_date = day) then
        perform bursar.refuse(format('invoices were issued by the rate of %s for %s', of_source, day), 'it stays; set the rate of a later day');
    end if;
    insert into bursar.exchange_rate as r (source, base, quote, rate_date, rate) values (of_source, 'USD', 'KHR', day, riel)
    on conflict (source, base, quote, rate_date) do update set rate = excluded.rate;
    perform bursar.note_act(0, 'rate.set', 'exchange_rate', to_char(day, 'YYYYMMDD')::bigint,
        jsonb_build_object('source', of_source, 'rate_date', day, 'rate', riel, 'was', before), reason);
    return case when before is null then 'added' else 'replaced' end;
end
$$;

-- Sets how many riel a dollar is, as a source gave it for a day. Answers added, replaced or unchanged. A rate that invoices
-- were issued by stays.
create function bursar.set_rate(
    rate numeric, rate_date date, source text default 'nbc', replace boolean default false, reason text default null
) returns text
language plpgsql security definer set search_path = pg_catalog, bursar as
$$
begin
    perform bursar.begin_act(reason);
    return bursar.put_rate(source, rate_date, rate, replace, reason);
end
$$;

-- Sets many rates, all or none: [{"date": "2026-01-02", "rate": "4013.00"}].
create function bursar.import_rates(
    rates jsonb, source text default 'nbc', replace boolean default false, reason text default null,
    out added bigint, out replaced bigint, out unchanged bigint
)
language plpgsql security definer set search_path = pg_catalog, bursar as
$$
declare
    given   jsonb;
    outcome text;
begin
    perform bursar.begin_act(reason);
    if jsonb_typeof(rates) is distinct from 'array' then
        perform bursar.refuse('rates are a JSON array', 'pass [{"date": "2026-01-02", "rate": "4013.00"}]');
    end if;
    added := 0;
    replaced := 0;
    unchanged := 0;
    for given in select * from jsonb_array_elements(rates) loop
        perform bursar.refuse_unknown_keys('a rate', given, array['date', 'rate']);
        if coalesce(given ->> 'rate', '') !~ '^\d{1,8}(\.\d{1,4})?$' then
            perform bursar.refuse(format('%s is not a rate', coalesce(given ->> 'rate', 'null')), 'use a decimal such as 4013.00');
        elsif coalesce(given ->> 'date', '') !~ '^\d{4}-\d\d-\d\d$' then
            perform bursar.refuse(format('%s is not a day', coalesce(given ->> 'date', 'null')), 'use YYYY-MM-DD');
        end if;
        begin
            outcome := bursar.put_rate(source, (given ->> 'date')::date, (given ->> 'rate')::numeric, replace, reason);
        exception when datetime_field_overflow then
            perform bursar.refuse(format('%s is not a day', given ->> 'date'), 'use a day of the calendar');
        end;
        added := added + (outcome = 'added')::integer;
        replaced := replaced + (outcome = 'replaced')::integer;
        unchanged := unchanged + (outcome = 'unchanged')::integer;
    end loop;
end
$$;

-- Views -----------------------------------------------------------------------------------------------------------------
-- They read as their owner, all tenants: the web application is one program and filters by its own users' tenants.

create view bursar.client_issuer with (security_barrier) as
select i.id, i.external_ref, i.name, i.legal_name, i.time_zone, i.tax_id, i.invoice_prefix, p.id as policy, p.version as policy_version,
    p.net_days, p.payment_grace_days, p.tax_rate_basis_points, (bursar.business_now() at time zone i.time_zone)::date as today
from bursar.issuer i left join bursar.policy p on p.id = i.policy_id;

create view bursar.client_tenant with (security_barrier) as
select t.id, t.issuer_id, t.external_ref, t.name, t.tax_id, t.locale, t.created_at
from bursar.tenant t;

create view bursar.client_plan with (security_barrier) as
select v.id as plan_version_id, p.issuer_id, p.code, p.name, v.version, v.version = max(v.version) over (partition by p.id) as is_newest,
    v.unit, v.count, v.day_policy, v.currency, v.trial_days, v.policy_id, v.created_at,
    (select jsonb_agg(jsonb_build_object('code', c.code, 'description', c.description, 'unit_amount', c.unit_amount) order by c.id)
        from bursar.price c where c.plan_version_id = v.id) as prices
from bursar.plan p join bursar.plan_version v on v.plan_id = p.id;

-- plan and plan_version are those in force; a change to come stands in next_plan, next_plan_version and changes_on.
create view bursar.client_subscription with (security_barrier) as
select s.id, s.tenant_id, s.issuer_id, s.external_ref, t.external_ref as tenant_ref, p.code as plan, v.version as plan_version,
    v.unit, v.count, s.currency, s.state, s.starts_on, s.trial_end, s.cancel_on, s.paused_until,
    s.parked_at is not null as is_parked, s.parked_reason,
    case when s.state in ('pending', 'trialing', 'active', 'past_due') and (s.cancel_on is null or s.issue_on < s.cancel_on)
        then s.issue_on end as next_invoice_on,
    s.charged_through, upcoming.code as next_plan, upcoming.version as next_plan_version, upcoming.valid_from as changes_on,
    holds.sources as holds, coalesce(owed.open_amount, 0) as open_amount, owed.oldest_due_date, owed.grace_end, s.created_at
from bursar.subscription s
join bursar.issuer iss on iss.id = s.issuer_id
join bursar.tenant t on t.id = s.tenant_id
join bursar.plan_version v on v.id = s.plan_version_id
join bursar.plan p on p.id = v.plan_id
left join lateral (
    select np.code, nv.version, c.valid_from
    from bursar.subscription_schedule c
    join bursar.plan_version nv on nv.id = c.plan_version_id
    join bursar.plan np on np.id = nv.plan_id
    where c.tenant_id = s.tenant_id and c.subscription_id = s.id and c.version > s.schedule_version
        and s.state not in ('canceled', 'expired')
    order by c.version limit 1
) as upcoming on true
left join lateral (
    select array_agg(h.source order by h.source) as sources
    from bursar.billing_hold h
    where h.tenant_id = s.tenant_id and h.subscription_id = s.id and h.released_at is null
        and (h.valid_until is null or h.valid_until > (bursar.business_now() at time zone iss.time_zone)::date)
) as holds on true
left join lateral (
    select sum(r.open_amount)::bigint as open_amount, min(r.due_date) as oldest_due_date, min(r.grace_end) as grace_end
    from bursar.receivable r
    where r.tenant_id = s.tenant_id and r.subscription_id = s.id and r.state = 'open'
) as owed on true;

create view bursar.client_subscription_item with (security_barrier) as
select i.id, i.tenant_id, i.subscription_id, p.code as price, p.description, i.quantity, p.unit_amount, p.currency, i.valid_from, i.valid_until
from bursar.subscription_item i join bursar.price p on p.id = i.price_id
where i.valid_until is null or i.valid_until > i.valid_from;

create view bursar.client_hold with (security_barrier) as
select h.id, h.tenant_id, h.subscription_id, h.source, h.reason, h.stops_billing, h.valid_from, h.valid_until, h.placed_by, h.placed_at,
    h.released_by, h.released_at
from bursar.billing_hold h;

-- issued_at_local is the wall clock of the issuer's zone.
create view bursar.client_invoice with (security_barrier) as
select i.id, i.tenant_id, i.issuer_id, i.subscription_id, s.external_ref as subscription_ref, t.external_ref as tenant_ref, i.kind, i.number,
    i.issue_date, i.due_date, i.grace_end, lower(p.during) as period_from, upper(p.during) as period_until, i.currency, i.subtotal, i.tax,
    i.total, i.tax_rate_basis_points, i.khr_total, i.exchange_rate, i.rate_source, i.rate_date, r.open_amount, r.state, r.settled_at,
    r.state = 'open' and r.open_amount > r.tolerance
        and i.due_date < (bursar.business_now() at time zone iss.time_zone)::date as is_overdue,
    i.issued_at, i.issued_at at time zone iss.time_zone as issued_at_local
from bursar.invoice i
join bursar.issuer iss on iss.id = i.issuer_id
join bursar.tenant t on t.id = i.tenant_id
join bursar.subscription s on s.tenant_id = i.tenant_id and s.id = i.subscription_id
join bursar.period p on p.tenant_id = i.tenant_id and p.id = i.period_id
left join bursar.receivable r on r.tenant_id = i.tenant_id and r.invoice_id = i.id;

create view bursar.client_invoice_line with (security_barrier) as
select l.tenant_id, l.invoice_id, l.line, l.subscription_id, p.code as price, l.description, l.quantity, l.unit_amount, l.days, l.of_days,
    l.amount, l.tax
from bursar.invoice_line l join bursar.price p on p.id = l.price_id;

create view bursar.client_exchange_rate with (security_barrier) as
select r.source, r.base, r.quote, r.rate_date, r.rate from bursar.exchange_rate r;

-- What the web application asked for with bursar.enqueue, while it runs and afterwards.
create view bursar.client_run with (security_barrier) as
select r.id, r.job, r.tenant_id, r.state, r.run_at, r.as_of, r.attempts, r.last_error, null::text as outcome, r.created_at,
    null::timestamptz as finished_at
from bursar.run r where r.requested_by like 'client:%'
union all
select h.id, h.job, h.tenant_id, h.state, null, h.as_of, h.attempts, null, h.outcome, h.created_at, h.finished_at
from bursar.run_history h where h.requested_by like 'client:%';

-- What an operator types ------------------------------------------------------------------------------------------------
-- Digits are our own id; anything else is an external_ref, and so is what stands behind 'ref:'.

create function bursar.named_object(kind text, named text, ids bigint[]) returns bigint
language plpgsql as
$$
begin
    if cardinality(ids) = 0 then
        perform bursar.refuse(format('there is no %s %s', kind, coalesce(named, 'yet')),
            format('list them with: bursar %ss list', kind)
                || case when named ~ '^[0-9]+$' and kind <> 'invoice' then '; an external_ref of digits is written ref:' || named else '' end,
            'BU004');
    elsif cardinality(ids) > 1 then
        perform bursar.refuse(format('%s names %s %ss: %s', coalesce(named, 'nothing given'), cardinality(ids), kind, array_to_string(ids, ', ')),
            'name one of them by its id');
    end if;
    return ids[1];
end
$$;

-- Null is the only issuer there is.
create function bursar.issuer_named(named text) returns bigint
language sql volatile security definer set search_path = pg_catalog, bursar as
$$
    select bursar.named_object('issuer', named, array(
        select i.id from bursar.issuer i
        where named is null
            or case when named ~ '^[0-9]{1,18}$' then i.id = named::bigint else i.external_ref = regexp_replace(named, '^ref:', '') end
        order by i.id))
$$;

create function bursar.tenant_named(named text) returns bigint
language sql volatile security definer set search_path = pg_catalog, bursar as
$$
    select bursar.named_object('tenant', coalesce(named, ''), array(
        select t.id from bursar.tenant t
        where case when named ~ '^[0-9]{1,18}$' then t.id = named::bigint else t.external_ref = regexp_replace(named, '^ref:', '') end
        order by t.id))
$$;

create function bursar.subscription_named(named text) returns bigint
language sql volatile security definer set search_path = pg_catalog, bursar as
$$
    select bursar.named_object('subscription', coalesce(named, ''), array(
        select s.id from bursar.subscription s where named ~ '^[0-9]{1,18}$' and s.id = case when named ~ '^[0-9]{1,18}$' then named::bigint end
        union all
        select s.id from bursar.subscription s where named !~ '^[0-9]{1,18}$' and s.external_ref = regexp_replace(named, '^ref:', '')
        order by 1))
$$;

-- An invoice by its number, or by its id.
create function bursar.invoice_named(named text) returns bigint
language sql volatile security definer set search_path = pg_catalog, bursar as
$$
    select bursar.named_object('invoice', coalesce(named, ''), array(
        select i.id from bursar.invoice i where named ~ '^[0-9]{1,18}$' and i.id = case when named ~ '^[0-9]{1,18}$' then named::bigint end
        union all
        select i.id from bursar.invoice i where named !~ '^[0-9]{1,18}$' and i.number = named
        order by 1))
$$;

-- Rights ----------------------------------------------------------------------------------------------------------------

grant select on
    bursar.client_issuer, bursar.client_tenant, bursar.client_plan, bursar.client_subscription, bursar.client_subscription_item,
    bursar.client_hold, bursar.client_invoice, bursar.client_invoice_line, bursar.client_exchange_rate, bursar.client_run
to bursar_client, bursar_ops;
grant execute on function
    bursar.create_issuer, bursar.create_policy, bursar.create_plan_version, bursar.create_tenant, bursar.change_tenant,
    bursar.subscribe, bursar.change_plan, bursar.change_items, bursar.cancel_subscription, bursar.keep_subscription,
    bursar.pause_subscription, bursar.resume_subscription, bursar.hold_billing, bursar.release_hold, bursar.promise, bursar.dispute,
    bursar.set_rate, bursar.import_rates
to bursar_client, bursar_ops;
grant execute on function bursar.unpark_subscription, bursar.propose_unpark, bursar.approve_unpark, bursar.issuer_named,
    bursar.tenant_named, bursar.subscription_named, bursar.invoice_named to bursar_ops;

reset role;
