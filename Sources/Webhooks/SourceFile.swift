internal import Glibc
package import Schedules
internal import Yams

/// Everything that is wrong with a file of webhook sources, in order; with a problem in it nothing of it counts.
package struct SourceProblems: Error, Sendable, CustomStringConvertible {
    package let problems: [FileProblem]

    init(_ problems: [FileProblem]) { self.problems = problems.sorted() }

    /// One problem a line.
    package var description: String { problems.map(\.description).joined(separator: "\n") }
}

extension WebhookSources {
    /// Who reads the file.
    package enum Reader: Sendable {
        /// The daemon: it needs every secret.
        case daemon
        /// Somebody who checks it, and may have no right to read the secrets.
        case checker
    }

    /// Reads a file with the secrets that it names.
    ///
    /// - Throws: every problem of the file; nothing is half loaded.
    package static func load(_ file: String, as reader: Reader = .daemon) throws(SourceProblems) -> WebhookSources {
        var problems: [FileProblem] = []
        guard let text = ScheduleFiles.text(of: file, &problems) else { throw SourceProblems(problems) }
        return try read(text, file: file, as: reader)
    }

    /// Reads a text that is already in memory; its secrets lie beside the file of that name.
    package static func read(
        _ text: String,
        file: String,
        as reader: Reader = .daemon
    ) throws(SourceProblems) -> WebhookSources {
        var sources = SourceReader(file: file, reader: reader)
        let found = sources.file(text)
        guard sources.yaml.problems.isEmpty else { throw SourceProblems(sources.yaml.problems) }
        return WebhookSources(found, file: file)
    }
}

/// Reads the sources of one file and collects every problem in it.
struct SourceReader {
    let reader: WebhookSources.Reader
    var yaml: YAMLReader

    typealias Fields = YAMLReader.Fields<SourceKey>

    init(file: String, reader: WebhookSources.Reader) {
        self.reader = reader
        yaml = YAMLReader(file: file)
    }

    mutating func file(_ text: String) -> [WebhookSource] {
        let document = YAMLDocument(text, file: yaml.file)
        yaml.report(document.problems)
        guard document.problems.isEmpty else { return [] }
        guard let root = document.root else {
            let position = SourcePosition(file: yaml.file, line: 1, column: 1)
            let remedy = "begin with version: 1 and sources:, or take webhooks.sources out of the configuration"
            yaml.report([FileProblem(at: position, "the file is empty", remedy: remedy)])
            return []
        }
        guard let fields = yaml.fields(of: root, "a file of webhook sources", keys: SourceFileKey.self) else {
            return []
        }
        if let version = fields[.version] {
            if version.value.scalar?.unquoted != "1" {
                let message = "version must be 1, not \(YAMLReader.found(version.value))"
                yaml.report(version.value, message, remedy: "this Bursar reads version: 1 only")
            }
        } else if fields.isMissing(.version) {
            yaml.report(root, "the file does not say which version of the format it is", remedy: "add version: 1")
        }
        guard let entries = fields[.sources] else {
            if fields.isMissing(.sources) {
                yaml.report(root, "the file has no sources", remedy: "add sources: and an entry below it")
            }
            return []
        }
        guard let mapping = entries.value.mapping else {
            let found = YAMLReader.found(entries.value)
            yaml.report(entries.value, "sources must be a mapping from names to sources, not \(found)")
            return []
        }
        return mapping.compactMap { key, body in source(key, body) }
    }

    private mutating func source(_ key: Node, _ body: Node) -> WebhookSource? {
        let name = key.string ?? ""
        let isName = !name.isEmpty && name.utf8.allSatisfy { "abcdefghijklmnopqrstuvwxyz0123456789-".utf8.contains($0) }
        guard isName, name.utf8.count <= 63 else {
            let remedy = "use at most 63 lower-case letters, digits and hyphens: it is the end of the path /webhooks/…"
            yaml.report(key, "\(YAMLReader.found(key)) is not a name for a source", remedy: remedy)
            return nil
        }
        let what = "source \"\(name)\""
        guard let fields = yaml.fields(of: body, what, keys: SourceKey.self) else { return nil }
        let before = yaml.problems.count
        let tolerance = fields[.tolerance].flatMap { yaml.duration($0.value, "tolerance of \(what)") } ?? .seconds(300)
        guard let scheme = scheme(fields, what, at: key), let secrets = secrets(fields, what, at: key),
            let verifier = verifier(scheme, secrets, tolerance, fields, at: key)
        else { return nil }
        var source = WebhookSource(name: name, scheme: scheme.name, verifier: verifier)
        source.secrets = secrets
        source.eventID = eventID(fields, what, scheme) ?? .scheme
        readAnswer(fields, what, &source)
        readLimits(fields, what, &source)
        readRates(fields, what, &source)
        source.payment = fields[.payment].flatMap { payment($0.value, "payment of \(what)") }
        return yaml.problems.count == before ? source : nil
    }

    /// The first of a scalar or of each element of a list, as texts.
    mutating func texts(_ node: Node, _ what: String) -> [String]? {
        guard let sequence = node.sequence else { return yaml.text(node, what).map { [$0] } }
        var texts: [String] = []
        for element in sequence {
            guard let text = yaml.text(element, what) else { return nil }
            texts.append(text)
        }
        guard !texts.isEmpty else {
            yaml.report(node, "\(what) is an empty list", remedy: "name one at least, or leave the key out")
            return nil
        }
        return texts
    }
}
