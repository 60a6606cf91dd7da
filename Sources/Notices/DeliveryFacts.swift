package import CivilTime
package import Postgres

/// Everything that decides about one notice whose time has come, read after its rows were locked.
package struct DeliveryFacts: Sendable {
    package let tenant: Int64
    package let id: Int64
    package let issuer: Int64
    package let isDunning: Bool
    package let category: String
    package let `class`: NoticeClass
    package let guarantee: DeliveryGuarantee
    package let channel: NoticeChannel
    package let template: String
    package let invoice: Int64?
    package let subscription: Int64?
    package let event: Int64?
    package let step: String?
    package let policyVersion: String?
    package let isAfterDue: Bool
    package let validUntil: Instant
    package let state: String

    /// The payer's.
    package let zoneName: String
    package let locale: String
    package let payer: String
    /// The tenant's name and the web application's name for it.
    package let tenantName: String
    package let tenantRef: String?

    package let addressID: Int64?
    package let recipient: String?
    package let addressHash: [UInt8]?
    package let wasErased: Bool
    /// Why nothing is sent to this address any more.
    package let suppression: String?
    package let hasConsent: Bool

    /// Of the invoice; minor units.
    package let openAmount: Int64?
    package let tolerance: Int64
    /// A later step of the invoice that was planned since.
    package let laterStep: String?
    /// What was stopped, and by whom.
    package let stop: String?
    /// The channel refuses us, and is left alone until then.
    package let restUntil: Instant?
    package let isParked: Bool
    package let holdSource: String?
    /// The first instant at which the hold is over.
    package let holdUntil: Instant?
    package let hasCredit: Bool
    /// How many accounts of the issuer are asked about, and up to when all of them are complete.
    package let accounts: Int
    package let watermark: Instant?
    package let subscriptionState: String?
    /// The classes of messages that the payer got on this channel today, of his day.
    package let sentToday: Set<String>
    /// The payer's day.
    package let today: CivilDate
    /// The Message-ID of the message that is to be tried again with it.
    package let messageName: String?

    /// What makes the notice one, in the journal's words: it outlives a restore of the database.
    package var journalKey: String {
        "\(tenant)/\(isDunning ? "invoice \(invoice ?? 0)/\(step ?? "")" : "event \(event ?? 0)/\(category)")/\(channel.rawValue)"
    }

    /// The facts of these notices, in the order of tenant and notice, with business time.
    ///
    /// Their rows, and those of the invoices that they speak of, stay locked to the end of the transaction; an
    /// invoice that somebody else is paying just now is left out, and so is its notice.
    package static func read(
        tenants: [Int64],
        notices: [Int64],
        in transaction: Transaction
    ) async throws -> (facts: [DeliveryFacts], now: Instant) {
        let answers = try await transaction.pipeline([
            DeliveryStatements.lockNotices.bind(tenants, notices),
            DeliveryStatements.lockReceivables.bind(tenants, notices),
            DeliveryStatements.facts.bind(tenants, notices),
        ])
        guard let rows = answers.last else { return ([], .epoch) }
        let locked = Set(try answers[1].map { try $0.integer(0) })
        let facts = try rows.map(DeliveryFacts.init).filter { $0.invoice.map(locked.contains) ?? true || !$0.isDunning }
        let now = try rows.first?.get("now", as: Instant.self) ?? .epoch
        return (facts, now)
    }

    /// Business time.
    package static func now(in transaction: Transaction) async throws -> Instant {
        try await transaction.query(DeliveryStatements.now).first?.get("now") ?? .epoch
    }

    /// The same without locks, for explaining.
    package static func look(
        tenant: Int64,
        notice: Int64,
        in transaction: Transaction
    ) async throws
        -> (facts: DeliveryFacts, now: Instant)?
    {
        guard let row = try await transaction.query(DeliveryStatements.facts, [tenant], [notice]).first else {
            return nil
        }
        return (try DeliveryFacts(row), try row.get("now"))
    }

    private init(_ row: Row) throws {
        tenant = try row.get("tenant_id")
        id = try row.get("id")
        issuer = try row.get("issuer_id")
        isDunning = try row.get("kind", as: String.self) == "dunning"
        category = try row.get("category")
        `class` = NoticeClass(rawValue: try row.get("class")) ?? .mandatory
        guarantee = DeliveryGuarantee(rawValue: try row.get("guarantee")) ?? .atMostOnce
        channel = NoticeChannel(rawValue: try row.get("channel")) ?? .operator
        template = try row.get("template")
        invoice = try row.get("invoice_id")
        subscription = try row.get("subscription_id")
        event = try row.get("event_id")
        step = try row.get("step")
        policyVersion = try row.get("policy_version")
        isAfterDue = try row.get("after_due")
        validUntil = try row.get("valid_until")
        state = try row.get("state")
        zoneName = try row.get("zone")
        locale = try row.get("locale")
        payer = try row.get("payer")
        tenantName = try row.get("tenant_name")
        tenantRef = try row.get("tenant_ref")
        addressID = try row.get("address_id")
        recipient = try row.get("address")
        addressHash = try row.get("hash", as: [UInt8]?.self)
        wasErased = try row.get("was_erased")
        suppression = try row.get("suppression")
        hasConsent = try row.get("has_consent")
        openAmount = try row.get("open_amount")
        tolerance = try row.get("tolerance")
        laterStep = try row.get("later_step")
        stop = try row.get("stop")
        restUntil = try row.get("rest_until")
        isParked = try row.get("is_parked")
        holdSource = try row.get("hold_source")
        holdUntil = try row.get("hold_until")
        hasCredit = try row.get("has_credit")
        accounts = try row.get("accounts")
        watermark = try row.get("watermark")
        subscriptionState = try row.get("subscription_state")
        sentToday = Set(try row.get("sent_today", as: String.self).split(separator: ",").map(String.init))
        today = try row.get("today")
        messageName = try row.get("message_name")
    }
}
