package import Billing

/// The commands of endpoints by hand, as they stand on the operator socket; each calls a function of the SQL contract.
package enum EndpointCommands {
    package static func named(_ name: String) -> ContractCommand? { all.first { $0.name == name } }

    package static let all = [
        ContractCommand(
            "endpoints.put",
            [.needs("tenant", .reference), .needs("url", .text), .reason],
            "select bursar.put_endpoint(bursar.tenant_named($1::text), $2::text, $3::text)::text as answer"
        ),
        ContractCommand(
            "endpoints.enable",
            [.needs("endpoint", .whole), .reason],
            "select bursar.enable_endpoint($1::bigint, $2::text)::text as answer"
        ),
        ContractCommand(
            "endpoints.disable",
            [.needs("endpoint", .whole), .reason],
            "select bursar.disable_endpoint($1::bigint, $2::text)::text as answer"
        ),
        ContractCommand(
            "endpoints.rotate_secret",
            [.needs("endpoint", .whole), .takes("overlap", .text), .reason],
            "select bursar.rotate_endpoint_secret($1::bigint, $2::interval, $3::text)::text as answer"
        ),
        ContractCommand(
            "endpoints.list",
            [.takes("tenant", .reference), .takes("disabled", .flag), .takes("limit", .whole)],
            isReading: true,
            """
            select coalesce(jsonb_agg(to_jsonb(page) order by page.endpoint), '[]')::text as answer
            from (
                select e.id as endpoint, e.tenant_id as tenant, a.address as url, e.disabled_why, e.disabled_at, e.failing_since,
                    e.failures, e.last_taken_at, e.fingerprint
                from bursar.notice_endpoint e
                left join bursar.payer_address a on a.tenant_id = e.tenant_id and a.hash = e.address_hash and a.channel = 'webhook'
                    and a.retired_at is null
                where ($1::text is null or e.tenant_id = (select bursar.tenant_named($1::text) where $1::text is not null))
                    and ($2::boolean is not true or e.disabled_at is not null)
                order by e.id limit coalesce($3::bigint, 200)
            ) as page
            """
        ),
    ]
}
