internal import CivilTime
internal import JobKit
package import Postgres

/// Everything that decides about a notice: what it says to whom, each check with its value, the tries, and what comes next.
///
/// Instants are business time as the database writes them.
package struct ExplainedNotice: Codable, Sendable {
    package let id: Int64
    package let tenant: String
    package let category: String
    package let step: String?
    package let policy: String?
    package let channel: String
    package let ladder: [String]
    package let invoice: String?
    package let state: String
    package let reason: String?
    package let supersededBy: String?
    package let plannedFor: String
    package let notBefore: String
    package let validUntil: String
    package let guarantee: String
    /// The first that did not pass decides; empty once it was said.
    package var checks: [NoticeCheck] = []
    package let message: Message?
    package let attempts: [Attempt]
    /// The same thing on the other channels of the ladder.
    package let others: [Other]

    package struct Message: Codable, Sendable {
        package let id: Int64
        package let messageId: String
        package let state: String
        package let notBefore: String
        package let template: String?
        package let locale: String?
        /// What else it says.
        package let notices: Int
    }

    package struct Attempt: Codable, Sendable {
        package let attempt: Int
        package let startedAt: String
        package let transport: String
        package let outcome: String
        package let phase: String
        package let code: Int?
        package let reply: String?
    }

    package struct Other: Codable, Sendable {
        package let id: Int64
        package let channel: String
        package let state: String
        package let reason: String?
    }

    /// A look at the database that changes nothing.
    package static var transaction: TransactionOptions {
        var options = TransactionOptions()
        options.role = "bursar_ops"
        options.readOnly = true
        return options
    }

    /// Reads a notice, and looks at it as the next claim would.
    ///
    /// The rules are those by which a payer is written to, as this node's files have them.
    ///
    /// - Returns: nil where there is no such notice.
    /// - Throws: what the database says.
    package static func read(
        _ notice: Int64,
        rules: (DeliveryFacts) -> DeliveryRules,
        in transaction: Transaction
    ) async throws -> ExplainedNotice? {
        guard let row = try await transaction.query(ExplainedNoticeStatements.read, notice).first else { return nil }
        var told = try JSONText(try row.get("answer", as: String.self)).decoded(as: ExplainedNotice.self)
        if ["planned", "claimed"].contains(told.state),
            let (facts, now) = try await DeliveryFacts.look(
                tenant: try row.get("tenant_id"),
                notice: notice,
                in: transaction
            )
        {
            let zone = (try? Zone(named: facts.zoneName)) ?? .utc
            told.checks = facts.checks(rules(facts), zone, now: now).map(\.0)
        }
        return told
    }

    /// What comes next, and why not yet, in a sentence.
    package var nextStep: String {
        switch state {
        case "planned":
            guard let check = checks.first(where: { !$0.passed }) else {
                return "sent by the next delivery after \(notBefore)"
            }
            return "looked at again after \(notBefore); now it would not go: \(check.name), \(check.found)"
        case "claimed": return "sent again after \(message?.notBefore ?? notBefore)"
        case "accepted": return "nothing; a report of its delivery may come"
        case "unknown": return "a person looks whether it arrived; it is not sent again"
        case "hard_failed", "skipped":
            if let other = others.last { return "nothing here; on \(other.channel) it is \(other.state)" }
            return "nothing"
        default: return "nothing"
        }
    }
}

/// The statements that explain notices.
package enum ExplainedNoticeStatements {
    static let read = Statement(
        "notices.explain",
        """
        select n.tenant_id, jsonb_strip_nulls(jsonb_build_object(
            'id', n.id, 'tenant', coalesce(t.name, 'the house'), 'category', n.category, 'step', n.step, 'policy', n.policy_version,
            'channel', n.channel, 'ladder', to_jsonb(n.ladder), 'invoice', i.number, 'state', n.state, 'reason', n.reason,
            'superseded_by', n.superseded_by, 'planned_for', n.planned_for, 'not_before', n.not_before, 'valid_until', n.valid_until,
            'guarantee', n.guarantee, 'checks', '[]'::jsonb,
            'message', case when m.id is not null then jsonb_strip_nulls(jsonb_build_object(
                'id', m.id, 'message_id', m.message_id, 'state', m.state, 'not_before', m.not_before, 'template', m.template,
                'locale', m.locale, 'notices', (select count(*) from bursar.notice o where o.tenant_id = m.tenant_id and o.message_id = m.id)
            )) end,
            'attempts', coalesce((
                select jsonb_agg(jsonb_strip_nulls(jsonb_build_object('attempt', a.attempt, 'started_at', a.started_at,
                    'transport', a.transport, 'outcome', a.outcome, 'phase', a.phase, 'code', a.code, 'reply', a.reply)) order by a.attempt)
                from bursar.message_attempt a where a.tenant_id = m.tenant_id and a.message_id = m.id
            ), '[]'),
            'others', coalesce((
                select jsonb_agg(jsonb_strip_nulls(jsonb_build_object('id', o.id, 'channel', o.channel, 'state', o.state, 'reason', o.reason))
                    order by o.id)
                from bursar.notice o
                where o.tenant_id = n.tenant_id and o.id <> n.id and o.kind = n.kind
                    and case n.kind when 'dunning' then o.invoice_id = n.invoice_id and o.step = n.step
                        else o.event_id = n.event_id and o.category = n.category end
            ), '[]')
        ))::text as answer
        from bursar.notice n
        left join bursar.tenant t on t.id = n.tenant_id
        left join bursar.invoice i on i.tenant_id = n.tenant_id and i.id = n.invoice_id
        left join bursar.message m on m.tenant_id = n.tenant_id and m.id = n.message_id
        where n.id = $1
        """
    )

    package static let all = [read]
}
