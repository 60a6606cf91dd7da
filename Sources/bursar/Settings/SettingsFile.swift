import Yams

/// The configuration file: keys with their lines, all of them known.
struct SettingsFile {
    let path: String
    private(set) var values: [SettingKey: (text: String, line: Int)] = [:]

    /// Reads the file; null where there is none and nobody asked for this very one.
    ///
    /// - Throws: the first fault with its line and column.
    init?(path: String, isRequired: Bool) throws(CommandFailure) {
        self.path = path
        guard let text = try TextFile.read(path, isRequired: isRequired) else { return nil }
        let root: Node?
        do {
            root = try Yams.compose(yaml: text)
        } catch {
            throw CommandFailure(.configuration, "\(path) is no YAML: \(error)", remedy: "mend the file")
        }
        if let root { try read(root, []) }
    }

    private mutating func read(_ node: Node, _ outer: [String]) throws(CommandFailure) {
        guard let mapping = node.mapping else {
            // A section with nothing under it, or a file of comments only.
            if node.scalar.map({ $0.string.isEmpty || $0.string == "null" }) ?? false { return }
            throw fault(node, "here a section with keys is expected, or one key a line")
        }
        for (key, value) in mapping {
            let name = outer + (key.string ?? "").split(separator: ".").map(String.init)
            if let known = SettingKey(rawValue: name.joined(separator: ".")) {
                guard let scalar = value.scalar else { throw fault(value, "\(known.rawValue) takes one value") }
                values[known] = (scalar.string, value.mark?.line ?? key.mark?.line ?? 0)
            } else if SettingKey.allCases.contains(where: { $0.components.starts(with: name) }) {
                try read(value, name)
            } else {
                throw unknown(key, name)
            }
        }
    }

    private func unknown(_ key: Node, _ name: [String]) -> CommandFailure {
        let near = SettingKey.allCases.filter { $0.components.first == name.first }
        let known = (near.isEmpty ? SettingKey.allCases : near).map(\.rawValue).joined(separator: ", ")
        return fault(key, "unknown key '\(name.joined(separator: "."))'", remedy: "one of: \(known)")
    }

    private func fault(_ node: Node, _ message: String, remedy: String? = nil) -> CommandFailure {
        let mark = node.mark
        return CommandFailure(
            .configuration,
            "\(path):\(mark?.line ?? 1):\(mark?.column ?? 1): \(message)",
            remedy: remedy ?? "`bursar doctor` lists every key"
        )
    }
}
