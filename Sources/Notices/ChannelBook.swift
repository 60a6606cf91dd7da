/// How each channel is sent: the transports in the order in which they are tried, from whom, and how much.
///
/// Read from the channels file; without one everything goes into maildirs, which is fit for trying things out and no more.
package struct ChannelBook: Sendable {
    package let channels: [NoticeChannel: Channel]
    /// Where it was read; nil where nothing is configured.
    package let file: String?
    /// How the status posts of transports are read, by the transport's name.
    package let statuses: [String: StatusMapping]

    /// One channel.
    package struct Channel: Sendable, Equatable {
        package var isEnabled = true
        /// At least one; the next is tried where one is not reached.
        package var transports: [TransportPlan]
        /// Of channels that send mail.
        package var mail: MailIdentity?
        /// Whom the channel `operator` writes to.
        package var operatorAddress: String?
        package var limits = Limits()
        /// Messages under way at the same time, on each node.
        package var connections = 4

        package init(transports: [TransportPlan], mail: MailIdentity? = nil) {
            self.transports = transports
            self.mail = mail
        }
    }

    /// How much goes out on a channel.
    package struct Limits: Sendable, Equatable {
        /// Messages a second over all nodes; nil for any number.
        package var rate: Double?
        /// Messages that may be saved up.
        package var burst: Double = 1
        /// Messages a day over all nodes; nil for any number.
        package var perDay: Int?

        package init(rate: Double? = nil, burst: Double = 1, perDay: Int? = nil) {
            self.rate = rate
            self.burst = burst
            self.perDay = perDay
        }
    }

    /// Whom a mail is from, and whom answers go to.
    package struct MailIdentity: Sendable, Hashable {
        package var sender: Mailbox
        package var replyTo: Mailbox?
        /// The domain that reports of deliveries come back to; nil: they go to the sender.
        package var bounceDomain: String?

        package init(sender: Mailbox, replyTo: Mailbox? = nil, bounceDomain: String? = nil) {
            self.sender = sender
            self.replyTo = replyTo
            self.bounceDomain = bounceDomain
        }
    }

    package init(
        _ channels: [NoticeChannel: Channel],
        file: String? = nil,
        statuses: [String: StatusMapping] = [:]
    ) {
        self.channels = channels
        self.file = file
        self.statuses = statuses
    }

    package subscript(channel: NoticeChannel) -> Channel? { channels[channel] }

    /// Every channel into a maildir of its own below a folder.
    package static func standard(folder: String) -> ChannelBook {
        ChannelBook(
            Dictionary(
                uniqueKeysWithValues: NoticeChannel.allCases.map { channel in
                    var entry = Channel(transports: [.maildir(folder: "\(folder)/\(channel.rawValue)")])
                    if channel == .email || channel == .operator { entry.mail = .nobody }
                    if channel == .operator { entry.operatorAddress = "operator@localhost" }
                    return (channel, entry)
                }
            )
        )
    }

    /// Whether what is "accepted" on a channel lies in a folder of this machine and went to nobody.
    package func staysHere(_ channel: NoticeChannel) -> Bool {
        channels[channel]?.transports.allSatisfy { if case .maildir = $0 { true } else { false } } ?? true
    }
}

extension ChannelBook.MailIdentity {
    /// Of mail that never leaves this machine.
    package static let nobody = ChannelBook.MailIdentity(sender: .init(name: "Bursar", address: "bursar@localhost"))
}

/// A transport as the channels file describes it.
package enum TransportPlan: Sendable, Equatable {
    case maildir(folder: String)
    case smtp(RelayPlan)
    case telegram(TelegramSettings)
    case gateway(SMSGateway)
    case endpoint(EndpointSettings)

    /// As in configuration, limits and records.
    package var name: String {
        switch self {
        case .maildir: "maildir"
        case .smtp(let relay): "smtp:\(relay.name)"
        case .telegram: "telegram"
        case .gateway(let gateway): "gateway:\(gateway.name)"
        case .endpoint: "endpoint"
        }
    }
}

/// A mail relay as the channels file describes it.
package struct RelayPlan: Sendable, Equatable {
    /// How the connection is made secret.
    package enum Security: String, CaseIterable, Sendable {
        /// Begun in the open, and refused where the relay does not offer TLS.
        case starttls
        /// From the first byte.
        case tls
        /// Not at all: for a relay on this machine.
        case none

        /// Where relays listen for it.
        package var usualPort: Int {
            switch self {
            case .starttls: 587
            case .tls: 465
            case .none: 25
            }
        }
    }

    package var name: String
    package var host: String
    package var port: Int
    package var security: Security
    package var user: String?
    package var password: HiddenText?
    /// A file with the authorities that the relay's certificate may come from; nil for the system's.
    package var authorities: String?
    /// How this machine names itself; nil for its host name.
    package var hello: String?
    package var timeout: Duration

    package init(
        name: String,
        host: String,
        port: Int,
        security: Security,
        user: String? = nil,
        password: HiddenText? = nil,
        authorities: String? = nil,
        hello: String? = nil,
        timeout: Duration = .seconds(30)
    ) {
        self.name = name
        self.host = host
        self.port = port
        self.security = security
        self.user = user
        self.password = password
        self.authorities = authorities
        self.hello = hello
        self.timeout = timeout
    }
}

/// A secret of a transport: neither interpolation nor `dump` shows it.
package struct HiddenText: Hashable, Sendable, CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable
{
    private let text: String

    package init(_ text: String) { self.text = text }

    /// The text itself, for the request that needs it and nothing else.
    package var revealed: String { text }

    package var description: String { "(secret)" }
    package var debugDescription: String { description }
    package var customMirror: Mirror { Mirror(self, children: []) }
}
