/// A decimal number as people and bank files write it plainly: digits, at most one point, no grouping.
///
/// The shared strict reader of amounts and rates; the value is `digits / 10^scale`.
struct PlainDecimal: Hashable {
    let digits: Int64
    let scale: Int

    /// What is wrong with a text, in words for the person who typed it.
    struct Problem: Error {
        let reason: String
    }

    init(digits: Int64, scale: Int) {
        self.digits = digits
        self.scale = scale
    }

    /// Reads `0`, `12`, `-12.5`: ASCII digits, no leading zeros, no exponent, digits on both sides of a point.
    init(parsing text: String, maximumScale: Int, allowsMinus: Bool) throws(Problem) {
        var rest = text.utf8[...]
        let isNegative = rest.first == UInt8(ascii: "-")
        if isNegative {
            guard allowsMinus else { throw Problem(reason: "it must not be negative") }
            rest = rest.dropFirst()
        }
        let parts = rest.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        guard (1...2).contains(parts.count), !parts.contains(where: \.isEmpty) else {
            throw Problem(reason: "write digits, and a point only between digits")
        }
        guard parts.allSatisfy({ $0.allSatisfy((UInt8(ascii: "0")...UInt8(ascii: "9")).contains) }) else {
            throw Problem(reason: "only digits and one decimal point are read, no separators, signs or spaces")
        }
        guard parts[0].count == 1 || parts[0].first != UInt8(ascii: "0") else {
            throw Problem(reason: "it must not begin with a zero")
        }
        let fraction = parts.count == 2 ? parts[1] : Substring().utf8
        guard fraction.count <= maximumScale else {
            let places = maximumScale == 0 ? "no decimal places" : "at most \(maximumScale) decimal places"
            throw Problem(reason: "it may have \(places)")
        }
        // Read with its sign, so that the lowest 64-bit number reads too.
        guard let digits = Int64((isNegative ? "-" : "") + String(Substring(parts[0])) + String(Substring(fraction)))
        else { throw Problem(reason: "it is too large") }
        self.init(digits: digits, scale: fraction.count)
    }

    var withoutTrailingZeros: PlainDecimal {
        var result = self
        while result.scale > 0, result.digits.isMultiple(of: 10) {
            result = PlainDecimal(digits: result.digits / 10, scale: result.scale - 1)
        }
        return result
    }

    /// The number with exactly `scale` decimal places.
    var text: String {
        let digits = String(self.digits.magnitude)
        let padded = String(repeating: "0", count: max(0, scale + 1 - digits.count)) + digits
        let sign = self.digits < 0 ? "-" : ""
        guard scale > 0 else { return sign + padded }
        return "\(sign)\(padded.dropLast(scale)).\(padded.suffix(scale))"
    }
}
