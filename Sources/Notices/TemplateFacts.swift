internal import CivilTime
internal import KHQR
internal import Monetary
internal import Mustache

/// What stands behind the names of `TemplateVariable`, written for one locale.
struct TemplateFacts {
    let root: TemplateGroup

    /// - Throws: `missingFacts` where the facts lack what the category always speaks of.
    init(_ facts: NoticeFacts, category: NoticeCatalogue.Category, format: NoticeFormat) throws(TemplateError) {
        let writer = TemplateFactWriter(facts: facts, format: format)
        try Self.require(category.requiredSubjects, of: facts, for: category.name)
        var root = writer.everywhere
        if category.speaksOf.contains(.invoices) { writer.addInvoices(to: &root) }
        if category.speaksOf.contains(.payment), let payment = facts.payment {
            root["payment"] = .group(writer.group(of: payment))
        }
        if category.speaksOf.contains(.subscription), let subscription = facts.subscription {
            let group = TemplateGroup(["reference": .text(subscription.reference), "plan": .text(subscription.plan)])
            root["subscription"] = .group(group)
        }
        if !category.speaksOf.isDisjoint(with: [.invoices, .subscription]), let day = facts.suspendedFrom {
            root["suspended_from"] = .text(format.date(day))
        }
        if category.speaksOf.contains(.event), let event = facts.event { root["event"] = .text(event) }
        self.root = root
    }

    private static func require(
        _ subjects: Set<NoticeCatalogue.Category.Subject>,
        of facts: NoticeFacts,
        for category: String
    ) throws(TemplateError) {
        let missing = subjects.filter { subject in
            switch subject {
            case .invoices: facts.invoices.isEmpty
            case .payment: facts.payment == nil
            case .subscription: facts.subscription == nil
            case .event: facts.event == nil
            }
        }
        guard let subject = missing.min(by: { $0.rawValue < $1.rawValue }) else { return }
        throw TemplateError(
            .missingFacts,
            "a notice of \(category) speaks of \(subject.rawValue), and the facts have none"
        )
    }
}

/// Names and what stands behind them.
struct TemplateGroup: Sendable, MustacheParent {
    private var values: [String: TemplateValue]

    init(_ values: [String: TemplateValue]) {
        self.values = values.mapValues(\.cleaned)
    }

    subscript(name: String) -> TemplateValue? {
        get { values[name] }
        set { values[name] = newValue?.cleaned }
    }

    /// What swift-mustache asks for.
    func child(named name: String) -> Any? {
        switch values[name] {
        case .text(let text): text
        case .raw(let text): text
        case .flag(let flag): flag
        case .group(let group): group
        case .list(let list): list
        case .nothing: TemplateNothing()
        case nil: nil
        }
    }
}

indirect enum TemplateValue: Sendable {
    /// One line, whatever it was before.
    case text(String)
    /// What templates made themselves.
    case raw(String)
    case flag(Bool)
    case group(TemplateGroup)
    case list([TemplateGroup])
    /// A name that is known here and has no value. Mustache would else look for it in the sections around this one, and
    /// write how late another invoice is.
    case nothing

    fileprivate var cleaned: TemplateValue {
        guard case .text(let text) = self else { return self }
        return .text(TemplateText.oneLine(text))
    }
}

/// What Mustache takes for no value, and looks no further.
private struct TemplateNothing: MustacheCustomRenderable {
    var renderText: String { "" }
    var isNull: Bool { true }
}

/// Texts of others, before they stand in a message.
enum TemplateText {
    /// The text without line breaks, control characters and marks that turn the direction of what follows: they become
    /// spaces.
    ///
    /// A name can so neither begin a new header or line, nor rewrite an amount that stands after it.
    static func oneLine(_ text: String) -> String {
        guard text.utf8.contains(where: { $0 < 0x20 || $0 == 0x7F || $0 == 0xC2 || $0 == 0xE2 }) else { return text }
        var scalars = String.UnicodeScalarView()
        for scalar in text.unicodeScalars { scalars.append(isUnfit(scalar) ? " " : scalar) }
        return String(scalars)
    }

    static func isUnfit(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0x00...0x1F, 0x7F...0x9F, 0x2028...0x202E, 0x2066...0x2069: true
        default: false
        }
    }
}

/// Writes facts for one locale.
private struct TemplateFactWriter {
    let facts: NoticeFacts
    let format: NoticeFormat

    var everywhere: TemplateGroup {
        var issuer = TemplateGroup(["name": .text(facts.issuer.name), "legal_name": .text(facts.issuer.legalName)])
        if let taxID = facts.issuer.taxID { issuer["tax_id"] = .text(taxID) }
        var root = TemplateGroup([
            "issuer": .group(issuer), "payer": .text(facts.payer), "tenant": .text(facts.tenant),
            "today": .text(format.date(facts.today)),
        ])
        if let unsubscribe = facts.unsubscribe { root["unsubscribe"] = .text(unsubscribe) }
        return root
    }

    func addInvoices(to root: inout TemplateGroup) {
        let invoices = facts.invoices.map { group(of: $0) }
        root["several"] = .flag(invoices.count > 1)
        guard let first = invoices.first else { return }
        root["invoice"] = .group(first)
        root["invoices"] = .list(invoices)
        root["invoice_count"] = .text(format.invoices(invoices.count))
        let open = facts.invoices.map(\.open)
        // Sums beyond 64 bits are said one by one.
        let amounts = (try? MoneyTotals(open))?.amounts ?? open
        root["total_open"] = .text(format.together(amounts.isEmpty ? [open[0]] : amounts))
    }

    private func group(of invoice: NoticeFacts.Invoice) -> TemplateGroup {
        var group = TemplateGroup([
            "number": .text(invoice.number), "total": .text(format.money(invoice.total)),
            "open": .text(format.money(invoice.open)), "issue_date": .text(format.date(invoice.issueDate)),
            "due_date": .text(format.date(invoice.dueDate)), "grace_end": .text(format.date(invoice.graceEnd)),
        ])
        group["paid"] = .flag(invoice.open.minorUnits <= 0)
        for name in TemplateVariable.optionalOfInvoice { group[name] = .nothing }
        let late = invoice.dueDate.days(to: facts.today)
        if late > 0 { group["days_overdue"] = .text(format.days(late)) }
        if late < 0 { group["days_until_due"] = .text(format.days(-late)) }
        guard let qr = invoice.qr else { return group }
        group["picture"] = .text(TemplatePicture.contentID(of: invoice))
        guard let code = try? DecodedKHQR(qr) else { return group }
        if let account = code.account { group["account"] = .text(account) }
        if let name = code.merchantName { group["account_name"] = .text(name) }
        return group
    }

    func group(of payment: NoticeFacts.Payment) -> TemplateGroup {
        var group = TemplateGroup([
            "amount": .text(format.money(payment.amount)), "received": .text(format.date(payment.received)),
        ])
        if let reference = payment.reference { group["reference"] = .text(reference) }
        return group
    }
}

extension DecodedKHQR {
    /// The Bakong account that is paid.
    fileprivate var account: String? {
        for object in objects where object.tag == "29" || object.tag == "30" {
            if case .template(let fields) = object.value { return fields.first { $0.tag == "00" }?.text }
        }
        return nil
    }

    fileprivate var merchantName: String? {
        for object in objects where object.tag == "59" {
            if case .text(let name) = object.value { return name }
        }
        return nil
    }
}
