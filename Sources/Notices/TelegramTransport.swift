package import Outbound
internal import Schedules
internal import Webhooks

/// Sends through a Telegram bot: one call a message, as text, or as a picture with its text below where both fit.
///
/// Telegram knows no repeats: a message given twice is two messages.
package struct TelegramTransport: Transport {
    package let name = "telegram"
    package let knowsRepeats = false
    /// UTF-16 units, as Telegram counts.
    static let longestText = 4096
    static let longestCaption = 1024

    private let settings: TelegramSettings
    private let http: HTTPClient
    private let chats = TokenBuckets<String>()

    package init(_ settings: TelegramSettings, http: HTTPClient) {
        self.settings = settings
        self.http = http
    }

    package func send(_ message: OutgoingMessage) async -> SendOutcome {
        let began = ContinuousClock.now
        var outcome = await outcome(of: message)
        outcome.took = .now - began
        return outcome
    }

    private func outcome(of message: OutgoingMessage) async -> SendOutcome {
        guard Self.isChat(message.recipient) else {
            return SendOutcome(
                .hard,
                phase: "recipient",
                reply: "this is no id of a chat, nor a name with an @ before it"
            )
        }
        let rate = PostRate(perSecond: settings.ratePerChat, burst: 1)
        if let wait = chats.take(message.recipient, rate) {
            var outcome = SendOutcome(
                .rateLimited(.seconds(wait)),
                phase: "chat",
                reply: "this chat was written to just now"
            )
            outcome.isAboutRecipient = true
            return outcome
        }
        let (request, isShortened) = request(for: message)
        do throws(OutboundError) {
            var outcome = TelegramAnswer(try await http.send(request)).outcome
            if isShortened, outcome.verdict == .accepted {
                outcome.reply = "shortened to \(Self.longestText) characters"
            }
            return outcome
        } catch {
            return SendOutcome(of: error)
        }
    }

    private func request(for message: OutgoingMessage) -> (HTTPRequest, isShortened: Bool) {
        let content = message.content
        let whole = content.subject.map { "\($0)\n\n\(content.text)" } ?? content.text
        if let picture = content.pictures.first, whole.utf16.count <= Self.longestCaption {
            return (request("sendPhoto", Self.photo(of: message.recipient, caption: whole, picture.png)), false)
        }
        let text = Self.shortened(whole)
        let body = JSONValue.object([
            "chat_id": .text(message.recipient), "text": .text(text),
            "link_preview_options": .object(["is_disabled": .boolean(true)]),
        ])
        return (request("sendMessage", ("application/json", Array(body.canonicalText.utf8))), text != whole)
    }

    private func request(_ method: String, _ content: (type: String, bytes: [UInt8])) -> HTTPRequest {
        HTTPRequest(
            method: "POST",
            url: "\(settings.url)/bot\(settings.token.revealed)/\(method)",
            headers: [HTTPField("Content-Type", content.type)],
            body: content.bytes,
            timeout: settings.timeout,
            connectTimeout: min(.seconds(10), settings.timeout),
            isSentOnce: true,
            maximumBytes: 64 << 10,
            // The reader of the file takes it for this machine alone.
            allowsPlainText: settings.url.hasPrefix("http://")
        )
    }

    /// Cut at the end of a line, with a mark that something is missing.
    static func shortened(_ text: String) -> String {
        guard text.utf16.count > longestText else { return text }
        var kept = ""
        var length = 0
        for line in text.split(separator: "\n", omittingEmptySubsequences: false) {
            guard length + line.utf16.count + 1 <= longestText - 1 else { break }
            kept += line + "\n"
            length += line.utf16.count + 1
        }
        guard kept.isEmpty else { return kept + "…" }
        for character in text {
            guard length + character.utf16.count <= longestText - 1 else { break }
            kept.append(character)
            length += character.utf16.count
        }
        return kept + "…"
    }

    /// A number, negative for groups, or the name of a channel.
    static func isChat(_ text: String) -> Bool {
        if text.hasPrefix("@") {
            return text.utf8.count > 1
                && text.dropFirst().allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "_") }
        }
        return Int64(text).map { $0 != 0 && !text.hasPrefix("+") } ?? false
    }

    /// The body of a form with a file, RFC 7578.
    ///
    /// The boundary cannot stand in a PNG file or a caption by accident: it has 64 letters of a hash of both.
    private static func photo(of chat: String, caption: String, _ png: [UInt8]) -> (type: String, bytes: [UInt8]) {
        let boundary =
            "bursar" + String(SignatureCrypto.sha256(Array(caption.utf8) + png).flatMap { String($0, radix: 16) })
        var bytes: [UInt8] = []
        for (name, value) in [("chat_id", chat), ("caption", caption)] {
            bytes += "--\(boundary)\r\nContent-Disposition: form-data; name=\"\(name)\"\r\n\r\n\(value)\r\n".utf8
        }
        bytes += "--\(boundary)\r\nContent-Disposition: form-data; name=\"photo\"; filename=\"qr.png\"\r\n".utf8
        bytes += "Content-Type: image/png\r\n\r\n".utf8
        bytes += png
        bytes += "\r\n--\(boundary)--\r\n".utf8
        return ("multipart/form-data; boundary=\(boundary)", bytes)
    }
}
