internal import Engine
package import JobKit
package import Postgres

/// What a person must hear of: messages in doubt, final notices that reached nobody, channels that refuse us, stops that last.
package struct NoticeInspection: Inspection {
    /// How long a stop may last before somebody is reminded of it.
    package let stopAge: Duration

    package init(stopAge: Duration = .seconds(86_400)) { self.stopAge = stopAge }

    package func findings(in transaction: Transaction) async throws -> [Finding] {
        try await transaction.query(NoticeInspectionStatements.findings, stopAge).map { row in
            Finding(try row.get("name"), try row.get("text"), since: try row.get("since"))
        }
    }

    package func raise(_ findings: [Finding], in transaction: Transaction) async throws {
        let alarms = try findings.map { finding in
            Alarm(
                "notices:\(finding.name)",
                .critical,
                since: finding.since,
                evidence: try JSONText(encoding: ["finding": finding.text])
            )
        }
        try await AlarmBook(in: transaction).settle(["notices"], alarms)
    }
}

/// The statements of the inspection of notices.
package enum NoticeInspectionStatements {
    static let findings = Statement(
        "notices.findings",
        """
        select 'in_doubt' as name,
            format('nobody knows whether %s messages arrived, and they are not tried again: bursar notices list --state unknown', count(*)) as text,
            min(m.sending_since) as since
        from bursar.message m
        where m.state = 'unknown' and m.created_at > bursar.business_now() - interval '30 days'
        having count(*) > 0
        union all
        select 'final_notice_lost',
            format('%s final notices reached nobody: bursar notices list --category final --state hard_failed', count(*)), min(n.planned_for)
        from bursar.notice n
        where n.category = 'final' and n.state in ('hard_failed', 'skipped') and n.valid_until > bursar.business_now()
            and (n.state = 'hard_failed' or n.reason in ('no_address', 'suppressed', 'address_unfit', 'expired_message'))
            and not exists (
                select from bursar.notice o
                where o.tenant_id = n.tenant_id and o.invoice_id = n.invoice_id and o.kind = 'dunning' and o.step = n.step
                    and o.id > n.id
            )
        having count(*) > 0
        union all
        select 'refused/' || m.channel, format('%s messages wait since %s refuses us (%s)', count(*), m.channel, min(m.outcome)),
            min(m.sending_since)
        from bursar.message m
        where m.state = 'waiting' and m.outcome in ('configuration', 'policy')
        group by m.channel
        union all
        select 'template', format('%s messages since yesterday were not said by the template that was meant: %s', count(*), min(m.fell_back)),
            min(m.created_at)
        from bursar.message m
        where m.fell_back is not null and m.sending_since > bursar.business_now() - interval '1 day'
        having count(*) > 0
        union all
        select 'stopped/' || s.what, format('%s is stopped since %s by %s: %s', s.what, s.since, s.by, s.reason), s.since
        from bursar.notice_stop s
        where s.since < bursar.business_now() - $1::interval
        """
    )

    package static let all = [findings]
}
