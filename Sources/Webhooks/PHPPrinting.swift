extension PHPValue {
    /// What PHP appends to a text for this value, a list or object as `json_encode` writes it.
    ///
    /// `json_encode` refuses an array with an infinite number in it and answers false, which prints as nothing.
    func printed(precision: Int) -> [UInt8] {
        switch self {
        case .null, .boolean(false): return []
        case .boolean(true): return [UInt8(ascii: "1")]
        case .integer(let number): return Array("\(number)".utf8)
        case .float(let number): return Array(PHPNumber.printed(number, precision: precision).utf8)
        case .text(let text): return text
        case .array:
            var bytes: [UInt8] = []
            return encode(into: &bytes) ? bytes : []
        }
    }

    /// Appends what `json_encode` without flags writes; false where it refuses.
    private func encode(into bytes: inout [UInt8]) -> Bool {
        switch self {
        case .null: bytes += "null".utf8
        case .boolean(let value): bytes += (value ? "true" : "false").utf8
        case .integer(let number): bytes += "\(number)".utf8
        case .float(let number):
            guard let text = PHPNumber.encoded(number) else { return false }
            bytes += text.utf8
        case .text(let text): Self.encode(text, into: &bytes)
        case .array(let array):
            let isList = array.isList
            bytes.append(UInt8(ascii: isList ? "[" : "{"))
            for (place, pair) in array.pairs.enumerated() {
                if place > 0 { bytes.append(UInt8(ascii: ",")) }
                if !isList { Self.encode(pair.key, into: &bytes) }
                guard pair.value.encode(into: &bytes) else { return false }
            }
            bytes.append(UInt8(ascii: isList ? "]" : "}"))
        }
        return true
    }

    private static func encode(_ key: PHPKey, into bytes: inout [UInt8]) {
        switch key {
        case .integer(let number): bytes += "\"\(number)\"".utf8
        case .text(let text): encode(text, into: &bytes)
        }
        bytes.append(UInt8(ascii: ":"))
    }

    /// Quotes a text as PHP does: slashes escaped, everything beyond ASCII as UTF-16 in lower-case digits.
    private static func encode(_ text: [UInt8], into bytes: inout [UInt8]) {
        bytes.append(UInt8(ascii: "\""))
        for scalar in String(decoding: text, as: UTF8.self).unicodeScalars {
            switch scalar {
            case "\"": bytes += "\\\"".utf8
            case "\\": bytes += "\\\\".utf8
            case "/": bytes += "\\/".utf8
            case "\u{08}": bytes += "\\b".utf8
            case "\u{0C}": bytes += "\\f".utf8
            case "\n": bytes += "\\n".utf8
            case "\r": bytes += "\\r".utf8
            case "\t": bytes += "\\t".utf8
            case " "..."\u{7F}": bytes.append(UInt8(truncatingIfNeeded: scalar.value))
            default:
                for unit in UTF16.encode(scalar) ?? UTF16.encodedReplacementCharacter {
                    bytes += "\\u".utf8
                    for shift in [12, 8, 4, 0] as [UInt16] { bytes.append(hexDigits[Int(unit >> shift & 15)]) }
                }
            }
        }
        bytes.append(UInt8(ascii: "\""))
    }

    private static let hexDigits = Array("0123456789abcdef".utf8)
}
