/// What is said, and which event makes it said.
///
/// Every kind of event stands here: with a category, or with why nobody is told.
package enum NoticeCatalogue {
    /// A kind of thing to say; its name is that of its templates.
    package struct Category: Hashable, Sendable {
        package let name: String
        package let `class`: NoticeClass
        package let guarantee: DeliveryGuarantee
        /// The channels in order: where one fails the next is tried.
        package let ladder: [NoticeChannel]
        /// What the templates of the category may speak of beside issuer, payer and tenant.
        package let speaksOf: Set<Subject>
        /// How long it is worth saying, where no policy says so.
        package let validFor: Duration

        package enum Subject: String, CaseIterable, Sendable {
            case invoices, payment, subscription, event
        }
    }

    /// What becomes of a kind of event.
    package enum Telling: Hashable, Sendable {
        case category(String)
        /// Nobody is told; the text says why.
        case silent(String)
    }

    package static let categories: [Category] = dunning + events

    package static func category(named name: String) -> Category? { byName[name] }

    /// The category whose facts a template may speak of: its name is the category's, or that with more behind it, as
    /// `overdue_again`.
    package static func category(ofTemplate name: String) -> Category? {
        if let category = byName[name] { return category }
        return categories.filter { name.hasPrefix($0.name + "_") }.max { $0.name.count < $1.name.count }
    }

    private static let byName = Dictionary(uniqueKeysWithValues: categories.map { ($0.name, $0) })

    /// What the steps of a dunning policy may say.
    package static let dunning = [
        Category("courtesy", .optional, .atLeastOnce, [.invoices], days: 3),
        Category("due_soon", .optional, .atLeastOnce, [.invoices], days: 1),
        Category("overdue", .mandatory, .atLeastOnce, [.invoices], days: 3),
        Category("final", .mandatory, .atMostOnce, [.invoices, .subscription], days: 5),
        Category("expiry_warning", .mandatory, .atLeastOnce, [.invoices, .subscription], days: 7),
    ]

    private static let events = [
        Category("invoice_issued", .transaction, .atLeastOnce, [.invoices], days: 7),
        Category("payment_received", .transaction, .atLeastOnce, [.invoices, .payment], days: 7),
        Category("payment_mismatched", .transaction, .atLeastOnce, [.invoices, .payment], days: 7),
        Category("payment_returned", .transaction, .atLeastOnce, [.invoices, .payment], days: 7),
        Category("subscription_suspended", .transaction, .atLeastOnce, [.invoices, .subscription], days: 7),
        Category("subscription_reactivated", .transaction, .atLeastOnce, [.subscription], days: 7),
        Category("subscription_ended", .transaction, .atLeastOnce, [.subscription], days: 14),
        Category("operations", .operator, .atLeastOnce, [.event], [.operator], days: 7),
    ]

    /// What each kind of event leads to; those of runs and schedules are the engine's, and alarms tell of them.
    package static let tellings: [String: Telling] = {
        var tellings: [String: Telling] = [
            "invoice.issued": .category("invoice_issued"),
            "payment.received": .category("payment_received"),
            "payment.mismatched": .category("payment_mismatched"),
            "payment.reversed": .category("payment_returned"),
            "payment.refunded": .category("payment_returned"),
            "subscription.suspended": .category("subscription_suspended"),
            "subscription.reactivated": .category("subscription_reactivated"),
            "subscription.canceled": .category("subscription_ended"),
            "subscription.expired": .category("subscription_ended"),
            "drill.failed": .category("operations"),
            "backup.failed": .category("operations"),
        ]
        for (why, kinds) in silent {
            for kind in kinds { tellings[kind] = .silent(why) }
        }
        return tellings
    }()

    private static let silent = [
        (
            "our own act, of which the house knows",
            [
                "issuer.created", "policy.created", "plan_version.created", "tenant.created", "tenant.changed",
                "rate.set", "receiving_account.put", "demo.loaded", "statement.imported",
                "bakong.token_stored", "notices.stopped", "notices.resumed", "provider.set", "provider.closed",
                "schedule.paused", "schedule.resumed", "webhooks.replayed", "drill.passed", "delivery_report.reread",
            ]
        ),
        (
            "what the payer's own side asked for",
            [
                "subscription.created", "subscription.changed", "subscription.cancellation_set",
                "subscription.kept", "subscription.paused", "subscription.resumed", "subscription.held",
                "subscription.released", "contact.put", "contact.removed", "contact.erased", "payer.changed",
                "consent.granted",
                "consent.withdrawn",
                "endpoint.put", "endpoint.enabled", "endpoint.secret_rotated",
            ]
        ),
        (
            "time brings it about, and the invoice tells of it",
            [
                "subscription.started", "subscription.trial_ended", "subscription.overdue",
                "subscription.paid",
            ]
        ),
        (
            "for a person of the house, whom an alarm tells",
            [
                "subscription.parked", "subscription.unparked", "subscription.notice_waived",
                "unpark.proposed", "unpark.approved", "suspense.assigned", "suspense.refunded",
                "suspense.written_off", "suspense.went_back", "write_off.requested", "suppression.placed",
                "suppression.released", "endpoint.disabled", "legal_hold.placed", "legal_hold.released",
                "backup.forgotten", "backup.accepted",
            ]
        ),
        (
            "another event of the same act tells the payer",
            [
                "payment.recorded", "payment.presented", "payment.released", "credit.applied",
                "invoice.written_off",
            ]
        ),
    ]
}

extension NoticeCatalogue.Category {
    fileprivate init(
        _ name: String,
        _ class: NoticeClass,
        _ guarantee: DeliveryGuarantee,
        _ speaksOf: Set<Subject>,
        _ ladder: [NoticeChannel] = [.email, .telegram, .sms, .operator],
        days: Int
    ) {
        self.name = name
        self.class = `class`
        self.guarantee = guarantee
        self.ladder = ladder
        self.speaksOf = speaksOf
        validFor = .seconds(days * 86_400)
    }
}
