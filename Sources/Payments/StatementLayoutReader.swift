internal import CivilTime
internal import Yams

extension StatementLayout {
    /// Reads a file of layouts, given as its text.
    ///
    /// - Throws: `LayoutProblems`: unknown and missing keys and values that do not fit, each with line, column and remedy.
    package static func read(_ text: String, file: String) throws(LayoutProblems) -> [StatementLayout] {
        var reader = StatementLayoutReader(file: file)
        let layouts = reader.layouts(text)
        guard reader.problems.isEmpty else { throw LayoutProblems(problems: reader.problems) }
        return layouts
    }
}

/// Reads layouts out of YAML, and goes on after a problem to find the next one.
private struct StatementLayoutReader {
    let file: String
    var problems: [LayoutProblem] = []

    private enum FileKey: String, CaseIterable { case version, layouts }
    private enum LayoutKey: String, CaseIterable {
        case delimiter, header, skip, columns, time, billPattern = "bill_pattern", currency, thousands, decimal
    }
    private enum TimeKey: String, CaseIterable { case column, columns, format, formats, zone }
    private enum PatternKey: String, CaseIterable { case column, pattern }

    init(file: String) { self.file = file }

    mutating func layouts(_ text: String) -> [StatementLayout] {
        let root: Node?
        do {
            let hasMark = text.unicodeScalars.first == "\u{FEFF}"
            root = try Yams.compose(yaml: hasMark ? String(text.unicodeScalars.dropFirst()) : text)
        } catch {
            report(nil, "this is not YAML: \(Self.oneLine(error))", "check indentation, colons and quotes")
            return []
        }
        guard let root else {
            report(nil, "the file is empty", "begin with version: 1 and layouts:")
            return []
        }
        guard let fields = fields(root, "a file of statement layouts", FileKey.self) else { return [] }
        if fields[.version]?.scalar?.string != "1" {
            report(fields[.version] ?? root, "the file must say version: 1", "add it, or change it")
        }
        guard let entries = fields[.layouts]?.mapping else {
            report(
                fields[.layouts] ?? root,
                "layouts must be a mapping from names to layouts",
                "indent the names below it"
            )
            return []
        }
        return entries.compactMap { key, body in layout(key, body) }
    }

    private mutating func layout(_ key: Node, _ body: Node) -> StatementLayout? {
        let before = problems.count
        let name = key.string ?? ""
        if name.isEmpty || !name.utf8.allSatisfy({ "abcdefghijklmnopqrstuvwxyz0123456789-".utf8.contains($0) }) {
            report(key, "\"\(name)\" is not a name for a layout", "use lower-case letters, digits and hyphens")
        }
        let what = "layout \(name)"
        guard let fields = fields(body, what, LayoutKey.self) else { return nil }
        guard let timeNode = fields[.time] else {
            report(key, "\(what) does not say when money moved", "add time: with column, format and zone")
            return nil
        }
        guard let time = time(timeNode, what) else { return nil }
        var layout = StatementLayout(name: name, time: time)
        if let node = fields[.header] { layout.hasHeader = flag(node, "header") ?? true }
        if let node = fields[.skip] { layout.skip = number(node, "skip", 0...1000) ?? 0 }
        if let node = fields[.delimiter] {
            layout.delimiter = character(node, "delimiter")?.asciiValue ?? layout.delimiter
        }
        if let node = fields[.thousands] { layout.thousands = character(node, "thousands") }
        if let node = fields[.decimal] { layout.decimal = character(node, "decimal") ?? "." }
        if let node = fields[.currency] { layout.currency = currency(node) }
        if let node = fields[.columns] { layout.columns = columns(node, what) }
        if let node = fields[.billPattern] { layout.billPattern = pattern(node, what) }
        check(layout, key, what)
        return problems.count == before ? layout : nil
    }

    /// What only the keys together can have wrong.
    private mutating func check(_ layout: StatementLayout, _ key: Node, _ what: String) {
        let parts = layout.columns
        let hasSides = parts[.credit] != nil || parts[.debit] != nil
        if (parts[.amount] != nil) == hasSides {
            report(key, "\(what) needs either an amount column or a credit column", "name one of them under columns:")
        } else if hasSides, parts[.credit] == nil {
            report(key, "\(what) has money out and no money in", "add credit: to columns:")
        }
        if (parts[.currency] == nil) == (layout.currency == nil) {
            report(
                key,
                "\(what) needs a currency: a column, or one for all rows",
                "add currency: to columns:, or to the layout"
            )
        }
        if layout.thousands == layout.decimal {
            report(key, "\(what) separates thousands and decimals by the same character", "change one of them")
        }
        if parts[.billNumber] != nil, layout.billPattern != nil {
            report(
                key,
                "\(what) takes the bill number from two places",
                "keep bill_number in columns:, or bill_pattern"
            )
        }
        let all = Array(parts.values) + layout.time.columns + (layout.billPattern.map { [$0.column] } ?? [])
        let isNamed = all.contains { if case .named = $0 { true } else { false } }
        if isNamed, !layout.hasHeader {
            report(key, "\(what) names columns, and its files have no header", "give their numbers, from 1")
        }
    }

    private mutating func columns(_ node: Node, _ what: String) -> [StatementLayout.Part: StatementLayout.Column] {
        guard let fields = fields(node, "the columns of \(what)", StatementLayout.Part.self) else { return [:] }
        return fields.compactMapValues { column($0, "a column") }
    }

    private mutating func time(_ node: Node, _ what: String) -> StatementLayout.Time? {
        guard let fields = fields(node, "the time of \(what)", TimeKey.self) else { return nil }
        let columns = (fields[.columns] ?? fields[.column]).map(items) ?? []
        let formats = (fields[.formats] ?? fields[.format]).map(items) ?? []
        let read = columns.compactMap { column($0, "a column of time") }
        let texts = formats.compactMap { format($0) }
        if columns.isEmpty { report(node, "the time of \(what) has no column", "add column: or columns:") }
        if formats.isEmpty {
            report(node, "the time of \(what) has no format", "add format: \"%d/%m/%Y %H:%M:%S\", or rfc3339")
        }
        guard let zoneNode = fields[.zone], let zoneName = zoneNode.scalar?.string else {
            report(fields[.zone] ?? node, "the time of \(what) has no zone", "add zone: Asia/Phnom_Penh")
            return nil
        }
        do throws(ZoneError) {
            return StatementLayout.Time(
                columns: read,
                formats: texts,
                zone: try Zone(named: zoneName),
                zoneName: zoneName
            )
        } catch {
            report(zoneNode, "\(error)", "write a name of the tz database, as Asia/Phnom_Penh")
            return nil
        }
    }

    private mutating func format(_ node: Node) -> String? {
        let text = node.scalar?.string ?? ""
        if let problem = StatementTime.problem(with: text) {
            report(
                node,
                "\"\(text)\" is no format of a time: \(problem)",
                "write it as \"%d/%m/%Y %H:%M:%S\", or rfc3339"
            )
            return nil
        }
        return text
    }

    private mutating func pattern(_ node: Node, _ what: String) -> StatementLayout.BillPattern? {
        guard let fields = fields(node, "the bill pattern of \(what)", PatternKey.self) else { return nil }
        guard let columnNode = fields[.column], let column = column(columnNode, "column"),
            let text = fields[.pattern]?.scalar?.string
        else {
            report(node, "a bill pattern has a column and a pattern", "write { column: Remark, pattern: 'INV-[0-9]+' }")
            return nil
        }
        guard (try? Regex(text)) != nil else {
            report(fields[.pattern] ?? node, "\"\(text)\" is not a regular expression", "mend it")
            return nil
        }
        return StatementLayout.BillPattern(column: column, pattern: text)
    }
}

// MARK: Values

extension StatementLayoutReader {
    private static func oneLine(_ error: any Error) -> String {
        "\(error)".split(separator: "\n").prefix(2).joined(separator: " ")
    }

    private mutating func report(_ node: Node?, _ message: String, _ remedy: String) {
        let mark = node?.mark
        problems.append(
            LayoutProblem(
                file: file,
                line: mark?.line ?? 1,
                column: mark?.column ?? 1,
                message: message,
                remedy: remedy
            )
        )
    }

    private mutating func fields<Key: RawRepresentable<String> & CaseIterable & Hashable>(
        _ node: Node,
        _ what: String,
        _ keys: Key.Type
    ) -> [Key: Node]? {
        let names = Key.allCases.map(\.rawValue).joined(separator: ", ")
        guard let mapping = node.mapping else {
            report(node, "\(what) must be a mapping", "its keys are: \(names)")
            return nil
        }
        var fields: [Key: Node] = [:]
        for (key, value) in mapping {
            if let known = Key(rawValue: key.string ?? "") {
                fields[known] = value
            } else {
                report(key, "unknown key \"\(key.string ?? "")\" in \(what)", "the keys of \(what) are: \(names)")
            }
        }
        return fields
    }

    private func items(_ node: Node) -> [Node] { node.sequence.map { Array($0) } ?? [node] }

    private mutating func column(_ node: Node, _ what: String) -> StatementLayout.Column? {
        guard let text = node.scalar?.string, !text.isEmpty else {
            report(node, "\(what) must be a heading or a number", "write the heading as it stands in the file")
            return nil
        }
        guard let number = Int(text), node.scalar?.style == .plain else { return .named(text) }
        guard (1...1000).contains(number) else {
            report(node, "\(number) is no number of a column", "columns are counted from 1")
            return nil
        }
        return .number(number)
    }

    private mutating func flag(_ node: Node, _ what: String) -> Bool? {
        switch node.scalar?.string {
        case "true": return true
        case "false": return false
        default:
            report(node, "\(what) must be true or false", "write one of them, unquoted")
            return nil
        }
    }

    private mutating func number(_ node: Node, _ what: String, _ range: ClosedRange<Int>) -> Int? {
        if let number = node.scalar.flatMap({ Int($0.string) }), range.contains(number) { return number }
        report(node, "\(what) must be a whole number from \(range.lowerBound) to \(range.upperBound)", "change it")
        return nil
    }

    private mutating func character(_ node: Node, _ what: String) -> Character? {
        let text = node.scalar?.string ?? ""
        let word = text == "tab" ? "\t" : text == "space" ? " " : text
        guard word.count == 1, let character = word.first, character.isASCII, !character.isNumber, character != "\""
        else {
            report(node, "\(what) must be one character", "write it in quotes, as \",\"; or tab, or space")
            return nil
        }
        return character
    }

    private mutating func currency(_ node: Node) -> String? {
        let text = node.scalar?.string ?? ""
        guard ["KHR", "USD"].contains(text) else {
            report(node, "\"\(text)\" is no currency here", "write KHR or USD")
            return nil
        }
        return text
    }
}
