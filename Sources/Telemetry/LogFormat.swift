import Glibc

/// How log lines look, chosen by who reads them.
package enum LogFormat: String, Sendable, CaseIterable {
    /// `<6>message key=value`: the priority as journald reads it, no time, since the journal has its own.
    case journal
    /// `21:02:33 info message key=value`, for a person at a terminal; the time is UTC.
    case human
    /// One JSON object a line, for everything else.
    case json

    /// What fits standard error: the journal when it is connected to it, a person when it is a terminal, JSON otherwise.
    package static var fitting: LogFormat {
        if isJournal(descriptor: 2, named: Environment.value("JOURNAL_STREAM")) { return .journal }
        return isatty(2) == 1 ? .human : .json
    }

    /// Whether the descriptor is the very stream that `JOURNAL_STREAM` ("device:inode") names: a child with redirected
    /// output inherits the variable, not the stream.
    static func isJournal(descriptor: Int32, named stream: String?) -> Bool {
        guard let parts = stream?.split(separator: ":"), parts.count == 2 else { return false }
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { return false }
        return UInt64(parts[0]) == UInt64(status.st_dev) && UInt64(parts[1]) == UInt64(status.st_ino)
    }
}

/// The process's environment, read by name.
enum Environment {
    static func value(_ name: String) -> String? {
        guard let value = getenv(name), value.pointee != 0 else { return nil }
        return String(cString: value)
    }
}
