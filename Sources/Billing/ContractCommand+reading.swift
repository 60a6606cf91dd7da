extension ContractCommand {
    static let reading = [
        ContractCommand(
            "subscriptions.list",
            [
                .takes("tenant", .reference), .takes("state", .text), .takes("parked", .flag), .takes("after", .whole),
                .takes("limit", .whole),
            ],
            isReading: true,
            """
            select coalesce(jsonb_agg(to_jsonb(page) order by page.id), '[]')::text as answer
            from (
                select s.* from bursar.client_subscription s
                where ($1::text is null or s.tenant_id = (select bursar.tenant_named($1::text) where $1::text is not null))
                    and ($2::text is null or s.state = $2::text)
                    and ($3::boolean is not true or s.is_parked)
                    and s.id > coalesce($4::bigint, 0)
                order by s.id limit coalesce($5::bigint, 50)
            ) as page
            """
        ),
        ContractCommand(
            "subscriptions.show",
            [.needs("subscription", .reference)],
            isReading: true,
            """
            select (to_jsonb(s) || jsonb_build_object(
                'tenant', (select t.name from bursar.client_tenant t where t.id = s.tenant_id),
                'items', (select coalesce(jsonb_agg(to_jsonb(i) order by i.valid_from, i.id), '[]')
                    from bursar.client_subscription_item i where i.tenant_id = s.tenant_id and i.subscription_id = s.id),
                'holds', (select coalesce(jsonb_agg(to_jsonb(h) order by h.id), '[]')
                    from bursar.client_hold h
                    where h.tenant_id = s.tenant_id and h.subscription_id = s.id and h.released_at is null),
                'gaps', (select coalesce(jsonb_agg(jsonb_build_object('from', lower(g.during), 'until', upper(g.during),
                        'cause', g.cause) order by g.during), '[]')
                    from bursar.billing_gap g where g.tenant_id = s.tenant_id and g.subscription_id = s.id),
                'transitions', (select coalesce(jsonb_agg(jsonb_build_object('from', m.from_state, 'to', m.to_state, 'cause', m.cause,
                        'on', (m.as_of at time zone issuer.time_zone)::date, 'actor', m.actor) order by m.seq), '[]')
                    from bursar.subscription_transition m where m.tenant_id = s.tenant_id and m.subscription_id = s.id),
                'invoices', (select coalesce(jsonb_agg(to_jsonb(newest) order by newest.id desc), '[]')
                    from (select v.id, v.number, v.issue_date, v.due_date, v.currency, v.total, v.open_amount, v.state
                        from bursar.client_invoice v where v.tenant_id = s.tenant_id and v.subscription_id = s.id
                        order by v.id desc limit 12) as newest)
            ))::text as answer
            from bursar.client_subscription s
            join bursar.issuer on issuer.id = s.issuer_id
            where s.id = (select bursar.subscription_named($1::text))
            """
        ),
        ContractCommand(
            "invoices.list",
            [
                .takes("tenant", .reference), .takes("subscription", .reference), .takes("state", .text),
                .takes("overdue", .flag), .takes("before", .whole), .takes("limit", .whole),
            ],
            isReading: true,
            """
            select coalesce(jsonb_agg(to_jsonb(page) order by page.id desc), '[]')::text as answer
            from (
                select v.* from bursar.client_invoice v
                where ($1::text is null or v.tenant_id = (select bursar.tenant_named($1::text) where $1::text is not null))
                    and ($2::text is null
                        or v.subscription_id = (select bursar.subscription_named($2::text) where $2::text is not null))
                    and ($3::text is null or v.state = $3::text)
                    and ($4::boolean is not true or v.is_overdue)
                    and ($5::bigint is null or v.id < $5::bigint)
                order by v.id desc limit coalesce($6::bigint, 50)
            ) as page
            """
        ),
        ContractCommand(
            "invoices.show",
            [.needs("invoice", .reference)],
            isReading: true,
            """
            select (to_jsonb(v) || jsonb_build_object(
                'exchange_rate', v.exchange_rate::text,
                'issuer', jsonb_build_object('name', issuer.name, 'legal_name', issuer.legal_name, 'tax_id', issuer.tax_id,
                    'time_zone', issuer.time_zone),
                'tenant', jsonb_build_object('name', t.name, 'tax_id', t.tax_id, 'external_ref', t.external_ref),
                'lines', (select coalesce(jsonb_agg(to_jsonb(l) order by l.line), '[]')
                    from bursar.client_invoice_line l where l.tenant_id = v.tenant_id and l.invoice_id = v.id)
            ))::text as answer
            from bursar.client_invoice v
            join bursar.issuer on issuer.id = v.issuer_id
            join bursar.client_tenant t on t.id = v.tenant_id
            where v.id = (select bursar.invoice_named($1::text))
            """
        ),
    ]
}
