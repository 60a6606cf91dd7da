package import CivilTime

/// A way to the next hop: a mail relay, a bot's address, a gateway, a folder.
///
/// It sends one message to one recipient and says what came of it; it never throws, since each way to fail is an outcome of
/// its own. It decides nothing: retries, suppression and failover belong to whoever calls it.
package protocol Transport: Sendable {
    /// Its name in configuration, limits and records: `smtp:relay`, `telegram`, `maildir`.
    var name: String { get }
    /// Whether the same message given twice arrives once, since the next hop knows it by its Message-ID.
    var knowsRepeats: Bool { get }

    func send(_ message: OutgoingMessage) async -> SendOutcome
}

/// A message as a transport needs it.
package struct OutgoingMessage: Sendable {
    /// Its number in the database, by which reports of its delivery come back.
    package let number: Int64
    /// RFC 5322, without its brackets; the same on every try.
    package let messageID: String
    package let channel: NoticeChannel
    /// An e-mail address, a chat's id, a telephone number, a URL.
    package let recipient: String
    /// The payer's, or nil.
    package let recipientName: String?
    package let content: RenderedNotice
    /// Business time.
    package let date: Instant
    /// Where one click unsubscribes; nil for what cannot be declined.
    package let unsubscribe: String?
    /// For machines: what the signed webhook carries.
    ///
    /// A JSON object.
    package let facts: String
    /// Whose payer it goes to; nil for the house itself.
    package let tenant: Int64?
    /// What it says, as the catalogue names it; nil where nobody asks for it.
    package let category: String?

    package init(
        number: Int64 = 0,
        messageID: String,
        channel: NoticeChannel,
        recipient: String,
        recipientName: String? = nil,
        content: RenderedNotice,
        date: Instant,
        unsubscribe: String? = nil,
        facts: String = "{}",
        tenant: Int64? = nil,
        category: String? = nil
    ) {
        self.number = number
        self.messageID = messageID
        self.channel = channel
        self.recipient = recipient
        self.recipientName = recipientName
        self.content = content
        self.date = date
        self.unsubscribe = unsubscribe
        self.facts = facts
        self.tenant = tenant
        self.category = category
    }
}

/// What a template made, in one locale.
package struct RenderedNotice: Hashable, Sendable {
    /// One line; nil on channels that have none.
    package var subject: String?
    package var text: String
    package var html: String?
    /// Shown inside of the HTML part, by content id.
    package var pictures: [InlinePicture]
    package var locale: String
    /// Where the template was found: `global/km/final`.
    package var source: String
    /// SHA-256 of the template's files, in hexadecimal digits.
    package var version: String

    /// A PNG file that the HTML part names as `cid:…`.
    package struct InlinePicture: Hashable, Sendable {
        package var contentID: String
        package var png: [UInt8]

        package init(contentID: String, png: [UInt8]) {
            self.contentID = contentID
            self.png = png
        }
    }

    package init(
        subject: String? = nil,
        text: String,
        html: String? = nil,
        pictures: [InlinePicture] = [],
        locale: String,
        source: String,
        version: String
    ) {
        self.subject = subject
        self.text = text
        self.html = html
        self.pictures = pictures
        self.locale = locale
        self.source = source
        self.version = version
    }
}

/// What came of one try.
package struct SendOutcome: Hashable, Sendable {
    package var verdict: Verdict
    /// How far it came, in the transport's own words: `connect`, `auth`, `recipient`, `content`, `after the final dot`.
    package var phase: String
    /// SMTP's or HTTP's.
    package var code: Int?
    /// What the next hop said, without addresses, at most 500 characters.
    package var reply: String
    /// What the next hop calls the message.
    package var providerID: String?
    package var took: Duration
    /// The transport that said it; the desk fills it in.
    package var transport: String?
    /// Whether it says nothing of other recipients: an endpoint of one tenant that is down, a chat that was written to a moment
    /// ago.
    package var isAboutRecipient = false

    /// Who is to blame, and so what happens next.
    package enum Verdict: Hashable, Sendable {
        /// The next hop has taken it.
        case accepted
        /// The next hop was not reached: another transport may try, and the recipient is not charged an attempt.
        case transport
        /// It does not know us, or we speak wrongly: nothing goes until a person looks.
        case configuration
        /// It says no for now.
        case soft
        /// It says that this recipient does not exist: suppressed at once.
        case hard
        /// It does not want mail of ours: the channel pauses, and nobody is suppressed.
        case policy
        /// It wants to be left alone for so long.
        case rateLimited(Duration)
        /// Nobody knows: it may have arrived.
        case unknown

        /// As it stands in the database.
        package var word: String {
            switch self {
            case .accepted: "accepted"
            case .transport: "transport"
            case .configuration: "configuration"
            case .soft: "soft"
            case .hard: "hard"
            case .policy: "policy"
            case .rateLimited: "rate_limited"
            case .unknown: "unknown"
            }
        }
    }

    package init(
        _ verdict: Verdict,
        phase: String,
        code: Int? = nil,
        reply: String = "",
        providerID: String? = nil,
        took: Duration = .zero
    ) {
        self.verdict = verdict
        self.phase = phase
        self.code = code
        self.reply = reply
        self.providerID = providerID
        self.took = took
    }
}
