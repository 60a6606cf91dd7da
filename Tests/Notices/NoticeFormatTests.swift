import CivilTime
import Monetary
import Testing

@testable import Notices

@Suite("Amounts, dates and counts for readers")
struct NoticeFormatTests {
    private let khmer = NoticeFormat(locale: "km")
    private let english = NoticeFormat(locale: "en")

    @Test(
        "The riel has no decimals and the dollar two, whatever libraries say",
        arguments: [
            (0, "KHR 0", "0៛", "$0.00", "0.00$"), (5, "KHR 5", "5៛", "$0.05", "0.05$"),
            (1_234_567, "KHR 1,234,567", "1,234,567៛", "$12,345.67", "12,345.67$"),
            (-1_250, "-KHR 1,250", "-1,250៛", "-$12.50", "-12.50$"),
        ] as [(Int64, String, String, String, String)]
    )
    func money(_ units: Int64, _ khr: String, _ khrKhmer: String, _ usd: String, _ usdKhmer: String) {
        let (riels, dollars) = (Money(minorUnits: units, currency: .khr), Money(minorUnits: units, currency: .usd))
        #expect(english.money(riels) == khr && khmer.money(riels) == khrKhmer)
        #expect(english.money(dollars) == usd && khmer.money(dollars) == usdKhmer)
    }

    @Test("An English amount fits the GSM alphabet, so an English SMS is not one of 70 characters")
    func gsm() {
        for currency in Currency.allCases {
            #expect(SMSParts(english.money(Money(minorUnits: -1_234_567, currency: currency))).encoding == .gsm7)
        }
    }

    @Test("Counts are words: one day, three days")
    func counts() {
        #expect(english.days(1) == "1 day" && english.days(3) == "3 days" && khmer.days(3) == "3 ថ្ងៃ")
        #expect(english.invoices(1) == "1 invoice" && english.invoices(2) == "2 invoices")
        #expect(khmer.invoices(2) == "វិក្កយបត្រ 2")
    }

    @Test("Sums of two currencies are said beside each other")
    func together() {
        let amounts = [Money(minorUnits: 20_400, currency: .khr), Money(minorUnits: 1_250, currency: .usd)]
        #expect(english.together(amounts) == "KHR 20,400 and $12.50")
        #expect(khmer.together(amounts) == "20,400៛ និង 12.50$")
    }

    @Test("Khmer is for km and its regions, English for every other locale")
    func locales() {
        #expect(["km", "km-KH", "KM_kh"].allSatisfy { NoticeFormat(locale: $0).language == .khmer })
        #expect(["en", "fr", "kmr", ""].allSatisfy { NoticeFormat(locale: $0).language == .english })
    }

    @Test("Thousands are grouped and dates written as Babel does", .enabled(if: NoticeOracle.hasBabel))
    func babel() throws {
        var random = NoticeRandom(seed: NoticeOracle.seed)
        let amounts = (0..<2_000).map { _ in Int64.random(in: -9_999_999_999...9_999_999_999, using: &random) }
        let days = (0..<2_000).map { _ in Int64.random(in: -100_000...1_000_000, using: &random) }
        let script = """
            import datetime
            from decimal import Decimal
            from babel.numbers import format_decimal
            from babel.dates import format_date
            epoch = datetime.date(1970, 1, 1)
            def money(n):
                return format_decimal(n, '#,##0', 'en') + ' ' + format_decimal(Decimal(n) / 100, '#,##0.00', 'en')
            def date(n):
                day = epoch + datetime.timedelta(days=n)
                return [format_date(day, 'd MMMM y', 'en'), format_date(day, 'long', 'km')]
            answer({'amounts': [money(n) for n in cases[0]], 'dates': [date(n) for n in cases[1]]})
            """
        struct Answer: Decodable {
            let amounts: [String]
            let dates: [[String]]
        }
        let answer: Answer = try NoticeOracle.run(script, [amounts, days])
        for (units, expected) in zip(amounts, answer.amounts) {
            let riels = english.money(Money(minorUnits: units, currency: .khr)).replacing("KHR ", with: "")
            let dollars = english.money(Money(minorUnits: units, currency: .usd)).replacing("$", with: "")
            #expect("\(riels) \(dollars)" == expected, "seed \(NoticeOracle.seed)")
        }
        for (day, expected) in zip(days, answer.dates) {
            let date = CivilDate(daysSinceEpoch: Int(day))
            #expect([english.date(date), khmer.date(date)] == expected, "seed \(NoticeOracle.seed)")
        }
    }
}
