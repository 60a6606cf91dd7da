internal import Webhooks

/// A message as mail: the bytes that a relay is given (RFC 5322, MIME by RFC 2045 to 2047).
///
/// The same message gives the same bytes each time, so that a retry is the same mail. Nothing that comes from outside can
/// begin a header or a line of its own.
package struct MailMessage: Sendable {
    package let from: Mailbox
    package let replyTo: Mailbox?
    package let message: OutgoingMessage
    /// Beside ours, after them.
    package let headers: [(name: String, value: String)]

    package init(
        from: Mailbox,
        replyTo: Mailbox? = nil,
        message: OutgoingMessage,
        headers: [(name: String, value: String)] = []
    ) {
        self.from = from
        self.replyTo = replyTo
        self.message = message
        self.headers = headers
    }

    /// Header and body, lines ended by CRLF, none longer than 998 characters; without the dot stuffing of SMTP.
    ///
    /// - Throws: something in an address or a header that must not stand there.
    package func bytes() throws(MailError) -> [UInt8] {
        var head = try ownHeaders()
        for header in headers { head.append(try extra(header.name, header.value)) }
        let body = try body()
        return Array(head.map(\.text).joined().utf8) + body.bytes()
    }

    private func ownHeaders() throws(MailError) -> [MailHeader] {
        let recipient = Mailbox(name: message.recipientName, address: message.recipient)
        var head = [MailHeader("From", words: try from.words(field: "From"))]
        if let replyTo { head.append(MailHeader("Reply-To", words: try replyTo.words(field: "Reply-To"))) }
        head.append(MailHeader("To", words: try recipient.words(field: "To")))
        head.append(try MailHeader("Subject", unstructured: message.content.subject ?? ""))
        head.append(MailHeader("Date", words: [MailHeader.date(message.date)]))
        let id = try identifier(message.messageID, "Message-ID")
        head.append(MailHeader("Message-ID", words: ["<\(id)>"]))
        // A relay may give the mail another Message-ID; what a report of its delivery sends back still has ours.
        head.append(MailHeader("X-Bursar-Message", words: [id]))
        // RFC 3834: nobody's vacation program answers.
        head.append(MailHeader("Auto-Submitted", words: ["auto-generated"]))
        if let unsubscribe = message.unsubscribe { head += try Self.unsubscribing(unsubscribe) }
        head.append(MailHeader("MIME-Version", words: ["1.0"]))
        return head
    }

    /// RFC 2369; one click by RFC 8058, which is for `https` only.
    private static func unsubscribing(_ url: String) throws(MailError) -> [MailHeader] {
        let name = "List-Unsubscribe"
        guard !url.unicodeScalars.contains(where: MailHeader.isControl) else { throw .controlCharacter(in: name) }
        let isPlain = url.utf8.allSatisfy {
            $0 > 0x20 && $0 < 0x7F && $0 != UInt8(ascii: "<") && $0 != UInt8(ascii: ">")
        }
        guard isPlain, url.utf8.count <= 900, url.hasPrefix("https://") || url.hasPrefix("http://") else {
            throw .malformedHeader(name: name, problem: "it takes an https URL without spaces")
        }
        let header = MailHeader(name, words: ["<\(url)>"])
        guard url.hasPrefix("https://") else { return [header] }
        return [header, MailHeader("List-Unsubscribe-Post", words: ["List-Unsubscribe=One-Click"])]
    }

    private func identifier(_ id: String, _ name: String) throws(MailError) -> String {
        guard !id.unicodeScalars.contains(where: MailHeader.isControl) else { throw .controlCharacter(in: name) }
        let isPlain = id.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F && !"<>()\"\\,;:[]".utf8.contains($0) }
        guard isPlain, id.count(where: { $0 == "@" }) == 1, id.first != "@", id.last != "@", id.utf8.count <= 250 else {
            throw .malformedHeader(name: name, problem: "it is of the form left@right, without brackets")
        }
        return id
    }

    private static let ours: Set = [
        "from", "reply-to", "to", "cc", "bcc", "subject", "date", "message-id", "x-bursar-message", "auto-submitted",
        "list-unsubscribe", "list-unsubscribe-post", "mime-version", "content-type", "content-transfer-encoding",
        "sender",
        "return-path",
    ]

    private func extra(_ name: String, _ value: String) throws(MailError) -> MailHeader {
        let isName =
            !name.isEmpty && name.utf8.count <= 60 && name.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F && $0 != 0x3A }
        guard isName else {
            throw .malformedHeader(name: TemplateText.oneLine(name), problem: "a name has letters, digits and hyphens")
        }
        guard !Self.ours.contains(name.lowercased()) else {
            throw .malformedHeader(name: name, problem: "it is written by the message itself")
        }
        return try MailHeader(name, unstructured: value)
    }

    /// The text; or text and HTML, of which the reader takes the last it can show; the HTML with its pictures.
    private func body() throws(MailError) -> MailPart {
        let content = message.content
        guard !content.text.isEmpty else { throw .noText }
        let text = MailPart.text(content.text, subtype: "plain")
        guard let html = content.html else { return text }
        var rich = MailPart.text(html, subtype: "html")
        if !content.pictures.isEmpty {
            var related = [rich]
            for picture in content.pictures {
                let id = try identifier(picture.contentID, "Content-ID")
                related.append(MailPart.picture(picture.png, contentID: id))
            }
            rich = .several("related", related, boundary: boundary("related"), more: "; type=\"text/html\"")
        }
        return .several("alternative", [text, rich], boundary: boundary("alternative"), more: "")
    }

    /// Neither quoted-printable nor base64 can have `=_` in it (RFC 2045, section 6.7), so no part ends it.
    private func boundary(_ kind: String) -> String {
        let digest = SignatureCrypto.sha256(Array("\(kind) \(message.messageID)".utf8)).prefix(12)
        return "=_"
            + digest.map { byte in byte < 16 ? "0" + String(byte, radix: 16) : String(byte, radix: 16) }.joined()
    }
}
