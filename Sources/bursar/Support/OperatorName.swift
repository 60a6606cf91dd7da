import Glibc

/// Who runs this command, for the record.
enum OperatorName {
    /// The account's name, or its number where it has none.
    static var current: String {
        let uid = getuid()
        guard let entry = getpwuid(uid), let name = entry.pointee.pw_name else { return "\(uid)" }
        return String(cString: name)
    }
}
