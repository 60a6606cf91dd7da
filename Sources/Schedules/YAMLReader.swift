package import CivilTime
package import Yams

/// Reads values out of YAML nodes and collects a problem, with its place, for each that is not what it should be.
///
/// Every method returns nil after it has reported a problem, so that the caller can go on and find the next one.
package struct YAMLReader {
    package let file: String
    package private(set) var problems: [FileProblem] = []
    /// What does not keep the file from counting.
    package private(set) var warnings: [FileProblem] = []

    package init(file: String) {
        self.file = file
    }

    /// A key of a mapping and its value.
    package struct Field {
        package let key: Node
        package let value: Node
    }

    /// The known keys of a mapping.
    package struct Fields<Key: FileKeys> {
        package var known: [Key: Field] = [:]
        /// Keys that an unknown word was probably meant to be: reporting them as missing too would only confuse.
        var meant: Set<Key> = []

        package subscript(key: Key) -> Field? { known[key] }

        package func isMissing(_ key: Key) -> Bool { known[key] == nil && !meant.contains(key) }
    }

    package mutating func report(_ node: Node, _ message: String, remedy: String = "") {
        problems.append(FileProblem(at: position(of: node), message, remedy: remedy))
    }

    package mutating func warn(_ node: Node, _ message: String, remedy: String) {
        warnings.append(FileProblem(at: position(of: node), message, remedy: remedy, level: .warning))
    }

    /// A problem at one character, counted from 1, of a text; where the text is written so that its characters cannot
    /// be counted in the file, at its start.
    package mutating func report(_ node: Node, character: Int, _ message: String, remedy: String) {
        let start = position(of: node)
        let quote = node.scalar?.unquoted == nil ? 1 : 0
        let isCountable = node.scalar?.isWrittenOut ?? false
        let column = isCountable ? start.column + quote + character - 1 : start.column
        let position = SourcePosition(file: file, line: start.line, column: column)
        problems.append(FileProblem(at: position, message, remedy: remedy))
    }

    package mutating func report(_ problems: [FileProblem]) {
        self.problems += problems
    }

    package func position(of node: Node) -> SourcePosition {
        SourcePosition(file: file, line: node.mark?.line ?? 1, column: node.mark?.column ?? 1)
    }

    /// The keys of a mapping; an unknown one is a problem.
    package mutating func fields<Key: FileKeys>(
        of node: Node,
        _ what: String,
        keys: Key.Type
    ) -> Fields<Key>? {
        let names = Key.allCases.map(\.rawValue)
        guard let mapping = node.mapping else {
            let keys = names.joined(separator: ", ")
            report(node, "\(what) must be a mapping, not \(Self.found(node))", remedy: "its keys are: \(keys)")
            return nil
        }
        var fields = Fields<Key>()
        for (key, value) in mapping {
            let name = key.string ?? ""
            if let known = Key(rawValue: name) {
                fields.known[known] = Field(key: key, value: value)
            } else {
                let meant = Spelling.nearest(to: name, among: names)
                fields.meant.formUnion(meant.flatMap(Key.init(rawValue:)).map { [$0] } ?? [])
                let known = "the keys of \(what) are: \(names.joined(separator: ", "))"
                let remedy = Spelling.suggestion(for: name, among: names).map { "\($0) " } ?? ""
                report(key, "unknown key \(Self.found(key)) in \(what)", remedy: remedy + known)
            }
        }
        return fields
    }

    /// A text of one line or more, not empty.
    package mutating func text(_ node: Node, _ what: String) -> String? {
        guard let scalar = node.scalar, !scalar.isNothing else {
            report(node, "\(what) must be a text, not \(Self.found(node))")
            return nil
        }
        guard !scalar.string.isEmpty, !scalar.string.unicodeScalars.contains("\0") else {
            report(node, "\(what) must be a text that is not empty and has no zero bytes")
            return nil
        }
        return scalar.string
    }

    /// A duration, zero allowed.
    package mutating func duration(_ node: Node, _ what: String) -> Duration? {
        let remedy = "write whole numbers with d, h, m, s from large to small: 30s, 15m, 2h, 400d, 1h30m"
        guard let scalar = node.scalar else {
            report(node, "\(what) must be a duration, not \(Self.found(node))", remedy: remedy)
            return nil
        }
        do throws(Duration.TextProblem) {
            return try Duration(scheduleText: scalar.string)
        } catch {
            report(node, "\(what): \(error)", remedy: remedy)
            return nil
        }
    }

    /// A duration above zero.
    package mutating func positiveDuration(_ node: Node, _ what: String) -> Duration? {
        guard let duration = duration(node, what) else { return nil }
        guard duration > .zero else {
            report(node, "\(what) must be longer than 0s", remedy: "write at least 1s")
            return nil
        }
        return duration
    }

    /// A time of day, in minutes after midnight.
    package mutating func minuteOfDay(_ node: Node, _ what: String) -> Int? {
        let parts = (node.scalar?.string ?? "").utf8.split(
            separator: UInt8(ascii: ":"),
            omittingEmptySubsequences: false
        )
        let numbers = parts.compactMap { part in
            part.count == 2 && part.allSatisfy { (48...57).contains($0) } ? Int(String(part) ?? "") : nil
        }
        if parts.count == 2, numbers.count == 2, numbers[0] < 24, numbers[1] < 60 {
            return numbers[0] * 60 + numbers[1]
        }
        let remedy = "write hours and minutes with two digits each, as \"09:00\""
        report(node, "\(what) must be a time of day, not \(Self.found(node))", remedy: remedy)
        return nil
    }

    /// A date of the calendar.
    package mutating func date(_ node: Node, _ what: String) -> CivilDate? {
        if let date = node.scalar.flatMap({ CivilDate($0.string) }) { return date }
        report(node, "\(what) must be a date, not \(Self.found(node))", remedy: "write it as 2026-01-31")
        return nil
    }

    /// One of the words of a type.
    package mutating func choice<Choice: RawRepresentable<String> & CaseIterable>(
        _ node: Node,
        _ what: String,
        of choices: Choice.Type
    ) -> Choice? {
        if let choice = node.scalar.flatMap({ Choice(rawValue: $0.string) }) { return choice }
        let words = Choice.allCases.map(\.rawValue)
        let guess = node.scalar.flatMap { Spelling.suggestion(for: $0.string, among: words) }
        let list = words.joined(separator: ", ")
        report(node, "\(what) must be one of \(list), not \(Self.found(node))", remedy: guess ?? "write one of them")
        return nil
    }

    /// `true` or `false`, nothing else that YAML takes for them.
    package mutating func boolean(_ node: Node, _ what: String) -> Bool? {
        switch node.scalar?.unquoted {
        case "true": return true
        case "false": return false
        default:
            report(
                node,
                "\(what) must be true or false, not \(Self.found(node))",
                remedy: "write true or false, unquoted"
            )
            return nil
        }
    }

    /// A whole number in a range.
    package mutating func integer(_ node: Node, _ what: String, in range: ClosedRange<Int64>) -> Int? {
        if let number = node.scalar?.unquoted.flatMap(ParameterKind.integer), range.contains(number) {
            return Int(number)
        }
        let expected = "a whole number from \(range.lowerBound) to \(range.upperBound)"
        report(node, "\(what) must be \(expected), not \(Self.found(node))", remedy: "write a number without quotes")
        return nil
    }

    /// A share between 0 and 1.
    package mutating func share(_ node: Node, _ what: String, in range: ClosedRange<Double>) -> Double? {
        let isPlain = node.scalar?.unquoted?.utf8.allSatisfy { "0123456789.".utf8.contains($0) } ?? false
        if isPlain, let number = node.scalar.flatMap({ Double($0.string) }), range.contains(number) {
            return number
        }
        report(node, "\(what) must be a number from 0 to 1, not \(Self.found(node))", remedy: "0.2 means up to 20 %")
        return nil
    }

    /// What stands at a node, for an error's text.
    package static func found(_ node: Node) -> String {
        switch node {
        case .mapping: "a mapping"
        case .sequence: "a list"
        case .alias: "an alias"
        case .scalar(let scalar) where scalar.isNothing: "nothing"
        case .scalar(let scalar): "\"\(scalar.string.prefix(80))\""
        }
    }
}

extension Node.Scalar {
    /// The text where it stands without quotes, so that it may be a number or a truth value.
    package var unquoted: String? {
        switch style {
        case .plain, .any: string
        case .singleQuoted, .doubleQuoted, .literal, .folded: nil
        }
    }

    /// Whether every character of the text stands in the file as itself, in one line.
    fileprivate var isWrittenOut: Bool {
        let isBlock = style == .literal || style == .folded
        return !isBlock && !string.contains { "\\'\"".contains($0) || $0.isNewline }
    }

    /// A key with no value after it, or YAML's null.
    package var isNothing: Bool {
        ["", "~", "null", "Null", "NULL"].contains(unquoted)
    }
}
