internal import Mustache
internal import Webhooks

/// One template about to be rendered for one channel.
struct TemplateRendering {
    let file: TemplateFile
    let layout: TemplateFile?
    let category: NoticeCatalogue.Category
    let locale: String

    /// A subject longer than this is cut by every mail program.
    private static let longestSubject = 250

    /// - Throws: `missingFacts`, or `unusable` where what came out is no message.
    func notice(on channel: NoticeChannel, _ facts: NoticeFacts) throws(TemplateError) -> RenderedNotice {
        let values = try TemplateFacts(facts, category: category, format: NoticeFormat(locale: locale)).root
        let part = self.part(of: channel)
        guard let template = file.parts[part] else {
            throw TemplateError(.unusable, "it has no part \(part.rawValue)")
        }
        var notice = RenderedNotice(
            text: Self.trimmed(template.render(values)),
            locale: locale,
            source: file.source,
            version: Self.hash(file.bytes)
        )
        guard !notice.text.allSatisfy(\.isWhitespace) else {
            throw TemplateError(.unusable, "the part \(part.rawValue) came out empty")
        }
        if [.email, .webhook, .operator].contains(channel) { notice.subject = try subject(values) }
        guard channel == .email else { return notice }
        return try framed(notice, values, facts)
    }

    private func part(of channel: NoticeChannel) -> TemplatePart {
        let own: TemplatePart =
            switch channel {
            case .email: .text
            case .telegram: .telegram
            case .sms: .sms
            case .webhook: .webhook
            case .operator: .operator
            }
        return file.parts[own] == nil ? .text : own
    }

    private func subject(_ values: TemplateGroup) throws(TemplateError) -> String {
        let subject = TemplateText.oneLine(file.parts[.subject]?.render(values) ?? "")
        guard !subject.allSatisfy(\.isWhitespace) else { throw TemplateError(.unusable, "the subject came out empty") }
        guard subject.count <= Self.longestSubject else {
            throw TemplateError(.unusable, "the subject came out longer than \(Self.longestSubject) characters")
        }
        return subject
    }

    /// The mail with its HTML part, the pictures in that, and the layout around both.
    private func framed(
        _ notice: RenderedNotice,
        _ values: TemplateGroup,
        _ facts: NoticeFacts
    ) throws(TemplateError) -> RenderedNotice {
        var notice = notice
        if let layout { notice.version = Self.hash(file.bytes + layout.bytes) }
        notice.text = frame(notice.text, .text, values)
        guard let html = file.parts[.html]?.render(values) else { return notice }
        notice.html = frame(html, .html, values)
        notice.pictures = try TemplatePicture.all(of: facts.invoices, shownIn: html)
        return notice
    }

    private func frame(_ content: String, _ part: TemplatePart, _ values: TemplateGroup) -> String {
        guard let template = layout?.parts[part] else { return content }
        var values = values
        values["content"] = .raw(content)
        return Self.trimmed(template.render(values)) + "\n"
    }

    /// Without empty lines at its end, which sections that say nothing leave.
    private static func trimmed(_ text: String) -> String {
        guard let last = text.lastIndex(where: { !$0.isWhitespace }) else { return "" }
        return String(text[...last])
    }

    /// SHA-256 in hexadecimal digits.
    private static func hash(_ bytes: [UInt8]) -> String {
        let digits = Array("0123456789abcdef".utf8)
        let hex = SignatureCrypto.sha256(bytes).flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }
        return String(decoding: hex, as: UTF8.self)
    }
}
