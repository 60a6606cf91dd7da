/// A name that templates may use, and what stands behind it.
package struct TemplateVariable: Hashable, Sendable {
    package indirect enum Kind: Hashable, Sendable {
        /// Written as it stands, escaped in HTML parts.
        case text
        /// Asked with a section, and never written.
        case flag
        /// Several texts under one name: `invoice.number`.
        case group([TemplateVariable])
        /// A section that is repeated for each of its items.
        case list([TemplateVariable])
        /// What a layout puts around; written with three braces.
        case content
    }

    package let name: String
    package let kind: Kind
    /// It may be missing: templates use it only inside of its own section.
    package let isOptional: Bool
    /// For whoever writes templates.
    package let meaning: String

    init(_ name: String, isOptional: Bool = false, _ meaning: String) {
        self.init(name, .text, isOptional: isOptional, meaning)
    }

    init(_ name: String, _ kind: Kind, isOptional: Bool = false, _ meaning: String) {
        self.name = name
        self.kind = kind
        self.isOptional = isOptional
        self.meaning = meaning
    }

    /// What stands below the name.
    package var members: [TemplateVariable] {
        switch kind {
        case .group(let members), .list(let members): members
        case .text, .flag, .content: []
        }
    }
}

extension TemplateVariable {
    /// What the templates of a category may speak of.
    package static func all(of category: NoticeCatalogue.Category) -> [TemplateVariable] {
        let required = category.requiredSubjects
        var variables = everywhere
        if category.speaksOf.contains(.invoices) {
            let isOptional = !required.contains(.invoices)
            variables += [
                TemplateVariable("invoice", .group(ofInvoice), isOptional: isOptional, "the invoice due first"),
                TemplateVariable(
                    "invoices",
                    .list(ofInvoice),
                    isOptional: isOptional,
                    "every invoice, that due first at the head"
                ),
                TemplateVariable("several", .flag, "whether there are two invoices or more"),
                TemplateVariable("invoice_count", isOptional: isOptional, "how many there are: `3 invoices`"),
                TemplateVariable(
                    "total_open",
                    isOptional: isOptional,
                    "what is open of all of them: `KHR 12,000 and $3.00`"
                ),
            ]
        }
        if category.speaksOf.contains(.payment) {
            variables.append(
                TemplateVariable("payment", .group(ofPayment), "the money that came, went back or did not fit")
            )
        }
        if category.speaksOf.contains(.subscription) {
            let isOptional = !required.contains(.subscription)
            variables.append(
                TemplateVariable(
                    "subscription",
                    .group(ofSubscription),
                    isOptional: isOptional,
                    "what was subscribed to"
                )
            )
        }
        if !category.speaksOf.isDisjoint(with: [.invoices, .subscription]) {
            variables.append(
                TemplateVariable(
                    "suspended_from",
                    isOptional: true,
                    "the first day without access where nothing is paid"
                )
            )
        }
        if category.speaksOf.contains(.event) {
            variables.append(TemplateVariable("event", "what happened, in one sentence"))
        }
        return variables
    }

    /// What a layout may speak of.
    package static let ofLayout =
        [TemplateVariable("content", .content, "the message itself; write it `{{{content}}}`, once")] + everywhere

    private static let everywhere = [
        TemplateVariable(
            "issuer",
            .group([
                TemplateVariable("name", "the name of the house"),
                TemplateVariable("legal_name", "its name in law"),
                TemplateVariable("tax_id", isOptional: true, "its tax identity"),
            ]),
            "who sends"
        ),
        TemplateVariable("payer", "the name of who is written to"),
        TemplateVariable("tenant", "the name of the customer"),
        TemplateVariable("today", "today's date where the payer is"),
        TemplateVariable("unsubscribe", isOptional: true, "where one click ends messages that can be declined"),
    ]

    private static let ofInvoice = [
        TemplateVariable("number", "its number"),
        TemplateVariable("total", "what it asks for"),
        TemplateVariable("open", "what is still open"),
        TemplateVariable("paid", .flag, "whether nothing is open any more"),
        TemplateVariable("issue_date", "when it was issued"),
        TemplateVariable("due_date", "when it is due"),
        TemplateVariable("grace_end", "the last day of its payment grace"),
        TemplateVariable("days_overdue", isOptional: true, "how late it is: `3 days`; missing where it is not"),
        TemplateVariable("days_until_due", isOptional: true, "how long until then: `3 days`; missing from that day on"),
        TemplateVariable("account", isOptional: true, "the Bakong account to pay to"),
        TemplateVariable("account_name", isOptional: true, "whose account that is"),
        TemplateVariable(
            "picture",
            isOptional: true,
            "the content id of its KHQR, in HTML parts: `<img src=\"cid:{{picture}}\">`"
        ),
    ]

    static let optionalOfInvoice = ofInvoice.filter(\.isOptional).map(\.name)

    private static let ofPayment = [
        TemplateVariable("amount", "how much"),
        TemplateVariable("received", "on which day"),
        TemplateVariable("reference", isOptional: true, "what the bank calls it"),
    ]

    private static let ofSubscription = [
        TemplateVariable("reference", "its reference"),
        TemplateVariable("plan", "the name of its plan"),
    ]
}

extension NoticeCatalogue.Category {
    /// What a message of the category always speaks of; the rest of `speaksOf` may be missing.
    package var requiredSubjects: Set<Subject> {
        for subject in [Subject.event, .payment] where speaksOf.contains(subject) { return [subject] }
        let isOfSubscription = `class` == .transaction && speaksOf.contains(.subscription)
        return isOfSubscription ? [.subscription] : [.invoices]
    }
}
