internal import Billing
internal import CivilTime
internal import Monetary
package import Postgres

/// What claimed messages speak of, read in the transaction of the claim: what is said is what was decided upon.
package struct DeliveryContent: Sendable {
    private var invoices: [Int64: NoticeFacts.Invoice]
    private let subscriptions: [Int64: NoticeFacts.Subscription]
    private let events: [Int64: Event]
    private let issuers: [Int64: NoticeFacts.Issuer]

    private struct Event: Sendable {
        let kind: String
        let at: Instant
        let amount: Money?
        let reference: String?
        let told: String
    }

    package static func read(_ messages: [ClaimedMessage], in transaction: Transaction) async throws -> DeliveryContent
    {
        let notices = messages.flatMap(\.notices)
        let answers = try await transaction.pipeline([
            DeliveryContentStatements.invoices.bind(notices.map(\.tenant), notices.map(\.invoice)),
            DeliveryContentStatements.subscriptions.bind(notices.map(\.tenant), notices.map(\.subscription)),
            DeliveryContentStatements.events.bind(notices.map(\.tenant), notices.map(\.event)),
            DeliveryContentStatements.issuers.bind(Array(Set(notices.map(\.issuer))).sorted()),
        ])
        var content = try DeliveryContent(answers)
        try await content.addQRs(messages, in: transaction)
        return content
    }

    /// Invoices of mails that are unpaid and have no QR yet get one, where the issuer has an account for it.
    private mutating func addQRs(_ messages: [ClaimedMessage], in transaction: Transaction) async throws {
        let notices = messages.filter { $0.channel == .email }.flatMap(\.notices)
        var wanted: [Int64: (tenant: Int64, issuer: Int64, invoice: NoticeFacts.Invoice)] = [:]
        for notice in notices {
            guard let invoice = notice.invoice.flatMap({ invoices[$0] }), invoice.qr == nil, invoice.open.minorUnits > 0
            else { continue }
            wanted[invoice.id] = (notice.tenant, notice.issuer, invoice)
        }
        guard !wanted.isEmpty else { return }
        let now = try await DeliveryFacts.now(in: transaction)
        let sorted = wanted.values.sorted { $0.invoice.id < $1.invoice.id }
        for (invoice, qr) in try await LetterQRs.present(sorted, now: now, in: transaction) {
            invoices[invoice]?.qr = qr
        }
    }

    private init(_ answers: [Rows]) throws {
        invoices = try Dictionary(answers[0].map { try Self.invoice($0) }) { first, _ in first }
        subscriptions = try Dictionary(
            answers[1].map { row in
                (
                    try row.get("id", as: Int64.self),
                    NoticeFacts.Subscription(reference: try row.get("reference"), plan: try row.get("plan"))
                )
            }
        ) { first, _ in first }
        events = try Dictionary(answers[2].map { try Self.event($0) }) { first, _ in first }
        issuers = try Dictionary(
            answers[3].map { row in
                (
                    try row.get("id", as: Int64.self),
                    NoticeFacts.Issuer(
                        name: try row.get("name"),
                        legalName: try row.get("legal_name"),
                        taxID: try row.get("tax_id")
                    )
                )
            }
        ) { first, _ in first }
    }

    /// The facts of one message, for its template.
    package func facts(of message: ClaimedMessage, unsubscribe: String?) -> NoticeFacts {
        let first = message.first
        var facts = NoticeFacts(
            issuer: issuers[first.issuer] ?? NoticeFacts.Issuer(name: "Bursar", legalName: "Bursar"),
            payer: first.payer,
            tenant: first.tenantName,
            invoices: message.notices.compactMap { $0.invoice.flatMap { invoices[$0] } }
                .sorted { ($0.dueDate, $0.id) < ($1.dueDate, $1.id) },
            today: first.today
        )
        facts.subscription = message.notices.lazy.compactMap(\.subscription).first.flatMap { subscriptions[$0] }
        facts.suspendedFrom = facts.invoices.map(\.graceEnd).min()?.adding(days: 1)
        facts.unsubscribe = unsubscribe
        if let event = first.event.flatMap({ events[$0] }) {
            facts.event = event.told
            facts.payment = event.amount.map { amount in
                let zone = (try? Zone(named: first.zoneName)) ?? .utc
                return NoticeFacts.Payment(
                    amount: amount,
                    received: zone.localDate(at: event.at),
                    reference: event.reference
                )
            }
        }
        return facts
    }

    private static func invoice(_ row: Row) throws -> (Int64, NoticeFacts.Invoice) {
        let currency = try Currency(known: row.get("currency"))
        let id = try row.get("id", as: Int64.self)
        let invoice = NoticeFacts.Invoice(
            id: id,
            number: try row.get("number"),
            total: Money(minorUnits: try row.get("total"), currency: currency),
            open: Money(minorUnits: try row.get("open_amount"), currency: currency),
            issueDate: try row.get("issue_date"),
            dueDate: try row.get("due_date"),
            graceEnd: try row.get("grace_end"),
            qr: try row.get("qr")
        )
        return (id, invoice)
    }

    private static func event(_ row: Row) throws -> (Int64, Event) {
        let currency = try row.get("currency", as: String?.self).flatMap { Currency(code: $0) }
        let amount = try row.get("amount", as: Int64?.self)
        let event = Event(
            kind: try row.get("kind"),
            at: try row.get("at"),
            amount: currency.flatMap { currency in amount.map { Money(minorUnits: $0, currency: currency) } },
            reference: try row.get("reference"),
            told: try row.get("told")
        )
        return (try row.get("id", as: Int64.self), event)
    }
}

/// The statements of what messages speak of.
package enum DeliveryContentStatements {
    /// Invoices with what is open, and the QR that was last shown for them and is still good for a day.
    static let invoices = Statement(
        "notices.invoices",
        """
        select i.id, i.number, i.currency, i.total, r.open_amount, i.issue_date, i.due_date, i.grace_end,
            (
                select a.qr
                from bursar.payment_intent p
                join bursar.payment_attempt a on a.tenant_id = p.tenant_id and a.intent_id = p.id
                where p.tenant_id = i.tenant_id and p.invoice_id = i.id and a.state in ('created', 'presented')
                    and a.qr is not null and a.amount = r.open_amount and a.expires_at > bursar.business_now() + interval '1 day'
                order by a.id desc
                limit 1
            ) as qr
        from (select distinct * from unnest($1::bigint[], $2::bigint[]) as c (tenant_id, id)) as c
        join bursar.invoice i on i.tenant_id = c.tenant_id and i.id = c.id
        join bursar.receivable r on r.tenant_id = i.tenant_id and r.invoice_id = i.id
        """
    )

    static let subscriptions = Statement(
        "notices.subscriptions",
        """
        select s.id, coalesce(s.external_ref, s.id::text) as reference, p.name as plan
        from (select distinct * from unnest($1::bigint[], $2::bigint[]) as c (tenant_id, id)) as c
        join bursar.subscription s on s.tenant_id = c.tenant_id and s.id = c.id
        join bursar.plan_version v on v.id = s.plan_version_id
        join bursar.plan p on p.id = v.plan_id
        """
    )

    static let events = Statement(
        "notices.events",
        """
        select e.id, e.kind, e.at, e.content ->> 'currency' as currency, (e.content ->> 'amount')::bigint as amount,
            e.content ->> 'reference' as reference, coalesce(e.content ->> 'told', e.kind || ': ' || e.subject_kind || ' ' || e.subject_id) as told
        from unnest($1::bigint[], $2::bigint[]) as c (tenant_id, id)
        join bursar.event e on e.tenant_id = c.tenant_id and e.id = c.id
        """
    )

    static let issuers = Statement(
        "notices.issuers",
        "select id, name, legal_name, tax_id from bursar.issuer where id = any ($1::bigint[])"
    )

    package static let all = [invoices, subscriptions, events, issuers]
}
