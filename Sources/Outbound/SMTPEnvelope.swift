/// One message to one recipient: what the relay is told, and what it is given.
///
/// One recipient, so that every reply is about this one.
package struct SMTPEnvelope: Sendable {
    /// Where reports about the delivery go; empty for a message about which there must be none.
    package var sender: String
    package var recipient: String
    /// RFC 5322: header, an empty line, body; lines may end in LF alone.
    package var message: [UInt8]

    package init(sender: String, recipient: String, message: [UInt8]) {
        self.sender = sender
        self.recipient = recipient
        self.message = message
    }

    /// What makes it impossible to send, found before a byte goes out: the phase that would have carried it, and why.
    var fault: (phase: SMTPOutcome.Phase, why: String)? {
        if !sender.isEmpty, let why = Self.fault(ofAddress: sender) { return (.sender, "the sender \(why)") }
        if let why = Self.fault(ofAddress: recipient) { return (.recipient, "the recipient \(why)") }
        if message.isEmpty { return (.content, "the message is empty") }
        if message.contains(0) { return (.content, "the message has a byte of value 0") }
        return nil
    }

    /// Whether the relay must know SMTPUTF8 (RFC 6531) to take it.
    var needsUTF8: Bool { !(sender.utf8.allSatisfy { $0 < 0x80 } && recipient.utf8.allSatisfy { $0 < 0x80 }) }

    /// Nothing of an address may end the command that carries it, or begin another.
    private static func fault(ofAddress address: String) -> String? {
        let isForbidden: (Unicode.Scalar) -> Bool = { scalar in
            switch scalar.properties.generalCategory {
            case .control, .format, .lineSeparator, .paragraphSeparator, .spaceSeparator, .surrogate: true
            default: scalar == "<" || scalar == ">"
            }
        }
        if address.unicodeScalars.contains(where: isForbidden) {
            return "has a control character, a space or an angle bracket in it"
        }
        // RFC 5321, 4.5.3.1.
        if address.utf8.count > 254 { return "is longer than 254 bytes" }
        guard let at = address.lastIndex(of: "@"), at != address.startIndex,
            address.index(after: at) != address.endIndex
        else { return "is no address of the form name@domain" }
        return nil
    }
}

extension SMTPEnvelope {
    /// The message as it goes over the line: every line ends in CRLF, a dot that begins a line is doubled, and the last line
    /// is the dot that ends it (RFC 5321, 4.5.2).
    ///
    /// A CR alone becomes a line's end too: where two servers read it differently, one message could hide another.
    var wire: [UInt8] {
        var result: [UInt8] = []
        result.reserveCapacity(message.count + message.count / 32 + 5)
        message.withUnsafeBufferPointer { bytes in
            var place = 0
            while place < bytes.count {
                if bytes[place] == Self.dot { result.append(Self.dot) }
                var end = place
                while end < bytes.count, bytes[end] != Self.cr, bytes[end] != Self.lf { end += 1 }
                result.append(contentsOf: bytes[place..<end])
                result.append(Self.cr)
                result.append(Self.lf)
                if end + 1 < bytes.count, bytes[end] == Self.cr, bytes[end + 1] == Self.lf { end += 1 }
                place = end + 1
            }
        }
        result.append(contentsOf: [Self.dot, Self.cr, Self.lf])
        return result
    }

    private static let cr = UInt8(ascii: "\r")
    private static let lf = UInt8(ascii: "\n")
    private static let dot = UInt8(ascii: ".")
}
