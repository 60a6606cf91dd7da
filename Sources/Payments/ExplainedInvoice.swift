internal import JobKit
package import Postgres

/// Everything that decides whether an invoice is paid: what took off it, who was asked to pay, what was found, and what comes
/// next.
///
/// Amounts are minor units of its currency, instants business time as the database writes them.
package struct ExplainedInvoice: Codable, Sendable {
    package let id: Int64
    package let number: String
    package let tenant: String
    package let subscription: Int64
    package let subscriptionState: String
    package let currency: String
    package let total: Int64
    package let openAmount: Int64
    package let tolerance: Int64
    package let dueDate: String
    package let graceEnd: String
    package let today: String
    package let isOverdue: Bool
    /// Of the payment as a whole; nil where nobody was asked to pay yet.
    package let payment: String?
    package let allocations: [Allocation]
    package let attempts: [Attempt]
    package let writeOff: WriteOff?
    /// What the tenant has to its credit in this currency.
    package let credit: Int64
    /// Money in suspense that may be meant for it.
    package let suspense: [Suspense]

    /// What took off it, or was put back.
    package struct Allocation: Codable, Sendable {
        package let at: String
        package let kind: String
        package let amount: Int64
        package let actor: String
        package let source: String?
    }

    package struct Attempt: Codable, Sendable {
        package let id: Int64
        package let account: String
        package let amount: Int64
        package let state: String
        package let presentedAt: String?
        package let expiresAt: String?
        /// When it is asked about next; nil: never again.
        package let nextLookup: String?
        package let lastFinding: String?
        package let watermark: String?
    }

    package struct WriteOff: Codable, Sendable {
        package let id: Int64
        package let requestedBy: String
        package let reason: String
    }

    package struct Suspense: Codable, Sendable {
        package let id: Int64
        package let reason: String
        package let amount: Int64
        package let occurredAt: String
    }

    /// How a transaction that explains begins.
    package static let transaction = TransactionOptions(role: "bursar_ops", isolation: .repeatableRead, readOnly: true)

    /// Reads all of it; the name is the invoice's number or id.
    ///
    /// - Throws: `PostgresError` with SQLSTATE BU004 and a hint where there is none.
    package static func read(_ name: String, in transaction: Transaction) async throws -> ExplainedInvoice {
        guard let row = try await transaction.query(ExplainedInvoiceStatements.read, name).first else {
            throw PostgresError(
                .decoding,
                "the invoice cannot be read",
                statement: ExplainedInvoiceStatements.read.name
            )
        }
        return try JSONText(try row.get("answer", as: String.self)).decoded()
    }

    /// Why it is not paid yet, and what would change that, most certain first.
    package var nextSteps: [String] {
        if openAmount == 0 { return ["nothing: it is settled"] }
        var steps: [String] = []
        if openAmount <= tolerance { steps.append("what is open is rounding dust, and nobody is reminded of it") }
        if let writeOff {
            steps.append("write-off \(writeOff.id) waits for approval by somebody else than \(writeOff.requestedBy)")
        }
        for attempt in attempts where attempt.nextLookup != nil && attempt.state != "confirmed" {
            let last = attempt.lastFinding.map { "; the last answer was \($0)" } ?? ""
            steps.append("attempt \(attempt.id) is asked about at \(attempt.nextLookup ?? "")\(last)")
        }
        if credit > 0 { steps.append("the tenant has credit: the next reconciliation uses it") }
        for money in suspense {
            steps.append(
                "suspense \(money.id) (\(money.reason)) may be meant for it: bursar recon assign \(money.id)"
            )
        }
        if attempts.allSatisfy({ $0.nextLookup == nil }) {
            steps.append("no QR of it is asked about: bursar payments present \(number)")
        }
        return steps
    }
}

/// The statements by which invoices are explained.
package enum ExplainedInvoiceStatements {
    static let read = Statement(
        "payments.explain_invoice",
        """
        select jsonb_build_object('id', v.id, 'number', v.number, 'tenant', t.name, 'subscription', s.id, 'subscriptionState', s.state,
            'currency', r.currency, 'total', r.total, 'openAmount', r.open_amount, 'tolerance', r.tolerance, 'dueDate', r.due_date,
            'graceEnd', r.grace_end, 'today', local.today,
            'isOverdue', r.state = 'open' and r.open_amount > r.tolerance and r.due_date < local.today,
            'payment', i.state, 'credit', bursar.credit_of(v.tenant_id, r.currency),
            'allocations', (
                select coalesce(jsonb_agg(jsonb_build_object('at', a.at, 'kind', a.kind, 'amount', a.amount, 'actor', a.actor,
                    'source', o.source) order by a.id), '[]')
                from bursar.allocation a
                left join bursar.payment_match m on m.tenant_id = a.tenant_id and m.id = a.match_id
                left join bursar.observation o on o.issuer_id = m.issuer_id and o.id = m.observation_id
                where a.tenant_id = v.tenant_id and a.invoice_id = v.id
            ),
            'attempts', (
                select coalesce(jsonb_agg(jsonb_build_object('id', a.id, 'account', c.account, 'amount', a.amount, 'state', a.state,
                    'presentedAt', a.presented_at, 'expiresAt', a.expires_at, 'nextLookup', l.due_at, 'lastFinding', l.last_finding,
                    'watermark', c.watermark) order by a.id), '[]')
                from bursar.payment_attempt a
                join bursar.receiving_account c on c.id = a.account_id
                left join bursar.payment_lookup l on l.tenant_id = a.tenant_id and l.attempt_id = a.id and l.purpose = 'payment'
                where a.tenant_id = v.tenant_id and a.intent_id = i.id
            ),
            'writeOff', (
                select jsonb_build_object('id', w.id, 'requestedBy', w.requested_by, 'reason', w.reason)
                from bursar.write_off w where w.tenant_id = v.tenant_id and w.invoice_id = v.id and w.approved_at is null
            ),
            'suspense', (
                select coalesce(jsonb_agg(jsonb_build_object('id', p.id, 'reason', p.reason, 'amount', p.amount,
                    'occurredAt', p.occurred_at) order by p.id), '[]')
                from bursar.suspense p
                where p.resolution is null and p.is_money and p.issuer_id = v.issuer_id and p.currency = r.currency
                    and (p.suggestions @> jsonb_build_array(jsonb_build_object('invoice', v.id))
                        or p.attempt_id in (select a.id from bursar.payment_attempt a where a.tenant_id = v.tenant_id and a.intent_id = i.id))
            )
        )::text as answer
        from bursar.invoice v
        join bursar.receivable r on r.tenant_id = v.tenant_id and r.invoice_id = v.id
        join bursar.tenant t on t.id = v.tenant_id
        join bursar.subscription s on s.tenant_id = v.tenant_id and s.id = v.subscription_id
        join bursar.issuer iss on iss.id = v.issuer_id
        cross join lateral (select (bursar.business_now() at time zone iss.time_zone)::date as today) as local
        left join bursar.payment_intent i on i.tenant_id = v.tenant_id and i.invoice_id = v.id
        where v.id = bursar.invoice_named($1::text)
        """
    )

    package static let all = [read]
}
