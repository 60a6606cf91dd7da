/// What a cash payment makes of an exact amount, as a line of its own with its sign.
///
/// Only cash is rounded (notes of less than 100 riel are rare); QR and bank payments are exact.
package struct CashRounding: Hashable, Sendable {
    /// The amount to hand over.
    package let rounded: Money
    /// What rounding added (positive) or gave away (negative): `exact + difference == rounded`.
    package let difference: Money
}

extension Money {
    /// The amount rounded half up to a multiple of `step` minor units, and the difference.
    /// - Throws: the step is not above zero, or the rounded amount does not fit.
    package func cashRounding(step: Int64) throws(MoneyError) -> CashRounding {
        guard step > 0 else { throw .invalidCashStep(step) }
        let steps = try Rounding.halfUp.divide(Int128(minorUnits), by: Int128(step))
        let rounded = try Money(minorUnits: steps, currency: currency).multiplied(by: step)
        return CashRounding(rounded: rounded, difference: try rounded - self)
    }
}
