internal import Engine
package import JobKit
package import Postgres

/// What a person must hear of: bank data that is not complete, suspense that lies too long, days that do not add up.
package struct PaymentInspection: Inspection {
    /// How old the watermark of an account may be.
    package let watermarkAge: Duration
    /// How long money may lie in suspense.
    package let suspenseAge: Duration

    package init(watermarkAge: Duration = .seconds(86_400), suspenseAge: Duration = .seconds(3 * 86_400)) {
        self.watermarkAge = watermarkAge
        self.suspenseAge = suspenseAge
    }

    package func findings(in transaction: Transaction) async throws -> [Finding] {
        try await transaction.query(PaymentInspectionStatements.findings, watermarkAge, suspenseAge).map { row in
            Finding(try row.get("name"), try row.get("text"), since: try row.get("since"))
        }
    }

    package func raise(_ findings: [Finding], in transaction: Transaction) async throws {
        let alarms = try findings.map { finding in
            Alarm(
                "payments:\(finding.name)",
                .critical,
                since: finding.since,
                evidence: try JSONText(encoding: ["finding": finding.text])
            )
        }
        try await AlarmBook(in: transaction).settle(["payments"], alarms)
    }
}

/// The statements of the inspection of payments.
package enum PaymentInspectionStatements {
    static let findings = Statement(
        "payments.findings",
        """
        select 'bank_data/' || a.account as name,
            format('bank data of %s is complete up to %s only', a.account, coalesce(a.watermark::text, 'no day at all')) as text,
            coalesce(a.watermark, a.created_at) + $1::interval as since
        from bursar.receiving_account a
        where a.retired_at is null and (a.provider = 'bakong' or a.statement_required)
            and coalesce(a.watermark, a.created_at) < bursar.business_now() - $1::interval
            and exists (select from bursar.payment_attempt p where p.account_id = a.id)
        union all
        select 'suspense/' || coalesce(a.account, 'unknown account'),
            format('%s pieces of money lie in suspense of %s, the oldest since %s', count(*), coalesce(a.account, 'no account of ours'),
                min(s.opened_at)),
            min(s.opened_at) + $2::interval
        from bursar.suspense s left join bursar.receiving_account a on a.id = s.account_id
        where s.resolution is null and s.is_money and s.opened_at < bursar.business_now() - $2::interval
        group by a.account
        union all
        select format('drift/%s/%s/%s', a.account, t.day, t.currency),
            format('%s %s of %s on %s are nowhere', t.drift, t.currency, a.account, t.day), null
        from bursar.control_totals((bursar.business_now() at time zone 'UTC')::date - 7, (bursar.business_now() at time zone 'UTC')::date + 1) t
        join bursar.receiving_account a on a.id = t.account_id
        where t.drift <> 0
        """
    )

    package static let all = [findings]
}
