/// The body of a post as JSON, read strictly: numbers keep their text, so that an amount never goes through a binary
/// fraction, and a key that stands twice makes the body unreadable, since nobody knows which of the two was meant.
package enum PostBody: Equatable, Sendable {
    case null
    case boolean(Bool)
    /// As it is written: `12.50`, `1e3`.
    case number(String)
    case text(String)
    case list([PostBody])
    case object([String: PostBody])

    /// How deep lists and objects may lie in each other.
    static let deepest = 64

    /// Null where the bytes are no JSON in UTF-8, are nested deeper than anything sensible, or have a key twice.
    package init?(_ bytes: [UInt8]) {
        guard String(validating: bytes, as: UTF8.self) != nil else { return nil }
        var reader = PostBodyReader(bytes: bytes)
        guard let value = reader.value(depth: 0), reader.isAtEnd else { return nil }
        self = value
    }

    /// What stands at a path of keys and list places separated by dots: `data.items.0.id`.
    package func at(_ path: String) -> PostBody? {
        var found = self
        for part in path.split(separator: ".", omittingEmptySubsequences: false) {
            switch found {
            case .object(let members):
                guard let member = members[String(part)] else { return nil }
                found = member
            case .list(let elements):
                guard let place = Int(part), elements.indices.contains(place) else { return nil }
                found = elements[place]
            default: return nil
            }
        }
        return found
    }

    /// A text, number or truth value as text; null for everything else.
    package var words: String? {
        switch self {
        case .boolean(let value): value ? "true" : "false"
        case .number(let text), .text(let text): text
        default: nil
        }
    }
}

/// One pass over a JSON text.
private struct PostBodyReader {
    let bytes: [UInt8]
    private var position = 0

    init(bytes: [UInt8]) { self.bytes = bytes }

    var isAtEnd: Bool {
        mutating get {
            skipBlanks()
            return position == bytes.count
        }
    }

    private var next: UInt8? { position < bytes.count ? bytes[position] : nil }

    mutating func value(depth: Int) -> PostBody? {
        guard depth <= PostBody.deepest else { return nil }
        skipBlanks()
        switch next {
        case UInt8(ascii: "{"): return object(depth)
        case UInt8(ascii: "["): return list(depth)
        case UInt8(ascii: "\""): return text().map(PostBody.text)
        case UInt8(ascii: "t"): return take("true") ? .boolean(true) : nil
        case UInt8(ascii: "f"): return take("false") ? .boolean(false) : nil
        case UInt8(ascii: "n"): return take("null") ? .null : nil
        default: return number()
        }
    }

    private mutating func object(_ depth: Int) -> PostBody? {
        position += 1
        var members: [String: PostBody] = [:]
        if takeIfNext("}") { return .object(members) }
        repeat {
            skipBlanks()
            guard next == UInt8(ascii: "\""), let key = text(), takeIfNext(":"), members[key] == nil,
                let value = value(depth: depth + 1)
            else { return nil }
            members[key] = value
        } while takeIfNext(",")
        return takeIfNext("}") ? .object(members) : nil
    }

    private mutating func list(_ depth: Int) -> PostBody? {
        position += 1
        var elements: [PostBody] = []
        if takeIfNext("]") { return .list(elements) }
        repeat {
            guard let value = value(depth: depth + 1) else { return nil }
            elements.append(value)
        } while takeIfNext(",")
        return takeIfNext("]") ? .list(elements) : nil
    }

    private mutating func text() -> String? {
        position += 1
        var content: [UInt8] = []
        while let byte = next {
            position += 1
            switch byte {
            case UInt8(ascii: "\""): return String(decoding: content, as: UTF8.self)
            case UInt8(ascii: "\\"):
                guard let scalar = escape() else { return nil }
                content += Array(String(scalar).utf8)
            case 0..<0x20: return nil
            default: content.append(byte)
            }
        }
        return nil
    }

    private mutating func escape() -> Unicode.Scalar? {
        guard let byte = next else { return nil }
        position += 1
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): return Unicode.Scalar(byte)
        case UInt8(ascii: "b"): return "\u{8}"
        case UInt8(ascii: "f"): return "\u{C}"
        case UInt8(ascii: "n"): return "\n"
        case UInt8(ascii: "r"): return "\r"
        case UInt8(ascii: "t"): return "\t"
        case UInt8(ascii: "u"): return unicode()
        default: return nil
        }
    }

    /// After `\u`: four digits, or two halves of a pair.
    private mutating func unicode() -> Unicode.Scalar? {
        guard let first = unit() else { return nil }
        guard (0xD800..<0xDC00).contains(first) else { return Unicode.Scalar(first) }
        guard take("\\u"), let second = unit(), (0xDC00..<0xE000).contains(second) else { return nil }
        return Unicode.Scalar(0x10000 + (first - 0xD800) << 10 + (second - 0xDC00))
    }

    private mutating func unit() -> UInt32? {
        guard position + 4 <= bytes.count else { return nil }
        let digits = bytes[position..<position + 4]
        guard digits.allSatisfy({ Unicode.Scalar($0).properties.isASCIIHexDigit }) else { return nil }
        position += 4
        return UInt32(String(decoding: digits, as: UTF8.self), radix: 16)
    }

    private mutating func number() -> PostBody? {
        let start = position
        if next == UInt8(ascii: "-") { position += 1 }
        let whole = digits()
        guard whole > 0, whole == 1 || bytes[position - whole] != UInt8(ascii: "0") else { return nil }
        if next == UInt8(ascii: ".") {
            position += 1
            guard digits() > 0 else { return nil }
        }
        if next.map({ $0 | 0x20 }) == UInt8(ascii: "e") {
            position += 1
            if next == UInt8(ascii: "+") || next == UInt8(ascii: "-") { position += 1 }
            guard digits() > 0 else { return nil }
        }
        return .number(String(decoding: bytes[start..<position], as: UTF8.self))
    }

    private mutating func digits() -> Int {
        let start = position
        while let byte = next, (0x30...0x39).contains(byte) { position += 1 }
        return position - start
    }

    private mutating func skipBlanks() {
        while let byte = next, byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 { position += 1 }
    }

    private mutating func takeIfNext(_ character: Unicode.Scalar) -> Bool {
        skipBlanks()
        guard next.map({ Unicode.Scalar($0) }) == character else { return false }
        position += 1
        return true
    }

    private mutating func take(_ word: String) -> Bool {
        guard bytes[position...].starts(with: word.utf8) else { return false }
        position += word.utf8.count
        return true
    }
}
