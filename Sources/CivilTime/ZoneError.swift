/// Why a zone cannot be used; each case's description says what to do.
package enum ZoneError: Error, Hashable {
    /// The name could not be a zone's: empty, absolute, or with parts such as `..`.
    case badName(String)
    /// No file of that name; `suggestion` is a zone that differs only in case.
    case unknown(String, suggestion: String?)
    /// The folder of zone files is not there.
    case noDatabase(directory: String)
    /// The file is there and cannot be read.
    case unreadable(String, reason: String)
    /// The file is no zone file, or a damaged one.
    case malformed(String, reason: String)
}

extension ZoneError: CustomStringConvertible {
    package var description: String {
        switch self {
        case .badName(let name):
            "\"\(name)\" is no time zone name; write one such as Asia/Phnom_Penh or UTC"
        case .unknown(let name, .some(let suggestion)):
            "there is no time zone \"\(name)\"; did you mean \(suggestion)?"
        case .unknown(let name, nil):
            "there is no time zone \"\(name)\"; write an IANA name such as Asia/Phnom_Penh "
                + "(`timedatectl list-timezones` prints them all)"
        case .noDatabase(let directory):
            "the time zone files are missing (\(directory)); install the package tzdata"
        case .unreadable(let name, let reason):
            "the file of time zone \(name) cannot be read: \(reason)"
        case .malformed(let name, let reason):
            "the file of time zone \(name) is unusable: \(reason); reinstall the package tzdata"
        }
    }
}
