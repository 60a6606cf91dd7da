package import Postgres

/// The statements of reports that came back.
package enum DeliveryReportStatements {
    /// Stores a report as it came.
    static let take = Statement(
        "notices.take_report",
        "select t.report, t.is_new from bursar.take_report($1, $2, $3::bytea) as t"
    )

    /// The oldest reports that wait, locked until the transaction ends.
    static let pending = Statement(
        "notices.pending_reports",
        "select p.id, p.source, p.transport, p.raw from bursar.pending_reports($1::integer, $2::bigint[]) as p order by p.id"
    )

    /// Which messages reports tell of: by token, by the envelope's id, by Message-ID, by the provider's id, in this order.
    static let messages = Statement(
        "notices.reported_messages",
        """
        select w.place, found.tenant_id, found.id, found.channel, found.address, found.matched_by
        from unnest($1::bigint[], $2::text[], $3::text[], $4::text[], $5::text[]) with ordinality
            as w (token, envelope, message_id, provider_id, transport, place)
        cross join lateral (
            select candidate.tenant_id, candidate.id, m.channel, a.address, candidate.matched_by
            from (
                select 1 as rank, 'token' as matched_by, t.tenant_id, t.id from bursar.message t where t.id = w.token
                union all
                select 2, 'envelope', e.tenant_id, e.id from bursar.message e where e.message_id = w.envelope
                union all
                select 3, 'message_id', i.tenant_id, i.id from bursar.message i where i.message_id = w.message_id
                union all
                select 4, 'provider_id', p.tenant_id, p.id from bursar.message p
                where p.provider_id = w.provider_id and p.transport = w.transport
            ) as candidate
            join bursar.message m on m.tenant_id = candidate.tenant_id and m.id = candidate.id
            left join bursar.payer_address a on a.tenant_id = m.tenant_id and a.id = m.address_id
            order by candidate.rank, candidate.id desc
            limit 1
        ) as found
        """
    )

    /// Does what reports ask for, in their order, and answers what was done; null where a message is being sent.
    static let apply = Statement(
        "notices.apply_returns",
        """
        select r.place, bursar.apply_return(r.tenant, r.message, r.verdict, r.source, r.evidence, $6::timestamptz) as outcome
        from unnest($1::bigint[], $2::bigint[], $3::text[], $4::text[], $5::text[]) with ordinality
            as r (tenant, message, verdict, source, evidence, place)
        order by r.place
        """
    )

    static let done = Statement(
        "notices.reports_done",
        """
        select bursar.reports_done($1::bigint[], $2::text[], $3::text[], $4::bigint[], $5::text[], $6::text[], $7::text[], $8::text[],
            $9::text[]) as count
        """
    )

    /// What became of a report.
    static let standing = Statement(
        "notices.report_standing",
        """
        select r.state, r.kind, r.message, r.status, r.outcome from bursar.delivery_report r where r.id = $1::bigint
        """
    )

    /// Writes what one click takes back.
    static let unsubscribe = Statement(
        "notices.unsubscribe",
        "select bursar.unsubscribe($1::bigint, $2, $3) as is_known"
    )

    static let now = Statement("notices.business_now", "select bursar.business_now() as now")

    package static let all = [now, take, pending, messages, apply, done, standing, unsubscribe]
}
