package import Billing
package import Postgres

/// The commands of the operator socket that look at reconciliation and close what it could not place.
package enum ReconCommands {
    package static let all: [ContractCommand] = reading + closing

    package static let statements: [Statement] = all.map(\.statement)

    package static func named(_ name: String) -> ContractCommand? { all.first { $0.name == name } }

    private static let closing = [
        ContractCommand(
            "recon.assign",
            [.needs("suspense", .whole), .needs("invoice", .reference), .needs("reason", .text)],
            """
            select (to_jsonb(done) || jsonb_build_object('suspense', $1::bigint, 'invoice', named))::text as answer
            from bursar.invoice_named($2::text) as named
            cross join lateral bursar.assign_suspense($1::bigint, named, $3::text) as done
            """
        ),
        ContractCommand(
            "recon.refund",
            [.needs("suspense", .whole), .needs("reference", .text), .needs("reason", .text)],
            """
            select jsonb_build_object('suspense', $1::bigint, 'refund', bursar.refund_suspense($1::bigint, $2::text, $3::text))::text
                as answer
            """
        ),
        ContractCommand(
            "recon.write-off",
            [.needs("suspense", .whole), .needs("reason", .text)],
            """
            select jsonb_build_object('suspense', $1::bigint, 'written_off', bursar.write_off_suspense($1::bigint, $2::text) is not null)::text
                as answer
            """
        ),
    ]

    private static let reading = [
        status,
        ContractCommand(
            "recon.suspense",
            [
                .takes("reason", .text), .takes("account", .reference), .takes("closed", .flag),
                .takes("before", .whole), .takes("limit", .whole),
            ],
            isReading: true,
            """
            select coalesce(jsonb_agg(to_jsonb(page) order by page.suspense desc), '[]')::text as answer
            from (
                select s.id as suspense, s.reason, s.is_money, s.currency, s.amount, s.occurred_at, s.opened_at, a.account, o.source,
                    o.external_key, o.payer, o.bill_number, s.attempt_id as attempt, s.tenant_id as tenant,
                    extract(epoch from bursar.business_now() - s.opened_at)::bigint as age_seconds,
                    jsonb_array_length(s.suggestions) as suggestions, s.resolution, s.resolved_by
                from bursar.suspense s
                join bursar.observation o on o.id = s.observation_id and o.issuer_id = s.issuer_id
                left join bursar.receiving_account a on a.id = s.account_id
                where (s.resolution is not null) = coalesce($3::boolean, false) and ($1::text is null or s.reason = $1::text)
                    and ($2::text is null or a.account = lower($2::text) or a.id::text = $2::text)
                    and s.id < coalesce($4::bigint, 9223372036854775807)
                order by s.id desc limit coalesce($5::bigint, 50)
            ) as page
            """
        ),
        ContractCommand(
            "recon.show",
            [.needs("suspense", .whole)],
            isReading: true,
            """
            select (to_jsonb(s) || jsonb_build_object(
                'suspense', s.id, 'account', a.account, 'source', o.source, 'external_key', o.external_key, 'payer', o.payer,
                'bill_number', o.bill_number, 'provider_hash', o.provider_hash, 'bank_reference', o.bank_reference, 'raw', o.raw,
                'age_seconds', extract(epoch from bursar.business_now() - s.opened_at)::bigint,
                'suggestions', (
                    select coalesce(jsonb_agg(g.item || jsonb_build_object('number', i.number, 'open_amount', r.open_amount) order by g.place), '[]')
                    from jsonb_array_elements(s.suggestions) with ordinality as g (item, place)
                    left join bursar.invoice i on i.id = (g.item ->> 'invoice')::bigint
                    left join bursar.receivable r on r.tenant_id = i.tenant_id and r.invoice_id = i.id
                )))::text as answer
            from bursar.suspense s
            join bursar.observation o on o.id = s.observation_id and o.issuer_id = s.issuer_id
            left join bursar.receiving_account a on a.id = s.account_id
            where s.id = $1::bigint
            """
        ),
        ContractCommand(
            "recon.totals",
            [.takes("from", .day), .takes("to", .day)],
            isReading: true,
            """
            select coalesce(jsonb_agg(to_jsonb(t) || jsonb_build_object('account', a.account) order by t.day desc, t.account_id, t.currency), '[]')::text
                as answer
            from (select (bursar.business_now() at time zone 'Asia/Phnom_Penh')::date as today) as now
            cross join lateral bursar.control_totals(coalesce($1::date, coalesce($2::date, today) - 6), coalesce($2::date, today)) as t
            join bursar.receiving_account a on a.id = t.account_id
            """
        ),
        ContractCommand(
            "recon.imports",
            [.takes("account", .reference), .takes("limit", .whole)],
            isReading: true,
            """
            select coalesce(jsonb_agg(to_jsonb(page) order by page.statement_import desc), '[]')::text as answer
            from (
                select s.id as statement_import, a.account, s.layout, s.file_name, s.good_rows as good, s.bad_rows as bad, s.known_rows as known,
                    s.other_rows as other, case when s.finished_at is not null then lower(s.covers) end as covers_from,
                    case when s.finished_at is not null then upper(s.covers) end as covers_until, s.finished_at, s.imported_by, s.imported_at
                from bursar.statement_import s join bursar.receiving_account a on a.id = s.account_id
                where $1::text is null or a.account = lower($1::text) or a.id::text = $1::text
                order by s.id desc limit coalesce($2::bigint, 20)
            ) as page
            """
        ),
        ContractCommand(
            "recon.bad_rows",
            [.needs("statement_import", .whole), .takes("after", .whole), .takes("limit", .whole)],
            isReading: true,
            """
            select coalesce(jsonb_agg(to_jsonb(page) order by page.line), '[]')::text as answer
            from (
                select b.line, b.problem, b.content from bursar.statement_bad_row b
                where b.import_id = $1::bigint and b.line > coalesce($2::bigint, 0)
                order by b.line limit coalesce($3::bigint, 100)
            ) as page
            """
        ),
    ]

    /// Control totals of the last eight days: what a run promises; `recon.totals` tells of any.
    private static let status = ContractCommand(
        "recon.status",
        [],
        isReading: true,
        """
        with clock as materialized (
            select bursar.business_now() as now
        ), accounts as (
            select a.id, a.issuer_id as issuer, a.provider, a.account, a.name, a.watermark, r.account_id is not null as is_watched, r.waits_for,
                extract(epoch from c.now - a.watermark)::bigint as age_seconds,
                case when a.statement_required then bursar.covered_until(a.id) end as statements_until,
                (select count(*) from bursar.payment_lookup l where l.account_id = a.id and l.purpose = 'payment') as open_lookups
            from clock c
            cross join bursar.receiving_account a
            left join bursar.watermarks_reached(c.now) r on r.account_id = a.id
            where a.retired_at is null
        ), unplaced as (
            select o.account_id, o.currency, count(*) as count, sum(o.amount) as amount, min(o.occurred_at) as oldest
            from bursar.observation_unplaced u
            join bursar.observation o on o.tenant_id = u.tenant_id and o.id = u.observation_id
            where not u.is_claim
            group by o.account_id, o.currency
        ), waiting as (
            select s.reason, s.is_money, s.currency, count(*) as count, sum(s.amount) as amount, min(s.opened_at) as oldest,
                extract(epoch from c.now - min(s.opened_at))::bigint as age_seconds
            from clock c cross join bursar.suspense s
            where s.resolution is null
            group by s.reason, s.is_money, s.currency, c.now
        ), drift as (
            select a.account, t.*
            from clock c
            cross join lateral bursar.control_totals((c.now at time zone 'UTC')::date - 7, (c.now at time zone 'UTC')::date + 1) as t
            join bursar.receiving_account a on a.id = t.account_id
            where t.drift <> 0
        )
        select jsonb_build_object(
            'as_of', c.now,
            'accounts', (select coalesce(jsonb_agg(to_jsonb(a) order by a.id), '[]') from accounts a),
            'unplaced', (select coalesce(jsonb_agg(to_jsonb(u) order by u.account_id, u.currency), '[]') from unplaced u),
            'claims_waiting', (select count(*) from bursar.observation_unplaced u where u.is_claim),
            'suspense', (select coalesce(jsonb_agg(to_jsonb(w) order by w.is_money desc, w.reason, w.currency), '[]') from waiting w),
            'drift', (select coalesce(jsonb_agg(to_jsonb(d) order by d.day, d.account), '[]') from drift d)
        )::text as answer
        from clock c
        """
    )
}
