/// Whom mail comes from or goes to: an address, and how they are called (RFC 5322, `name-addr`).
package struct Mailbox: Hashable, Sendable {
    package var name: String?
    package var address: String

    package init(name: String? = nil, address: String) {
        self.name = name
        self.address = address
    }
}

extension Mailbox {
    /// RFC 5321, section 4.5.3.1.
    private static let longestAddress = 254
    private static let longestLocalPart = 64

    /// What is wrong with an address; nil where it can be given to a relay and put into a header as it stands.
    ///
    /// Stricter than RFC 5322: no quoted local parts, no address literals, no comments, ASCII only (a relay needs SMTPUTF8
    /// for others; write a domain in its `xn--` form).
    package static func problem(with address: String) -> String? {
        guard address.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else {
            let isASCII = address.utf8.allSatisfy { $0 < 0x80 }
            return isASCII ? "it has a space or a control character in it" : "it has characters that are not ASCII"
        }
        let halves = address.split(separator: "@", omittingEmptySubsequences: false)
        guard halves.count == 2 else { return halves.count < 2 ? "it has no @" : "it has two @ or more" }
        let (local, domain) = (halves[0], halves[1])
        guard address.utf8.count <= longestAddress, local.utf8.count <= longestLocalPart else {
            return "it is too long"
        }
        guard isDotted(local, isAtom), isDotted(domain, isLabel) else {
            return "it is not of the form name@host"
        }
        return nil
    }

    /// The mailbox as a header has it, in pieces between which a line may be broken.
    ///
    /// - Throws: the address is not usable, or the name would begin a line of its own.
    func words(field: String) throws(MailError) -> [String] {
        if address.unicodeScalars.contains(where: MailHeader.isControl) { throw .controlCharacter(in: field) }
        if let problem = Self.problem(with: address) { throw .malformedAddress(field: field, problem: problem) }
        guard let name, !name.isEmpty else { return [address] }
        if name.unicodeScalars.contains(where: MailHeader.isControl) { throw .controlCharacter(in: field) }
        return Self.phrase(name) + ["<\(address)>"]
    }

    /// A name as it stands, in quotes, or in encoded words.
    private static func phrase(_ name: String) -> [String] {
        let isShort = name.utf8.count <= 60 && !name.contains("=?")
        let words = name.split(separator: " ", omittingEmptySubsequences: false)
        if isShort, words.allSatisfy({ !$0.isEmpty && $0.utf8.allSatisfy(isAtom) }) { return [name] }
        if isShort, name.utf8.allSatisfy({ (0x20..<0x7F).contains($0) }), name.first != " ", name.last != " " {
            let escaped = name.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"")
            return ["\"\(escaped)\""]
        }
        return MailHeader.encodedWords(name, first: 60)
    }

    private static func isDotted(_ text: Substring, _ isPart: (UInt8) -> Bool) -> Bool {
        text.split(separator: ".", omittingEmptySubsequences: false).allSatisfy { part in
            !part.isEmpty && part.utf8.allSatisfy(isPart)
        }
    }

    private static func isLabel(_ byte: UInt8) -> Bool { isAlphanumeric(byte) || byte == UInt8(ascii: "-") }

    /// RFC 5322 `atext`.
    private static func isAtom(_ byte: UInt8) -> Bool {
        isAlphanumeric(byte) || "!#$%&'*+-/=?^_`{|}~".utf8.contains(byte)
    }

    private static func isAlphanumeric(_ byte: UInt8) -> Bool {
        (48...57).contains(byte) || (65...90).contains(byte) || (97...122).contains(byte)
    }
}
