package import CivilTime
package import Monetary

/// How amounts, dates and counts are written for a reader.
///
/// By rules of our own: libraries give the riel two decimal places. Digits are Latin in both languages, as CLDR has them for
/// Khmer and as banks print them. Khmer puts the sign of the currency right after the number (`12,345៛`, `12.50$`), as CLDR
/// does and people write. English puts it before, and names the riel by its code (`KHR 12,345`): one riel sign would make an
/// English SMS one of 70 characters a part instead of 160.
package struct NoticeFormat: Hashable, Sendable {
    package enum Language: Hashable, Sendable {
        case khmer, english
    }

    package let language: Language

    /// Khmer for `km` and whatever begins with it; English for every other locale.
    package init(locale: String) {
        let tag = locale.lowercased()
        language = tag == "km" || tag.hasPrefix("km-") || tag.hasPrefix("km_") ? .khmer : .english
    }

    /// `KHR 12,345` and `$1,234.50`, `12,345៛` and `1,234.50$`; a minus stands before everything.
    package func money(_ money: Money) -> String {
        let text = money.groupedText
        switch (language, money.currency) {
        case (.khmer, .khr): return text + "៛"
        case (.khmer, .usd): return text + "$"
        case (.english, .khr): return Self.prefixed(text, with: "KHR ")
        case (.english, .usd): return Self.prefixed(text, with: "$")
        }
    }

    /// `24 November 2026`, `24 វិច្ឆិកា 2026`.
    package func date(_ date: CivilDate) -> String {
        let (year, month, day) = date.components
        let names = language == .khmer ? Self.khmerMonths : Self.englishMonths
        return "\(day) \(names[month - 1]) \(year)"
    }

    /// `1 day`, `3 days`, `3 ថ្ងៃ`.
    package func days(_ count: Int) -> String {
        switch language {
        case .khmer: "\(count) ថ្ងៃ"
        case .english: count == 1 ? "1 day" : "\(count) days"
        }
    }

    /// `1 invoice`, `3 invoices`, `វិក្កយបត្រ 3`.
    package func invoices(_ count: Int) -> String {
        switch language {
        case .khmer: "វិក្កយបត្រ \(count)"
        case .english: count == 1 ? "1 invoice" : "\(count) invoices"
        }
    }

    /// Sums of several currencies: `KHR 12,345 and $3.00`.
    package func together(_ amounts: [Money]) -> String {
        amounts.map { money($0) }.joined(separator: language == .khmer ? " និង " : " and ")
    }

    private static func prefixed(_ text: String, with sign: String) -> String {
        text.first == "-" ? "-" + sign + text.dropFirst() : sign + text
    }

    private static let englishMonths = [
        "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
        "December",
    ]
    private static let khmerMonths = [
        "មករា", "កុម្ភៈ", "មីនា", "មេសា", "ឧសភា", "មិថុនា", "កក្កដា", "សីហា", "កញ្ញា", "តុលា", "វិច្ឆិកា", "ធ្នូ",
    ]
}
