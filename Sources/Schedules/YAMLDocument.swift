package import Yams

/// A YAML text as a tree of nodes, with every fault of the syntax turned into a problem with its place.
package struct YAMLDocument {
    package let root: Node?
    package let problems: [FileProblem]

    package init(_ text: String, file: String) {
        do {
            // The parser is told that it gets UTF-8 and then takes a byte order mark for content.
            let hasMark = text.unicodeScalars.first == "\u{FEFF}"
            let parser = try Parser(yaml: hasMark ? String(text.unicodeScalars.dropFirst()) : text)
            let root = try parser.singleRoot()
            // Anchors are weak references into the parser, so it must live while they are looked for.
            let problems = withExtendedLifetime(parser) { root.map { Self.refused(in: $0, file: file) } ?? [] }
            self.root = problems.isEmpty ? root : nil
            self.problems = problems
        } catch {
            root = nil
            problems = [YAMLFault.problem(error, text: text, file: file)]
        }
    }

    /// Anchors, aliases and tags of one's own: what a reader of the file could not see at the place itself.
    private static func refused(in node: Node, file: String) -> [FileProblem] {
        let position = SourcePosition(file: file, line: node.mark?.line ?? 0, column: node.mark?.column ?? 0)
        if let anchor = node.anchor {
            let message = "anchors and aliases (&\(anchor.rawValue), *\(anchor.rawValue)) are not read"
            return [FileProblem(at: position, message, remedy: "write the value out where it is used")]
        }
        if !node.tag.description.hasPrefix("tag:yaml.org,2002:") {
            let message = "the tag \(node.tag) is not read"
            return [FileProblem(at: position, message, remedy: "leave the tag out")]
        }
        var problems: Set<FileProblem> = []
        switch node {
        case .mapping(let mapping):
            for (key, value) in mapping {
                problems.formUnion(refused(in: key, file: file))
                problems.formUnion(refused(in: value, file: file))
            }
        case .sequence(let sequence):
            for element in sequence {
                problems.formUnion(refused(in: element, file: file))
            }
        case .scalar(let scalar):
            guard scalar.string.unicodeScalars.contains("\0") else { break }
            let remedy = "PostgreSQL cannot store it; leave it out"
            problems.insert(FileProblem(at: position, "the text has a zero byte", remedy: remedy))
        case .alias: break
        }
        return Array(problems)
    }
}

/// Says in our words what the YAML parser found.
private enum YAMLFault {
    static func problem(_ error: any Error, text: String, file: String) -> FileProblem {
        guard let error = error as? YamlError else {
            return FileProblem(at: SourcePosition(file: file), "the file cannot be read as YAML: \(error)")
        }
        switch error {
        case .scanner(let context, let problem, let mark, _), .parser(let context, let problem, let mark, _),
            .composer(let context, let problem, let mark, _):
            let position = SourcePosition(file: file, line: mark.line, column: mark.column)
            let words = [context?.text, problem].compactMap(\.self).joined(separator: ": ")
            return FileProblem(at: position, "this is not YAML (\(words))", remedy: remedy(for: words))
        case .duplicatedKeysInMapping(let keys, let context):
            return duplicate(keys.sorted().first ?? "", first: context.mark, text: text, file: file)
        case .reader(let problem, let offset, _, _):
            let position = position(ofCharacter: offset ?? 0, in: text, file: file)
            let remedy = "remove the character; a file may hold printable characters and line ends"
            return FileProblem(at: position, "this is not YAML (\(problem))", remedy: remedy)
        default:
            return FileProblem(at: SourcePosition(file: file), "the file cannot be read as YAML: \(error)")
        }
    }

    private static func remedy(for words: String) -> String {
        if words.contains("alias") || words.contains("anchor") {
            return "put an expression that begins with * or & in quotes, as in cron: \"*/5 * * * *\""
        }
        if words.contains("tab") || words.contains("cannot start any token") {
            return "indent with spaces, and put text that begins with a special character in quotes"
        }
        if words.contains("another document") {
            return "keep one document a file: remove the line ---, or move the rest to a file of its own"
        }
        return "check indentation, colons and quotes here and in the line above"
    }

    /// The parser names the first of two equal keys; people look for the second.
    private static func duplicate(_ key: String, first: Mark, text: String, file: String) -> FileProblem {
        let lines = text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline)
        let indent = String(repeating: " ", count: max(0, first.column - 1))
        let second = lines.indices.dropFirst(first.line).first { index in
            let words = ["\(key):", "\"\(key)\":", "'\(key)':"]
            return words.contains { lines[index].hasPrefix(indent + $0) }
        }
        let position = SourcePosition(file: file, line: second.map { $0 + 1 } ?? first.line, column: first.column)
        let message = "the key \"\(key)\" stands twice in one mapping, first in line \(first.line)"
        return FileProblem(at: position, message, remedy: "remove or rename one of the two")
    }

    private static func position(ofCharacter offset: Int, in text: String, file: String) -> SourcePosition {
        let before = text.prefix(offset).split(omittingEmptySubsequences: false, whereSeparator: \.isNewline)
        let column = (before.last?.unicodeScalars.count ?? 0) + 1
        return SourcePosition(file: file, line: max(1, before.count), column: column)
    }
}
