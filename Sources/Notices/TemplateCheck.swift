internal import Schedules

/// Holds the tags of a part against the names that its category offers.
///
/// swift-mustache writes an unknown name as nothing; so every name is looked up here before, by the same rule: the first
/// part of a path in the innermost section that has it, the rest below that.
struct TemplateCheck {
    private var problems: [FileProblem] = []
    private var scopes: [Scope]
    /// The sections that are open, by the path of their variable: what is optional may be used within its own.
    private var open: [(tag: TemplateTag, path: String)] = []

    private struct Scope {
        let path: String
        let members: [TemplateVariable]
        /// What `{{.}}` stands for; nil in groups.
        let isText: Bool
    }

    private struct Found {
        let path: String
        let variable: TemplateVariable
        /// The paths on the way that may be missing, itself included.
        let optional: [String]
    }

    private init(_ variables: [TemplateVariable]) {
        scopes = [Scope(path: "", members: variables, isText: false)]
    }

    /// What is wrong with the names and sections of a part.
    static func problems(_ tags: [TemplateTag], _ variables: [TemplateVariable]) -> [FileProblem] {
        var check = TemplateCheck(variables)
        for tag in tags { check.take(tag) }
        for left in check.open {
            let message = "the section \(left.tag.name) has no end"
            check.report(left.tag, message, "close it with {{/\(left.tag.name)}}")
        }
        return check.problems
    }

    private mutating func take(_ tag: TemplateTag) {
        switch tag.kind {
        case .end: close(tag)
        case .section, .inverted: enter(tag)
        case .variable, .raw: show(tag)
        }
    }

    private mutating func close(_ tag: TemplateTag) {
        guard let last = open.popLast() else {
            return report(tag, "no section \(tag.name) is open here", "take the tag away")
        }
        scopes.removeLast()
        if last.tag.name != tag.name {
            report(
                tag,
                "the section that ends here is \(last.tag.name), not \(tag.name)",
                "write {{/\(last.tag.name)}}"
            )
        }
    }

    private mutating func enter(_ tag: TemplateTag) {
        let found = lookUp(tag)
        let isOpened = tag.kind == .section
        let scope = Scope(
            path: isOpened ? found?.path ?? "" : "",
            members: isOpened ? found?.variable.members ?? [] : [],
            isText: isOpened && found?.variable.kind == .text
        )
        if let found { requireGuards(found.optional.filter { $0 != found.path }, tag) }
        scopes.append(scope)
        open.append((tag, isOpened ? found?.path ?? "" : ""))
    }

    private mutating func show(_ tag: TemplateTag) {
        if tag.name == "." {
            if scopes.last?.isText != true { report(tag, "{{.}} stands for nothing here", "name what is to be shown") }
            return
        }
        guard let found = lookUp(tag) else { return }
        let isRaw = tag.kind == .raw
        switch found.variable.kind {
        case .content where !isRaw: report(tag, "content is HTML already", "write {{{content}}}")
        case .content: break
        case .text where isRaw:
            report(tag, "\(tag.name) must not go unescaped into a message", "write {{\(tag.name)}}")
        case .text: requireGuards(found.optional, tag)
        case .flag: report(tag, "\(tag.name) is a question", "ask it with {{#\(tag.name)}} … {{/\(tag.name)}}")
        case .group(let members):
            let example = members.first.map { "{{\(tag.name).\($0.name)}}" } ?? ""
            report(tag, "\(tag.name) has several values", "name one of them, such as \(example)")
        case .list:
            report(tag, "\(tag.name) is a list", "repeat a section for each: {{#\(tag.name)}} … {{/\(tag.name)}}")
        }
    }

    private mutating func requireGuards(_ paths: [String], _ tag: TemplateTag) {
        for path in paths where !open.contains(where: { $0.tag.kind == .section && $0.path == path }) {
            let message = "\(path) may be missing, and nothing would stand in its place"
            report(tag, message, "write it inside of {{#\(path)}} … {{/\(path)}}")
            return
        }
    }

    private mutating func lookUp(_ tag: TemplateTag) -> Found? {
        let names = tag.name.split(separator: ".").map(String.init)
        guard let first = names.first else { return nil }
        for scope in scopes.reversed() {
            guard let variable = scope.members.first(where: { $0.name == first }) else { continue }
            return descend(from: variable, in: scope.path, names.dropFirst(), tag)
        }
        unknown(tag.name, among: scopes.flatMap(\.members).flatMap { Self.paths(of: $0) }, tag)
        return nil
    }

    private mutating func descend(
        from variable: TemplateVariable,
        in prefix: String,
        _ names: ArraySlice<String>,
        _ tag: TemplateTag
    ) -> Found? {
        var (path, variable) = (prefix.isEmpty ? variable.name : "\(prefix).\(variable.name)", variable)
        var optional = variable.isOptional ? [path] : []
        for name in names {
            guard case .group(let members) = variable.kind, let member = members.first(where: { $0.name == name })
            else {
                if case .list = variable.kind {
                    report(tag, "\(path) is a list", "repeat a section for each: {{#\(path)}} {{\(name)}} {{/\(path)}}")
                } else {
                    unknown(tag.name, among: variable.members.map { "\(path).\($0.name)" }, tag)
                }
                return nil
            }
            (path, variable) = ("\(path).\(name)", member)
            if member.isOptional { optional.append(path) }
        }
        return Found(path: path, variable: variable, optional: optional)
    }

    private static func paths(of variable: TemplateVariable) -> [String] {
        guard case .group(let members) = variable.kind else { return [variable.name] }
        return [variable.name] + members.map { "\(variable.name).\($0.name)" }
    }

    private mutating func unknown(_ name: String, among known: [String], _ tag: TemplateTag) {
        let list = known.isEmpty ? "" : "known here: \(known.sorted().joined(separator: ", "))"
        let remedy = [Spelling.suggestion(for: name, among: known), list.isEmpty ? nil : list].compactMap(\.self)
        report(tag, "there is no \(name) here", remedy.joined(separator: " "))
    }

    private mutating func report(_ tag: TemplateTag, _ message: String, _ remedy: String) {
        problems.append(FileProblem(at: tag.position, message, remedy: remedy))
    }
}
