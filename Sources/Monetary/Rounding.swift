/// How an exact value between two minor units becomes one of them.
package enum Rounding: Sendable {
    /// To the nearest unit; exactly half a unit goes away from zero (0.5 becomes 1, -0.5 becomes -1).
    case halfUp

    /// The rounded quotient.
    /// - Throws: the divisor is zero, or the quotient does not fit into 64 bits.
    package func divide(_ dividend: Int128, by divisor: Int128) throws(MoneyError) -> Int64 {
        guard divisor != 0 else { throw .divisionByZero }
        let quotient = dividend.magnitude / divisor.magnitude
        let remainder = dividend.magnitude % divisor.magnitude
        // Not `2 * remainder >= divisor`: the doubling could overflow.
        let rounded = remainder >= divisor.magnitude - remainder ? quotient + 1 : quotient
        return try signed(rounded, isNegative: (dividend < 0) != (divisor < 0))
    }

    private func signed(_ magnitude: UInt128, isNegative: Bool) throws(MoneyError) -> Int64 {
        guard let magnitude = Int128(exactly: magnitude),
            let value = Int64(exactly: isNegative ? -magnitude : magnitude)
        else { throw .overflow }
        return value
    }
}

/// An exact fraction: a tax rate, a share of days, a discount.
///
/// Never a floating-point number.
package struct Ratio: Hashable, Sendable {
    /// The upper part.
    package let numerator: Int64
    /// The lower part, never zero.
    package let denominator: Int64

    /// - Throws: the denominator is zero.
    package init(_ numerator: Int64, over denominator: Int64) throws(MoneyError) {
        guard denominator != 0 else { throw .divisionByZero }
        self.numerator = numerator
        self.denominator = denominator
    }

    /// A rate in hundredths of a percent: 1000 is 10 %.
    package init(basisPoints: Int64) {
        numerator = basisPoints
        denominator = 10_000
    }
}

extension Money {
    /// The amount times an exact fraction, rounded once.
    /// - Throws: the result does not fit.
    package func multiplied(
        by ratio: Ratio,
        rounding: Rounding = .halfUp
    ) throws(MoneyError) -> Money {
        // 64 bits times 64 bits always fit into 128.
        let product = Int128(minorUnits) * Int128(ratio.numerator)
        let rounded = try rounding.divide(product, by: Int128(ratio.denominator))
        return Money(minorUnits: rounded, currency: currency)
    }

    /// The amount cut in two by a fraction: one side is rounded, the other is what is left, so that both add up.
    ///
    /// Proration goes through this: rounding both sides would make or lose a unit.
    /// - Throws: a side does not fit.
    package func split(by ratio: Ratio) throws(MoneyError) -> (part: Money, rest: Money) {
        let part = try multiplied(by: ratio)
        return (part, try self - part)
    }
}
