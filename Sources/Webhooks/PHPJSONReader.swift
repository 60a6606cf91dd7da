/// Reads JSON as PHP's `json_decode($body, true)` does, in one pass: what PHP reads as which type, which of two equal
/// keys counts, and what it refuses.
///
/// Whole numbers that fit 64 bits stay exact; larger ones, and all with a fraction or an exponent, are floating, as in
/// PHP. Nesting ends at PHP's usual depth, so that no body reaches the end of the stack.
struct PHPJSONReader {
    /// How deep PHP follows lists and objects unless told otherwise.
    static let deepest = 512

    private let bytes: [UInt8]
    private var position = 0

    private init(_ bytes: [UInt8]) { self.bytes = bytes }

    /// The value of a whole text; nil where PHP would refuse it.
    static func value(of bytes: [UInt8]) -> PHPValue? {
        var reader = PHPJSONReader(bytes)
        guard let value = reader.value(depth: 0) else { return nil }
        reader.skipBlanks()
        return reader.position == bytes.count ? value : nil
    }

    /// The blanks of JSON.
    static func isBlank(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x09 || byte == 0x0A || byte == 0x0D }

    private var next: UInt8? { position < bytes.count ? bytes[position] : nil }

    private mutating func value(depth: Int) -> PHPValue? {
        skipBlanks()
        switch next {
        case UInt8(ascii: "{"): return object(depth: depth + 1)
        case UInt8(ascii: "["): return list(depth: depth + 1)
        case UInt8(ascii: "\""): return text().map(PHPValue.text)
        case UInt8(ascii: "t"): return take("true") ? .boolean(true) : nil
        case UInt8(ascii: "f"): return take("false") ? .boolean(false) : nil
        case UInt8(ascii: "n"): return take("null") ? .null : nil
        default: return number()
        }
    }

    private mutating func object(depth: Int) -> PHPValue? {
        guard depth <= Self.deepest, take("{") else { return nil }
        var members: [(key: [UInt8], value: PHPValue)] = []
        skipBlanks()
        if take("}") { return .array(PHPArray(members: [])) }
        repeat {
            skipBlanks()
            guard let key = text() else { return nil }
            skipBlanks()
            guard take(":"), let value = value(depth: depth) else { return nil }
            members.append((key, value))
            skipBlanks()
        } while take(",")
        return take("}") ? .array(PHPArray(members: members)) : nil
    }

    private mutating func list(depth: Int) -> PHPValue? {
        guard depth <= Self.deepest, take("[") else { return nil }
        var elements: [PHPValue] = []
        skipBlanks()
        if take("]") { return .array(PHPArray(list: [])) }
        repeat {
            guard let value = value(depth: depth) else { return nil }
            elements.append(value)
            skipBlanks()
        } while take(",")
        return take("]") ? .array(PHPArray(list: elements)) : nil
    }

    private mutating func number() -> PHPValue? {
        let start = position
        var isWhole = true
        if next == UInt8(ascii: "-") { position += 1 }
        if next == UInt8(ascii: "0") { position += 1 } else if takeDigits() == 0 { return nil }
        if next == UInt8(ascii: ".") {
            isWhole = false
            position += 1
            guard takeDigits() > 0 else { return nil }
        }
        if let letter = next, letter | 0x20 == UInt8(ascii: "e") {
            isWhole = false
            position += 1
            if next == UInt8(ascii: "-") || next == UInt8(ascii: "+") { position += 1 }
            guard takeDigits() > 0 else { return nil }
        }
        let text = bytes[start..<position]
        if isWhole, text.count <= 20, let number = Int64(String(decoding: text, as: UTF8.self)) {
            return .integer(number)
        }
        return PHPNumber.read(text).map(PHPValue.float)
    }

    private mutating func takeDigits() -> Int {
        let start = position
        while let byte = next, (0x30...0x39).contains(byte) { position += 1 }
        return position - start
    }

    private mutating func text() -> [UInt8]? {
        guard take("\"") else { return nil }
        var text: [UInt8] = []
        while true {
            let start = position
            while let byte = next, byte >= 0x20, byte != UInt8(ascii: "\""), byte != UInt8(ascii: "\\") {
                position += 1
            }
            let run = bytes[start..<position]
            guard Self.isUTF8(run), let byte = next, byte >= 0x20 else { return nil }
            text += run
            position += 1
            if byte == UInt8(ascii: "\"") { return text }
            guard escape(into: &text) else { return nil }
        }
    }

    /// Reads what follows a backslash.
    private mutating func escape(into text: inout [UInt8]) -> Bool {
        guard let byte = next else { return false }
        position += 1
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): text.append(byte)
        case UInt8(ascii: "b"): text.append(0x08)
        case UInt8(ascii: "f"): text.append(0x0C)
        case UInt8(ascii: "n"): text.append(0x0A)
        case UInt8(ascii: "r"): text.append(0x0D)
        case UInt8(ascii: "t"): text.append(0x09)
        case UInt8(ascii: "u"):
            guard let scalar = escapedScalar() else { return false }
            text += String(Character(scalar)).utf8
        default: return false
        }
        return true
    }

    /// The scalar of one `\u` escape or of a pair of surrogates; PHP refuses half a pair.
    private mutating func escapedScalar() -> Unicode.Scalar? {
        guard let first = fourDigits() else { return nil }
        guard (0xD800...0xDBFF).contains(first) else { return Unicode.Scalar(first) }
        guard take("\\u"), let second = fourDigits(), (0xDC00...0xDFFF).contains(second) else { return nil }
        return Unicode.Scalar(0x10000 + (first & 0x3FF) << 10 + (second & 0x3FF))
    }

    private mutating func fourDigits() -> UInt32? {
        guard position + 4 <= bytes.count, let pair = SignatureText.hex(bytes[position..<position + 4]) else {
            return nil
        }
        position += 4
        return UInt32(pair[0]) << 8 | UInt32(pair[1])
    }

    private mutating func take(_ word: StaticString) -> Bool {
        let count = word.utf8CodeUnitCount
        guard position + count <= bytes.count else { return false }
        for place in 0..<count where bytes[position + place] != word.utf8Start[place] { return false }
        position += count
        return true
    }

    private mutating func skipBlanks() {
        while let byte = next, Self.isBlank(byte) { position += 1 }
    }

    private static func isUTF8(_ bytes: ArraySlice<UInt8>) -> Bool {
        bytes.allSatisfy { $0 < 0x80 } || String(validating: bytes, as: UTF8.self) != nil
    }
}
