package import Billing

/// The commands of contacts, consents, suppressions and reports, as they stand on the operator socket; each calls a function
/// of the SQL contract, or reads.
package enum PayerCommands {
    package static let all: [ContractCommand] = acts + consents + suppressions + reading + reports

    package static func named(_ name: String) -> ContractCommand? { all.first { $0.name == name } }

    private static let acts = [
        ContractCommand(
            "contacts.put",
            [.needs("tenant", .reference), .needs("channel", .text), .needs("address", .text), .reason],
            """
            select to_jsonb(put)::text as answer
            from bursar.put_contact(bursar.tenant_named($1::text), $2::text, $3::text, $4::text) as put
            """
        ),
        ContractCommand(
            "contacts.remove",
            [.needs("tenant", .reference), .needs("channel", .text), .reason],
            """
            select jsonb_build_object('removed', bursar.remove_contact(bursar.tenant_named($1::text), $2::text, $3::text))::text as answer
            """
        ),
        ContractCommand(
            "contacts.erase",
            [.needs("tenant", .reference), .takes("channel", .text), .reason],
            """
            select jsonb_build_object('erased', bursar.erase_contact(bursar.tenant_named($1::text), $2::text, $3::text))::text as answer
            """
        ),
        ContractCommand(
            "contacts.payer",
            [
                .needs("tenant", .reference), .takes("name", .text), .takes("locale", .text),
                .takes("time_zone", .text), .reason,
            ],
            """
            select jsonb_build_object('tenant', named.tenant)::text as answer
            from (select bursar.tenant_named($1::text) as tenant) as named
            cross join lateral bursar.put_payer(named.tenant, $2::text, $3::text, $4::text, $5::text)
            """
        ),
    ]

    private static let consents = [
        ContractCommand(
            "consents.give",
            [
                .needs("tenant", .reference), .needs("category", .text), .needs("channel", .text),
                .takes("wording", .text), .takes("evidence", .text), .reason,
            ],
            """
            select jsonb_build_object('consent', bursar.give_consent(
                bursar.tenant_named($1::text), $2::text, $3::text, $4::text, $5::text, $6::text
            ))::text as answer
            """
        ),
        ContractCommand(
            "consents.withdraw",
            [.needs("tenant", .reference), .takes("category", .text), .takes("channel", .text), .reason],
            """
            select jsonb_build_object('consent', bursar.withdraw_consent(
                bursar.tenant_named($1::text), coalesce($2::text, 'all'), coalesce($3::text, 'all'), $4::text
            ))::text as answer
            """
        ),
    ]

    private static let suppressions = [
        ContractCommand(
            "suppressions.add",
            [
                .takes("tenant", .reference), .needs("channel", .text), .needs("address", .text), .takes("kind", .text),
                .takes("expires_at", .text), .reason,
            ],
            """
            select jsonb_build_object('suppression', bursar.place_suppression(
                (select bursar.tenant_named($1::text) where $1::text is not null), $2::text, $3::text, coalesce($4::text, 'manual'),
                $5::timestamptz, $6::text
            ))::text as answer
            """
        ),
        ContractCommand(
            "suppressions.release",
            [.needs("suppression", .whole), .reason],
            """
            select jsonb_build_object('suppression', $1::bigint)::text as answer
            from bursar.release_suppression($1::bigint, $2::text)
            """
        ),
    ]

    private static let reading = [
        ContractCommand(
            "contacts.list",
            [.takes("tenant", .reference), .takes("after", .whole), .takes("limit", .whole)],
            isReading: true,
            """
            select coalesce(jsonb_agg(to_jsonb(page) order by page.id), '[]')::text as answer
            from (
                select c.id, c.tenant_id, t.name as tenant, p.name as payer, coalesce(p.locale, t.locale) as locale,
                    coalesce(p.time_zone, i.time_zone) as time_zone, c.channel, c.address, c.placed_at, c.suppressed_for
                from bursar.client_contact c
                join bursar.client_tenant t on t.id = c.tenant_id
                join bursar.client_issuer i on i.id = t.issuer_id
                left join bursar.client_payer p on p.tenant_id = c.tenant_id
                where ($1::text is null or c.tenant_id = (select bursar.tenant_named($1::text) where $1::text is not null))
                    and c.id > coalesce($2::bigint, 0)
                order by c.id limit coalesce($3::bigint, 50)
            ) as page
            """
        ),
        ContractCommand(
            "consents.list",
            [.takes("tenant", .reference), .takes("limit", .whole)],
            isReading: true,
            """
            select coalesce(jsonb_agg(to_jsonb(page) order by page.at desc, page.tenant_id, page.category, page.channel), '[]')::text as answer
            from (
                select c.* from bursar.client_consent c
                where $1::text is null or c.tenant_id = (select bursar.tenant_named($1::text) where $1::text is not null)
                order by c.at desc limit coalesce($2::bigint, 50)
            ) as page
            """
        ),
        ContractCommand(
            "suppressions.list",
            [
                .takes("tenant", .reference), .takes("channel", .text), .takes("address", .text), .takes("all", .flag),
                .takes("before", .whole), .takes("limit", .whole),
            ],
            isReading: true,
            """
            select coalesce(jsonb_agg(to_jsonb(page) order by page.id desc), '[]')::text as answer
            from (
                select s.id, nullif(s.tenant_id, 0) as tenant_id, s.channel, left(encode(s.address_hash, 'hex'), 12) as hash, s.reason,
                    s.source, s.evidence, s.placed_by, s.placed_at, s.expires_at, s.released_at, s.released_by, s.release_reason,
                    s.released_at is null and (s.expires_at is null or s.expires_at > bursar.business_now()) as in_force
                from bursar.suppression s
                where ($1::text is null
                        or s.tenant_id in ((select bursar.tenant_named($1::text) where $1::text is not null), 0))
                    and ($2::text is null or s.channel = $2::text)
                    and ($3::text is null or s.address_hash = bursar.address_hash(s.channel, $3::text))
                    and ($4::boolean is true
                        or s.released_at is null and (s.expires_at is null or s.expires_at > bursar.business_now()))
                    and ($5::bigint is null or s.id < $5::bigint)
                order by s.id desc limit coalesce($6::bigint, 50)
            ) as page
            """
        ),
    ]

    private static let reports = [
        ContractCommand(
            "dsn.list",
            [.takes("state", .text), .takes("before", .whole), .takes("limit", .whole)],
            isReading: true,
            """
            select coalesce(jsonb_agg(to_jsonb(page) order by page.report desc), '[]')::text as answer
            from (
                select r.id as report, r.source, nullif(r.transport, '') as transport, r.state, r.kind, r.message, r.matched_by,
                    r.status, r.diagnostic, r.outcome, r.repeats, r.received_at
                from bursar.delivery_report r
                where ($1::text is null or r.state = $1::text) and ($2::bigint is null or r.id < $2::bigint)
                order by r.id desc limit coalesce($3::bigint, 50)
            ) as page
            """
        ),
        ContractCommand(
            "dsn.show",
            [.needs("report", .whole)],
            isReading: true,
            """
            select (to_jsonb(r) - 'raw' - 'digest' - 'recipient_hash'
                || jsonb_build_object('hash', left(encode(r.recipient_hash, 'hex'), 12), 'raw', encode(r.raw, 'base64')))::text as answer
            from bursar.delivery_report r
            where r.id = $1::bigint
            """
        ),
        ContractCommand(
            "dsn.reread",
            [.takes("report", .whole), .reason],
            """
            select jsonb_build_object('waiting', bursar.reread_reports($1::bigint, $2::text))::text as answer
            """
        ),
    ]
}
