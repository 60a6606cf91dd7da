-- Providers: calls a day, beside calls a second. A provider that charges or blocks by the day is left alone until the next one.

set local role bursar_owner;

alter table bursar.provider
    add column per_day      integer check (per_day > 0),       -- calls of a day, over all nodes; null: no limit
    add column day_zone     text not null default 'UTC' check ((timestamptz 'epoch' at time zone day_zone) is not null),
    add column day          date,                              -- the day that calls_in_day counts
    add column calls_in_day integer not null default 0 check (calls_in_day >= 0),
    add column configured   jsonb;                             -- what the configuration said last: an operator's word since then stays

-- As before, and within the day's calls.
create or replace function bursar.take_call(of_provider text) returns interval
language plpgsql security definer set search_path = pg_catalog, bursar as
$$
declare
    p     bursar.provider;
    now   timestamptz;
    today date;
begin
    select * into p from bursar.provider x where x.name = of_provider for no key update;
    if not found then
        return interval '0';
    end if;
    now := clock_timestamp();
    if greatest(p.open_until, p.asked_to_wait_until) > now then
        return greatest(p.open_until, p.asked_to_wait_until) - now;
    end if;
    today := (now at time zone p.day_zone)::date;
    if p.day = today and p.calls_in_day >= p.per_day then
        return (today + 1)::timestamp at time zone p.day_zone - now;
    end if;
    if p.rate is not null then
        p.tokens := least(p.burst, p.tokens + p.rate * greatest(extract(epoch from now - p.counted_at), 0));
        if p.tokens < 1 then
            update bursar.provider x set tokens = p.tokens, counted_at = now where x.name = of_provider;
            return make_interval(secs => (1 - p.tokens) / p.rate);
        end if;
    end if;
    if p.rate is not null or p.per_day is not null or p.open_since is not null then
        update bursar.provider x
        set tokens = case when p.rate is null then x.tokens else p.tokens - 1 end, counted_at = now,
            open_until = case when p.open_since is not null then now + p.rest end,
            day = case when p.per_day is not null then today end,
            calls_in_day = case when p.per_day is null then 0 when p.day = today then x.calls_in_day + 1 else 1 end
        where x.name = of_provider;
    end if;
    return interval '0';
end
$$;

-- Why a provider takes no call now: 'circuit' (it failed), 'asked' (it wants to be left alone), 'quota' (of the day), 'rate'.
create function bursar.why_no_call(of_provider text) returns text
language sql stable security definer set search_path = pg_catalog, bursar as
$$
    select case
        when p.open_until > clock_timestamp() then 'circuit'
        when p.asked_to_wait_until > clock_timestamp() then 'asked'
        when p.day = (clock_timestamp() at time zone p.day_zone)::date and p.calls_in_day >= p.per_day then 'quota'
        else 'rate'
    end
    from bursar.provider p where p.name = of_provider
$$;
grant execute on function bursar.why_no_call(text) to bursar_engine;

reset role;
