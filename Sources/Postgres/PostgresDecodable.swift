/// A value that can be read from a column's text.
package protocol PostgresDecodable {
    init(postgresText: String) throws(PostgresDecodingError)

    /// What NULL reads as; nil where NULL is an error. Only `Optional` has one.
    static var postgresNull: Self? { get }

    /// Reads a column that holds many of these: an array, or a bytea.
    static func many(postgresText: String) throws(PostgresDecodingError) -> [Self]
}

extension PostgresDecodable {
    package static var postgresNull: Self? { nil }

    package static func many(postgresText: String) throws(PostgresDecodingError) -> [Self] {
        var elements: [Self] = []
        for text in try ArrayText.decode(postgresText) {
            if let text {
                elements.append(try Self(postgresText: text))
            } else if let null = postgresNull {
                elements.append(null)
            } else {
                throw PostgresDecodingError(expected: "array without nulls")
            }
        }
        return elements
    }
}

extension String: PostgresDecodable {
    package init(postgresText: String) { self = postgresText }
}

extension Int: PostgresDecodable {
    package init(postgresText: String) throws(PostgresDecodingError) {
        guard let value = Int(postgresText) else { throw PostgresDecodingError(expected: "bigint") }
        self = value
    }
}

extension Int64: PostgresDecodable {
    package init(postgresText: String) throws(PostgresDecodingError) {
        guard let value = Int64(postgresText) else { throw PostgresDecodingError(expected: "bigint") }
        self = value
    }
}

extension Int32: PostgresDecodable {
    package init(postgresText: String) throws(PostgresDecodingError) {
        guard let value = Int32(postgresText) else { throw PostgresDecodingError(expected: "integer") }
        self = value
    }
}

extension Bool: PostgresDecodable {
    package init(postgresText: String) throws(PostgresDecodingError) {
        switch postgresText {
        case "t", "true": self = true
        case "f", "false": self = false
        default: throw PostgresDecodingError(expected: "boolean")
        }
    }
}

extension Double: PostgresDecodable {
    package init(postgresText: String) throws(PostgresDecodingError) {
        guard let value = Double(postgresText) else { throw PostgresDecodingError(expected: "double precision") }
        self = value
    }
}

extension Optional: PostgresDecodable where Wrapped: PostgresDecodable {
    package init(postgresText: String) throws(PostgresDecodingError) {
        self = .some(try Wrapped(postgresText: postgresText))
    }

    package static var postgresNull: Wrapped?? { .some(.none) }
}

extension Array: PostgresDecodable where Element: PostgresDecodable {
    package init(postgresText: String) throws(PostgresDecodingError) {
        self = try Element.many(postgresText: postgresText)
    }
}

extension UInt8: PostgresDecodable {
    package init(postgresText: String) throws(PostgresDecodingError) {
        guard let value = UInt8(postgresText) else { throw PostgresDecodingError(expected: "byte") }
        self = value
    }

    /// A bytea in its hex form.
    package static func many(postgresText: String) throws(PostgresDecodingError) -> [UInt8] {
        let text = postgresText.utf8
        guard text.starts(with: [0x5C, 0x78]), text.count.isMultiple(of: 2) else {
            throw PostgresDecodingError(expected: "bytea")
        }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(text.count / 2 - 1)
        var high: UInt8?
        for character in text.dropFirst(2) {
            guard let digit = hexDigit(character) else { throw PostgresDecodingError(expected: "bytea") }
            if let first = high {
                bytes.append(first << 4 | digit)
                high = nil
            } else {
                high = digit
            }
        }
        return bytes
    }

    private static func hexDigit(_ character: UInt8) -> UInt8? {
        switch character {
        case 0x30...0x39: character - 0x30
        case 0x61...0x66: character - 0x61 + 10
        case 0x41...0x46: character - 0x41 + 10
        default: nil
        }
    }
}
