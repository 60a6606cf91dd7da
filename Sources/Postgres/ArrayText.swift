/// PostgreSQL's text form of a one-dimensional array: `{1,"a b",NULL}`.
enum ArrayText {
    static func encode(_ elements: [String?]) -> String {
        var text = "{"
        for (index, element) in elements.enumerated() {
            if index > 0 { text += "," }
            guard let element else {
                text += "NULL"
                continue
            }
            if isPlain(element) {
                text += element
            } else {
                text += "\""
                for character in element.unicodeScalars {
                    if character == "\"" || character == "\\" { text += "\\" }
                    text.unicodeScalars.append(character)
                }
                text += "\""
            }
        }
        return text + "}"
    }

    /// Digits, letters, sign, dot, dash and colon need no quotes, unless they spell NULL.
    private static func isPlain(_ element: String) -> Bool {
        guard !element.isEmpty, element.lowercased() != "null" else { return false }
        return element.utf8.allSatisfy { byte in
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
