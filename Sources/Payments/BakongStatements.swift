package import Postgres

/// What the Bakong client says to the database: journal, token and limits.
package enum BakongStatements {
    // Journal ---------------------------------------------------------------------------------------------------------

    /// A call is about to be made; what earlier ones left without an outcome is unknown from here on.
    static let intend = Statement(
        "bakong.intend",
        """
        with forgotten as (
            update bursar.bakong_call c set outcome = 'unknown'
            from (
                select id from bursar.bakong_call where outcome is null and give_up_at < clock_timestamp()
                for no key update skip locked
            ) as left_over
            where c.id = left_over.id
        )
        insert into bursar.bakong_call (endpoint, run_id, actor, keys, keys_digest, key_list, token_id, give_up_at)
        values ($1, $2, bursar.actor(), $3, $4, $5, $6, clock_timestamp() + $7::interval)
        returning id
        """
    )

    /// How it ended: what is known late is better than unknown.
    static let conclude = Statement(
        "bakong.conclude",
        """
        update bursar.bakong_call
        set outcome = $2, ended_at = clock_timestamp(), status = $3, response_code = $4, error_code = $5, duration_ms = $6,
            bytes = $7, fault = $8, excerpt = $9
        where id = $1 and (outcome is null or outcome = 'unknown' and ended_at is null)
        """
    )

    static let calls = Statement(
        "bakong.calls",
        """
        select coalesce(jsonb_agg(c.call order by c.id desc), '[]')::text as answer
        from (
            select c.id, jsonb_build_object(
                'id', c.id, 'at', c.begun_at, 'endpoint', c.endpoint, 'run', c.run_id, 'actor', c.actor, 'keys', c.keys,
                'outcome', coalesce(c.outcome, case when c.give_up_at < clock_timestamp() then 'unknown' else 'under way' end),
                'status', c.status, 'error_code', c.error_code, 'fault', c.fault, 'duration_ms', c.duration_ms, 'bytes', c.bytes,
                'excerpt', c.excerpt, 'key_list', to_jsonb(c.key_list)) as call
            from bursar.bakong_call c
            where ($2::text is null or c.key_list @> array[$2])
                and (not $3::boolean or coalesce(c.outcome, 'unknown') <> 'answered')
            order by c.id desc
            limit $1
        ) as c
        """
    )

    // Token -----------------------------------------------------------------------------------------------------------

    /// The one to use: the newest that was not refused.
    static let token = Statement(
        "bakong.token",
        """
        select id, sealed, state = 'current' as has_answered, expires_at - $1::interval <= clock_timestamp() as is_due
        from bursar.bakong_token
        where state in ('new', 'current')
        order by id desc limit 1
        """
    )

    /// Whoever changes which token is in use does so one after another.
    static let lockTokens = Statement(
        "bakong.lock_tokens",
        "select from bursar.bakong_renewal for no key update"
    )

    /// One that never answered makes room for the next; one that has answered is kept until the next has.
    static let supersedeToken = Statement(
        "bakong.supersede_token",
        "update bursar.bakong_token set state = 'old', sealed = null where state = 'new'"
    )

    /// Stores a token before anybody uses it, and ends the renewal that brought it.
    static let storeToken = Statement(
        "bakong.store_token",
        """
        with stored as (
            insert into bursar.bakong_token (sealed, fingerprint, key_fingerprint, expires_at, source, stored_by)
            values ($1, $2, $3, $4, $5, bursar.actor())
            returning id
        ), ended as (
            update bursar.bakong_renewal r
            set token_id = s.id, next_try_at = clock_timestamp() + interval '10 minutes', last_fault = null,
                holder = case when r.holder is distinct from $6 then r.holder end,
                lease_until = case when r.holder is distinct from $6 then r.lease_until end
            from stored s
        )
        select id from stored
        """
    )

    /// The ones before a token that has answered for the first time are forgotten.
    static let retireTokens = Statement(
        "bakong.retire_tokens",
        """
        update bursar.bakong_token set state = 'old', sealed = null
        where id < $1 and state in ('new', 'current')
            and exists (select from bursar.bakong_token t where t.id = $1 and t.state = 'new')
        """
    )

    static let tokenAnswered = Statement(
        "bakong.token_answered",
        """
        update bursar.bakong_token set state = 'current', answered_at = clock_timestamp()
        where id = $1 and state = 'new'
        """
    )

    /// One that never answered and is refused is out of use, where there is another; one that had answered stays until there is.
    static let refuseToken = Statement(
        "bakong.refuse_token",
        """
        with refused as (
            update bursar.bakong_token
            set refused_at = clock_timestamp(), state = case when state = 'new' and exists (
                    select from bursar.bakong_token t where t.state = 'current' and t.refused_at is null
                ) then 'refused' else state end
            where id = $1 and state in ('new', 'current')
            returning id, state
        )
        update bursar.bakong_renewal r set token_id = null
        from refused t
        where t.state = 'refused' and r.token_id = t.id
        """
    )

    /// What is wrong with the token, if anything: there is none, it was refused within the hour, or it ends soon.
    static let tokenTrouble = Statement(
        "bakong.token_trouble",
        """
        select case when t.id is null or t.refused_at > clock_timestamp() - interval '1 hour' or t.expires_at <= clock_timestamp()
                then 'critical' else 'warning' end as severity,
            case when t.id is null then null when t.refused_at > clock_timestamp() - interval '1 hour' then t.refused_at
                else t.expires_at - $1::interval end as since,
            jsonb_strip_nulls(jsonb_build_object(
                'what', case when t.id is null then 'no token is stored'
                    when t.refused_at > clock_timestamp() - interval '1 hour' then 'Bakong refuses the token'
                    else 'the token ends soon and was not renewed' end,
                'fingerprint', t.fingerprint, 'expires_at', t.expires_at, 'renewal_tried_at', r.tried_at,
                'renewal_fault', r.last_fault))::text as evidence
        from bursar.bakong_renewal r
        left join lateral (
            select * from bursar.bakong_token x where x.state in ('new', 'current') order by x.id desc limit 1
        ) as t on true
        where t.id is null or t.refused_at > clock_timestamp() - interval '1 hour'
            or t.expires_at <= clock_timestamp() + $1::interval
        """
    )

    static let hasEnded = Statement("bakong.has_ended", "select $1::timestamptz <= clock_timestamp() as ended")

    static let tokens = Statement(
        "bakong.tokens",
        """
        select jsonb_build_object(
            'tokens', coalesce((
                select jsonb_agg(jsonb_build_object(
                    'fingerprint', t.fingerprint, 'key', t.key_fingerprint, 'state', t.state, 'expires_at', t.expires_at,
                    'days_left', floor(extract(epoch from t.expires_at - clock_timestamp()) / 86400), 'source', t.source,
                    'stored_at', t.stored_at, 'stored_by', t.stored_by, 'answered_at', t.answered_at, 'refused_at', t.refused_at
                ) order by t.id desc)
                from bursar.bakong_token t where t.state in ('new', 'current')
            ), '[]'),
            'renewal', (
                select jsonb_build_object('tried_at', r.tried_at, 'next_try_at', r.next_try_at, 'last_fault', r.last_fault,
                    'under_way', coalesce(r.lease_until > clock_timestamp(), false))
                from bursar.bakong_renewal r
            ))::text as answer
        """
    )

    // Renewal ---------------------------------------------------------------------------------------------------------

    /// Takes the lease of the renewal, unless somebody has it, has used it since this token, or failed at it just now.
    static let takeRenewal = Statement(
        "bakong.take_renewal",
        """
        update bursar.bakong_renewal
        set holder = $1, lease_until = clock_timestamp() + $3::interval, tried_at = clock_timestamp()
        where coalesce(lease_until, '-infinity') <= clock_timestamp()
            and coalesce(token_id, 0) <= $2 and coalesce(next_try_at, '-infinity') <= clock_timestamp()
        """
    )

    static let giveBackRenewal = Statement(
        "bakong.give_back_renewal",
        """
        update bursar.bakong_renewal
        set holder = null, lease_until = null, next_try_at = clock_timestamp() + $2::interval, last_fault = $3
        where holder = $1
        """
    )

    static let renewalUnderWay = Statement(
        "bakong.renewal_under_way",
        "select from bursar.bakong_renewal where lease_until > clock_timestamp()"
    )

    // Limits ----------------------------------------------------------------------------------------------------------

    /// The configured limits, where they say something else than the last time.
    static let tellLimits = Statement(
        "bakong.tell_limits",
        """
        insert into bursar.provider as p (name, rate, burst, tokens, per_day, day_zone, configured)
        values ($1, $2, $3, $3, $4, $5, jsonb_build_object('rate', $2::double precision, 'burst', $3::double precision, 'per_day', $4::integer))
        on conflict (name) do update
        set rate = excluded.rate, burst = excluded.burst, tokens = excluded.tokens, per_day = excluded.per_day,
            day_zone = excluded.day_zone, configured = excluded.configured
        where p.configured is distinct from excluded.configured
        """
    )

    /// Why a provider takes no call now: circuit, asked, quota or rate.
    static let whyNoCall = Statement("bakong.why_no_call", "select bursar.why_no_call($1) as why")

    package static let all = [
        intend, conclude, calls, token, lockTokens, supersedeToken, storeToken, retireTokens, tokenAnswered,
        refuseToken, tokenTrouble, hasEnded, tokens, takeRenewal, giveBackRenewal,
        renewalUnderWay, tellLimits, whyNoCall,
    ]
}
