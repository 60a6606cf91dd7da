internal import Glibc

/// Floating numbers as PHP writes them.
enum PHPNumber {
    /// PHP's setting `precision` where nobody changed it: the digits of a floating number that becomes text.
    static let usualPrecision = 14

    /// How a number becomes text, as in `'' . 0.10`: rounded to so many digits, `1.0E+25` where it is large or small.
    static func printed(_ value: Double, precision: Int) -> String {
        guard value.isFinite else { return value.isNaN ? "NAN" : value < 0 ? "-INF" : "INF" }
        return laidOut(value, Digits(of: value, rounded: precision), limit: precision, exponent: "E")
    }

    /// How `json_encode` writes a number: the fewest digits that read back as the same, `1.0e+25` where it is large or
    /// small; nil where it refuses (infinities).
    static func encoded(_ value: Double) -> String? {
        guard value.isFinite else { return nil }
        return laidOut(value, Digits(shortestOf: value), limit: 17, exponent: "e")
    }

    /// The floating number nearest to a decimal text of JSON's form.
    ///
    /// The library's reader takes time with the square of a text's length, and a stranger chooses the text. Beyond 767
    /// significant digits only one thing can matter, whether anything but zeros follows.
    static func read(_ text: ArraySlice<UInt8>) -> Double? {
        guard text.count > longest else { return Double(String(decoding: text, as: UTF8.self)) }
        let mantissa = text.prefix { $0 | 0x20 != UInt8(ascii: "e") }
        let power = String(decoding: text.dropFirst(mantissa.count + 1), as: UTF8.self)
        var exponent = power.isEmpty ? 0 : Int(power) ?? (power.hasPrefix("-") ? -farAway : farAway)
        var digits: [UInt8] = []
        var (isFraction, hasRest) = (false, false)
        for byte in mantissa where byte != UInt8(ascii: "-") && byte != UInt8(ascii: "+") {
            if byte == UInt8(ascii: ".") {
                isFraction = true
            } else if digits.count < longest {
                if !digits.isEmpty || byte != UInt8(ascii: "0") { digits.append(byte) }
                if isFraction { exponent -= 1 }
            } else {
                hasRest = hasRest || byte != UInt8(ascii: "0")
                if !isFraction { exponent += 1 }
            }
        }
        if hasRest {
            digits.append(UInt8(ascii: "1"))
            exponent -= 1
        }
        let sign = mantissa.first == UInt8(ascii: "-") ? "-" : ""
        return Double("\(sign)0\(String(decoding: digits, as: UTF8.self))e\(exponent)")
    }

    /// How many characters are read as they are, and how many digits of a longer text.
    private static let longest = 800

    /// An exponent that no number of digits in a body makes up for.
    private static let farAway = 1 << 40

    /// The significant digits of a number, and where its point stands: 0.123 has the digits 123 and the point at 0.
    private struct Digits {
        let digits: [UInt8]
        let point: Int

        init(of value: Double, rounded count: Int) {
            var text = [CChar](repeating: 0, count: 48)
            _ = withVaList([Int32(count - 1), value.magnitude]) { vsnprintf(&text, text.count, "%.*e", $0) }
            self.init(scientific: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) })
        }

        init(shortestOf value: Double) { self.init(scientific: Array("\(value.magnitude)".utf8)) }

        /// From `1.25e-07`, or from `0.025` without an exponent.
        private init(scientific text: [UInt8]) {
            let parts = text.split(separator: UInt8(ascii: "e"), maxSplits: 1)
            let exponent = parts.count == 2 ? Int(String(decoding: parts[1], as: UTF8.self)) ?? 0 : 0
            let mantissa = parts.first ?? []
            let whole = mantissa.prefix { $0 != UInt8(ascii: ".") }
            let all = whole + mantissa.dropFirst(whole.count + 1)
            let zeros = all.prefix { $0 == UInt8(ascii: "0") }.count
            var significant = Array(all.dropFirst(zeros))
            while significant.last == UInt8(ascii: "0") { significant.removeLast() }
            digits = significant.isEmpty ? [UInt8(ascii: "0")] : significant
            point = significant.isEmpty ? 1 : whole.count - zeros + exponent
        }
    }

    private static func laidOut(_ value: Double, _ number: Digits, limit: Int, exponent: String) -> String {
        let (digits, point) = (number.digits, number.point)
        let sign = value.sign == .minus ? "-" : ""
        func text(_ bytes: some Sequence<UInt8>) -> String { String(decoding: Array(bytes), as: UTF8.self) }
        func zeros(_ count: Int) -> String { String(repeating: "0", count: count) }
        if point > limit || point < -3 {
            let rest = digits.count == 1 ? "0" : text(digits.dropFirst())
            let power = point - 1
            return "\(sign)\(text(digits.prefix(1))).\(rest)\(exponent)\(power < 0 ? "-" : "+")\(power.magnitude)"
        }
        if point <= 0 { return "\(sign)0.\(zeros(-point))\(text(digits))" }
        if point >= digits.count { return sign + text(digits) + zeros(point - digits.count) }
        return "\(sign)\(text(digits.prefix(point))).\(text(digits.dropFirst(point)))"
    }
}
