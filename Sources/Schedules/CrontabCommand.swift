/// The command of a crontab's line, as an argument list.
package struct CrontabCommand: Equatable, Sendable {
    package let words: [String]
    /// What stands on its standard input: everything after the first `%`.
    package let input: String?
    /// What it is about, in a word or two, to name a schedule after.
    package let subject: String

    /// What only a shell reads.
    private static let shellSigns = Set("|&;<>()$`\\\"'*?[]#~{}!\n")

    /// Words that are no programs, or not the same ones, outside of a shell.
    private static let shellWords: Set<String> = [
        "!", ".", ":", "[", "[[", "{", "alias", "bg", "break", "case", "cd", "command", "continue", "declare", "eval",
        "exec",
        "exit", "export", "fg", "for", "function", "if", "jobs", "let", "local", "popd", "pushd", "read", "readonly",
        "return", "set", "shift", "source", "test", "time", "times", "trap", "type", "typeset", "ulimit", "umask",
        "unalias",
        "unset", "until", "wait", "while",
    ]

    /// What stands before the program that a line is about.
    private static let preludes: Set<String> = shellWords.union([
        "chronic", "echo", "env", "false", "flock", "ionice", "mkdir", "nice", "nohup", "setsid", "sleep", "stdbuf",
        "sudo",
        "su", "timeout", "true",
    ])

    /// - Returns: nil where there is no command.
    init?(_ text: Substring, shell: String) {
        let (command, input) = Self.divided(text)
        let trimmed = String(command.drop { $0.isBlank })
        guard !trimmed.isEmpty else { return nil }
        self.input = input
        let plain = trimmed.split { $0.isBlank }.map(String.init)
        let needsShell =
            trimmed.contains { Self.shellSigns.contains($0) }
            || plain.first.map { word in
                word.contains("=") || Self.shellWords.contains(word)
            } ?? true
        words = needsShell ? [shell, "-c", trimmed] : plain
        subject = Self.subject(of: trimmed)
    }

    /// Divides at the first `%` that no backslash precedes; what follows is input, with a line break for every further one.
    ///
    /// Backslashes as Debian's cron reads them: in the command one goes before `%` and before another backslash, in the input
    /// only before `%`.
    private static func divided(_ text: Substring) -> (command: String, input: String?) {
        var command = ""
        var input: String?
        var isEscaped = false
        func add(_ text: String) { if input == nil { command += text } else { input? += text } }
        for character in text {
            switch (character, isEscaped) {
            case ("%", true): add("%")
            case ("\\", true) where input == nil: add("\\")
            case ("\\", true):
                add("\\")
                continue
            case (_, true): add("\\\(character)")
            case ("\\", false):
                isEscaped = true
                continue
            case ("%", false): if input == nil { input = "" } else { add("\n") }
            case (_, false): add("\(character)")
            }
            isEscaped = false
        }
        if isEscaped { add("\\") }
        guard let input, !input.isEmpty else { return (command, nil) }
        return (command, input.hasSuffix("\n") ? input : input + "\n")
    }

    /// The name of the first program that is no prelude to another.
    private static func subject(of command: String) -> String {
        let pieces = command.split { "|&;\n(){}".contains($0) }
        var first: String?
        for piece in pieces {
            for word in piece.split(whereSeparator: \.isBlank) {
                let name = word.trimmingQuotes.split(separator: "/").last.map(String.init) ?? ""
                if first == nil, !name.isEmpty { first = name }
                let isOption = word.hasPrefix("-") || word.contains("=") || Int(name) != nil
                if preludes.contains(name) {
                    // What follows a test or a change of folder is its argument; what follows a wrapper is the program.
                    if ["cd", "test", "[", "[[", ".", "source", "echo", "mkdir", "sleep", "exit"].contains(name) {
                        break
                    }
                } else if !isOption, !name.isEmpty {
                    return name
                }
            }
        }
        return first ?? ""
    }
}

extension Substring {
    fileprivate var trimmingQuotes: Substring {
        var text = self
        while let first = text.first, first == "\"" || first == "'" { text = text.dropFirst() }
        while let last = text.last, last == "\"" || last == "'" { text = text.dropLast() }
        return text
    }
}
