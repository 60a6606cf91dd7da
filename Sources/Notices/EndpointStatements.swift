package import Postgres

package enum EndpointStatements {
    /// An endpoint and its secrets in force, a row each; a row without a secret where it has none.
    static let standing = Statement(
        "notices.endpoint_standing",
        """
        select e.disabled_why, s.secret
        from bursar.notice_endpoint e
        left join bursar.notice_endpoint_secret s on s.tenant_id = e.tenant_id and s.endpoint_id = e.id
            and (s.valid_until is null or s.valid_until > clock_timestamp())
        where e.tenant_id = $1 and e.address_hash = bursar.address_hash('webhook', $2)
        order by s.id desc
        """
    )

    /// How a post ended; one that is gone, or has done nothing but fail for long, is disabled.
    static let note = Statement(
        "notices.note_endpoint",
        """
        update bursar.notice_endpoint e
        set last_taken_at = case when $3 = 'taken' then bursar.business_now() else e.last_taken_at end,
            failing_since = case when $3 <> 'taken' then coalesce(e.failing_since, bursar.business_now()) end,
            failures = case when $3 = 'taken' then 0 else e.failures + 1 end,
            disabled_why = case
                when $3 = 'gone' then 'gone'
                when $3 = 'failed' and e.failing_since <= bursar.business_now() - $4::interval then 'failures'
            end,
            disabled_at = case
                when $3 = 'gone' or ($3 = 'failed' and e.failing_since <= bursar.business_now() - $4::interval)
                    then bursar.business_now()
            end
        where e.tenant_id = $1 and e.address_hash = bursar.address_hash('webhook', $2) and e.disabled_at is null
            and not ($3 = 'taken' and e.failures = 0 and e.last_taken_at > bursar.business_now() - interval '1 minute')
        """
    )

    /// The endpoints that were disabled by what they did, not by a person.
    static let disabled = Statement(
        "notices.disabled_endpoints",
        """
        select 'endpoint:' || e.tenant_id || '/' || e.id as key, e.disabled_at as since,
            jsonb_build_object('tenant', e.tenant_id, 'endpoint', e.id, 'why', e.disabled_why, 'failing_since', e.failing_since,
                'failures', e.failures)::text as evidence
        from bursar.notice_endpoint e
        join bursar.payer_address a on a.tenant_id = e.tenant_id and a.hash = e.address_hash and a.channel = 'webhook'
            and a.retired_at is null
        where e.disabled_why in ('gone', 'failures')
        """
    )

    package static let all = [standing, note, disabled]
}
