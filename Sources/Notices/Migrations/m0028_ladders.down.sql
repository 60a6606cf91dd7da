-- Takes back ladders and stops.
set local role bursar_owner;
drop function bursar.channels_at_rest(), bursar.plan_next_rung(bigint[], bigint[], timestamptz), bursar.stop_notices(text, text), bursar.resume_notices(text, text);
drop function bursar.letter_accounts(bigint[]), bursar.present_in_letters(bigint[], bigint[], text[], text[], text[], bigint[]);
create or replace function bursar.next_lookup(asked_at timestamptz, expires_at timestamptz, tries integer) returns timestamptz
language sql immutable parallel safe
begin atomic
    select case
        when asked_at < expires_at
            then least(asked_at + least(interval '60 s', interval '5 s' * power(2, least(tries, 10))), expires_at + interval '30 s')
        else (
            select min(expires_at + sweep)
            from unnest(array[interval '30 s', interval '1 hour', interval '24 hours', interval '72 hours']) as sweep
            where expires_at + sweep > asked_at
        )
    end;
end;
reset role;
