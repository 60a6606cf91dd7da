-- Allocations: what takes off an invoice's receivable, and write-offs, which are the first that do.
--
-- Amounts are minor units of the invoice's currency; instants are business time.

set local role bursar_owner;

-- What nobody will pay any more. Whoever asks does not approve.
create table bursar.write_off (
    tenant_id    bigint not null,
    id           bigint generated always as identity,
    invoice_id   bigint not null,
    currency     text not null,
    amount       bigint not null check (amount > 0),
    reason       text not null check (reason <> ''),
    requested_by text not null default bursar.actor(),
    requested_at timestamptz not null default bursar.business_now(),
    approved_by  text,
    approved_at  timestamptz,
    approval     text,                                 -- the approver's reason
    primary key (tenant_id, id),
    foreign key (tenant_id, invoice_id) references bursar.receivable (tenant_id, invoice_id),
    constraint two_people check (approved_by <> requested_by),
    check ((approved_at is null) = (approved_by is null))
);
create index write_off_by_id on bursar.write_off (id);
create unique index one_open_write_off on bursar.write_off (tenant_id, invoice_id) where approved_at is null;
call bursar.wall('bursar.write_off');

-- What takes off an invoice's receivable; negative where it is put back.
create table bursar.allocation (
    tenant_id    bigint not null,
    id           bigint generated always as identity,
    invoice_id   bigint not null,
    currency     text not null,
    amount       bigint not null check (amount <> 0),
    kind         text not null check (kind in ('payment', 'credit', 'rounding', 'write_off', 'reversal')),
    match_id     bigint,                               -- of the payment, for payments, rounding and reversals
    write_off_id bigint,
    run_id       bigint default nullif(current_setting('bursar.run', true), '')::bigint,
    actor        text not null default bursar.actor(),
    at           timestamptz not null default bursar.business_now(),
    primary key (tenant_id, id),
    foreign key (tenant_id, invoice_id) references bursar.receivable (tenant_id, invoice_id),
    check ((kind in ('payment', 'rounding', 'reversal')) = (match_id is not null)),
    check ((kind = 'write_off') = (write_off_id is not null)),
    check (kind in ('reversal', 'rounding') or amount > 0)
);
create index allocation_of_invoice on bursar.allocation (tenant_id, invoice_id);
create index allocation_of_match on bursar.allocation (tenant_id, match_id) where match_id is not null;
call bursar.wall('bursar.allocation', 'select, insert');
create trigger allocation_never_changes before update or delete or truncate on bursar.allocation
    for each statement execute function bursar.refuse_change('put it back with an allocation of its own');

-- Receivables follow allocations -----------------------------------------------------------------------------------------

-- What is owed is the total less what was taken off it. Whoever pays what is overdue is active again, in the same transaction.
create function bursar.take_off_receivables() returns trigger
language plpgsql
-- Each receivable by its key, whatever the table held when this was planned.
set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off as
$$
declare
    of_run  bigint := nullif(current_setting('bursar.run', true), '')::bigint;
    moment  timestamptz := bursar.business_now();
    tenants bigint[];
    payers  bigint[];
begin
    with moved as (
        update bursar.receivable r
        set open_amount = r.open_amount - taken.amount,
            state = case when r.open_amount = taken.amount then 'settled' else 'open' end,
            settled_at = case when r.open_amount = taken.amount then moment end
        from (
            select n.tenant_id, n.invoice_id, sum(n.amount)::bigint as amount, max(n.amount) > 0 as is_paid
            from after_it n group by n.tenant_id, n.invoice_id
        ) as taken
        where r.tenant_id = taken.tenant_id and r.invoice_id = taken.invoice_id
        returning r.tenant_id, r.subscription_id, taken.is_paid
    )
    select array_agg(s.tenant_id), array_agg(s.id) into tenants, payers
    from (
        select distinct s.tenant_id, s.id
        from moved m join bursar.subscription s on s.tenant_id = m.tenant_id and s.id = m.subscription_id
        where m.is_paid and s.state = 'past_due'
    ) as s;
    if payers is null then
        return null;
    end if;

    with cured as (
        update bursar.subscription s set state = 'active', transitions = s.transitions + 1
        from unnest(tenants, payers) as paid (tenant_id, id)
        join bursar.subscription was on was.tenant_id = paid.tenant_id and was.id = paid.id
        join bursar.issuer i on i.id = was.issuer_id
        where s.tenant_id = paid.tenant_id and s.id = paid.id and s.state = 'past_due'
            and not exists (
                select from bursar.receivable r
                where r.tenant_id = s.tenant_id and r.subscription_id = s.id and r.state = 'open' and r.open_amount > r.tolerance
                    and r.due_date < (moment at time zone i.time_zone)::date
            )
        returning s.tenant_id, s.id, s.transitions as seq
    ), recorded as (
        insert into bursar.subscription_transition (tenant_id, subscription_id, seq, from_state, to_state, cause, as_of, run_id)
        select c.tenant_id, c.id, c.seq, 'past_due', 'active', 'paid', moment, of_run from cured c
    )
    select count(bursar.note(c.tenant_id, 'subscription.paid', 'subscription', c.id, '{"from": "past_due", "to": "active"}', of_run, moment))
    into of_run from cured c;
    return null;
end
$$;
create trigger allocation_takes_off after insert on bursar.allocation referencing new table as after_it
    for each statement execute function bursar.take_off_receivables();

-- Write-offs ------------------------------------------------------------------------------------------------------------

create function bursar.locked_receivable(invoice bigint) returns bursar.receivable
language plpgsql as
$$
declare
    owed bursar.receivable;
begin
    select r.* into owed from bursar.invoice i join bursar.receivable r on r.tenant_id = i.tenant_id and r.invoice_id = i.id
    where i.id = invoice for no key update of r;
    if not found then
        perform bursar.refuse(format('there is no invoice %s', coalesce(invoice::text, 'null')), 'list them with: bursar invoices list', 'BU004');
    end if;
    return owed;
end
$$;

-- Asks that what is open on an invoice be given up. Another person approves.
create function bursar.request_write_off(invoice bigint, reason text) returns bigint
language plpgsql security definer set search_path = pg_catalog, bursar as
$$
declare
    owed bursar.receivable := bursar.locked_receivable(invoice);
    made bigint;
begin
    if coalesce(trim(request_write_off.reason), '') = '' then
        perform bursar.refuse('a write-off needs a reason', 'say why, with --reason or reason =>');
    elsif owed.open_amount = 0 then
        perform bursar.refuse(format('nothing is open on invoice %s', invoice), 'there is nothing to write off');
    elsif exists (select from bursar.write_off w where w.tenant_id = owed.tenant_id and w.invoice_id = owed.invoice_id and w.approved_at is null) then
        perform bursar.refuse(format('a write-off of invoice %s waits for approval already', invoice), 'another person approves it');
    end if;
    insert into bursar.write_off as w (tenant_id, invoice_id, currency, amount, reason)
    values (owed.tenant_id, owed.invoice_id, owed.currency, owed.open_amount, request_write_off.reason) returning w.id into made;
    perform bursar.note_act(owed.tenant_id, 'write_off.requested', 'invoice', invoice,
        jsonb_build_object('write_off', made, 'currency', owed.currency, 'amount', owed.open_amount), reason);
    return made;
end
$$;

create function bursar.approve_write_off(write_off bigint, reason text) returns bigint
language plpgsql security definer set search_path = pg_catalog, bursar as
$$
declare
    asked bursar.write_off;
    owed  bursar.receivable;
begin
    perform bursar.begin_act(reason, true);
    select * into asked from bursar.write_off w where w.id = approve_write_off.write_off for no key update;
    if not found then
        perform bursar.refuse(format('there is no write-off %s', coalesce(write_off::text, 'null')), 'ask for one with: bursar invoices write-off', 'BU004');
    elsif asked.approved_at is not null then
        perform bursar.refuse(format('write-off %s was approved by %s', write_off, asked.approved_by), 'it is done');
    elsif asked.requested_by = bursar.actor() then
        perform bursar.refuse('whoever asks for a write-off does not approve it', 'another person approves', 'BU005');
    end if;
    owed := bursar.locked_receivable(asked.invoice_id);
    if owed.open_amount <> asked.amount then
        perform bursar.refuse(format('%s is open on invoice %s now, and %s was asked for', owed.open_amount, asked.invoice_id, asked.amount),
            'ask for a new write-off; this one is out of date');
    end if;
    update bursar.write_off w set approved_by = bursar.actor(), approved_at = bursar.business_now(), approval = approve_write_off.reason
    where w.tenant_id = asked.tenant_id and w.id = asked.id;
    insert into bursar.allocation (tenant_id, invoice_id, currency, amount, kind, write_off_id)
    values (asked.tenant_id, asked.invoice_id, asked.currency, asked.amount, 'write_off', asked.id);
    perform bursar.note_act(asked.tenant_id, 'invoice.written_off', 'invoice', asked.invoice_id,
        jsonb_build_object('write_off', asked.id, 'currency', asked.currency, 'amount', asked.amount, 'requested_by', asked.requested_by), reason);
    return asked.amount;
end
$$;

grant execute on function bursar.request_write_off(bigint, text), bursar.approve_write_off(bigint, text) to bursar_ops;

reset role;
