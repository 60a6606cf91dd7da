package import Glibc
package import Logging

/// One log event as a line of bytes: pure, so that what the journal and the terminal see can be tested.
package struct LogLine: Sendable {
    package var level: Logger.Level
    package var label: String
    package var message: String
    package var metadata: [(key: String, value: String)]
    /// Seconds since 1970 UTC.
    package var time: timespec

    /// Metadata under these names never shows its value, whoever logged it.
    package static let secretNames: Set<String> = [
        "authorization", "conninfo", "cookie", "database_url", "password", "parameters", "secret", "token", "url",
    ]

    package init(
        level: Logger.Level,
        label: String,
        message: String,
        metadata: [(key: String, value: String)],
        time: timespec
    ) {
        self.level = level
        self.label = label
        self.message = message
        self.metadata = metadata.map { entry in
            Self.secretNames.contains(entry.key.lowercased()) ? (entry.key, "[redacted]") : entry
        }
        self.time = time
    }

    /// The line without its line break, which is always exactly one.
    package func text(_ format: LogFormat, colours: Bool = false) -> String {
        switch format {
        case .journal: "<\(level.syslogPriority)>\(plain)"
        case .human: human(colours: colours)
        case .json: json
        }
    }

    private var plain: String {
        var line = Self.onOneLine(message)
        for (key, value) in metadata { line += " \(key)=\(Self.quotedWhereNeeded(value))" }
        return line
    }

    private func human(colours: Bool) -> String {
        let clock = String(UTCTime(time).text.dropFirst(11).prefix(8))
        guard colours, let colour = level.colour else { return "\(clock) \(level.rawValue) \(plain)" }
        return "\(clock) \u{1B}[\(colour)m\(level.rawValue)\u{1B}[0m \(plain)"
    }

    private var json: String {
        var line = "{\"ts\":\"\(UTCTime(time).text)\",\"level\":\"\(level.rawValue)\",\"logger\":"
        line += JSONString.quoted(label) + ",\"message\":" + JSONString.quoted(message)
        let taken: Set<String> = ["ts", "level", "logger", "message"]
        for (key, value) in metadata {
            let name = taken.contains(key) ? "metadata_\(key)" : key
            line += "," + JSONString.quoted(name) + ":" + JSONString.quoted(value)
        }
        return line + "}"
    }

    private static func quotedWhereNeeded(_ value: String) -> String {
        let isPlain = !value.isEmpty && value.utf8.allSatisfy { $0 > 0x20 && $0 != 0x22 && $0 != 0x3D && $0 != 0x7F }
        return isPlain ? value : JSONString.quoted(value)
    }

    private static func onOneLine(_ text: String) -> String {
        guard text.utf8.contains(where: { $0 < 0x20 }) else { return text }
        return String(JSONString.quoted(text).dropFirst().dropLast())
    }
}

extension Logger.Level {
    /// The priority of syslog(3) that the journal shows and filters by.
    fileprivate var syslogPriority: Int {
        switch self {
        case .trace, .debug: 7
        case .info: 6
        case .notice: 5
        case .warning: 4
        case .error: 3
        case .critical: 2
        }
    }

    fileprivate var colour: Int? {
        switch self {
        case .trace, .debug: 2
        case .info: nil
        case .notice: 36
        case .warning: 33
        case .error, .critical: 31
        }
    }
}

/// A moment of the system's clock as RFC 3339 in UTC with milliseconds.
struct UTCTime {
    let text: String

    init(_ time: timespec) {
        var seconds = time.tv_sec
        var parts = tm()
        gmtime_r(&seconds, &parts)
        let date = "\(Int(parts.tm_year) + 1900)-\(Self.two(parts.tm_mon + 1))-\(Self.two(parts.tm_mday))"
        let clock = "\(Self.two(parts.tm_hour)):\(Self.two(parts.tm_min)):\(Self.two(parts.tm_sec))"
        let thousandths = String(1000 + time.tv_nsec / 1_000_000).dropFirst()
        text = "\(date)T\(clock).\(thousandths)Z"
    }

    static var now: timespec {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return time
    }

    private static func two(_ number: Int32) -> String { number < 10 ? "0\(number)" : "\(number)" }
}

/// Text as a JSON string.
enum JSONString {
    static func quoted(_ text: String) -> String {
        var result = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": result += "\\\""
            case "\\": result += "\\\\"
            case "\n": result += "\\n"
            case "\r": result += "\\r"
            case "\t": result += "\\t"
            case _ where scalar.value < 0x20 || scalar.value == 0x7F:
                let hex = String(scalar.value, radix: 16)
                result += "\\u" + String(repeating: "0", count: 4 - hex.count) + hex
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result + "\""
    }
}
