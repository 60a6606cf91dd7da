-- Whether a payment is open, as retention of posts asks: until its money and everything said about it have their place.

set local role bursar_owner;

create or replace function bursar.webhook_payment_is_open(attempt bigint) returns boolean
language sql stable
begin atomic
    select exists (select from bursar.payment_lookup l where l.attempt_id = attempt)
        or exists (
            select from bursar.payment_attempt a
            where a.id = attempt and a.state in ('created', 'presented', 'observed', 'unknown', 'mismatched')
        )
        or exists (select from bursar.suspense s where s.attempt_id = attempt and s.resolution is null);
end;

reset role;
