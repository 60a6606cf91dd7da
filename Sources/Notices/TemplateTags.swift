internal import Schedules

/// A tag of a template, with where it stands.
struct TemplateTag {
    enum Kind: Equatable {
        case variable, raw, section, inverted, end
    }
    let kind: Kind
    let name: String
    let position: SourcePosition
}

/// Reads the tags of a part of a template.
///
/// Only what can be checked is taken: no partials, blocks, lambdas, transforms and other delimiters.
struct TemplateTagReader {
    private let text: String
    private let file: String
    private let firstLine: Int
    private(set) var tags: [TemplateTag] = []
    private(set) var problems: [FileProblem] = []

    init(_ text: String, file: String, firstLine: Int) {
        (self.text, self.file, self.firstLine) = (text, file, firstLine)
        read()
    }

    private mutating func read() {
        var rest = text[...]
        while let start = rest.firstRange(of: "{{") {
            let position = position(of: start.lowerBound)
            let inner = rest[start.upperBound...]
            let isTriple = inner.first == "{"
            let ending = inner.first == "!" || !isTriple ? "}}" : "}}}"
            guard let end = inner.firstRange(of: ending) else {
                report(position, "the tag has no end", "close it with \(ending)")
                return
            }
            take(inner[..<end.lowerBound], at: position)
            rest = inner[end.upperBound...]
        }
    }

    private mutating func take(_ inner: Substring, at position: SourcePosition) {
        guard let mark = inner.first else {
            return report(position, "the tag is empty", "name what it shows")
        }
        switch mark {
        case "!": return
        case "#": add(.section, inner.dropFirst(), position)
        case "^": add(.inverted, inner.dropFirst(), position)
        case "/": add(.end, inner.dropFirst(), position)
        case "{", "&": add(.raw, inner.dropFirst(), position)
        case ">", "<", "$", "=", "%", "*":
            let known = "variables, {{#sections}}, {{^inverted ones}} and {{! comments }} are"
            report(position, "{{\(mark) … }} is not known here", "\(known)")
        default: add(.variable, inner, position)
        }
    }

    private mutating func add(_ kind: TemplateTag.Kind, _ inner: Substring, _ position: SourcePosition) {
        let name = inner.split(separator: " ", omittingEmptySubsequences: true).joined(separator: " ")
        guard name == "." || Self.isPath(name) else {
            let message = "\"\(TemplateText.oneLine(name))\" is no name"
            return report(position, message, "names have small letters, digits and _, with points between them")
        }
        tags.append(TemplateTag(kind: kind, name: name, position: position))
    }

    private static func isPath(_ name: String) -> Bool {
        name.split(separator: ".", omittingEmptySubsequences: false).allSatisfy { part in
            !part.isEmpty
                && part.utf8.allSatisfy { (97...122).contains($0) || (48...57).contains($0) || $0 == UInt8(ascii: "_") }
        }
    }

    /// Lines count from the file's first, columns in characters of Unicode from 1.
    private func position(of index: String.Index) -> SourcePosition {
        let before = text[..<index].unicodeScalars
        let line = before.count { $0 == "\n" }
        let start = before.lastIndex(of: "\n").map { before.index(after: $0) } ?? before.startIndex
        return SourcePosition(file: file, line: firstLine + line, column: before[start...].count + 1)
    }

    private mutating func report(_ position: SourcePosition, _ message: String, _ remedy: String) {
        problems.append(FileProblem(at: position, message, remedy: remedy))
    }
}
