package import Monetary

/// Amounts as tag 54 has them: digits, with at most one dot.
package enum AmountText {
    /// An amount as the official SDK writes it: no decimals where it is whole, two otherwise: `1`, `1.50`, `500`.
    ///
    /// The amount must not be negative.
    package static func text(of amount: Money) -> String {
        let unit = amount.currency.minorUnitsPerUnit
        guard amount.minorUnits % unit != 0 else { return "\(amount.minorUnits / unit)" }
        return amount.plainText
    }

    /// The amount that a text says, compared as a decimal number: `1.5`, `1.50` and `01.500` are one amount.
    ///
    /// A dot may stand before, between or after digits, as EMVCo allows; `5000.0` is five thousand riels.
    ///
    /// - Returns: nil for anything else, and for what is no whole number of the currency's minor units.
    package static func money(_ text: String, in currency: Currency) -> Money? {
        let parts = text.utf8.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        guard parts.count <= 2, parts.contains(where: { !$0.isEmpty }) else { return nil }
        guard parts.allSatisfy({ $0.allSatisfy((UInt8(ascii: "0")...UInt8(ascii: "9")).contains) }) else { return nil }
        var fraction = parts.count == 2 ? Array(parts[1]) : []
        while fraction.last == UInt8(ascii: "0") { fraction.removeLast() }
        guard fraction.count <= currency.minorDigits else { return nil }
        fraction += Array(repeating: UInt8(ascii: "0"), count: currency.minorDigits - fraction.count)
        var units: Int64 = 0
        for digit in Array(parts[0]) + fraction {
            let (tens, tooLarge) = units.multipliedReportingOverflow(by: 10)
            let (sum, stillTooLarge) = tens.addingReportingOverflow(Int64(digit - UInt8(ascii: "0")))
            guard !tooLarge, !stillTooLarge else { return nil }
            units = sum
        }
        return Money(minorUnits: units, currency: currency)
    }
}

extension Currency {
    /// The number of ISO 4217 that tag 53 has.
    package var khqrNumber: String {
        switch self {
        case .khr: "116"
        case .usd: "840"
        }
    }

    /// The currency of a number of ISO 4217, where a KHQR may be in it.
    package init?(khqrNumber: String) {
        guard let found = Currency.allCases.first(where: { $0.khqrNumber == khqrNumber }) else { return nil }
        self = found
    }
}
