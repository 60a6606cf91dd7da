/// What one click takes back, as the last part of a link: signed, and good for ever, since mails are read late.
package struct UnsubscribeToken: Hashable, Sendable {
    package var tenant: Int64
    /// A category that can be declined, or `all`.
    package var category: String
    /// A channel, or `all`.
    package var channel: String

    private static let signatureBytes = 12

    package init(tenant: Int64, category: String = "all", channel: String = "all") {
        self.tenant = tenant
        self.category = category
        self.channel = channel
    }

    /// Letters and digits only.
    package func text(key: ReturnKey) -> String {
        let content = Array("\(tenant)/\(category)/\(channel)".utf8)
        return Base32Text.encode(content + key.signature(of: content, for: .unsubscribe, bytes: Self.signatureBytes))
    }

    /// The link that goes into a mail (RFC 8058).
    package func url(base: String, key: ReturnKey) -> String { "\(base)/unsubscribe/\(text(key: key))" }

    /// Reads a token; nil where it is none of ours.
    package init?(_ text: some StringProtocol, key: ReturnKey) {
        guard text.utf8.count <= 400, let bytes = Base32Text.decode(text),
            let content = key.content(ofToken: bytes, for: .unsubscribe, signatureBytes: Self.signatureBytes)
        else { return nil }
        let parts = String(decoding: content, as: UTF8.self).split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count == 3, let tenant = Int64(parts[0]) else { return nil }
        self.init(tenant: tenant, category: String(parts[1]), channel: String(parts[2]))
    }
}
