internal import CivilTime

/// A crontab as cron reads it: what it runs when, and what of it cannot move into a schedule file.
package struct Crontab: Sendable {
    /// One line that runs a command.
    package struct Entry: Equatable, Sendable {
        /// Counted from 1.
        package var line: Int
        /// The line as it stands.
        package var text: String
        package var timing: String
        package var zone: String
        /// Of the sixth column, or of the whole crontab; nil: whoever the daemon runs as.
        package var user: String?
        package var command: CrontabCommand
        /// Variables set above the line, without those that mean something else to Bursar.
        package var environment: [String: String]
        /// The folder that `HOME` was set to.
        package var directory: String?
        /// The address that `MAILTO` was set to.
        package var owner: String?
        /// `RANDOM_DELAY`, in minutes.
        package var delayMinutes: Int64?
    }

    /// What a crontab does not say itself.
    package struct Options: Sendable {
        /// Whether the sixth column is a user, as in `/etc/crontab` and `/etc/cron.d`.
        package var hasUserColumn: Bool
        /// Whose crontab it is, where it has no such column.
        package var user: String?
        /// The zone that cron runs in.
        package var zone: String

        package init(hasUserColumn: Bool = false, user: String? = nil, zone: String) {
            self.hasUserColumn = hasUserColumn
            self.user = user
            self.zone = zone
        }
    }

    package let file: String
    package private(set) var entries: [Entry] = []
    /// What cannot be imported, with its line.
    package private(set) var problems: [FileProblem] = []

    private let options: Options
    private var variables: [String: String] = [:]
    private var zone: String

    /// Reads a crontab's text.
    package init(_ text: String, file: String, options: Options) {
        self.file = file
        self.options = options
        zone = options.zone
        let lines = text.split(omittingEmptySubsequences: false) { $0 == "\n" || $0 == "\r\n" }
        for (index, line) in lines.enumerated() { read(String(line), number: index + 1) }
    }

    private mutating func read(_ line: String, number: Int) {
        let text = line.drop { $0.isBlank }
        let column = line.unicodeScalars.count - text.unicodeScalars.count + 1
        guard let first = text.first, first != "#" else { return }
        if let (name, value) = Self.variable(text) {
            set(name, value, at: position(number, column))
        } else {
            readEntry(text, line, number: number, column: column)
        }
    }

    private mutating func report(_ position: SourcePosition, _ message: String, _ remedy: String) {
        problems.append(FileProblem(at: position, message, remedy: remedy))
    }

    private func position(_ line: Int, _ column: Int) -> SourcePosition {
        SourcePosition(file: file, line: line, column: column)
    }
}

// MARK: - Variables

extension Crontab {
    /// `name = value`, with or without quotes around either; nil for a line that is none.
    private static func variable(_ text: Substring) -> (name: String, value: String)? {
        var rest = text
        let name: Substring
        if let quote = rest.first, quote == "\"" || quote == "'" {
            rest = rest.dropFirst()
            guard let end = rest.firstIndex(of: quote) else { return nil }
            name = rest[..<end]
            rest = rest[rest.index(after: end)...]
        } else {
            name = rest.prefix { !$0.isBlank && $0 != "=" }
            rest = rest.dropFirst(name.count)
        }
        rest = rest.drop { $0.isBlank }
        guard !name.isEmpty, rest.first == "=" else { return nil }
        var value = rest.dropFirst().drop { $0.isBlank }
        while let last = value.last, last.isBlank { value = value.dropLast() }
        if value.count > 1, let quote = value.first, quote == "\"" || quote == "'", value.last == quote {
            value = value.dropFirst().dropLast()
        }
        return (String(name), String(value))
    }

    private mutating func set(_ name: String, _ value: String, at position: SourcePosition) {
        switch name {
        case "CRON_TZ":
            if (try? Zone(named: value)) != nil {
                zone = value
            } else {
                report(position, "there is no time zone \"\(value)\"", "the lines below it are read in \(zone)")
            }
        case "LOGNAME", "USER", "MAILFROM", "CONTENT_TYPE", "CONTENT_TRANSFER_ENCODING":
            break  // cron sets the first two itself, and the others are about its mail
        default:
            guard TextShape.variableName.fits(name) else {
                return report(position, "\"\(name)\" cannot be a variable of a command", "rename it")
            }
            guard !value.unicodeScalars.contains("\0") else {
                return report(position, "the value of \(name) has a zero byte", "remove it")
            }
            variables[name] = value
        }
    }
}

// MARK: - Entries

extension Crontab {
    private mutating func readEntry(_ text: Substring, _ line: String, number: Int, column: Int) {
        var rest = text
        let timing = Self.words(text.first == "@" ? 1 : 5, of: &rest).joined(separator: " ")
        let place = position(number, column)
        if timing.lowercased() == "@reboot" {
            return report(place, "@reboot is no time", "start it with a systemd unit, wanted by multi-user.target")
        }
        do throws(CronError) {
            _ = try Cron(parsing: timing)
        } catch {
            let message = "\"\(timing)\" is not a cron expression Bursar reads: \(error.problem)"
            return report(place, message, error.remedy)
        }
        var user = options.user
        if options.hasUserColumn {
            user = Self.words(1, of: &rest).first
            guard let user, TextShape.fileName.fits(user) else {
                return report(place, "the line has no user", "write it after the time, or leave --system out")
            }
        }
        guard let command = CrontabCommand(rest, shell: variables["SHELL"] ?? "/bin/sh") else {
            return report(place, "the line has no command", "write one, or remove the line")
        }
        var environment = variables
        let special = ["MAILTO", "RANDOM_DELAY", "HOME"].map { environment.removeValue(forKey: $0) }
        if let home = special[2], !TextShape.absolutePath.fits(home) {
            return report(place, "HOME is set to \"\(home)\" above the line", "write a path that begins with /")
        }
        environment["HOME"] = special[2]
        entries.append(
            Entry(
                line: number,
                text: line,
                timing: timing,
                zone: zone,
                user: user,
                command: command,
                environment: environment,
                directory: special[2],
                owner: special[0].flatMap { $0.isEmpty ? nil : $0 },
                delayMinutes: special[1].flatMap { Int64($0) }.flatMap { $0 > 0 ? $0 : nil }
            )
        )
    }

    /// Takes the first words off a text, and the blanks after them.
    private static func words(_ count: Int, of text: inout Substring) -> [String] {
        var words: [String] = []
        while words.count < count {
            let word = text.prefix { !$0.isBlank }
            guard !word.isEmpty else { break }
            words.append(String(word))
            text = text.dropFirst(word.count).drop { $0.isBlank }
        }
        return words
    }
}

extension Character {
    /// What separates words for cron.
    var isBlank: Bool { self == " " || self == "\t" }
}
