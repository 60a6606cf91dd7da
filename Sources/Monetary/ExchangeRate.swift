/// An official exchange rate as an exact decimal: so much of `quote` for one unit of `base`.
///
/// Converting rounds half up, once, to one minor unit of the other currency.
package struct ExchangeRate: Hashable, Sendable {
    /// The currency of which one unit is priced.
    package let base: Currency
    /// The currency in which it is priced.
    package let quote: Currency
    /// The rate is `digits / 10^scale`, without trailing zeros: 4013.00 and 4013 are the same rate.
    private let digits: Int64
    private let scale: Int

    /// Reads "4013.00": a plain decimal above zero with at most eight decimal places.
    /// - Throws: the text is something else; the error says what.
    package init(parsing text: some StringProtocol, base: Currency, quote: Currency) throws(MoneyError) {
        let text = String(text)
        guard base != quote else {
            throw .malformedRate(text, reason: "a rate needs two currencies, and \(base) was given twice")
        }
        let decimal: PlainDecimal
        do throws(PlainDecimal.Problem) {
            decimal = try PlainDecimal(parsing: text, maximumScale: 8, allowsMinus: false)
        } catch {
            throw .malformedRate(text, reason: error.reason)
        }
        guard decimal.digits > 0 else { throw .malformedRate(text, reason: "a rate is above zero") }
        let normal = decimal.withoutTrailingZeros
        self.base = base
        self.quote = quote
        self.digits = normal.digits
        self.scale = normal.scale
    }

    /// The rate as plain decimal text, without trailing zeros.
    package var plainText: String { PlainDecimal(digits: digits, scale: scale).text }

    /// The amount in the other one of the two currencies, rounded half up.
    /// - Throws: the amount is in neither currency, or the result does not fit.
    package func convert(_ amount: Money) throws(MoneyError) -> Money {
        if amount.currency == base {
            // base units = minor / 10^base digits; quote minor = base units * rate * 10^quote digits
            let divisor = powerOfTen(scale + base.minorDigits)
            return try scaled(amount, up: [digits, quote.minorUnitsPerUnit], down: [divisor], to: quote)
        }
        guard amount.currency == quote else {
            throw .currencyMismatch(expected: base, found: amount.currency)
        }
        let factor = powerOfTen(scale + base.minorDigits)
        return try scaled(amount, up: [factor], down: [digits, quote.minorUnitsPerUnit], to: base)
    }

    private func scaled(
        _ amount: Money,
        up factors: [Int64],
        down divisors: [Int64],
        to currency: Currency
    ) throws(MoneyError) -> Money {
        var dividend = Int128(amount.minorUnits)
        var divisor = Int128(1)
        var overflow = false
        for factor in factors where !overflow {
            (dividend, overflow) = dividend.multipliedReportingOverflow(by: Int128(factor))
        }
        for factor in divisors where !overflow {
            (divisor, overflow) = divisor.multipliedReportingOverflow(by: Int128(factor))
        }
        guard !overflow else { throw .overflow }
        return Money(minorUnits: try Rounding.halfUp.divide(dividend, by: divisor), currency: currency)
    }

    /// At most ten, so the power always fits.
    private func powerOfTen(_ exponent: Int) -> Int64 {
        (0..<exponent).reduce(1) { power, _ in power * 10 }
    }
}

extension ExchangeRate: CustomStringConvertible {
    package var description: String { "\(plainText) \(quote) per \(base)" }
}
