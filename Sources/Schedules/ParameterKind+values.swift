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
        case .shaped(let shape): shape.expectation
        case .list(let element): "a list, each \(element.expectation)"
        case .mapping(let names, let element): "a mapping from \(names.expectation) to \(element.expectation)"
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
    /// A list is written with commas here, as on the command line, and a mapping as `name=value` with commas; where a value
    /// has commas of its own, either is written as JSON.
    func value(of text: String) -> JSONValue? {
        switch self {
        case .integer: Self.integer(text).map(JSONValue.integer)
        case .text: text.unicodeScalars.contains("\0") ? nil : .text(text)
        case .boolean: ["true": .boolean(true), "false": .boolean(false)][text]
        case .duration: (try? Duration(scheduleText: text)).map { .text($0.scheduleText) }
        case .date: CivilDate(text).map { .text($0.description) }
        case .instant: Instant(text).map { .text($0.description) }
        case .choice(let words): words.contains(text) ? .text(text) : nil
        case .shaped(let shape): shape.fits(text) ? .text(text) : nil
        case .list(let element):
            text.hasPrefix("[") ? (try? JSONValue(parsing: text)).flatMap(value) : Self.list(text, of: element)
        case .mapping(let names, let element):
            text.hasPrefix("{") ? (try? JSONValue(parsing: text)).flatMap(value) : Self.mapping(text, names, element)
        }
    }

    /// The value that a JSON value means; nil where it means nothing of this kind.
    func value(of json: JSONValue) -> JSONValue? {
        switch (self, json) {
        case (.integer, .integer), (.boolean, .boolean): return json
        case (.list(let element), .list(let elements)):
            let values = elements.compactMap { element.value(of: $0) }
            return values.count == elements.count ? .list(values) : nil
        case (.mapping(let names, let element), .object(let members)):
            let values = members.filter { names.fits($0.key) }.compactMapValues { element.value(of: $0) }
            return values.count == members.count ? .object(values) : nil
        case (.integer, _), (.boolean, _), (.list, _), (.mapping, _): return nil
        case (_, .text(let text)): return value(of: text)
        default: return nil
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

    private static func mapping(_ text: String, _ names: TextShape, _ element: ParameterKind) -> JSONValue? {
        guard !text.isEmpty else { return .object([:]) }
        var members: [String: JSONValue] = [:]
        for part in text.split(separator: ",", omittingEmptySubsequences: false) {
            guard let sign = part.firstIndex(of: "=") else { return nil }
            let name = String(part[..<sign])
            guard names.fits(name), members[name] == nil,
                let value = element.value(of: String(part[part.index(after: sign)...]))
            else { return nil }
            members[name] = value
        }
        return .object(members)
    }
}

extension ParameterField {
    /// What is expected, for an error's text.
    var expectation: String {
        if leastCount > 0 { return "\(kind.expectation), with at least \(leastCount) of them" }
        if let longest { return "\(kind.expectation), at most \(longest.scheduleText)" }
        guard let range else { return kind.expectation }
        return "\(kind.expectation) from \(range.lowerBound) to \(range.upperBound)"
    }

    /// The value a text means; nil where it is not of the kind, or out of range.
    func value(of text: String) -> JSONValue? {
        guard let value = kind.value(of: text) else { return nil }
        return accepts(value) ? value : nil
    }

    /// Whether a value of the right kind is also within the limits.
    func accepts(_ value: JSONValue) -> Bool {
        if case .list(let values) = value, values.count < leastCount { return false }
        if case .text(let text) = value, let longest {
            guard let duration = try? Duration(scheduleText: text), duration <= longest else { return false }
        }
        return isInRange(value)
    }

    private func isInRange(_ value: JSONValue) -> Bool {
        switch value {
        case .integer(let number): range?.contains(number) ?? true
        case .list(let values): values.allSatisfy(isInRange)
        case .object(let members): members.values.allSatisfy(isInRange)
        default: true
        }
    }
}
