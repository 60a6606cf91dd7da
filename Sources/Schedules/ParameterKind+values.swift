internal import CivilTime

extension ParameterKind {
    /// What is expected, for an error's text.
    var expectation: String {
        switch self {
        case .integer: "a whole number"
        case .text: "a text"
        case .boolean: "true or false"
        case .duration: "a duration such as 30s, 15m, 2h or 400d"
        case .date: "a date such as 2026-01-31"
        case .instant: "an instant such as 2026-01-31T08:00:00+07:00"
        case .choice(let words): "one of \(words.joined(separator: ", "))"
        case .list(let element): "a list, each \(element.expectation)"
        }
    }

    /// Whether quotes around the value make it something else (`"5"` is a text, not a number).
    var isUnquoted: Bool {
        switch self {
        case .integer, .boolean: true
        default: false
        }
    }

    /// The value a text means, in its canonical form; nil where the text means nothing of this kind.
    ///
    /// A list is written with commas here, as on the command line.
    func value(of text: String) -> JSONValue? {
        switch self {
        case .integer: Self.integer(text).map(JSONValue.integer)
        case .text: text.unicodeScalars.contains("\0") ? nil : .text(text)
        case .boolean: ["true": .boolean(true), "false": .boolean(false)][text]
        case .duration: (try? Duration(scheduleText: text)).map { .text($0.scheduleText) }
        case .date: CivilDate(text).map { .text($0.description) }
        case .instant: Instant(text).map { .text($0.description) }
        case .choice(let words): words.contains(text) ? .text(text) : nil
        case .list(let element): Self.list(text, of: element)
        }
    }

    /// Digits with at most a minus; not YAML's octal, hexadecimal and sexagesimal numbers.
    static func integer(_ text: String) -> Int64? {
        let digits = text.utf8.first == UInt8(ascii: "-") ? text.dropFirst() : text[...]
        guard digits.utf8.first != UInt8(ascii: "+"), digits.count == 1 || digits.utf8.first != UInt8(ascii: "0")
        else { return nil }
        return Int64(text)
    }

    private static func list(_ text: String, of element: ParameterKind) -> JSONValue? {
        guard !text.isEmpty else { return .list([]) }
        let parts = text.split(separator: ",", omittingEmptySubsequences: false)
        let values = parts.compactMap { element.value(of: String($0)) }
        return values.count == parts.count ? .list(values) : nil
    }
}

extension ParameterField {
    /// What is expected, for an error's text.
    var expectation: String {
        guard let range else { return kind.expectation }
        return "\(kind.expectation) from \(range.lowerBound) to \(range.upperBound)"
    }

    /// The value a text means; nil where it is not of the kind, or out of range.
    func value(of text: String) -> JSONValue? {
        guard let value = kind.value(of: text) else { return nil }
        return isInRange(value) ? value : nil
    }

    func isInRange(_ value: JSONValue) -> Bool {
        switch value {
        case .integer(let number): range?.contains(number) ?? true
        case .list(let values): values.allSatisfy(isInRange)
        default: true
        }
    }
}
