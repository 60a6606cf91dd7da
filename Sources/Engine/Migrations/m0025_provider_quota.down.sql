-- Takes back the calls of a day.

set local role bursar_owner;

drop function bursar.why_no_call(text);

create or replace function bursar.take_call(of_provider text) returns interval
language plpgsql security definer set search_path = pg_catalog, bursar as
$$
declare
    p   bursar.provider;
    now timestamptz;
begin
    select * into p from bursar.provider x where x.name = of_provider for no key update;
    if not found then
        return interval '0';
    end if;
    now := clock_timestamp();
    if greatest(p.open_until, p.asked_to_wait_until) > now then
        return greatest(p.open_until, p.asked_to_wait_until) - now;
    end if;
    if p.rate is not null then
        p.tokens := least(p.burst, p.tokens + p.rate * greatest(extract(epoch from now - p.counted_at), 0));
        if p.tokens < 1 then
            update bursar.provider x set tokens = p.tokens, counted_at = now where x.name = of_provider;
            return make_interval(secs => (1 - p.tokens) / p.rate);
        end if;
    end if;
    if p.rate is not null or p.open_since is not null then
        update bursar.provider x
        set tokens = case when p.rate is null then x.tokens else p.tokens - 1 end, counted_at = now,
            open_until = case when p.open_since is not null then now + p.rest end
        where x.name = of_provider;
    end if;
    return interval '0';
end
$$;

alter table bursar.provider
    drop column per_day,
    drop column day_zone,
    drop column day,
    drop column calls_in_day,
    drop column configured;

reset role;
