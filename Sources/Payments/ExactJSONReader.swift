/// Reads JSON by RFC 8259, and nothing more lenient than that.
struct ExactJSONReader {
    private let bytes: [UInt8]
    private var place = 0
    private var depth = 0
    private var isStorable = true

    /// Deeper texts are refused: each level takes stack.
    private static let deepest = 64

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    mutating func document() throws(ExactJSONError) -> ExactJSON {
        skipSpace()
        let value = try self.value()
        skipSpace()
        guard place == bytes.count else { throw problem("something follows the value") }
        return value
    }

    private func problem(_ what: String) -> ExactJSONError { ExactJSONError(what: what, offset: place) }

    private var next: UInt8? { place < bytes.count ? bytes[place] : nil }

    private mutating func skipSpace() {
        while let byte = next, byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 { place += 1 }
    }

    private mutating func take(_ byte: UInt8) -> Bool {
        guard next == byte else { return false }
        place += 1
        return true
    }

    private mutating func value() throws(ExactJSONError) -> ExactJSON {
        let begin = place
        let before = isStorable
        isStorable = true
        let value: ExactJSON.Value
        switch next {
        case UInt8(ascii: "{"): value = try object()
        case UInt8(ascii: "["): value = try list()
        case UInt8(ascii: "\""): value = .text(try text())
        case UInt8(ascii: "t"): value = try word("true", .boolean(true))
        case UInt8(ascii: "f"): value = try word("false", .boolean(false))
        case UInt8(ascii: "n"): value = try word("null", .null)
        default: value = .number(try number())
        }
        defer { isStorable = isStorable && before }
        return ExactJSON(value: value, bytes: bytes[begin..<place], isStorable: isStorable)
    }

    private mutating func word(_ word: String, _ value: ExactJSON.Value) throws(ExactJSONError) -> ExactJSON.Value {
        for byte in word.utf8 where !take(byte) { throw problem("an unknown word") }
        return value
    }

    private mutating func descend() throws(ExactJSONError) {
        place += 1
        depth += 1
        guard depth <= Self.deepest else { throw problem("too many levels") }
        skipSpace()
    }

    private mutating func list() throws(ExactJSONError) -> ExactJSON.Value {
        try descend()
        defer { depth -= 1 }
        var values: [ExactJSON] = []
        if take(UInt8(ascii: "]")) { return .list(values) }
        while true {
            skipSpace()
            values.append(try value())
            skipSpace()
            if take(UInt8(ascii: "]")) { return .list(values) }
            guard take(UInt8(ascii: ",")) else { throw problem("a comma or the list's end is missing") }
        }
    }

    private mutating func object() throws(ExactJSONError) -> ExactJSON.Value {
        try descend()
        defer { depth -= 1 }
        var members: [(name: String, value: ExactJSON)] = []
        if take(UInt8(ascii: "}")) { return .object(members) }
        while true {
            skipSpace()
            guard next == UInt8(ascii: "\"") else { throw problem("a member's name is missing") }
            let name = try text()
            skipSpace()
            guard take(UInt8(ascii: ":")) else { throw problem("a colon is missing") }
            skipSpace()
            members.append((name, try value()))
            skipSpace()
            if take(UInt8(ascii: "}")) { return .object(members) }
            guard take(UInt8(ascii: ",")) else { throw problem("a comma or the object's end is missing") }
        }
    }

    private mutating func digits() -> Int {
        let begin = place
        while let byte = next, (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) { place += 1 }
        return place - begin
    }

    private mutating func number() throws(ExactJSONError) -> String {
        let begin = place
        _ = take(UInt8(ascii: "-"))
        let startsWithZero = next == UInt8(ascii: "0")
        let whole = digits()
        guard whole == 1 || whole > 1 && !startsWithZero else { throw problem("no value") }
        if take(UInt8(ascii: ".")), digits() == 0 { throw problem("a number without digits after its point") }
        if take(UInt8(ascii: "e")) || take(UInt8(ascii: "E")) {
            if !take(UInt8(ascii: "+")) { _ = take(UInt8(ascii: "-")) }
            guard digits() > 0 else { throw problem("a number without digits in its exponent") }
        }
        let text = String(decoding: bytes[begin..<place], as: UTF8.self)
        if !ExactJSON.isBounded(text) { isStorable = false }
        return text
    }

    // Texts -----------------------------------------------------------------------------------------------------------

    private mutating func text() throws(ExactJSONError) -> String {
        place += 1
        var result: [UInt8] = []
        while let byte = next {
            switch byte {
            case UInt8(ascii: "\""):
                place += 1
                guard let text = String(validating: result, as: UTF8.self) else { throw problem("a text not in UTF-8") }
                return text
            case UInt8(ascii: "\\"): try escape(into: &result)
            case 0..<0x20: throw problem("a control character in a text")
            default:
                result.append(byte)
                place += 1
            }
        }
        throw problem("a text without end")
    }

    private mutating func escape(into result: inout [UInt8]) throws(ExactJSONError) {
        place += 1
        guard let byte = next else { throw problem("a text without end") }
        place += 1
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): result.append(byte)
        case UInt8(ascii: "b"): result.append(0x08)
        case UInt8(ascii: "f"): result.append(0x0C)
        case UInt8(ascii: "n"): result.append(0x0A)
        case UInt8(ascii: "r"): result.append(0x0D)
        case UInt8(ascii: "t"): result.append(0x09)
        case UInt8(ascii: "u"): result.append(contentsOf: Array(String(try scalar()).utf8))
        default: throw problem("an unknown escape")
        }
    }

    /// What follows `\u`, with the second half of a pair; what is no scalar, or NUL, becomes U+FFFD.
    private mutating func scalar() throws(ExactJSONError) -> Unicode.Scalar {
        let first = try hexadecimal()
        let replacement: Unicode.Scalar = "\u{FFFD}"
        if (0xD800...0xDBFF).contains(first), next == UInt8(ascii: "\\"), place + 1 < bytes.count,
            bytes[place + 1] == UInt8(ascii: "u")
        {
            let back = place
            place += 2
            let second = try hexadecimal()
            if (0xDC00...0xDFFF).contains(second) {
                return Unicode.Scalar(0x10000 + (first - 0xD800) << 10 + (second - 0xDC00)) ?? replacement
            }
            place = back
        }
        guard first != 0, let scalar = Unicode.Scalar(first) else {
            isStorable = false
            return replacement
        }
        return scalar
    }

    private mutating func hexadecimal() throws(ExactJSONError) -> UInt32 {
        guard place + 4 <= bytes.count,
            bytes[place..<place + 4].allSatisfy({ Character(Unicode.Scalar($0)).isHexDigit }),
            let number = UInt32(String(decoding: bytes[place..<place + 4], as: UTF8.self), radix: 16)
        else { throw problem("an escape without four digits") }
        place += 4
        return number
    }
}
