/// An amount of money: whole minor units of one currency.
///
/// Arithmetic never loses a unit and never traps: a result that does not fit, and two currencies in one sum, are
/// errors. Rounding happens only where a method's name or documentation says so.
public struct Money: Hashable, Sendable {
    /// Cents for USD, riels for KHR; negative for credits.
    public let minorUnits: Int64
    /// The currency whose minor units these are.
    public let currency: Currency

    /// An amount of so many minor units.
    public init(minorUnits: Int64, currency: Currency) {
        self.minorUnits = minorUnits
        self.currency = currency
    }

    /// Nothing, in a currency.
    public static func zero(_ currency: Currency) -> Money {
        Money(minorUnits: 0, currency: currency)
    }

    /// Whether the amount is nothing.
    public var isZero: Bool { minorUnits == 0 }

    /// Whether the amount is below nothing, as a credit is.
    public var isNegative: Bool { minorUnits < 0 }
}

extension Money {
    /// The sum of two amounts of one currency.
    /// - Throws: two currencies met, or the sum does not fit.
    public static func + (left: Money, right: Money) throws(MoneyError) -> Money {
        try left.requireCurrency(of: right)
        let (sum, overflow) = left.minorUnits.addingReportingOverflow(right.minorUnits)
        guard !overflow else { throw .overflow }
        return Money(minorUnits: sum, currency: left.currency)
    }

    /// The difference of two amounts of one currency.
    /// - Throws: two currencies met, or the difference does not fit.
    public static func - (left: Money, right: Money) throws(MoneyError) -> Money {
        try left.requireCurrency(of: right)
        let (difference, overflow) = left.minorUnits.subtractingReportingOverflow(right.minorUnits)
        guard !overflow else { throw .overflow }
        return Money(minorUnits: difference, currency: left.currency)
    }

    /// The amount with the other sign.
    /// - Throws: the result does not fit (the lowest of all amounts has no counterpart).
    public func negated() throws(MoneyError) -> Money {
        try .zero(currency) - self
    }

    /// A price times a quantity, exactly.
    /// - Throws: the product does not fit.
    public func multiplied(by quantity: Int64) throws(MoneyError) -> Money {
        let (product, overflow) = minorUnits.multipliedReportingOverflow(by: quantity)
        guard !overflow else { throw .overflow }
        return Money(minorUnits: product, currency: currency)
    }

    /// The sum of amounts that must all be of `currency`; nothing in it when there are none.
    /// - Throws: another currency met, or a sum on the way does not fit.
    public static func sum(_ amounts: some Sequence<Money>, in currency: Currency) throws(MoneyError) -> Money {
        var total = Money.zero(currency)
        for amount in amounts {
            total = try total + amount
        }
        return total
    }

    private func requireCurrency(of other: Money) throws(MoneyError) {
        guard currency == other.currency else {
            throw .currencyMismatch(expected: currency, found: other.currency)
        }
    }
}

extension Money: Codable {
    private enum CodingKeys: String, CodingKey {
        case currency
        case minorUnits = "minor_units"
    }
}
