/// A run as people read it: its facts, and below them what was said in each attempt.
enum RunText {
    /// The daemon's answer as text.
    static func text(of answer: JSONTree) -> String {
        guard case .object(var run) = answer, case .list(let tries)? = run["tries"] else {
            return answer.lines().joined(separator: "\n")
        }
        var said: [String] = []
        run["tries"] = .list(
            tries.map { attempt in
                guard case .object(var facts) = attempt else { return attempt }
                if case .list(let lines)? = facts.removeValue(forKey: "lines"), !lines.isEmpty {
                    said.append("attempt \(facts["number"].map(word) ?? ""):")
                    said += lines.map(line)
                }
                return .object(facts)
            }
        )
        return (JSONTree.object(run).lines() + said).joined(separator: "\n")
    }

    private static func line(_ tree: JSONTree) -> String {
        guard case .object(let line) = tree else { return "" }
        let source = line["source"].map(word) ?? ""
        let level = line["level"].map(word) ?? ""
        let name = source == "log" ? level : source
        return
            "  \(name)\(String(repeating: " ", count: max(0, 8 - name.count))) \(printable(line["text"].map(word) ?? ""))"
    }

    private static func word(_ tree: JSONTree) -> String {
        switch tree {
        case .text(let text), .number(let text): text
        default: ""
        }
    }

    /// What a program wrote must not move the cursor or change colours here.
    private static func printable(_ text: String) -> String {
        guard text.unicodeScalars.contains(where: isControl) else { return text }
        var shown = ""
        for scalar in text.unicodeScalars {
            shown.unicodeScalars.append(isControl(scalar) ? "\u{FFFD}" : scalar)
        }
        return shown
    }

    private static func isControl(_ scalar: Unicode.Scalar) -> Bool {
        scalar.value < 0x20 && scalar != "\t" || (0x7F...0x9F).contains(scalar.value)
    }
}
