/// Why something could not be sealed or opened.
package struct VaultError: Error, Equatable, Sendable, CustomStringConvertible {
    /// What kind of trouble it is.
    package enum Code: Equatable, Sendable {
        /// A key file is missing, unreadable, open to others, or says something else than keys.
        case keys
        /// A file cannot be read or written.
        case file
        /// None of the keys at hand is one the file was sealed for.
        case foreign
        /// The file is not what was sealed: changed, cut short, or lengthened.
        case damaged
        /// OpenSSL had no memory or no random bytes.
        case broken
    }

    package let code: Code
    /// One line: what was wrong, where, what to do; never a key.
    package let reason: String

    package init(_ code: Code, _ reason: String) {
        self.code = code
        self.reason = reason
    }

    package var description: String { reason }
}
