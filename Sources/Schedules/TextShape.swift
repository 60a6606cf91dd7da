/// How a text must look to be what it stands for.
public enum TextShape: Hashable, Sendable {
    /// A path from the root: `/var/lib/reports`.
    case absolutePath
    /// The name of an environment variable; those that begin with `BURSAR_` are Bursar's own.
    case variableName
    /// The name of a file, without its folder.
    case fileName
    /// The exit code of a program, or `other` for all that are not named.
    case exitCode

    /// What is expected, for an error's text.
    var expectation: String {
        switch self {
        case .absolutePath: "a path that begins with /"
        case .variableName: "a variable's name of letters, digits and _ that does not begin with a digit or BURSAR_"
        case .fileName: "a file's name of letters, digits, dots, hyphens and _"
        case .exitCode: "an exit code from 0 to 255, or other"
        }
    }

    /// The shape as a regular expression of JSON Schema.
    var pattern: String {
        switch self {
        case .absolutePath: "^/"
        case .variableName: "^(?!BURSAR_)[A-Za-z_][A-Za-z0-9_]*$"
        case .fileName: "^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$"
        case .exitCode: "^(other|[0-9]|[1-9][0-9]|1[0-9][0-9]|2[0-4][0-9]|25[0-5])$"
        }
    }

    /// Whether a text has the shape.
    func fits(_ text: String) -> Bool {
        let bytes = text.utf8
        guard let first = bytes.first, !bytes.contains(0) else { return false }
        switch self {
        case .absolutePath: return first == UInt8(ascii: "/")
        case .variableName:
            let isName = bytes.allSatisfy { $0.isLetterOrDigit || $0 == UInt8(ascii: "_") }
            return isName && !first.isDigit && !text.hasPrefix("BURSAR_")
        case .fileName:
            let isName = bytes.allSatisfy { $0.isLetterOrDigit || "._-".utf8.contains($0) }
            return isName && first.isLetterOrDigit && bytes.count <= 128
        case .exitCode:
            return text == "other"
                || ParameterKind.integer(text).map { (0...255).contains($0) } ?? false && text != "-0"
        }
    }
}

extension UInt8 {
    fileprivate var isDigit: Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(self) }
    fileprivate var isLetterOrDigit: Bool {
        isDigit || (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(self | 0x20)
    }
}
