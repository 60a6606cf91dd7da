internal import CivilTime
internal import Monetary
internal import Schedules

/// Facts that no payer has, for trying templates and showing them.
package enum TemplateSample: String, CaseIterable, Sendable {
    /// One invoice, and everything that may be there.
    case whole
    /// Several invoices in two currencies: what a digest says.
    case several
    /// Nothing that may be missing.
    case lean

    /// The facts of a category in this shape; names are in the language of the locale.
    package func facts(of category: NoticeCatalogue.Category, locale: String) -> NoticeFacts {
        let isKhmer = NoticeFormat(locale: locale).language == .khmer
        var facts = NoticeFacts(
            issuer: NoticeFacts.Issuer(
                name: isKhmer ? "សួនឈូក" : "Lotus Garden",
                legalName: isKhmer ? "ក្រុមហ៊ុន សួនឈូក ឯ.ក" : "Lotus Garden Co., Ltd.",
                taxID: self == .lean ? nil : "K001-901234567"
            ),
            payer: isKhmer ? "សុខ ដារ៉ា" : "Dara Sok",
            tenant: isKhmer ? "ហាងកាហ្វេ មេគង្គ" : "Mekong Coffee",
            today: Self.isBeforeDue(category) ? Self.date(2026, 11, 3) : Self.date(2026, 11, 9)
        )
        if category.speaksOf.contains(.invoices), self != .lean || category.requiredSubjects.contains(.invoices) {
            facts.invoices = self == .several ? Self.invoices : Array(Self.invoices.prefix(1))
            if self == .lean { facts.invoices[0].qr = nil }
            if category.name == "payment_received" { facts.invoices[0].open = .zero(.usd) }
        }
        if category.speaksOf.contains(.payment) {
            let amount = Money(minorUnits: 1_250, currency: .usd)
            let reference = self == .lean ? nil : "100FT37288416"
            facts.payment = NoticeFacts.Payment(amount: amount, received: Self.date(2026, 11, 8), reference: reference)
        }
        if category.speaksOf.contains(.subscription), self != .lean || category.requiredSubjects.contains(.subscription)
        {
            facts.subscription = NoticeFacts.Subscription(reference: "SUB-2041", plan: isKhmer ? "កញ្ចប់មូលដ្ឋាន" : "Basic")
        }
        if category.speaksOf.contains(.event) {
            facts.event = "the restore drill of 8 November failed: 3 tables differ"
        }
        if self != .lean {
            facts.suspendedFrom = Self.date(2026, 11, 15)
            if category.class == .optional { facts.unsubscribe = "https://pay.example.com/unsubscribe/4f1c9a" }
        }
        return facts
    }

    private static func isBeforeDue(_ category: NoticeCatalogue.Category) -> Bool {
        category.class == .optional || category.name == "invoice_issued"
    }

    private static let invoices = [
        NoticeFacts.Invoice(
            id: 41,
            number: "INV-2026-00199",
            total: Money(minorUnits: 1_250, currency: .usd),
            open: Money(minorUnits: 1_250, currency: .usd),
            issueDate: date(2026, 10, 25),
            dueDate: date(2026, 11, 7),
            graceEnd: date(2026, 11, 14),
            qr: qr
        ),
        NoticeFacts.Invoice(
            id: 42,
            number: "INV-2026-00207",
            total: Money(minorUnits: 120_400, currency: .khr),
            open: Money(minorUnits: 20_400, currency: .khr),
            issueDate: date(2026, 10, 28),
            dueDate: date(2026, 11, 10),
            graceEnd: date(2026, 11, 17)
        ),
    ]

    private static let qr = """
        00020101021229130009shop@bank520459995303840540512.505802KH5911Coffee Shop6010Phnom Penh62160112INV-2026-00199340013\
        176958000000001131769580600000630457D6
        """

    private static func date(_ year: Int, _ month: Int, _ day: Int) -> CivilDate {
        CivilDate(year: year, month: month, day: day) ?? .earliest
    }
}

/// A template tried with every sample on every channel.
struct TemplateTrial {
    let key: TemplateBook.Key
    let file: TemplateFile
    let layout: TemplateFile?
    let category: NoticeCatalogue.Category
    let path: String

    func problems() -> [FileProblem] {
        var found: [FileProblem] = []
        let rendering = TemplateRendering(file: file, layout: layout, category: category, locale: key.locale)
        for sample in TemplateSample.allCases {
            let facts = sample.facts(of: category, locale: key.locale)
            for channel in NoticeChannel.allCases {
                do throws(TemplateError) {
                    let notice = try rendering.notice(on: channel, facts)
                    if channel == .sms, sample != .several, category.ladder.contains(.sms) {
                        found += tooLong(SMSParts(notice.text))
                    }
                } catch {
                    found.append(problem(in: nil, "with the sample \(sample.rawValue), \(error.message)", ""))
                }
            }
        }
        var seen: Set<FileProblem> = []
        return found.filter { seen.insert($0).inserted }
    }

    private func tooLong(_ parts: SMSParts) -> [FileProblem] {
        guard parts.count > SMSParts.most else { return [] }
        let message =
            "an SMS of it has \(parts.count) parts of \(parts.encoding.each) characters, and \(SMSParts.most) are the limit"
        return [problem(in: .sms, message, "shorten the part sms")]
    }

    private func problem(in part: TemplatePart?, _ message: String, _ remedy: String) -> FileProblem {
        let line = part.flatMap { file.lines[$0] } ?? 0
        return FileProblem(
            at: SourcePosition(file: path, line: line, column: line == 0 ? 0 : 1),
            message,
            remedy: remedy
        )
    }
}
