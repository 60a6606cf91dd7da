internal import Mustache
internal import Schedules

/// The parts of a template, each for a channel.
package enum TemplatePart: String, CaseIterable, Sendable {
    /// One line, of mail, webhooks and messages to the house.
    case subject
    /// Of mail; also of every channel that has no part of its own.
    case text
    /// Of mail, around it the layout; without it mail is text.
    case html
    case telegram, sms, webhook
    case `operator`
}

/// What a template is of: a category of notices, or the frame around all mail.
enum TemplateKind {
    case category(NoticeCatalogue.Category)
    case layout

    var variables: [TemplateVariable] {
        switch self {
        case .category(let category): TemplateVariable.all(of: category)
        case .layout: TemplateVariable.ofLayout
        }
    }

    var requiredParts: [TemplatePart] {
        switch self {
        case .category(let category): [.subject, .text] + (category.ladder.contains(.sms) ? [.sms] : [])
        case .layout: [.text, .html]
        }
    }

    var allowedParts: [TemplatePart] {
        switch self {
        case .category: TemplatePart.allCases
        case .layout: [.text, .html]
        }
    }
}

/// A template file that was read and compiled.
struct TemplateFile: Sendable {
    /// Where it was found: `global/km/final`.
    let source: String
    /// Of the file, for the version.
    let bytes: [UInt8]
    let parts: [TemplatePart: MustacheTemplate]
    /// Where each part begins.
    let lines: [TemplatePart: Int]

    /// The name of the frame around all mail.
    static let layoutName = "layout"

    /// Takes a file apart and holds it against what its kind offers and needs.
    ///
    /// - Throws: everything that is wrong with it.
    init(_ text: String, kind: TemplateKind, source: String, file: String) throws(TemplateProblems) {
        var reader = TemplateFileReader(file: file)
        reader.read(text, allowed: kind.allowedParts)
        reader.requireParts(kind.requiredParts)
        for part in reader.parts { reader.check(part, kind) }
        var compiled: [TemplatePart: MustacheTemplate] = [:]
        for part in reader.parts where reader.problems.isEmpty { compiled[part.part] = reader.compile(part) }
        guard reader.problems.isEmpty else { throw TemplateProblems(reader.problems) }
        self.source = source
        bytes = Array(text.utf8)
        parts = compiled
        lines = Dictionary(reader.parts.map { ($0.part, $0.firstLine) }) { first, _ in first }
    }
}

/// Reads a template file: parts that begin with a line `=== name`.
private struct TemplateFileReader {
    struct FoundPart {
        let part: TemplatePart
        /// Without empty lines at its ends; a subject, SMS or message without its last line break.
        let text: String
        let firstLine: Int
    }

    let file: String
    private(set) var parts: [FoundPart] = []
    private(set) var problems: [FileProblem] = []

    init(file: String) { self.file = file }

    mutating func read(_ text: String, allowed: [TemplatePart]) {
        var current: (part: TemplatePart, line: Int, lines: [Substring])?
        var isSkipping = false
        let lines = text.split(omittingEmptySubsequences: false) { $0 == "\n" || $0 == "\r\n" }
        for (index, line) in lines.enumerated() {
            guard line.hasPrefix("=== ") else {
                if current == nil, !isSkipping, !line.allSatisfy({ $0 == " " }), line.first != "#" {
                    let remedy = "begin with a line such as === subject; notes before it begin with #"
                    report(index + 1, 1, "this line belongs to no part", remedy)
                    isSkipping = true
                }
                current?.lines.append(line)
                continue
            }
            if let current { finish(current) }
            let part = self.part(named: line.dropFirst(4).filter { $0 != " " }, line: index + 1, allowed: allowed)
            current = part.map { ($0, index + 2, []) }
            isSkipping = part == nil
        }
        if let current { finish(current) }
    }

    private mutating func part(named name: String, line: Int, allowed: [TemplatePart]) -> TemplatePart? {
        guard let part = TemplatePart(rawValue: name), allowed.contains(part) else {
            let names = allowed.map(\.rawValue)
            let nearest = Spelling.suggestion(for: name, among: names).map { $0 + " " } ?? ""
            let message = "there is no part \"\(TemplateText.oneLine(name))\" of this template"
            report(line, 5, message, "\(nearest)its parts are \(names.joined(separator: ", "))")
            return nil
        }
        guard !parts.contains(where: { $0.part == part }) else {
            report(line, 5, "the part \(name) stands here for a second time", "take one away")
            return nil
        }
        return part
    }

    private mutating func finish(_ found: (part: TemplatePart, line: Int, lines: [Substring])) {
        let isBlank: (Substring) -> Bool = { $0.allSatisfy { $0 == " " || $0 == "\t" } }
        let leading = found.lines.prefix(while: isBlank).count
        var lines = Array(found.lines.dropFirst(leading))
        while let last = lines.last, isBlank(last) { lines.removeLast() }
        let firstLine = found.line + leading
        guard !lines.isEmpty else {
            return report(found.line - 1, 5, "the part \(found.part.rawValue) is empty", "write it, or take it away")
        }
        if found.part == .subject, lines.count > 1 {
            report(firstLine + 1, 1, "the subject has a second line", "a subject is one line")
        }
        let text = lines.joined(separator: "\n")
        parts.append(FoundPart(part: found.part, text: text, firstLine: firstLine))
    }

    mutating func requireParts(_ required: [TemplatePart]) {
        for part in required where !parts.contains(where: { $0.part == part }) {
            report(
                0,
                0,
                "the part \(part.rawValue) is missing",
                "add a line === \(part.rawValue) and the text below it"
            )
        }
    }

    mutating func check(_ part: FoundPart, _ kind: TemplateKind) {
        let reader = TemplateTagReader(part.text, file: file, firstLine: part.firstLine)
        problems += reader.problems
        if reader.problems.isEmpty { problems += TemplateCheck.problems(reader.tags, kind.variables) }
        if case .layout = kind, reader.tags.count(where: { $0.name == "content" }) != 1 {
            let remedy = "write {{{content}}} where the message goes"
            report(part.firstLine, 1, "a layout shows its content once in each part", remedy)
        }
    }

    /// swift-mustache escapes for HTML unless a line says otherwise.
    mutating func compile(_ part: FoundPart) -> MustacheTemplate? {
        let text = part.part == .html ? part.text : "{{% CONTENT_TYPE:TEXT}}\n" + part.text
        do {
            return try MustacheTemplate(string: text)
        } catch let error as MustacheTemplate.ParserError {
            let line = error.context.lineNumber - (part.part == .html ? 1 : 2)
            report(part.firstLine + max(0, line), error.context.columnNumber, "\(error.error)", "mend the tag")
        } catch {
            report(part.firstLine, 1, "\(error)", "mend the part")
        }
        return nil
    }

    private mutating func report(_ line: Int, _ column: Int, _ message: String, _ remedy: String) {
        let position = SourcePosition(file: file, line: line, column: column)
        problems.append(FileProblem(at: position, message, remedy: remedy))
    }
}
