internal import CivilTime

/// A message as a text with headers, for whoever looks into a maildir.
package enum ReadableMessage {
    /// CRLF at the ends of lines; no header can be made up by what stands in a value.
    ///
    /// - Parameters:
    ///   - message: what was to be sent.
    ///   - mail: whom it is from, where it is a mail.
    /// - Returns: the file's bytes.
    package static func bytes(of message: OutgoingMessage, from mail: ChannelBook.MailIdentity?) -> [UInt8] {
        var lines: [String] = []
        if let mail { lines.append("From: \(shown(mail.sender))") }
        if let replyTo = mail?.replyTo { lines.append("Reply-To: \(shown(replyTo))") }
        lines.append("To: \(message.recipient)")
        lines.append("Channel: \(message.channel.rawValue)")
        lines.append("Message-ID: <\(message.messageID)>")
        lines.append("Date: \(message.date)")
        if let subject = message.content.subject { lines.append("Subject: \(subject)") }
        if let category = message.category { lines.append("Category: \(category)") }
        lines.append("Template: \(message.content.source) \(message.content.version)")
        lines.append("MIME-Version: 1.0")
        lines.append("Content-Type: text/plain; charset=utf-8")
        lines.append("Content-Transfer-Encoding: 8bit")
        let head = lines.map { inOneLine($0) + "\r\n" }.joined()
        var body = message.content.text.replacing("\r\n", with: "\n").replacing("\n", with: "\r\n")
        if message.channel == .webhook { body += "\r\n\r\n\(message.facts)" }
        return Array("\(head)\r\n\(body)\r\n".utf8)
    }

    private static func shown(_ mailbox: Mailbox) -> String {
        mailbox.name.map { "\($0) <\(mailbox.address)>" } ?? mailbox.address
    }

    private static func inOneLine(_ text: String) -> String {
        String(String.UnicodeScalarView(text.unicodeScalars.map { $0.value < 0x20 || $0.value == 0x7F ? " " : $0 }))
    }
}
