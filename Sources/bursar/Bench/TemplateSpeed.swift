import Notices

/// How many mails (text and HTML, no picture) are written in a second from templates.
struct TemplateSpeed: Sendable {
    var mails = 10_000
    var runs = 3

    /// What is aimed at, in a release build.
    static let aim = 5_000.0

    /// - Throws: what is wrong with the shipped templates.
    func measure() throws -> BenchFigure {
        let book = try TemplateBook.load(folder: nil)
        _ = try run(book, mails: mails / 10)
        let speeds = try (0..<max(1, runs)).map { _ in try run(book, mails: mails) }
        return BenchFigure("mails from templates", speeds, "mails/s", limits: [Self.aim], .atLeast(1))
    }

    /// Khmer and English in turn, of every category that goes by mail; each with other facts.
    private func run(_ book: TemplateBook, mails: Int) throws -> Double {
        let categories = NoticeCatalogue.categories.filter { $0.ladder.contains(.email) }
        var bytes = 0
        let took = try ContinuousClock().measure {
            for number in 0..<mails {
                let category = categories[number % categories.count]
                let locale = number.isMultiple(of: 2) ? "km" : "en"
                var facts = TemplateSample.whole.facts(of: category, locale: locale)
                for index in facts.invoices.indices { facts.invoices[index].qr = nil }
                facts.payer += " \(number)"
                let notice = try book.render(
                    category: category.name,
                    channel: .email,
                    tenant: "none",
                    locale: locale,
                    facts: facts
                ).notice
                bytes += notice.text.utf8.count
            }
        }
        return bytes > 0 ? Double(mails) / (took / .seconds(1)) : 0
    }
}
