/// A value that can be a statement's parameter, sent as text.
package protocol PostgresEncodable: Sendable {
    /// The value as PostgreSQL reads it; nil is NULL.
    var postgresText: String? { get }

    /// How many of these make one parameter. The default is an array; bytes make a bytea.
    static func postgresText(ofMany elements: [Self]) -> String
}

extension PostgresEncodable {
    package static func postgresText(ofMany elements: [Self]) -> String {
        ArrayText.encode(elements.map(\.postgresText))
    }
}

extension String: PostgresEncodable { package var postgresText: String? { self } }
extension Int: PostgresEncodable { package var postgresText: String? { String(self) } }
extension Int64: PostgresEncodable {
    package var postgresText: String? { String(self) }

    package static func postgresText(ofMany elements: [Int64]) -> String { ArrayText.encode(numbers: elements) }
}

extension Int32: PostgresEncodable {
    package var postgresText: String? { String(self) }

    package static func postgresText(ofMany elements: [Int32]) -> String {
        ArrayText.encode(numbers: elements.lazy.map(Int64.init))
    }
}

extension Bool: PostgresEncodable { package var postgresText: String? { self ? "t" : "f" } }
extension Double: PostgresEncodable { package var postgresText: String? { description } }

extension Optional: PostgresEncodable where Wrapped: PostgresEncodable {
    package var postgresText: String? { flatMap(\.postgresText) }
}

extension Array: PostgresEncodable where Element: PostgresEncodable {
    package var postgresText: String? { Element.postgresText(ofMany: self) }
}

extension UInt8: PostgresEncodable {
    package var postgresText: String? { String(self) }

    /// Bytes are a bytea, in its hex form.
    package static func postgresText(ofMany elements: [UInt8]) -> String {
        let digits = Array("0123456789abcdef".utf8)
        var text: [UInt8] = [0x5C, 0x78]
        text.reserveCapacity(2 + 2 * elements.count)
        for byte in elements {
            text.append(digits[Int(byte >> 4)])
            text.append(digits[Int(byte & 15)])
        }
        return String(decoding: text, as: UTF8.self)
    }
}

extension Duration: PostgresEncodable {
    /// An interval in ISO 8601, to the microsecond.
    package var postgresText: String? {
        let (seconds, attoseconds) = components
        let sign = seconds < 0 || attoseconds < 0 ? "-" : ""
        let fraction = String((attoseconds / 1_000_000_000_000).magnitude)
        return "PT\(sign)\(seconds.magnitude).\(String(repeating: "0", count: 6 - fraction.count))\(fraction)S"
    }
}

/// Text that is JSON already, for json and jsonb columns.
package struct JSONText: Hashable, Sendable, PostgresEncodable, PostgresDecodable {
    package let text: String

    package init(_ text: String) { self.text = text }

    package init(postgresText: String) { text = postgresText }

    package var postgresText: String? { text }
}
