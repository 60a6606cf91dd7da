extension PHPKey {
    /// Less than zero, zero or more: where PHP 8 puts this key beside another (`ksort` without flags).
    ///
    /// Two numbers, or texts that are numbers, compare as numbers; everything else compares byte by byte, a number by its
    /// digits. Source: PHP's manual, "Comparison of numbers and strings" and `ksort`.
    func order(to other: PHPKey) -> Int {
        if case .integer(let left) = self, case .integer(let right) = other { return Self.compare(left, right) }
        guard let left = numeric, let right = other.numeric else { return Self.compareBytes(text, other.text) }
        switch (left, right) {
        case (.integer(let left), .integer(let right)): return Self.compare(left, right)
        case (.float(let left), .float(let right)):
            // Beyond what a floating number tells apart, the texts decide.
            let areBeyond = left == right && (!left.isFinite || left.magnitude >= 0x1p63)
            return areBeyond ? Self.compareBytes(text, other.text) : Self.compare(left, right)
        case (.integer(let left), .float(let right)): return Self.compare(Double(left), right)
        case (.float(let left), .integer(let right)): return Self.compare(left, Double(right))
        }
    }

    private enum Numeric {
        case integer(Int64)
        case float(Double)
    }

    private var text: [UInt8] {
        switch self {
        case .integer(let number): Array("\(number)".utf8)
        case .text(let text): text
        }
    }

    /// The number that PHP sees in a text: blanks around it, a sign, a fraction and an exponent are allowed.
    private var numeric: Numeric? {
        switch self {
        case .integer(let number): return .integer(number)
        case .text(let text):
            guard let shape = Shape(text) else { return nil }
            if shape.isWhole, let number = Int64(String(decoding: shape.digits, as: UTF8.self)) {
                return .integer(number)
            }
            return PHPNumber.read(shape.digits).map(Numeric.float)
        }
    }

    /// The part of a numeric text that is the number.
    private struct Shape {
        let digits: ArraySlice<UInt8>
        var isWhole = true

        init?(_ text: [UInt8]) {
            func isBlank(_ byte: UInt8) -> Bool { byte == 0x20 || (0x09...0x0D).contains(byte) }
            let trimmed = text.drop(while: isBlank)
            let end = trimmed.lastIndex { !isBlank($0) }.map { $0 + 1 } ?? trimmed.startIndex
            digits = trimmed[..<end]
            var rest = digits
            if let sign = rest.first, sign == UInt8(ascii: "-") || sign == UInt8(ascii: "+") { rest.removeFirst() }
            let whole = Self.takeDigits(&rest)
            var fraction = 0
            if rest.first == UInt8(ascii: ".") {
                rest.removeFirst()
                isWhole = false
                fraction = Self.takeDigits(&rest)
            }
            guard whole + fraction > 0 else { return nil }
            if let letter = rest.first, letter | 0x20 == UInt8(ascii: "e") {
                rest.removeFirst()
                isWhole = false
                if let sign = rest.first, sign == UInt8(ascii: "-") || sign == UInt8(ascii: "+") { rest.removeFirst() }
                guard Self.takeDigits(&rest) > 0 else { return nil }
            }
            guard rest.isEmpty else { return nil }
        }

        private static func takeDigits(_ rest: inout ArraySlice<UInt8>) -> Int {
            let after = rest.drop { (0x30...0x39).contains($0) }
            defer { rest = after }
            return rest.count - after.count
        }
    }

    private static func compare<Value: Comparable>(_ left: Value, _ right: Value) -> Int {
        left < right ? -1 : (left == right ? 0 : 1)
    }

    private static func compareBytes(_ left: [UInt8], _ right: [UInt8]) -> Int {
        left == right ? 0 : (left.lexicographicallyPrecedes(right) ? -1 : 1)
    }
}
