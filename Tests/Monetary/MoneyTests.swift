import Monetary
import Testing

@Suite("Money")
struct MoneyTests {
    @Test("The riel has no decimal places and the dollar has two")
    func digits() {
        #expect(Currency.khr.minorDigits == 0)
        #expect(Currency.usd.minorDigits == 2)
        #expect(Currency(code: "USD") == .usd)
        #expect(Currency(code: "usd") == nil)
        #expect(Currency(code: "EUR") == nil)
    }

    @Test(
        "Plain decimal text is read exactly",
        arguments: [
            ("1234.50", Currency.usd, 123_450), ("1234.5", .usd, 123_450), ("1234", .usd, 123_400), ("0", .usd, 0),
            ("0.05", .usd, 5), ("-0.05", .usd, -5), ("-12", .khr, -12), ("12345", .khr, 12_345), ("-0", .khr, 0),
            ("92233720368547758.07", .usd, Int64.max), ("-92233720368547758.08", .usd, Int64.min),
            ("9223372036854775807", .khr, Int64.max),
        ]
    )
    func reads(text: String, currency: Currency, minorUnits: Int64) throws {
        #expect(try Money(parsing: text, currency: currency) == Money(minorUnits: minorUnits, currency: currency))
    }

    @Test(
        "Text that is not plainly an amount is refused with the reason",
        arguments: [
            ("", "digits"), ("12,34", "only digits"), ("1,234.50", "only digits"), ("12abc", "only digits"),
            ("+1", "only digits"), (" 1", "only digits"), ("1e3", "only digits"), ("1.", "between digits"),
            (".5", "between digits"), ("-", "between digits"), ("1.2.3", "between digits"), ("--1", "only digits"),
            ("007", "begin with a zero"), ("1.234", "at most 2 decimal places"), ("١٢", "only digits"),
            ("92233720368547758.08", "too large"), ("922337203685477580", "too large"), ("NaN", "only digits"),
            ("99999999999999999999", "too large"),
        ]
    )
    func refuses(text: String, reason: String) {
        let error = #expect(throws: MoneyError.self) { try Money(parsing: text, currency: .usd) }
        #expect(error.map { "\($0)" }?.contains(reason) == true, "\(String(describing: error))")
    }

    @Test("Riels with decimal places are refused, even when these are zero")
    func rielsAreWhole() {
        let error = #expect(throws: MoneyError.self) { try Money(parsing: "100.00", currency: .khr) }
        #expect(error.map { "\($0)" } == "\"100.00\" is not an amount: it may have no decimal places (KHR)")
    }

    @Test(
        "Amounts print with their currency, all places and separated thousands",
        arguments: [
            (123_450, Currency.usd, "USD 1,234.50", "1234.50"), (12_345, .khr, "KHR 12,345", "12345"),
            (-300, .usd, "USD -3.00", "-3.00"), (-5, .usd, "USD -0.05", "-0.05"), (0, .usd, "USD 0.00", "0.00"),
            (999, .khr, "KHR 999", "999"), (-1_000, .khr, "KHR -1,000", "-1000"),
            (100_000_000, .usd, "USD 1,000,000.00", "1000000.00"),
            (Int64.min, .usd, "USD -92,233,720,368,547,758.08", "-92233720368547758.08"),
        ]
    )
    func prints(minorUnits: Int64, currency: Currency, description: String, plain: String) {
        let money = Money(minorUnits: minorUnits, currency: currency)
        #expect("\(money)" == description)
        #expect(money.plainText == plain)
    }

    @Test("Adding and subtracting are exact, and a result that does not fit is an error instead of a trap")
    func arithmetic() throws {
        let most = Money(minorUnits: .max, currency: .usd)
        let least = Money(minorUnits: .min, currency: .usd)
        let cent = Money(minorUnits: 1, currency: .usd)
        #expect(try most - cent + cent == most)
        #expect(throws: MoneyError.overflow) { try most + cent }
        #expect(throws: MoneyError.overflow) { try least - cent }
        #expect(throws: MoneyError.overflow) { try least.negated() }
        #expect(throws: MoneyError.overflow) { try most.multiplied(by: 2) }
        #expect(try Money.sum([cent, cent], in: .usd).minorUnits == 2)
        #expect(try Money.sum([], in: .khr) == .zero(.khr))
    }

    @Test("Two currencies never meet in one sum")
    func currenciesStayApart() {
        let dollars = Money(minorUnits: 1, currency: .usd)
        let riels = Money(minorUnits: 1, currency: .khr)
        let mismatch = MoneyError.currencyMismatch(expected: .usd, found: .khr)
        #expect(throws: mismatch) { try dollars + riels }
        #expect(throws: mismatch) { try dollars - riels }
        #expect(throws: mismatch) { try Money.sum([dollars, riels], in: .usd) }
    }
}
