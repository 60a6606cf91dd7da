import FoundationEssentials
import Monetary
import Testing

@Suite("Totals per currency")
struct MoneyTotalsTests {
    private let totals: MoneyTotals

    init() throws {
        totals = try MoneyTotals([
            Money(minorUnits: 2_999, currency: .usd), Money(minorUnits: 120_350, currency: .khr),
            Money(minorUnits: 1, currency: .usd),
        ])
    }

    @Test("Sums stay apart by currency and print in a stable order")
    func sums() {
        #expect(totals[.usd].minorUnits == 3_000)
        #expect("\(totals)" == "KHR 120,350, USD 30.00")
        #expect("\(MoneyTotals())" == "nothing")
    }

    @Test("They are stored as minor units by code and read back")
    func json() throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = .sortedKeys
        let data = try encoder.encode(totals)
        #expect(String(decoding: data, as: UTF8.self) == #"{"KHR":120350,"USD":3000}"#)
        #expect(try JSONDecoder().decode(MoneyTotals.self, from: data) == totals)
    }

    @Test("A currency Bursar does not know is an error, not a loss")
    func unknownCurrency() {
        #expect(throws: DecodingError.self) {
            try JSONDecoder().decode(MoneyTotals.self, from: Data(#"{"EUR":1}"#.utf8))
        }
    }

    @Test("A sum of zero is as if it never occurred")
    func zero() throws {
        var totals = totals
        try totals.add(Money(minorUnits: -3_000, currency: .usd))
        #expect(totals.amounts.map(\.currency) == [.khr])
        #expect(try JSONDecoder().decode(MoneyTotals.self, from: Data(#"{"USD":0}"#.utf8)) == MoneyTotals())
    }

    @Test("A sum that does not fit changes nothing")
    func overflow() throws {
        var totals = totals
        let other = try MoneyTotals([
            Money(minorUnits: 1, currency: .khr), Money(minorUnits: .max, currency: .usd),
        ])
        #expect(throws: MoneyError.overflow) { try totals.add(other) }
        #expect(totals == self.totals)
    }
}
