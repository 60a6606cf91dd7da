import Glibc

/// What lies in the maildirs of a house, as a reader of mail sees it.
struct DunningSpool {
    struct Letter {
        let channel: String
        let messageID: String
        /// Seconds since 1970.
        let date: Int
        /// `Tenant 7`.
        let tenant: String
        let category: String
        /// Their numbers.
        let invoices: Set<String>
    }

    let letters: [Letter]
    /// Files that are no such letter: receipts, and what cannot be read.
    let others: Int
    /// Of all files.
    let messageIDs: [String]

    /// Templates whose text can be read back.
    static func writeTemplates(to folder: String) {
        mkdir(folder, 0o755)
        mkdir("\(folder)/global", 0o755)
        mkdir("\(folder)/global/en", 0o755)
        for category in ["courtesy", "due_soon", "overdue", "final"] {
            let said = "said \(category)|{{tenant}}|{{#invoices}}{{number}};{{/invoices}}|"
            write(
                "=== subject\n\(category)\n\n=== text\n\(said)\n\n=== sms\n\(said)\n",
                to: "\(folder)/global/en/\(category).mustache"
            )
        }
    }

    init(folder: String) {
        var (letters, ids, others) = ([Letter](), [String](), 0)
        for channel in ["email", "telegram", "sms", "operator"] {
            for path in files(in: "\(folder)/\(channel)/new", ending: "") {
                let text = contents(of: path)
                ids.append(Self.header("Message-ID", text).filter { !"<>".contains($0) })
                if let letter = Self.letter(text, channel) { letters.append(letter) } else { others += 1 }
            }
        }
        (self.letters, messageIDs, self.others) = (letters, ids, others)
    }

    private static func letter(_ text: String, _ channel: String) -> Letter? {
        // Soft line breaks of quoted-printable are no part of what is said.
        let parts = text.replacing("=\r\n", with: "").replacing("\r\n", with: " ").split(
            separator: "|",
            omittingEmptySubsequences: false
        )
        guard parts.count >= 4, let said = parts[0].range(of: "said ") else { return nil }
        return Letter(
            channel: channel,
            messageID: header("Message-ID", text).filter { !"<>".contains($0) },
            date: seconds(header("Date", text)),
            tenant: String(parts[1]),
            category: String(parts[0][said.upperBound...]),
            invoices: Set(parts[2].split(separator: ";").map { $0.filter { $0 != " " } })
        )
    }

    private static func header(_ name: String, _ text: String) -> String {
        let lines = text.replacing("\r\n ", with: " ").split(separator: "\r\n", omittingEmptySubsequences: false)
        let line = lines.prefix { !$0.isEmpty }.first { $0.lowercased().hasPrefix(name.lowercased() + ":") } ?? ""
        return String(line.dropFirst(name.count + 1).drop { $0 == " " })
    }

    /// Of a date of spring 2026 in UTC, as mail has it, `Fri, 6 Mar 2026 02:00:01 +0000`, or as other channels' files do,
    /// `2026-03-06T02:00:01.5Z`; 0 for anything else.
    private static func seconds(_ date: String) -> Int {
        let mail = /\w+, (\d+) (\w+) 2026 (\d+):(\d+):(\d+) \+0000/
        let other = /2026-(\d+)-(\d+)T(\d+):(\d+):(\d+).*Z/
        let months = ["Feb": 31, "Mar": 59, "Apr": 90, "02": 31, "03": 59, "04": 90]
        func seconds(_ month: Substring, _ day: Substring, _ clock: [Substring]) -> Int {
            guard let before = months[String(month)], let day = Int(day) else { return 0 }
            let time = clock.reduce(0) { $0 * 60 + (Int($1) ?? 0) }
            return 1_767_225_600 + (before + day - 1) * 86_400 + time
        }
        if let found = date.wholeMatch(of: mail)?.output {
            return seconds(found.2, found.1, [found.3, found.4, found.5])
        }
        guard let found = date.wholeMatch(of: other)?.output else { return 0 }
        return seconds(found.1, found.2, [found.3, found.4, found.5])
    }
}

extension String.SubSequence {
    fileprivate func range(of text: String) -> Range<Index>? { firstRange(of: text) }
}
