package import Billing

/// The commands of payments by hand, as they stand on the operator socket; each calls a function of the SQL contract.
package enum PaymentCommands {
    package static let all: [ContractCommand] = acts + reading

    package static func named(_ name: String) -> ContractCommand? { all.first { $0.name == name } }

    private static let acts = [
        ContractCommand(
            "payments.account",
            [
                .takes("issuer", .reference), .needs("provider", .text), .needs("account", .text),
                .needs("name", .text),
                .takes("rules", .json), .reason,
            ],
            """
            select jsonb_build_object('account', bursar.put_receiving_account(
                bursar.issuer_named($1::text), $2::text, $3::text, $4::text, coalesce($5::jsonb, '{}'), $6::text
            ))::text as answer
            """
        ),
        ContractCommand(
            "payments.present",
            [
                .needs("invoice", .reference), .needs("account", .text), .needs("qr", .text),
                .takes("bill_number", .text),
                .takes("amount", .whole), .takes("expires_at", .text), .reason,
            ],
            """
            select bursar.shown_payment(bursar.present_payment(
                bursar.invoice_named($1::text), $2::text, $3::text, $4::text, $5::bigint, $6::timestamptz, null, $7::text
            ))::text as answer
            """
        ),
        ContractCommand(
            "payments.record",
            [
                .needs("invoice", .reference), .needs("method", .text), .needs("amount", .whole),
                .needs("currency", .text),
                .needs("reference", .text), .needs("evidence", .text), .takes("received_at", .text),
                .takes("account", .text),
                .reason,
            ],
            """
            select to_jsonb(done)::text as answer
            from bursar.record_payment(bursar.invoice_named($1::text), $2::text, $3::bigint, $4::text, $5::text, $6::text,
                $7::timestamptz, $8::text, $9::text) as done
            """
        ),
        ContractCommand(
            "payments.refund",
            [
                .needs("payment", .whole), .needs("amount", .whole), .needs("reference", .text), .reason,
            ],
            """
            select to_jsonb(done)::text as answer from bursar.record_refund($1::bigint, $2::bigint, $3::text, $4::text) as done
            """
        ),
        ContractCommand(
            "payments.release",
            [.needs("payment", .whole), .reason],
            "select jsonb_build_object('suspense', bursar.release_match($1::bigint, $2::text))::text as answer"
        ),
        ContractCommand(
            "payments.credit",
            [.needs("tenant", .reference), .needs("currency", .text), .reason],
            """
            select jsonb_build_object('used', bursar.use_credit(bursar.tenant_named($1::text), $2::text, $3::text))::text as answer
            """
        ),
        ContractCommand(
            "invoices.write_off",
            [.needs("invoice", .reference), .reason],
            """
            select jsonb_build_object('write_off', bursar.request_write_off(bursar.invoice_named($1::text), $2::text))::text as answer
            """
        ),
        ContractCommand(
            "invoices.approve_write_off",
            [.needs("write_off", .whole), .reason],
            "select jsonb_build_object('amount', bursar.approve_write_off($1::bigint, $2::text))::text as answer"
        ),
    ]

    private static let reading = [
        ContractCommand(
            "payments.accounts",
            [.takes("issuer", .reference)],
            isReading: true,
            """
            select coalesce(jsonb_agg(to_jsonb(a) order by a.id), '[]')::text as answer
            from bursar.receiving_account a
            where $1::text is null or a.issuer_id = (select bursar.issuer_named($1::text) where $1::text is not null)
            """
        ),
        ContractCommand(
            "payments.list",
            [
                .takes("tenant", .reference), .takes("invoice", .reference), .takes("state", .text),
                .takes("before", .whole),
                .takes("limit", .whole),
            ],
            isReading: true,
            """
            select coalesce(jsonb_agg(to_jsonb(page) - 'qr' order by page.id desc), '[]')::text as answer
            from (
                select p.*, m.id as payment, m.amount as paid, m.result
                from bursar.client_payment p
                left join bursar.payment_match m on m.tenant_id = p.tenant_id and m.attempt_id = p.id and m.role = 'settles'
                    and m.released_at is null
                where ($1::text is null or p.tenant_id = (select bursar.tenant_named($1::text) where $1::text is not null))
                    and ($2::text is null or p.invoice_id = (select bursar.invoice_named($2::text) where $2::text is not null))
                    and ($3::text is null or p.state = $3::text)
                    and ($4::bigint is null or p.id < $4::bigint)
                order by p.id desc limit coalesce($5::bigint, 50)
            ) as page
            """
        ),
        ContractCommand(
            "payments.show",
            [.needs("attempt", .whole)],
            isReading: true,
            """
            select (to_jsonb(p) || jsonb_build_object(
                'events', (select coalesce(jsonb_agg(jsonb_build_object('machine', e.machine, 'from', e.from_state, 'to', e.to_state,
                        'cause', e.cause, 'source', e.source, 'run', e.run_id, 'fence', e.fence, 'actor', e.actor, 'at', e.at) order by e.id), '[]')
                    from bursar.payment_event e join bursar.payment_attempt a on a.tenant_id = e.tenant_id
                    where a.id = p.id and a.tenant_id = p.tenant_id
                        and ((e.machine = 'attempt' and e.object_id = a.id) or (e.machine = 'intent' and e.object_id = a.intent_id))),
                'seen', (select coalesce(jsonb_agg(jsonb_build_object('payment', m.id, 'role', m.role, 'result', m.result, 'tier', m.tier,
                        'source', o.source, 'key', o.external_key, 'amount', m.amount, 'currency', m.currency, 'at', m.occurred_at,
                        'released_at', m.released_at, 'release_reason', m.release_reason) order by m.id), '[]')
                    from bursar.payment_match m join bursar.observation o on o.issuer_id = m.issuer_id and o.id = m.observation_id
                    where m.tenant_id = p.tenant_id and m.attempt_id = p.id),
                'lookup', (select to_jsonb(l) from bursar.payment_lookup l where l.tenant_id = p.tenant_id and l.attempt_id = p.id)
            ))::text as answer
            from bursar.client_payment p
            where p.id = $1::bigint
            """
        ),
        ContractCommand(
            "invoices.write_offs",
            [],
            isReading: true,
            """
            select coalesce(jsonb_agg(to_jsonb(w) || jsonb_build_object('number', i.number) order by w.id), '[]')::text as answer
            from bursar.write_off w join bursar.invoice i on i.tenant_id = w.tenant_id and i.id = w.invoice_id
            where w.approved_at is null
            """
        ),
    ]
}
