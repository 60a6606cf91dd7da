/// A part of a MIME message: its headers about content, and its content.
struct MailPart {
    private let headers: [String]
    private let content: [UInt8]

    static func text(_ text: String, subtype: String) -> MailPart {
        let encoding = MailEncoding(text: text)
        return MailPart(
            headers: ["Content-Type: text/\(subtype); charset=utf-8", "Content-Transfer-Encoding: \(encoding.name)"],
            content: encoding.text
        )
    }

    /// A PNG file that stands in the HTML part beside it (RFC 2392).
    static func picture(_ png: [UInt8], contentID: String) -> MailPart {
        let encoding = MailEncoding(bytes: png)
        return MailPart(
            headers: [
                "Content-Type: image/png", "Content-Transfer-Encoding: \(encoding.name)",
                "Content-ID: <\(contentID)>", "Content-Disposition: inline; filename=\"khqr.png\"",
            ],
            content: encoding.text
        )
    }

    static func several(_ subtype: String, _ parts: [MailPart], boundary: String, more: String) -> MailPart {
        var content: [UInt8] = []
        for part in parts { content += Array("--\(boundary)\r\n".utf8) + part.bytes() }
        content += Array("--\(boundary)--\r\n".utf8)
        let type = "Content-Type: multipart/\(subtype); boundary=\"\(boundary)\"\(more)"
        return MailPart(headers: [type], content: content)
    }

    /// Headers, an empty line, content.
    func bytes() -> [UInt8] {
        Array((headers.joined(separator: "\r\n") + "\r\n\r\n").utf8) + content
    }
}
