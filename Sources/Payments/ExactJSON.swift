/// JSON as it was written: numbers keep their text, and every value knows the bytes that it was read from.
///
/// Foundation's decoder makes binary fractions of amounts and loses what was written.
package struct ExactJSON: Sendable {
    package enum Value: Sendable {
        case null
        case boolean(Bool)
        /// As it was written: `1.0`, `1.636709123467E12`.
        case number(String)
        case text(String)
        case list([ExactJSON])
        /// In the order of the text.
        case object([(name: String, value: ExactJSON)])
    }

    package let value: Value
    /// Where it stands in the text.
    let bytes: ArraySlice<UInt8>
    /// Whether PostgreSQL's `jsonb` takes the text as it is: no NUL, no half of a surrogate pair, no boundless number.
    package let isStorable: Bool

    /// Reads one JSON text, with white space around it.
    /// - Throws: `ExactJSONError` with the place where it is none.
    package init(parsing bytes: [UInt8]) throws(ExactJSONError) {
        var reader = ExactJSONReader(bytes)
        self = try reader.document()
    }

    init(value: Value, bytes: ArraySlice<UInt8>, isStorable: Bool) {
        self.value = value
        self.bytes = bytes
        self.isStorable = isStorable
    }

    /// The member of an object, of several with one name the last, as `jsonb` reads it; nil where there is none or it is null.
    subscript(name: String) -> ExactJSON? {
        guard case .object(let members) = value, let member = members.last(where: { $0.name == name })?.value else {
            return nil
        }
        return member.isNull ? nil : member
    }

    var isNull: Bool {
        if case .null = value { return true }
        return false
    }

    var isObject: Bool {
        if case .object = value { return true }
        return false
    }

    var list: [ExactJSON]? {
        if case .list(let values) = value { return values }
        return nil
    }

    /// A text that says something, or a number as it was written; nil otherwise.
    var words: String? {
        switch value {
        case .text(let text):
            let trimmed = text.trimmed
            return trimmed.isEmpty ? nil : trimmed
        case .number(let text): return text
        default: return nil
        }
    }

    /// A whole number, also where it is written as text.
    var whole: Int? { words.flatMap { Int($0) } }

    /// The text that it was read from; what `jsonb` would refuse is written anew.
    var storableText: String { isStorable ? String(decoding: bytes, as: UTF8.self) : rewritten }

    private var rewritten: String {
        switch value {
        case .null: "null"
        case .boolean(let value): "\(value)"
        case .number(let text): Self.isBounded(text) ? text : Self.quoted(text)
        case .text(let text): Self.quoted(text)
        case .list(let values): "[" + values.map(\.rewritten).joined(separator: ",") + "]"
        case .object(let members):
            "{" + members.map { Self.quoted($0.name) + ":" + $0.value.rewritten }.joined(separator: ",") + "}"
        }
    }

    /// Whether `numeric` can hold it, by a wide margin.
    static func isBounded(_ number: String) -> Bool {
        guard number.utf8.count <= 200 else { return false }
        guard let mark = number.firstIndex(where: { $0 == "e" || $0 == "E" }) else { return true }
        return Int(number[number.index(after: mark)...].drop { $0 == "+" }).map { abs($0) <= 1000 } ?? false
    }

    static func quoted(_ text: String) -> String {
        var result = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": result += "\\\""
            case "\\": result += "\\\\"
            case "\u{0}": result += "\u{FFFD}"
            case "\u{1}"..<"\u{20}":
                let digits = String(scalar.value, radix: 16)
                result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result + "\""
    }
}

/// Why a text is no JSON.
package struct ExactJSONError: Error, Equatable, CustomStringConvertible {
    package let what: String
    /// Bytes from the start.
    package let offset: Int

    package var description: String { "\(what) at byte \(offset)" }
}

extension StringProtocol {
    /// Without white space at both ends.
    var trimmed: String {
        String(drop { $0.isWhitespace }.reversed().drop { $0.isWhitespace }.reversed())
    }
}
