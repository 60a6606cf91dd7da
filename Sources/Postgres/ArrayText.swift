/// PostgreSQL's text form of a one-dimensional array: `{1,"a b",NULL}`.
enum ArrayText {
    static func encode(_ elements: [String?]) -> String {
        var text: [UInt8] = []
        text.reserveCapacity(2 + elements.count * 24)
        text.append(UInt8(ascii: "{"))
        for (index, element) in elements.enumerated() {
            if index > 0 { text.append(UInt8(ascii: ",")) }
            guard var element else {
                text.append(contentsOf: "NULL".utf8)
                continue
            }
            element.withUTF8 { bytes in
                if isPlain(bytes) { return text.append(contentsOf: bytes) }
                text.append(UInt8(ascii: "\""))
                for byte in bytes {
                    if byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") { text.append(UInt8(ascii: "\\")) }
                    text.append(byte)
                }
                text.append(UInt8(ascii: "\""))
            }
        }
        text.append(UInt8(ascii: "}"))
        return String(decoding: text, as: UTF8.self)
    }

    /// Whole numbers, whose digits need no look: batches have thousands.
    static func encode(numbers: some Sequence<Int64>) -> String {
        var text: [UInt8] = [UInt8(ascii: "{")]
        for number in numbers {
            if text.count > 1 { text.append(UInt8(ascii: ",")) }
            append(number, to: &text)
        }
        text.append(UInt8(ascii: "}"))
        return String(decoding: text, as: UTF8.self)
    }

    private static func append(_ number: Int64, to text: inout [UInt8]) {
        if number < 0 { text.append(UInt8(ascii: "-")) }
        let start = text.count
        var rest = number.magnitude
        repeat {
            text.append(UInt8(ascii: "0") + UInt8(rest % 10))
            rest /= 10
        } while rest > 0
        text[start...].reverse()
    }

    /// Digits, letters, sign, dot, dash and colon need no quotes, unless they spell NULL.
    private static func isPlain(_ bytes: UnsafeBufferPointer<UInt8>) -> Bool {
        guard !bytes.isEmpty else { return false }
        if bytes.count == 4, zip(bytes, "null".utf8).allSatisfy({ $0 | 0x20 == $1 }) { return false }
        return bytes.allSatisfy { byte in
            switch byte {
            case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x2D, 0x2E, 0x3A, 0x2B, 0x5F: true
            default: false
            }
        }
    }

    static func decode(_ text: String) throws(PostgresDecodingError) -> [String?] {
        var reader = Reader(bytes: Array(text.utf8))
        return try reader.elements()
    }

    private struct Reader {
        let bytes: [UInt8]
        var position = 0

        init(bytes: [UInt8]) { self.bytes = bytes }

        mutating func next() throws(PostgresDecodingError) -> UInt8 {
            guard position < bytes.count else { throw PostgresDecodingError(expected: "array") }
            position += 1
            return bytes[position - 1]
        }

        mutating func elements() throws(PostgresDecodingError) -> [String?] {
            guard try next() == UInt8(ascii: "{") else { throw PostgresDecodingError(expected: "array") }
            var elements: [String?] = []
            if position == bytes.count - 1, bytes[position] == UInt8(ascii: "}") { return elements }
            while true {
                elements.append(try element())
                switch try next() {
                case UInt8(ascii: ","): continue
                case UInt8(ascii: "}") where position == bytes.count: return elements
                default: throw PostgresDecodingError(expected: "array")
                }
            }
        }

        mutating func element() throws(PostgresDecodingError) -> String? {
            guard position < bytes.count else { throw PostgresDecodingError(expected: "array") }
            if bytes[position] == UInt8(ascii: "{") { throw PostgresDecodingError(expected: "array of one dimension") }
            guard bytes[position] == UInt8(ascii: "\"") else {
                let start = position
                while position < bytes.count, ![UInt8(ascii: ","), UInt8(ascii: "}")].contains(bytes[position]) {
                    position += 1
                }
                let word = String(decoding: bytes[start..<position], as: UTF8.self)
                return word == "NULL" ? nil : word
            }
            position += 1
            var content: [UInt8] = []
            while true {
                let byte = try next()
                if byte == UInt8(ascii: "\"") { return String(decoding: content, as: UTF8.self) }
                content.append(byte == UInt8(ascii: "\\") ? try next() : byte)
            }
        }
    }
}
