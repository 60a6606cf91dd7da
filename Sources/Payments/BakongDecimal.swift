internal import CivilTime
internal import Monetary

/// A decimal number out of JSON: its digits and where the point stands, exact however it was written.
///
/// `1.0`, `"1.50"`, `1E+1` and `1.636709123467E12` are all met in answers; none of them may pass through a binary fraction.
struct BakongDecimal: Equatable {
    let isNegative: Bool
    /// Without leading zeros; empty for zero.
    let digits: [UInt8]
    /// How many of the digits stand behind the point, without trailing zeros; may be negative.
    let scale: Int

    /// Nil where the text is no JSON number, or is absurdly long.
    init?(_ text: String) {
        var rest = text.utf8[...]
        isNegative = rest.first == UInt8(ascii: "-")
        if isNegative { rest = rest.dropFirst() }
        var exponent = 0
        if let mark = rest.firstIndex(where: { $0 == UInt8(ascii: "e") || $0 == UInt8(ascii: "E") }) {
            let written = rest[rest.index(after: mark)...].drop { $0 == UInt8(ascii: "+") }
            guard let number = Int(String(Substring(written))), abs(number) <= 100 else { return nil }
            exponent = number
            rest = rest[..<mark]
        }
        let parts = rest.split(separator: UInt8(ascii: "."), maxSplits: 1, omittingEmptySubsequences: false)
        guard rest.count <= 100, !parts.isEmpty, parts.allSatisfy({ !$0.isEmpty && $0.allSatisfy(Self.isDigit) }) else {
            return nil
        }
        var all = parts.flatMap { $0 }
        var scale = (parts.count == 2 ? parts[1].count : 0) - exponent
        while let last = all.last, last == UInt8(ascii: "0") {
            all.removeLast()
            scale -= 1
        }
        digits = Array(all.drop { $0 == UInt8(ascii: "0") })
        self.scale = digits.isEmpty ? 0 : scale
    }

    private static func isDigit(_ byte: UInt8) -> Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) }

    /// The number times a power of ten, towards zero; nil where it does not fit.
    func whole(timesTenTo power: Int) -> (value: Int64, isExact: Bool)? {
        let kept = digits.count - scale + power
        guard kept > 0 else { return (0, digits.isEmpty) }
        guard kept <= 19 else { return nil }
        let zeros = [UInt8](repeating: UInt8(ascii: "0"), count: max(0, kept - digits.count))
        let text = String(decoding: digits.prefix(kept) + zeros, as: UTF8.self)
        guard let value = Int64((isNegative ? "-" : "") + text) else { return nil }
        return (value, kept >= digits.count)
    }
}

extension BakongAmount {
    /// Reads an amount as it was written.
    init(_ text: String?, _ currency: Currency?, currencyText: String?) {
        guard let text else {
            self = .unreadable(text: "", why: "there is no amount")
            return
        }
        guard let currency else {
            let why = currencyText.map { "the currency \($0) is none that is billed in" } ?? "there is no currency"
            self = .unreadable(text: text, why: why)
            return
        }
        self = Self.read(text, in: currency)
    }

    private static func read(_ text: String, in currency: Currency) -> BakongAmount {
        guard let decimal = BakongDecimal(text) else { return .unreadable(text: text, why: "it is no decimal number") }
        guard !decimal.isNegative || decimal.digits.isEmpty else {
            return .unreadable(text: text, why: "it is below nothing")
        }
        guard let units = decimal.whole(timesTenTo: currency.minorDigits) else {
            return .unreadable(text: text, why: "it is too large")
        }
        guard units.isExact else {
            let places = currency.minorDigits == 0 ? "no decimal places" : "\(currency.minorDigits) decimal places"
            return .unreadable(text: text, why: "\(currency) has \(places)")
        }
        return .money(Money(minorUnits: units.value, currency: currency))
    }
}

extension Instant {
    /// Reads milliseconds since the epoch, a fraction of one cut off; nil for what is no such time.
    init?(bakongMilliseconds text: String?) {
        guard let text, let decimal = BakongDecimal(text), !decimal.isNegative,
            let milliseconds = decimal.whole(timesTenTo: 0)?.value, milliseconds > 0
        else { return nil }
        let (microseconds, overflow) = milliseconds.multipliedReportingOverflow(by: 1000)
        // PostgreSQL's timestamps end in the year 294276.
        guard !overflow, microseconds < 9_000_000_000_000_000_000 else { return nil }
        self.init(microsecondsSinceEpoch: microseconds)
    }
}
