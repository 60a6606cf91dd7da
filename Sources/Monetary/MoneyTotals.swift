/// Sums of money per currency: what a run issued, what a proposal would move.
///
/// Currencies are never added together. A currency whose sum is zero is the same as one that never occurred. In JSON
/// it is an object of minor units by code: `{"KHR": 120350, "USD": 2999}`.
public struct MoneyTotals: Hashable, Sendable {
    private var sums: [Currency: Int64]

    /// No money at all.
    public init() {
        sums = [:]
    }

    /// The sums of amounts of any currencies.
    /// - Throws: a sum does not fit.
    public init(_ amounts: some Sequence<Money>) throws(MoneyError) {
        self.init()
        for amount in amounts {
            try add(amount)
        }
    }

    /// Whether every sum is zero.
    public var isEmpty: Bool { sums.isEmpty }

    /// The sum in a currency, zero where none was added.
    public subscript(currency: Currency) -> Money {
        Money(minorUnits: sums[currency] ?? 0, currency: currency)
    }

    /// The sums that are not zero, by currency code.
    public var amounts: [Money] { sums.keys.sorted().map { self[$0] } }

    /// Adds an amount to its currency's sum; on an error nothing has changed.
    /// - Throws: the sum does not fit.
    public mutating func add(_ amount: Money) throws(MoneyError) {
        let sum = try self[amount.currency] + amount
        sums[amount.currency] = sum.isZero ? nil : sum.minorUnits
    }

    /// Adds all sums of another total; on an error nothing has changed.
    /// - Throws: a sum does not fit.
    public mutating func add(_ other: MoneyTotals) throws(MoneyError) {
        var result = self
        for amount in other.amounts {
            try result.add(amount)
        }
        self = result
    }
}

extension MoneyTotals: CustomStringConvertible {
    /// For a reader: "KHR 120,350, USD 29.99", or "nothing".
    public var description: String {
        isEmpty ? "nothing" : amounts.map(\.description).joined(separator: ", ")
    }
}

extension MoneyTotals: Codable {
    /// A currency code as a key of the object.
    private struct Code: CodingKey {
        let stringValue: String
        var intValue: Int? { nil }

        init(stringValue: String) { self.stringValue = stringValue }
        init?(intValue: Int) { nil }
    }

    /// Reads the object; a currency Bursar does not know is an error, never skipped.
    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: Code.self)
        self.init()
        for key in container.allKeys {
            guard let currency = Currency(code: key.stringValue) else {
                let problem = MoneyError.unknownCurrency(key.stringValue)
                throw DecodingError.dataCorruptedError(forKey: key, in: container, debugDescription: "\(problem)")
            }
            try add(Money(minorUnits: container.decode(Int64.self, forKey: key), currency: currency))
        }
    }

    /// Writes the sums that are not zero.
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: Code.self)
        for amount in amounts {
            try container.encode(amount.minorUnits, forKey: Code(stringValue: amount.currency.code))
        }
    }
}
