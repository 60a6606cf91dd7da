-- What people and other programs do about payments, and what they see: accounts, QRs, payments by hand, suspense, refunds,
-- write-offs. They run as the owner; m0006 tells how such functions behave. Views follow at the end.

set local role bursar_owner;

-- What the functions share -----------------------------------------------------------------------------------------------

-- The intent of an invoice, made at its first use.
create function bursar.intent_of(owed bursar.receivable) returns bursar.payment_intent
language plpgsql as
$$
declare
    intent bursar.payment_intent;
begin
    if owed.total = 0 then
        perform bursar.refuse(format('invoice %s is of nothing', owed.invoice_id), 'there is nothing to pay');
    end if;
    insert into bursar.payment_intent (tenant_id, issuer_id, invoice_id, currency, amount)
    select owed.tenant_id, i.issuer_id, owed.invoice_id, owed.currency, owed.total
    from bursar.invoice i where i.tenant_id = owed.tenant_id and i.id = owed.invoice_id
    on conflict (tenant_id, invoice_id) do nothing;
    select * into intent from bursar.payment_intent n
    where n.tenant_id = owed.tenant_id and n.invoice_id = owed.invoice_id for no key update;
    return intent;
end
$$;

create function bursar.receiving_account_named(issuer bigint, named text) returns bursar.receiving_account
language plpgsql as
$$
declare
    wanted bursar.receiving_account;
begin
    select * into wanted from bursar.receiving_account a
    where a.issuer_id = issuer and (a.account = lower(named) or a.id::text = named) order by a.id limit 1;
    if not found then
        perform bursar.refuse(format('issuer %s has no receiving account %s', issuer, coalesce(named, 'null')),
            coalesce('its accounts: ' || (select string_agg(a.account, ', ' order by a.id) from bursar.receiving_account a where a.issuer_id = issuer),
                'make one with: bursar payments account'), 'BU004');
    end if;
    return wanted;
end
$$;

-- The account that a QR names: the one that is asked for, or else the issuer's first Bakong account for the currency.
create function bursar.payee_for_qr(issuer bigint, named text, in_currency text) returns bursar.receiving_account
language plpgsql stable security definer set search_path = pg_catalog, bursar as
$$
declare
    payee bursar.receiving_account;
begin
    if named is not null then
        payee := bursar.receiving_account_named(issuer, named);
        if payee.provider <> 'bakong' then
            perform bursar.refuse(format('account %s is not of Bakong, and has no QR', payee.account), 'name a Bakong account');
        end if;
        return payee;
    end if;
    select * into payee from bursar.receiving_account a
    where a.issuer_id = issuer and a.provider = 'bakong' and a.retired_at is null and (a.currency is null or a.currency = in_currency)
    order by a.id limit 1;
    if not found then
        perform bursar.refuse(format('issuer %s has no Bakong account for %s', issuer, in_currency), 'tell one with: bursar payments account', 'BU004');
    end if;
    return payee;
end
$$;

-- Accounts ---------------------------------------------------------------------------------------------------------------

-- Tells an account that money arrives on, or changes its rules. Rules: qr_lifetime (an interval), below_khr, below_usd,
-- above_khr, above_usd, settles_late, statement_required, and merchant (what a QR says of the payee: name, city, merchant_id,
-- acquiring_bank, kind).
create function bursar.put_receiving_account(
    issuer bigint, provider text, account text, name text, rules jsonb default '{}', reason text default null
) returns bigint
language plpgsql security definer set search_path = pg_catalog, bursar as
$$
#variable_conflict use_column
declare
    made   bigint;
    wanted bursar.receiving_account;
begin
    perform bursar.begin_act(reason);
    if not exists (select from bursar.issuer i where i.id = put_receiving_account.issuer) then
        perform bursar.refuse(format('there is no issuer %s', issuer), 'list them with: bursar issuers list', 'BU004');
    elsif coalesce(trim(put_receiving_account.account), '') = '' or coalesce(trim(put_receiving_account.name), '') = '' then
        perform bursar.refuse('an account has the text that the provider knows it by, and a name for people', 'pass account => and name =>');
    elsif coalesce(put_receiving_account.provider, '') not in ('bakong', 'gateway', 'bank', 'cash') then
        perform bursar.refuse(format('%L is not a provider', put_receiving_account.provider), 'use bakong, gateway, bank or cash');
    elsif put_receiving_account.provider = 'bakong' and put_receiving_account.account !~ '^[^@ ]+@[^@ ]+$' then
        perform bursar.refuse(format('%L is not a Bakong account', put_receiving_account.account), 'it is written name@bank');
    end if;
    perform bursar.refuse_unknown_keys('the rules of an account', rules, array['currency', 'qr_lifetime', 'below_khr', 'below_usd', 'above_khr',
        'above_usd', 'settles_late', 'statement_required', 'merchant', 'retired']);
    insert into bursar.receiving_account as a (issuer_id, provider, account, name)
    values (put_receiving_account.issuer, put_receiving_account.provider, lower(trim(put_receiving_account.account)), put_receiving_account.name)
    on conflict (issuer_id, provider, account) do update set name = excluded.name
    returning a.* into wanted;
    begin
        wanted := jsonb_populate_record(wanted, rules - 'retired');
        update bursar.receiving_account a
        set currency = wanted.currency, qr_lifetime = wanted.qr_lifetime, below_khr = wanted.below_khr, below_usd = wanted.below_usd,
            above_khr = wanted.above_khr, above_usd = wanted.above_usd, settles_late = wanted.settles_late,
            statement_required = wanted.statement_required, merchant = wanted.merchant,
            retired_at = case when (rules ->> 'retired')::boolean then coalesce(a.retired_at, bursar.business_now())
                when rules ? 'retired' then null else a.retired_at end
        where a.id = wanted.id;
    exception
        when check_violation or not_null_violation or data_exception then
            perform bursar.refuse('a rule of the account has a value that does not fit: ' || sqlerrm, 'docs/payments.md tells the range of each');
    end;
    perform bursar.note_act(0, 'receiving_account.put', 'receiving_account', wanted.id,
        jsonb_build_object('issuer', issuer, 'provider', provider, 'account', wanted.account, 'rules', rules), reason);
    return wanted.id;
end
$$;

-- QRs --------------------------------------------------------------------------------------------------------------------

-- Records a QR that is shown to the payer of an invoice, as its exact text, and answers with the attempt. The same text for
-- the same invoice answers with the same attempt. The amount is what is open on the invoice unless told otherwise.
create function bursar.present_payment(
    invoice bigint, account text, qr text default null, bill_number text default null, amount bigint default null,
    expires_at timestamptz default null, provider_reference text default null, reason text default null
) returns bigint
language plpgsql security definer set search_path = pg_catalog, bursar as
$$
#variable_conflict use_column
declare
    owed   bursar.receivable := bursar.locked_receivable(invoice);
    intent bursar.payment_intent;
    payee  bursar.receiving_account;
    known  bursar.payment_attempt;
    moment timestamptz := bursar.business_now();
    asked  bigint := coalesce(present_payment.amount, owed.open_amount);
    made   bigint;
begin
    perform bursar.begin_act(reason);
    intent := bursar.intent_of(owed);
    payee := bursar.receiving_account_named(intent.issuer_id, present_payment.account);
    select * into known from bursar.payment_attempt a
    where a.issuer_id = intent.issuer_id and a.md5 = md5(present_payment.qr);
    if found then
        if known.tenant_id = intent.tenant_id and known.intent_id = intent.id then
            return known.id;
        end if;
        perform bursar.refuse('this QR was shown for another invoice', 'make a fresh one for each attempt: bill number and time make it its own');
    elsif present_payment.qr is null and present_payment.provider_reference is null then
        perform bursar.refuse('an attempt has a QR or a gateway''s reference', 'pass qr => or provider_reference =>');
    elsif payee.retired_at is not null then
        perform bursar.refuse(format('account %s is retired', payee.account), 'use another one, or put it back with retired: false');
    elsif payee.currency <> owed.currency then
        perform bursar.refuse(format('account %s takes %s, the invoice is in %s', payee.account, payee.currency, owed.currency), 'use another account');
    elsif intent.state in ('paid', 'late_paid', 'cancelled', 'refunded', 'review') then
        perform bursar.refuse(format('the payment of invoice %s is %s', invoice, intent.state), 'there is nothing to pay now');
    elsif asked <= 0 or asked > owed.open_amount then
        perform bursar.refuse(format('%s is open on invoice %s, so %s cannot be asked for', owed.open_amount, invoice, asked), 'ask for what is open, or for a part of it');
    end if;
    insert into bursar.payment_attempt as a (tenant_id, issuer_id, intent_id, account_id, currency, amount, bill_number, qr, md5, md5_ascii,
        provider_reference, created_at)
    values (intent.tenant_id, intent.issuer_id, intent.id, payee.id, owed.currency, asked, present_payment.bill_number, present_payment.qr,
        md5(present_payment.qr),
        case when present_payment.qr ~ '[^\x01-\x7f]' then md5(regexp_replace(present_payment.qr, '[^\x01-\x7f]', '?', 'g')) end,
        present_payment.provider_reference, moment)
    returning a.id into made;
    update bursar.payment_attempt a set state = 'presented', version = a.version + 1, cause = 'presented', presented_at = moment,
        expires_at = coalesce(present_payment.expires_at, moment + payee.qr_lifetime)
    where a.tenant_id = intent.tenant_id and a.id = made;
    update bursar.payment_intent n set state = 'pending', version = n.version + 1, cause = 'presented', source = 'contract'
    where n.tenant_id = intent.tenant_id and n.id = intent.id and n.state in ('open', 'expired', 'reversed');
    if payee.provider = 'bakong' and present_payment.qr is not null then
        insert into bursar.payment_lookup (tenant_id, attempt_id, account_id, purpose, due_at, presented_at)
        values (intent.tenant_id, made, payee.id, 'payment', moment + interval '5 seconds', moment);
    end if;
    perform bursar.note_act(intent.tenant_id, 'payment.presented', 'invoice', invoice,
        jsonb_build_object('attempt', made, 'account', payee.account, 'amount', asked, 'currency', owed.currency), reason);
    return made;
end
$$;

-- Payments by hand -------------------------------------------------------------------------------------------------------

-- Places one observation for a person: the attempt is given, and what it settles is decided as for any other money.
create function bursar.place_one(of_observation bigint, of_observation_tenant bigint, of_tenant bigint, of_attempt bigint) returns text
language sql as
$$
    select p.result from bursar.place(array[of_observation], array[of_observation_tenant], array[of_tenant], array[of_attempt],
        array[5::smallint], array[1], array['[]'::jsonb]) as p
$$;

-- Records money that a person has seen: cash (riel rounded to what notes can pay, the rounding a line of its own) or a bank
-- slip. The reference (a receipt's or slip's number) makes it one: the same again answers with the same observation.
create function bursar.record_payment(
    invoice bigint, method text, amount bigint, currency text, reference text, evidence text, received_at timestamptz default null,
    account text default null, reason text default null,
    out observation bigint, out result text, out open_amount bigint, out rounding bigint
)
language plpgsql security definer set search_path = pg_catalog, bursar as
$$
#variable_conflict use_column
declare
    owed    bursar.receivable := bursar.locked_receivable(invoice);
    intent  bursar.payment_intent;
    payee   bursar.receiving_account;
    known   bursar.observation;
    moment  timestamptz := coalesce(record_payment.received_at, bursar.business_now());
    step    bigint;
    attempt bigint;
    settled bigint;
begin
    perform bursar.begin_act(reason);
    rounding := 0;
    if coalesce(record_payment.method, '') not in ('cash', 'bank_slip') then
        perform bursar.refuse(format('%L is not a way to pay by hand', method), 'use cash or bank_slip');
    elsif coalesce(record_payment.amount, 0) <= 0 then
        perform bursar.refuse('a payment is of more than nothing', 'pass the amount that was received, in minor units');
    elsif coalesce(trim(record_payment.reference), '') = '' or coalesce(trim(record_payment.evidence), '') = '' then
        perform bursar.refuse('a payment by hand needs its evidence', 'pass the receipt''s or slip''s number as reference, and where the paper is as evidence');
    elsif record_payment.currency is distinct from owed.currency then
        perform bursar.refuse(format('the invoice is in %s, the payment in %s', owed.currency, coalesce(record_payment.currency, 'nothing')),
            'currencies are never mixed: record what was paid in the invoice''s own');
    elsif moment > bursar.business_now() then
        perform bursar.refuse('money cannot have been received in the future', 'check received_at');
    end if;
    intent := bursar.intent_of(owed);
    select * into known from bursar.observation o
    where o.issuer_id = intent.issuer_id and o.source = 'hand:' || method and o.external_key = trim(record_payment.reference);
    if found then
        if known.amount <> record_payment.amount or known.currency <> owed.currency or known.tenant_id <> owed.tenant_id
            or not exists (select from bursar.payment_match m where m.issuer_id = known.issuer_id and m.observation_id = known.id
                and m.invoice_id = record_payment.invoice)
        then
            perform bursar.refuse(format('%s %L was recorded with other content', method, reference), 'each receipt has a number of its own');
        end if;
        select known.id, m.result, r.open_amount into observation, result, open_amount
        from bursar.payment_match m join bursar.receivable r on r.tenant_id = m.tenant_id and r.invoice_id = m.invoice_id
        where m.issuer_id = known.issuer_id and m.observation_id = known.id order by m.id limit 1;
        return;
    end if;
    if record_payment.account is not null then
        payee := bursar.receiving_account_named(intent.issuer_id, record_payment.account);
    else
        select * into payee from bursar.receiving_account a
        where a.issuer_id = intent.issuer_id and a.provider = case method when 'cash' then 'cash' else 'bank' end and a.retired_at is null
        order by a.id limit 1;
        if not found then
            perform bursar.refuse(format('issuer %s has no account for %s', intent.issuer_id, method), 'tell one with: bursar payments account');
        end if;
    end if;
    -- What is open now is what was asked for; cash is asked for in notes that exist.
    step := case when method = 'cash' and owed.currency = 'KHR' then (
        select p.cash_rounding_step from bursar.invoice i join bursar.policy p on p.id = i.policy_id
        where i.tenant_id = owed.tenant_id and i.id = owed.invoice_id) end;
    if step is not null and owed.open_amount > 0 and amount = (owed.open_amount + step / 2) / step * step then
        rounding := amount - owed.open_amount;
    end if;
    insert into bursar.payment_attempt as a (tenant_id, issuer_id, intent_id, account_id, currency, amount, source, created_at)
    values (intent.tenant_id, intent.issuer_id, intent.id, payee.id, owed.currency, case when rounding <> 0 or owed.open_amount = 0 then amount else owed.open_amount end, 'hand', moment)
    returning a.id into attempt;
    insert into bursar.observation as o (tenant_id, issuer_id, account_id, kind, source, external_key, currency, amount, occurred_at, raw)
    values (intent.tenant_id, intent.issuer_id, payee.id, 'hand', 'hand:' || method, trim(record_payment.reference), owed.currency, amount, moment,
        jsonb_build_object('evidence', evidence, 'reason', reason)::text)
    returning o.id into observation;
    if rounding > 0 then
        -- More was handed over than owed: the difference is no credit, it is the rounding.
        insert into bursar.payment_match as m (tenant_id, issuer_id, account_id, observation_id, attempt_id, intent_id, invoice_id, kind, role,
            result, tier, currency, amount, occurred_at)
        values (intent.tenant_id, intent.issuer_id, payee.id, observation, attempt, intent.id, owed.invoice_id, 'hand', 'settles', 'exact', 5,
            owed.currency, amount, moment)
        returning m.id into settled;
        delete from bursar.observation_unplaced u where u.tenant_id = intent.tenant_id and u.observation_id = observation;
        insert into bursar.allocation (tenant_id, invoice_id, currency, amount, kind, match_id)
        values (intent.tenant_id, owed.invoice_id, owed.currency, amount, 'payment', settled),
            (intent.tenant_id, owed.invoice_id, owed.currency, -rounding, 'rounding', settled);
        update bursar.payment_attempt a set state = 'confirmed', version = a.version + 1, cause = 'money_came', source = 'hand:' || method
        where a.tenant_id = intent.tenant_id and a.id = attempt;
        perform bursar.follow_receivable(intent.tenant_id, owed.invoice_id, 'money_came', 'hand:' || method);
        result := 'exact';
    else
        result := bursar.place_one(observation, intent.tenant_id, intent.tenant_id, attempt);
        if rounding < 0 then
            select m.id into settled from bursar.payment_match m
            where m.issuer_id = intent.issuer_id and m.observation_id = observation and m.released_at is null;
            insert into bursar.allocation (tenant_id, invoice_id, currency, amount, kind, match_id)
            values (intent.tenant_id, owed.invoice_id, owed.currency, -rounding, 'rounding', settled);
            perform bursar.follow_receivable(intent.tenant_id, owed.invoice_id, 'money_came', 'hand:' || method);
        end if;
    end if;
    select r.open_amount into open_amount from bursar.receivable r where r.tenant_id = owed.tenant_id and r.invoice_id = owed.invoice_id;
    perform bursar.note_act(intent.tenant_id, 'payment.recorded', 'invoice', invoice,
        jsonb_build_object('observation', observation, 'method', method, 'amount', amount, 'currency', owed.currency, 'reference', reference,
            'evidence', evidence, 'rounding', rounding, 'received_at', moment), reason);
end
$$;

-- Suspense ---------------------------------------------------------------------------------------------------------------

create function bursar.locked_suspense(suspense bigint) returns bursar.suspense
language plpgsql as
$$
declare
    waits bursar.suspense;
begin
    select * into waits from bursar.suspense s where s.id = suspense for no key update;
    if not found then
        perform bursar.refuse(format('there is no suspense %s', coalesce(suspense::text, 'null')), 'list it with: bursar recon suspense', 'BU004');
    elsif waits.resolution is not null then
        perform bursar.refuse(format('suspense %s was %s by %s', suspense, waits.resolution, waits.resolved_by), 'it is closed, and stays so');
    end if;
    return waits;
end
$$;

create function bursar.close_suspense(waits bursar.suspense, how text, why text, content jsonb default '{}') returns void
language plpgsql as
$$
begin
    if coalesce(trim(why), '') = '' then
        perform bursar.refuse('suspense is closed for a reason', 'say why, with --reason or reason =>');
    end if;
    update bursar.suspense s set resolution = how, resolved_by = bursar.actor(), resolved_at = bursar.business_now(), resolve_reason = trim(why)
    where s.tenant_id = waits.tenant_id and s.id = waits.id;
    perform bursar.note_act(waits.tenant_id, 'suspense.' || how, 'suspense', waits.id,
        content || jsonb_build_object('observation', waits.observation_id, 'currency', waits.currency, 'amount', waits.amount), why);
end
$$;

-- Gives money in suspense to an invoice, as a payment that a person has matched; what is too much goes oldest debt first.
create function bursar.assign_suspense(suspense bigint, invoice bigint, reason text, out result text, out open_amount bigint)
language plpgsql security definer set search_path = pg_catalog, bursar as
$$
#variable_conflict use_column
declare
    waits   bursar.suspense := bursar.locked_suspense(suspense);
    owed    bursar.receivable := bursar.locked_receivable(invoice);
    intent  bursar.payment_intent := bursar.intent_of(owed);
    seen    bursar.observation;
    attempt bigint;
    settled bigint;
    applied bigint;
    rest    bigint;
begin
    select * into seen from bursar.observation o where o.id = waits.observation_id;
    if not waits.is_money or seen.amount is null then
        perform bursar.refuse(format('suspense %s bears no money that could be assigned', suspense), 'close it with write_off, and say why');
    elsif intent.issuer_id <> waits.issuer_id then
        perform bursar.refuse('the money is another issuer''s', 'assign it to an invoice of its own issuer');
    elsif seen.currency <> owed.currency then
        perform bursar.refuse(format('the money is in %s, the invoice in %s', seen.currency, owed.currency), 'currencies are never mixed: refund it');
    elsif seen.account_id is null then
        perform bursar.refuse('the money did not arrive on an account of ours', 'refund is the bank''s to make: close it with write_off, and say why');
    end if;
    insert into bursar.payment_attempt as a (tenant_id, issuer_id, intent_id, account_id, currency, amount, source, created_at)
    values (intent.tenant_id, intent.issuer_id, intent.id, seen.account_id, seen.currency, seen.amount, 'operator', seen.occurred_at)
    returning a.id into attempt;
    insert into bursar.payment_match as m (tenant_id, issuer_id, account_id, observation_id, attempt_id, intent_id, invoice_id, kind, role,
        result, tier, provider_hash, currency, amount, occurred_at)
    values (intent.tenant_id, intent.issuer_id, seen.account_id, seen.id, attempt, intent.id, owed.invoice_id, seen.kind, 'settles',
        case when seen.amount > owed.open_amount then 'over' when seen.amount < owed.open_amount then 'under' else 'exact' end, 5,
        seen.provider_hash, seen.currency, seen.amount, seen.occurred_at)
    returning m.id, m.result into settled, assign_suspense.result;
    applied := least(seen.amount, owed.open_amount);
    if applied > 0 then
        insert into bursar.allocation (tenant_id, invoice_id, currency, amount, kind, match_id)
        values (intent.tenant_id, owed.invoice_id, seen.currency, applied, 'payment', settled);
    end if;
    update bursar.payment_attempt a set state = 'confirmed', version = a.version + 1, cause = 'money_came', source = 'operator'
    where a.tenant_id = intent.tenant_id and a.id = attempt;
    perform bursar.follow_receivable(intent.tenant_id, owed.invoice_id, 'money_came', 'operator');
    if seen.amount > applied then
        rest := bursar.spread(intent.tenant_id, seen.currency, seen.amount - applied, 'payment', settled, 'operator');
        if rest > 0 then
            insert into bursar.credit_entry (tenant_id, currency, amount, kind, match_id)
            values (intent.tenant_id, seen.currency, rest, 'surplus', settled);
        end if;
    end if;
    perform bursar.close_suspense(waits, 'assigned', reason, jsonb_build_object('invoice', invoice, 'tenant', intent.tenant_id));
    perform bursar.note_act(intent.tenant_id, 'payment.received', 'invoice', owed.invoice_id,
        jsonb_build_object('result', assign_suspense.result, 'attempt', attempt, 'observation', seen.id, 'source', 'operator',
            'currency', seen.currency, 'amount', seen.amount), reason);
    select r.open_amount into assign_suspense.open_amount from bursar.receivable r
    where r.tenant_id = owed.tenant_id and r.invoice_id = owed.invoice_id;
end
$$;

-- Closes suspense whose money was given back, with the bank's reference of that.
create function bursar.refund_suspense(suspense bigint, reference text, reason text) returns bigint
language plpgsql security definer set search_path = pg_catalog, bursar as
$$
declare
    waits bursar.suspense := bursar.locked_suspense(suspense);
    made  bigint;
begin
    if not waits.is_money or waits.amount is null then
        perform bursar.refuse(format('suspense %s bears no money that could be given back', suspense), 'close it with write_off, and say why');
    elsif coalesce(trim(refund_suspense.reference), '') = '' then
        perform bursar.refuse('a refund has the bank''s reference', 'make the transfer first, then pass its reference');
    end if;
    insert into bursar.refund as f (tenant_id, issuer_id, kind, suspense_id, currency, amount, reason, reference, done_by, done_at)
    values (waits.tenant_id, waits.issuer_id, 'refund', waits.id, waits.currency, waits.amount, coalesce(nullif(trim(refund_suspense.reason), ''), '-'),
        trim(refund_suspense.reference), bursar.actor(), bursar.business_now())
    returning f.id into made;
    perform bursar.close_suspense(waits, 'refunded', reason, jsonb_build_object('refund', made, 'reference', reference));
    return made;
end
$$;

-- Closes suspense that nobody will claim, or a claim that was never borne out. Money that is kept so is for the books to tell.
create function bursar.write_off_suspense(suspense bigint, reason text) returns void
language plpgsql security definer set search_path = pg_catalog, bursar as
$$
begin
    perform bursar.close_suspense(bursar.locked_suspense(suspense), 'written_off', reason);
end
$$;

-- Refunds, releases, write-offs ------------------------------------------------------------------------------------------

-- Gives back money of a settled payment: the transfer is made outside, its reference is recorded here. What it had paid is
-- open again, unless the invoice was credited.
create function bursar.record_refund(match bigint, amount bigint, reference text, reason text, out refund bigint, out left_of bigint)
language plpgsql security definer set search_path = pg_catalog, bursar as
$$
#variable_conflict use_column
declare
    settled bursar.payment_match;
    intent  bursar.payment_intent;
begin
    perform bursar.begin_act(reason, true);
    select m.* into settled from bursar.payment_match m
    join bursar.payment_attempt a on a.tenant_id = m.tenant_id and a.id = m.attempt_id
    where m.id = record_refund.match and m.role = 'settles' and m.released_at is null for no key update of a;
    if not found then
        perform bursar.refuse(format('there is no settled payment %s', coalesce(match::text, 'null')), 'list them with: bursar payments list', 'BU004');
    end if;
    left_of := bursar.left_of_match(settled.tenant_id, settled.id);
    if coalesce(record_refund.amount, 0) <= 0 or record_refund.amount > left_of then
        perform bursar.refuse(format('%s of payment %s is left, so %s cannot be given back', left_of, match, amount), 'give back what is left, or a part of it');
    elsif coalesce(trim(record_refund.reference), '') = '' then
        perform bursar.refuse('a refund has the bank''s reference', 'make the transfer first, then pass its reference');
    end if;
    select * into intent from bursar.payment_intent i where i.tenant_id = settled.tenant_id and i.id = settled.intent_id for no key update;
    insert into bursar.refund as f (tenant_id, issuer_id, kind, match_id, currency, amount, reason, reference, done_by, done_at)
    values (settled.tenant_id, settled.issuer_id, 'refund', settled.id, settled.currency, record_refund.amount,
        coalesce(nullif(trim(record_refund.reason), ''), '-'), trim(record_refund.reference), bursar.actor(), bursar.business_now())
    returning f.id into record_refund.refund;
    perform bursar.put_back(settled, record_refund.amount);
    left_of := left_of - record_refund.amount;
    update bursar.payment_intent i set state = wanted.state, version = i.version + 1, cause = 'refunded', source = 'operator'
    from (select case when exists (
            select from bursar.payment_match m
            where m.tenant_id = intent.tenant_id and m.intent_id = intent.id and m.role = 'settles' and m.released_at is null
                and bursar.left_of_match(m.tenant_id, m.id) > 0)
        then 'partially_refunded' else 'refunded' end as state) as wanted
    where i.tenant_id = intent.tenant_id and i.id = intent.id and i.state <> wanted.state
        and exists (select from bursar.payment_move v
            where v.machine = 'intent' and v.from_state = i.state and v.to_state = wanted.state and v.cause = 'refunded');
    perform bursar.note_act(settled.tenant_id, 'payment.refunded', 'invoice', settled.invoice_id,
        jsonb_build_object('refund', record_refund.refund, 'attempt', settled.attempt_id, 'currency', settled.currency, 'amount', amount,
            'reference', reference), reason);
end
$$;

-- Takes a wrong match apart: what it paid is open again, and its money lies in suspense for a person to assign.
create function bursar.release_match(match bigint, reason text) returns bigint
language plpgsql security definer set search_path = pg_catalog, bursar as
$$
declare
    settled bursar.payment_match;
    other   bursar.payment_match;
    waits   bigint;
begin
    perform bursar.begin_act(reason, true);
    select m.* into settled from bursar.payment_match m
    join bursar.payment_attempt a on a.tenant_id = m.tenant_id and a.id = m.attempt_id
    where m.id = release_match.match and m.role = 'settles' and m.released_at is null for no key update of a;
    if not found then
        perform bursar.refuse(format('there is no settled payment %s', coalesce(match::text, 'null')), 'list them with: bursar payments list', 'BU004');
    elsif coalesce(trim(release_match.reason), '') = '' then
        perform bursar.refuse('a match is released for a reason', 'say why, with --reason or reason =>');
    elsif bursar.left_of_match(settled.tenant_id, settled.id) < settled.amount then
        perform bursar.refuse(format('some of payment %s was given back', match), 'a refunded payment keeps its match');
    end if;
    perform bursar.put_back(settled, settled.amount);
    update bursar.payment_match m set released_at = bursar.business_now(), released_by = bursar.actor(), release_reason = release_match.reason
    where m.tenant_id = settled.tenant_id and m.released_at is null and (m.id = settled.id or m.of_match_id = settled.id);
    update bursar.payment_attempt a set state = 'mismatched', version = a.version + 1, cause = 'match_released', source = 'operator'
    where a.tenant_id = settled.tenant_id and a.id = settled.attempt_id and a.state = 'confirmed'
        and not exists (select from bursar.payment_match m where m.tenant_id = a.tenant_id and m.attempt_id = a.id
            and m.role = 'settles' and m.released_at is null);
    update bursar.payment_intent i set state = 'review', version = i.version + 1, cause = 'match_released', source = 'operator'
    where i.tenant_id = settled.tenant_id and i.id = settled.intent_id and i.state in ('paid', 'late_paid', 'partially_paid');
    insert into bursar.suspense as s (tenant_id, issuer_id, account_id, observation_id, attempt_id, reason, is_money, currency, amount, occurred_at)
    select settled.tenant_id, settled.issuer_id, settled.account_id, settled.observation_id, settled.attempt_id, 'orphan', true,
        settled.currency, settled.amount, settled.occurred_at
    on conflict (issuer_id, observation_id) do update
        set resolution = null, resolved_by = null, resolved_at = null, resolve_reason = null
    returning s.id into waits;
    -- Those who had seen the same money have nothing to confirm any more.
    for other in
        select m.* from bursar.payment_match m
        where m.tenant_id = settled.tenant_id and m.of_match_id = settled.id and m.role = 'confirms'
    loop
        insert into bursar.suspense (tenant_id, issuer_id, account_id, observation_id, attempt_id, reason, is_money, currency, amount, occurred_at)
        values (other.tenant_id, other.issuer_id, other.account_id, other.observation_id, other.attempt_id, 'unconfirmed', false,
            other.currency, other.amount, other.occurred_at)
        on conflict (issuer_id, observation_id) do nothing;
    end loop;
    perform bursar.note_act(settled.tenant_id, 'payment.released', 'invoice', settled.invoice_id,
        jsonb_build_object('attempt', settled.attempt_id, 'suspense', waits, 'currency', settled.currency, 'amount', settled.amount), reason);
    return waits;
end
$$;

-- Uses a tenant's credit for what it owes.
create function bursar.use_credit(tenant bigint, currency text, reason text default null) returns bigint
language plpgsql security definer set search_path = pg_catalog, bursar as
$$
declare
    used bigint;
begin
    perform bursar.begin_act(reason);
    used := bursar.apply_credit(tenant, currency, 'operator');
    if used > 0 then
        perform bursar.note_act(tenant, 'credit.applied', 'tenant', tenant, jsonb_build_object('currency', currency, 'amount', used), reason);
    end if;
    return used;
end
$$;

-- Views ------------------------------------------------------------------------------------------------------------------

-- What the web application shows a payer: the state of each QR, and of the payment as a whole.
create view bursar.client_payment with (security_barrier) as
select a.id, a.tenant_id, i.invoice_id, v.number as invoice_number, a.currency, a.amount, a.state, i.state as payment_state, r.open_amount,
    acc.account, a.bill_number, a.qr, a.md5, a.presented_at, a.expires_at,
    (select min(m.occurred_at) from bursar.payment_match m
        where m.tenant_id = a.tenant_id and m.attempt_id = a.id and m.role = 'settles' and m.released_at is null) as paid_at
from bursar.payment_attempt a
join bursar.payment_intent i on i.tenant_id = a.tenant_id and i.id = a.intent_id
join bursar.invoice v on v.tenant_id = i.tenant_id and v.id = i.invoice_id
join bursar.receivable r on r.tenant_id = i.tenant_id and r.invoice_id = i.invoice_id
join bursar.receiving_account acc on acc.id = a.account_id;

create view bursar.client_credit with (security_barrier) as
select c.tenant_id, c.currency, sum(c.amount)::bigint as amount from bursar.credit_entry c group by c.tenant_id, c.currency having sum(c.amount) <> 0;

-- An attempt as the view shows it, also in the statement that has just made it: a volatile function sees what was done before.
create function bursar.shown_payment(attempt bigint) returns jsonb
language plpgsql volatile security definer set search_path = pg_catalog, bursar as
$$
begin
    return (select to_jsonb(p) from bursar.client_payment p where p.id = attempt);
end
$$;

grant select on bursar.client_payment, bursar.client_credit to bursar_client, bursar_ops;
grant execute on function
    bursar.put_receiving_account(bigint, text, text, text, jsonb, text),
    bursar.present_payment(bigint, text, text, text, bigint, timestamptz, text, text)
to bursar_client, bursar_ops;
grant execute on function bursar.payee_for_qr(bigint, text, text) to bursar_ops, bursar_scan;
grant execute on function bursar.shown_payment(bigint) to bursar_client, bursar_ops;
grant execute on function
    bursar.record_payment(bigint, text, bigint, text, text, text, timestamptz, text, text),
    bursar.assign_suspense(bigint, bigint, text), bursar.refund_suspense(bigint, text, text), bursar.write_off_suspense(bigint, text),
    bursar.record_refund(bigint, bigint, text, text), bursar.release_match(bigint, text),
    bursar.use_credit(bigint, text, text)
to bursar_ops;

reset role;
