package import Logging

/// A logger's handler that also keeps what is said, from `info` on, with the attempt.
///
/// What goes to the daemon's log, and from which level on, stays as it was.
package struct KeepingLogHandler: LogHandler {
    private var base: any LogHandler
    private let lines: AttemptLines
    package var metadata: Logger.Metadata = [:]
    package var metadataProvider: Logger.MetadataProvider?

    /// Metadata under these names never shows its value, here as in the log.
    static let secretNames: Set<String> = [
        "authorization", "conninfo", "cookie", "database_url", "password", "parameters", "secret", "token", "url",
    ]

    package init(_ base: any LogHandler, keepingIn lines: AttemptLines) {
        self.base = base
        self.lines = lines
    }

    /// The lower of what the log shows and what is kept.
    package var logLevel: Logger.Level {
        get { min(base.logLevel, .info) }
        set { base.logLevel = newValue }
    }

    package subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] ?? base[metadataKey: key] }
        set {
            metadata[key] = newValue
            base[metadataKey: key] = newValue
        }
    }

    package func log(event: LogEvent) {
        if event.level >= base.logLevel { base.log(event: event) }
        guard event.level >= .info else { return }
        var facts = metadata
        if let own = event.metadata { facts.merge(own) { _, new in new } }
        if let error = event.error { facts["error"] = "\(error)" }
        let words = facts.sorted { $0.key < $1.key }.map { key, value in
            "\(key)=\(Self.secretNames.contains(key.lowercased()) ? "[redacted]" : value.description)"
        }
        lines.keep(
            ([event.message.description] + words).joined(separator: " "),
            from: .log,
            level: event.level.rawValue
        )
    }
}

extension Logger {
    /// The same logger, which also keeps its lines with an attempt.
    package func keeping(in lines: AttemptLines) -> Logger {
        var copy = self
        copy.handler = KeepingLogHandler(handler, keepingIn: lines)
        return copy
    }
}
