/// Sharing out a total by weights so that the shares add up to it exactly (largest remainder).
package enum Allocation {
    /// The shares of `total`, in the order of `weights`.
    ///
    /// Each share is the exact one rounded down or up; the units left over go to the largest remainders, and among
    /// equal ones to the first. A weight of zero gets nothing. A negative total gives the shares of the positive one
    /// with the other sign. Weights may be of mixed signs (a discount among lines) as long as they do not cancel out.
    /// - Throws: the weights add up to zero while the total is something, or a share does not fit.
    package static func allocate(_ total: Int64, by weights: [Int64]) throws(MoneyError) -> [Int64] {
        guard total != 0 else { return weights.map { _ in 0 } }
        let sum = weights.reduce(Int128(0)) { $0 + Int128($1) }
        guard sum != 0 else { throw .weightsAddUpToZero }
        let shares = try floors(of: Int128(total).magnitude, weights: weights, sum: sum)
        return try withUnitsLeftOver(shares, isNegative: total < 0, total: total)
    }

    /// A share rounded down, and what was cut off, in fractions of the sum of weights.
    private struct Share {
        var units: Int128
        let remainder: Int128
    }

    /// The exact shares `total * weight / sum`, rounded towards minus infinity.
    private static func floors(
        of total: UInt128,
        weights: [Int64],
        sum: Int128
    ) throws(MoneyError) -> [Share] {
        // At most 2^63: the product with a weight fits into 128 bits.
        let total = Int128(total)
        let divisor = sum < 0 ? -sum : sum
        return weights.map { weight in
            let product = total * Int128(weight) * (sum < 0 ? -1 : 1)
            let (quotient, remainder) = product.quotientAndRemainder(dividingBy: divisor)
            return remainder < 0
                ? Share(units: quotient - 1, remainder: remainder + divisor)
                : Share(units: quotient, remainder: remainder)
        }
    }

    private static func withUnitsLeftOver(
        _ floors: [Share],
        isNegative: Bool,
        total: Int64
    ) throws(MoneyError) -> [Int64] {
        var shares = floors
        let placed = shares.reduce(Int128(0)) { $0 + $1.units }
        let leftOver = Int(clamping: Int128(total.magnitude) - placed)
        let byRemainder = shares.indices.sorted { left, right in
            (shares[right].remainder, left) < (shares[left].remainder, right)
        }
        for index in byRemainder.prefix(leftOver) {
            shares[index].units += 1
        }
        var result: [Int64] = []
        for share in shares {
            guard let units = Int64(exactly: isNegative ? -share.units : share.units) else { throw .overflow }
            result.append(units)
        }
        return result
    }
}

extension Money {
    /// The amount shared out by weights; the shares add up to it exactly.
    /// - Throws: the weights add up to zero while the amount is something, or a share does not fit.
    package func allocated(by weights: [Int64]) throws(MoneyError) -> [Money] {
        try Allocation.allocate(minorUnits, by: weights).map { Money(minorUnits: $0, currency: currency) }
    }
}
