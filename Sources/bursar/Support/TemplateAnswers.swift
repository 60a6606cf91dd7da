import CivilTime
import Notices

/// A line of `bursar templates list`.
struct TemplateRow: Encodable {
    let category: String
    let channel: String
    let locale: String
    let source: String
    let version: String
    /// How many messages an SMS of the sample is; nil on other channels.
    let smsParts: Int?
    let smsEncoding: String?

    init(category: String, channel: NoticeChannel, locale: String, notice: RenderedNotice) {
        self.category = category
        self.channel = channel.rawValue
        self.locale = locale
        source = notice.source
        version = notice.version
        let parts = channel == .sms ? SMSParts(notice.text) : nil
        smsParts = parts?.count
        smsEncoding = parts?.encoding.rawValue
    }

    static func table(_ rows: [TemplateRow]) -> String {
        var table = TextTable(["CATEGORY", "CHANNEL", "LOCALE", "SOURCE", "VERSION", "SMS PARTS"])
        for row in rows {
            let parts = row.smsParts.map { "\($0) (\(row.smsEncoding ?? ""))" } ?? ""
            table.add([row.category, row.channel, row.locale, row.source, String(row.version.prefix(12)), parts])
        }
        return table.text
    }
}

/// What `bursar templates render` answers.
struct RenderedSample: Encodable {
    let channel: String
    let locale: String
    let source: String
    let version: String
    let subject: String?
    /// As a payer reads it.
    let body: String
    let html: String?
    let pictures: [String]
    let smsParts: Int?
    let notice: RenderedNotice

    private enum CodingKeys: CodingKey {
        case channel, locale, source, version, subject, body, html, pictures, smsParts
    }

    init(notice: RenderedNotice, channel: NoticeChannel) {
        self.notice = notice
        self.channel = channel.rawValue
        (locale, source, version) = (notice.locale, notice.source, notice.version)
        (subject, body, html) = (notice.subject, notice.text, notice.html)
        pictures = notice.pictures.map(\.contentID)
        smsParts = channel == .sms ? SMSParts(notice.text).count : nil
    }

    /// For people: the subject, an empty line, the text.
    var text: String {
        let text = body.last == "\n" ? String(body.dropLast()) : body
        return subject.map { "\($0)\n\n\(text)" } ?? text
    }

    /// As a mail program opens it.
    func mail(unsubscribe: String?) throws -> [UInt8] {
        let message = OutgoingMessage(
            messageID: "sample@bursar.invalid",
            channel: .email,
            recipient: "payer@example.com",
            recipientName: "Dara Sok",
            content: notice,
            date: .epoch,
            unsubscribe: unsubscribe
        )
        return try MailMessage(from: Mailbox(name: "Bursar", address: "billing@example.com"), message: message).bytes()
    }
}
