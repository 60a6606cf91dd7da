-- The contract: the functions and views by which another program, or an operator, works with issuers, tenants, plans and
-- subscriptions. They run as the owner; bursar_client may call them and read the client_ views, and nothing else. Here:
-- issuers, policies, plans, tenants, rates. Subscriptions follow in m0008, the views in m0009.
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

-- Days that nobody is charged for --------------------------------------------------------------------------------------

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

-- Rights ---------------------------------------------------------------------------------------------------------------

grant execute on function
    bursar.create_issuer, bursar.create_policy, bursar.create_plan_version, bursar.create_tenant, bursar.change_tenant,
    bursar.set_rate, bursar.import_rates
to bursar_client, bursar_ops;

reset role;
