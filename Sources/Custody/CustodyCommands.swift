package import Billing

/// The commands of custody, as they stand on the operator socket; those that change something call a function of the database.
package enum CustodyCommands {
    package static let all: [ContractCommand] = holds + retention + backups

    package static func named(_ name: String) -> ContractCommand? { all.first { $0.name == name } }

    private static let holds = [
        ContractCommand(
            "holds.place",
            [
                .takes("tenant", .reference), .takes("table", .text), .takes("subject", .text), .takes("until", .text),
                .reason,
            ],
            """
            select jsonb_build_object('hold', bursar.place_legal_hold(
                (select bursar.tenant_named($1::text) where $1::text is not null), $2::text, $3::text, $4::timestamptz, $5::text
            ))::text as answer
            """
        ),
        ContractCommand(
            "holds.release",
            [.needs("hold", .whole), .reason],
            """
            select jsonb_build_object('hold', $1::bigint)::text as answer from bursar.release_legal_hold($1::bigint, $2::text)
            """
        ),
        ContractCommand(
            "holds.list",
            [.takes("all", .flag)],
            isReading: true,
            """
            select coalesce(jsonb_agg(jsonb_build_object('id', h.id, 'tenant_id', nullif(h.tenant_id, 0), 'table', h.table_name,
                'subject', h.subject, 'reason', h.reason, 'placed_by', h.placed_by, 'placed_at', h.placed_at, 'until', h.until,
                'in_force', h.released_at is null and (h.until is null or h.until > bursar.business_now())) order by h.id desc), '[]')::text
                as answer
            from bursar.legal_hold h
            where coalesce($1::boolean, false)
                or (h.released_at is null and (h.until is null or h.until > bursar.business_now()))
            """
        ),
    ]

    private static let backups = [
        ContractCommand(
            "backups.forget",
            [.needs("backup", .text), .reason],
            """
            select jsonb_build_object('backup', $1::text)::text as answer from bursar.forget_backup($1::text, $2::text)
            """
        ),
        ContractCommand(
            "backups.accept",
            [.needs("backup", .text), .reason],
            """
            select jsonb_build_object('backup', $1::text)::text as answer from bursar.accept_backup($1::text, $2::text)
            """
        ),
    ]

    private static let retention = [
        ContractCommand(
            "retention.proposal",
            [.needs("run", .whole)],
            isReading: true,
            """
            select jsonb_build_object('proposal', p.id, 'run', p.run_id, 'state', p.state, 'why', p.why, 'count', p.count,
                'items', coalesce((select jsonb_agg(i.content order by i.key) from bursar.proposal_item i where i.proposal_id = p.id), '[]'),
                'observed', coalesce((
                    select jsonb_agg(jsonb_build_object('table', s.table_name, 'until', s.observing_until, 'count', s.rows_due,
                        'held', s.rows_held) order by s.table_name)
                    from bursar.retention_standing s
                    cross join lateral (
                        select coalesce(
                            (select r.parameters ->> 'table' from bursar.run r where r.id = p.run_id),
                            (select h.parameters ->> 'table' from bursar.run_history h where h.id = p.run_id)
                        ) as table_name) as asked
                    where s.observing_until > bursar.business_now()
                        and (asked.table_name is null or asked.table_name = s.table_name)), '[]')
            )::text as answer
            from bursar.proposal p
            where p.run_id = $1::bigint and p.kind = 'retention-purge'
            order by p.id desc limit 1
            """
        ),
        ContractCommand(
            "retention.apply",
            [.needs("proposal", .whole), .reason],
            """
            select jsonb_build_object('run', bursar.apply_retention($1::bigint, $2::text))::text as answer
            """
        ),
        ContractCommand(
            "retention.receipts",
            [.takes("run", .whole), .takes("table", .text)],
            isReading: true,
            """
            select coalesce(jsonb_agg(to_jsonb(s)), '[]')::text as answer
            from (
                select r.run_id as run, r.table_name as table, min(r.policy_hash) as policy, min(r.cutoff) as cutoff,
                    count(*) as batches, sum(r.row_count) as rows, min(r.at) as first_at, max(r.at) as last_at,
                    (
                        select jsonb_object_agg(c.tenant, c.cutoff)
                        from bursar.purge_receipt o cross join lateral jsonb_each_text(o.own_cutoffs) as c (tenant, cutoff)
                        where o.run_id = r.run_id and o.table_name = r.table_name) as own_cutoffs
                from bursar.purge_receipt r
                where ($1::bigint is null or r.run_id = $1::bigint) and ($2::text is null or r.table_name = $2::text)
                group by r.run_id, r.table_name
                order by max(r.id) desc limit 100
            ) as s
            """
        ),
    ]
}
