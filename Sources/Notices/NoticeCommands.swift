package import Billing

/// The commands of notices by hand, as they stand on the operator socket.
package enum NoticeCommands {
    package static let all: [ContractCommand] = [list, show, stops, stop, resume]

    package static func named(_ name: String) -> ContractCommand? { all.first { $0.name == name } }

    private static let list = ContractCommand(
        "notices.list",
        [
            .takes("state", .text), .takes("category", .text), .takes("channel", .text), .takes("tenant", .reference),
            .takes("before", .whole), .takes("limit", .whole),
        ],
        isReading: true,
        """
        select coalesce(jsonb_agg(to_jsonb(page) order by page.notice desc), '[]')::text as answer
        from (
            select n.id as notice, coalesce(t.external_ref, t.id::text, 'house') as tenant, n.category, n.step, n.channel, i.number as invoice,
                n.state, n.reason, n.planned_for, n.not_before, n.message_id as message
            from bursar.notice n
            left join bursar.tenant t on t.id = n.tenant_id
            left join bursar.invoice i on i.tenant_id = n.tenant_id and i.id = n.invoice_id
            where ($1::text is null or n.state = $1::text) and ($2::text is null or n.category = $2::text)
                and ($3::text is null or n.channel = $3::text)
                and ($4::text is null or t.external_ref = $4::text or t.id::text = $4::text)
                and n.id < coalesce($5::bigint, 9223372036854775807)
            order by n.id desc
            limit coalesce($6::bigint, 50)
        ) as page
        """
    )

    /// A message with its tries and what it said, for as long as that is kept.
    private static let show = ContractCommand(
        "notices.show",
        [.needs("message", .whole)],
        isReading: true,
        """
        select (to_jsonb(m) - array['address_hash', 'content_hash', 'tenant_id'] || jsonb_build_object(
            'message', m.id, 'tenant', coalesce(t.external_ref, t.id::text, 'house'),
            'address_hash', left(encode(m.address_hash, 'hex'), 12), 'content_hash', encode(m.content_hash, 'hex'),
            'subject', b.subject, 'text', b.text,
            'tries', (
                select coalesce(jsonb_agg(to_jsonb(a) - array['tenant_id', 'message_id', 'fence'] order by a.attempt), '[]')
                from bursar.message_attempt a where a.tenant_id = m.tenant_id and a.message_id = m.id
            ),
            'notices', (
                select coalesce(jsonb_agg(jsonb_build_object('notice', n.id, 'category', n.category, 'state', n.state) order by n.id), '[]')
                from bursar.notice n where n.tenant_id = m.tenant_id and n.message_id = m.id
            )))::text as answer
        from bursar.message m
        left join bursar.tenant t on t.id = m.tenant_id
        left join bursar.message_body b on b.tenant_id = m.tenant_id and b.message_id = m.id
        where m.id = $1::bigint
        """
    )

    private static let stops = ContractCommand(
        "notices.stops",
        [],
        isReading: true,
        "select coalesce(jsonb_agg(to_jsonb(s) order by s.since), '[]')::text as answer from bursar.notice_stop s"
    )

    private static let stop = ContractCommand(
        "notices.stop",
        [.needs("what", .text), .reason],
        "select jsonb_build_object('stopped', bursar.stop_notices($1::text, $2::text))::text as answer"
    )

    private static let resume = ContractCommand(
        "notices.resume",
        [.needs("what", .text), .reason],
        "select jsonb_build_object('resumed', bursar.resume_notices($1::text, $2::text))::text as answer"
    )
}
