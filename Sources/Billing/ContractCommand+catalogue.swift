extension ContractCommand {
    static let issuers = [
        ContractCommand(
            "issuers.create",
            [
                .needs("name", .text), .needs("legal_name", .text), .takes("time_zone", .text),
                .takes("invoice_prefix", .text), .takes("tax_id", .text), .takes("external_ref", .text),
                .takes("policy", .json), .reason,
            ],
            """
            select jsonb_build_object('issuer', bursar.create_issuer(
                name => $1::text, legal_name => $2::text, time_zone => coalesce($3::text, 'Asia/Phnom_Penh'),
                invoice_prefix => coalesce($4::text, 'INV'), tax_id => $5::text, external_ref => $6::text,
                policy => coalesce($7::jsonb, '{}'), reason => $8::text
            ))::text as answer
            """
        ),
        ContractCommand(
            "issuers.policy",
            [.takes("issuer", .reference), .needs("settings", .json), .takes("in_force", .flag), .reason],
            """
            select to_jsonb(made)::text as answer
            from bursar.create_policy(bursar.issuer_named($1::text), $2::jsonb, coalesce($3::boolean, true), $4::text) as made
            """
        ),
        ContractCommand(
            "issuers.list",
            [],
            isReading: true,
            "select coalesce(jsonb_agg(to_jsonb(i) order by i.id), '[]')::text as answer from bursar.client_issuer i"
        ),
    ]

    static let plans = [
        ContractCommand(
            "plans.create",
            [
                .takes("issuer", .reference), .needs("code", .text), .needs("prices", .json), .needs("currency", .text),
                .takes("unit", .text), .takes("count", .whole), .takes("day_policy", .text),
                .takes("trial_days", .whole), .takes("name", .text), .takes("policy", .whole), .reason,
            ],
            """
            select to_jsonb(made)::text as answer
            from bursar.create_plan_version(
                issuer => bursar.issuer_named($1::text), code => $2::text, prices => $3::jsonb, currency => $4::text,
                unit => coalesce($5::text, 'month'), count => coalesce($6::integer, 1),
                day_policy => coalesce($7::text, 'same_day_clamped'), trial_days => coalesce($8::integer, 0),
                name => $9::text, policy => $10::bigint, reason => $11::text
            ) as made
            """
        ),
        ContractCommand(
            "plans.list",
            [.takes("issuer", .reference), .takes("all_versions", .flag)],
            isReading: true,
            """
            select coalesce(jsonb_agg(to_jsonb(p) order by p.issuer_id, p.code, p.version), '[]')::text as answer
            from bursar.client_plan p
            where ($1::text is null or p.issuer_id = (select bursar.issuer_named($1::text) where $1::text is not null))
                and (p.is_newest or $2::boolean)
            """
        ),
    ]

    static let tenants = [
        ContractCommand(
            "tenants.create",
            [
                .takes("issuer", .reference), .needs("name", .text), .takes("external_ref", .text),
                .takes("tax_id", .text), .takes("locale", .text), .reason,
            ],
            """
            select jsonb_build_object('tenant', bursar.create_tenant(
                issuer => bursar.issuer_named($1::text), name => $2::text, external_ref => $3::text, tax_id => $4::text,
                locale => coalesce($5::text, 'km'), reason => $6::text
            ))::text as answer
            """
        ),
        ContractCommand(
            "tenants.change",
            [
                .needs("tenant", .reference), .takes("name", .text), .takes("tax_id", .text), .takes("locale", .text),
                .reason,
            ],
            """
            select jsonb_build_object('tenant', named, 'changed', bursar.change_tenant(named, $2::text, $3::text, $4::text, $5::text)
                is not null)::text as answer
            from bursar.tenant_named($1::text) as named
            """
        ),
        ContractCommand(
            "tenants.list",
            [
                .takes("issuer", .reference), .takes("search", .text), .takes("after", .whole),
                .takes("limit", .whole),
            ],
            isReading: true,
            """
            select coalesce(jsonb_agg(to_jsonb(page) order by page.id), '[]')::text as answer
            from (
                select t.* from bursar.client_tenant t
                where ($1::text is null or t.issuer_id = (select bursar.issuer_named($1::text) where $1::text is not null))
                    and ($2::text is null or strpos(lower(t.name), lower($2::text)) > 0 or t.external_ref = $2::text)
                    and t.id > coalesce($3::bigint, 0)
                order by t.id limit coalesce($4::bigint, 50)
            ) as page
            """
        ),
    ]

    static let rates = [
        ContractCommand(
            "rates.set",
            [
                .needs("rate", .text), .needs("date", .day), .takes("source", .text), .takes("replace", .flag), .reason,
            ],
            """
            select to_jsonb(done)::text as answer
            from bursar.import_rates(
                jsonb_build_array(jsonb_build_object('rate', $1::text, 'date', $2::text)), coalesce($3::text, 'nbc'),
                coalesce($4::boolean, false), $5::text
            ) as done
            """
        ),
        ContractCommand(
            "rates.import",
            [.needs("rates", .json), .takes("source", .text), .takes("replace", .flag), .reason],
            """
            select to_jsonb(done)::text as answer
            from bursar.import_rates($1::jsonb, coalesce($2::text, 'nbc'), coalesce($3::boolean, false), $4::text) as done
            """
        ),
        ContractCommand(
            "rates.list",
            [.takes("source", .text), .takes("limit", .whole)],
            isReading: true,
            """
            select coalesce(jsonb_agg(to_jsonb(page) || jsonb_build_object('rate', page.rate::text)
                order by page.rate_date desc, page.source), '[]')::text as answer
            from (
                select r.* from bursar.client_exchange_rate r
                where $1::text is null or r.source = $1::text
                order by r.rate_date desc, r.source limit coalesce($2::bigint, 30)
            ) as page
            """
        ),
    ]
}
