import Monetary
import Testing

@Suite("Rounding and conversion")
struct RoundingTests {
    @Test(
        "Exactly half a unit goes away from zero, on both sides of it",
        arguments: [
            (5, 1, 10, 1), (4, 1, 10, 0), (-5, 1, 10, -1), (-4, 1, 10, 0), (15, 1, 10, 2), (-15, 1, 10, -2),
            (25, 1, -10, -3), (1, 1, 3, 0), (2, 1, 3, 1), (0, 7, 3, 0),
        ]
    )
    func halfUp(minorUnits: Int64, numerator: Int64, denominator: Int64, expected: Int64) throws {
        let ratio = try Ratio(numerator, over: denominator)
        let money = Money(minorUnits: minorUnits, currency: .khr)
        #expect(try money.multiplied(by: ratio).minorUnits == expected)
    }

    @Test("The extremes of 64 bits multiply and round without a trap")
    func extremes() throws {
        let least = Money(minorUnits: .min, currency: .khr)
        #expect(try least.multiplied(by: Ratio(.min, over: .min)) == least)
        #expect(try least.multiplied(by: Ratio(1, over: .min)).minorUnits == 1)
        #expect(throws: MoneyError.overflow) { try least.multiplied(by: Ratio(.min, over: 1)) }
        #expect(throws: MoneyError.overflow) { try least.multiplied(by: Ratio(-1, over: 1)) }
        #expect(throws: MoneyError.divisionByZero) { try Ratio(1, over: 0) }
        #expect(throws: MoneyError.divisionByZero) { try Rounding.halfUp.divide(1, by: 0) }
        #expect(throws: MoneyError.overflow) { try Rounding.halfUp.divide(.min, by: -1) }
        #expect(throws: MoneyError.overflow) { try Rounding.halfUp.divide(.max, by: 1) }
    }

    @Test("A tax of ten percent is 1000 basis points")
    func tax() throws {
        #expect(
            try Money(minorUnits: 2_999, currency: .usd).multiplied(by: Ratio(basisPoints: 1_000)).minorUnits == 300
        )
    }

    @Test("A prorated amount and its rest add up to the whole")
    func proration() throws {
        let price = Money(minorUnits: 2_999, currency: .usd)
        let (used, left) = try price.split(by: Ratio(10, over: 31))
        #expect(used.minorUnits == 967)
        #expect(try used + left == price)
    }

    @Test("29.99 USD at 4013 is KHR 120,350; in cash it is 120,400 with a line of +50")
    func cash() throws {
        let rate = try ExchangeRate(parsing: "4013.00", base: .usd, quote: .khr)
        let riels = try rate.convert(Money(parsing: "29.99", currency: .usd))
        #expect("\(riels)" == "KHR 120,350")
        let cash = try riels.cashRounding(step: 100)
        #expect(cash.rounded.minorUnits == 120_400)
        #expect(cash.difference.minorUnits == 50)
    }

    @Test(
        "Cash rounds to the nearest step, half a step away from zero",
        arguments: [(149, 100, -49), (150, 200, 50), (-149, -100, 49), (-150, -200, -50), (200, 200, 0), (0, 0, 0)]
    )
    func cashSteps(exact: Int64, rounded: Int64, difference: Int64) throws {
        let result = try Money(minorUnits: exact, currency: .khr).cashRounding(step: 100)
        #expect(result.rounded.minorUnits == rounded)
        #expect(result.difference.minorUnits == difference)
    }

    @Test("Cash rounding with no step, or past 64 bits, is an error")
    func cashRefusals() {
        let most = Money(minorUnits: .max, currency: .khr)
        #expect(throws: MoneyError.invalidCashStep(0)) { try most.cashRounding(step: 0) }
        #expect(throws: MoneyError.overflow) { try most.cashRounding(step: 1_000) }
    }

    @Test("Rates are exact decimals: 4013.00 and 4013 are the same rate")
    func rates() throws {
        let rate = try ExchangeRate(parsing: "4013.00", base: .usd, quote: .khr)
        #expect(try rate == ExchangeRate(parsing: "4013", base: .usd, quote: .khr))
        #expect("\(rate)" == "4013 KHR per USD")
        #expect(try ExchangeRate(parsing: "4013.0550", base: .usd, quote: .khr).plainText == "4013.055")
    }

    @Test("A rate converts back, and refuses what is in neither currency or does not fit")
    func backwards() throws {
        let rate = try ExchangeRate(parsing: "4013", base: .usd, quote: .khr)
        #expect(try rate.convert(Money(minorUnits: 120_350, currency: .khr)).minorUnits == 2_999)
        #expect(throws: MoneyError.overflow) { try rate.convert(Money(minorUnits: .max, currency: .usd)) }
    }

    @Test("Texts that are not rates are refused", arguments: ["0", "0.00", "-1", "4,013", "", "1.123456789", "x"])
    func badRates(text: String) {
        #expect(throws: MoneyError.self) { try ExchangeRate(parsing: text, base: .usd, quote: .khr) }
    }

    @Test("A rate between a currency and itself is refused")
    func sameCurrency() {
        #expect(throws: MoneyError.self) { try ExchangeRate(parsing: "1", base: .usd, quote: .usd) }
    }
}
