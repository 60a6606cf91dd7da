extension Crontab {
    /// The schedule file that does what the crontab does.
    ///
    /// It keeps to cron's habits: nothing is caught up, a run does not wait for the one before, nothing is tried again.
    package var scheduleFile: String {
        var lines = [
            "# Imported from \(Self.comment(file)). As cron does it, nothing is caught up, runs may overlap, and nothing is",
            "# tried again: misfire, overlap and retry are what is worth a second thought.",
            "version: 1",
        ]
        guard !entries.isEmpty else { return (lines + ["schedules: {}"]).joined(separator: "\n") + "\n" }
        lines.append("schedules:")
        var taken: Set<String> = []
        for entry in entries { lines += Self.lines(entry, name: Self.name(entry.command.subject, &taken)) }
        return lines.joined(separator: "\n") + "\n"
    }

    private static func lines(_ entry: Entry, name: String) -> [String] {
        var lines = ["  # line \(entry.line): \(comment(entry.text))", "  \(name):", "    job: command"]
        if let owner = entry.owner { lines.append("    owner: \(quoted(owner))") }
        lines += [
            "    cron: \(quoted(entry.timing))",
            "    time_zone: \(quoted(entry.zone))",
            "    misfire: { policy: skip }",
            "    overlap: allow",
            "    deadline: 1d",
        ]
        if let delay = entry.delayMinutes { lines.append("    jitter: \(delay)m") }
        lines += ["    retry: { attempts: 1 }", "    parameters:"]
        lines.append("      command: [\(entry.command.words.map(quoted).joined(separator: ", "))]")
        if let directory = entry.directory { lines.append("      directory: \(quoted(directory))") }
        if let user = entry.user { lines.append("      user: \(quoted(user))") }
        if !entry.environment.isEmpty {
            let members = entry.environment.sorted { $0.key < $1.key }.map { "\(quoted($0.key)): \(quoted($0.value))" }
            lines.append("      environment: { \(members.joined(separator: ", ")) }")
        }
        if let input = entry.command.input { lines.append("      input: \(quoted(input))") }
        return lines
    }

    /// JSON's quotes are YAML's too.
    private static func quoted(_ text: String) -> String { JSONValue.text(text).canonicalText }

    /// On one line, with nothing that a comment cannot hold.
    private static func comment(_ text: String) -> String {
        String(String.UnicodeScalarView(text.unicodeScalars.map { isPrintable($0) ? $0 : " " }))
    }

    /// What YAML calls printable, without line breaks.
    private static func isPrintable(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0x20...0x7E, 0xA0...0x2027, 0x202A...0xD7FF, 0xE000...0xFEFE, 0xFF00...0xFFFD, 0x10000...0x10FFFF: true
        default: false
        }
    }

    /// A name that a schedule may have and no other has.
    private static func name(_ subject: String, _ taken: inout Set<String>) -> String {
        let base = subject.prefix { $0 != "." || subject.hasPrefix(".") }.lowercased().unicodeScalars
        var name = ""
        for scalar in base {
            let isKept = ("a"..."z").contains(scalar) || ("0"..."9").contains(scalar)
            if isKept { name.unicodeScalars.append(scalar) } else if name.last != "-" { name += "-" }
        }
        name = String(name.drop { $0 == "-" }.prefix(50))
        while name.last == "-" { name.removeLast() }
        if name.first.map({ !("a"..."z").contains($0) }) ?? true { name = name.isEmpty ? "command" : "command-\(name)" }
        var free = name
        var number = 2
        while !taken.insert(free).inserted {
            free = "\(name)-\(number)"
            number += 1
        }
        return free
    }
}
