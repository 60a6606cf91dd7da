/// Why no mail is made of a message: what in it would make another message than the one that was meant.
package enum MailError: Error, Hashable, Sendable, CustomStringConvertible {
    /// A line break or another control character; it could begin a header of its own.
    case controlCharacter(in: String)
    /// Not an address that goes through every relay: ASCII, one `@`, nothing that needs quotes.
    case malformedAddress(field: String, problem: String)
    /// Not a value that this header takes.
    case malformedHeader(name: String, problem: String)
    case noText

    package var description: String {
        switch self {
        case .controlCharacter(let field): "\(field) has a line break or another control character in it"
        case .malformedAddress(let field, let problem): "the address in \(field) is not usable: \(problem)"
        case .malformedHeader(let name, let problem): "the header \(name) is not usable: \(problem)"
        case .noText: "the message has no text"
        }
    }
}
