package import Outbound

/// What the executable puts into the transports of a channels file.
package struct ChannelParts: Sendable {
    /// Makes the transport of a mail relay, for so many connections at once.
    package var smtp: @Sendable (RelayPlan, ChannelBook.MailIdentity, _ connections: Int) -> any Transport
    /// Writes a mail, RFC 5322 with CRLF, for the maildir.
    /// - Throws: why it cannot be written, such as a recipient that is no address.
    package var compose: @Sendable (OutgoingMessage, ChannelBook.MailIdentity) throws -> [UInt8]
    package var http: HTTPClient
    /// The tenants' endpoints with their secrets; nil where nobody is asked, and every endpoint is refused.
    package var endpoints: (any EndpointLedger)?
    package var resolver: EndpointResolver

    package init(
        smtp: @escaping @Sendable (RelayPlan, ChannelBook.MailIdentity, Int) -> any Transport = { plan, _, _ in
            MissingTransport(name: TransportPlan.smtp(plan).name)
        },
        compose: @escaping @Sendable (OutgoingMessage, ChannelBook.MailIdentity) throws -> [UInt8] = { message, mail in
            ReadableMessage.bytes(of: message, from: mail)
        },
        http: HTTPClient = HTTPClient(),
        endpoints: (any EndpointLedger)? = nil,
        resolver: EndpointResolver = .system
    ) {
        self.smtp = smtp
        self.compose = compose
        self.http = http
        self.endpoints = endpoints
        self.resolver = resolver
    }
}

/// Stands where a transport was not built in: it says so.
package struct MissingTransport: Transport {
    package let name: String
    package let knowsRepeats = false

    package init(name: String) { self.name = name }

    package func send(_ message: OutgoingMessage) async -> SendOutcome {
        SendOutcome(
            .configuration,
            phase: "build",
            reply: "this program was put together without the transport \(name)"
        )
    }
}

extension TransportPlan {
    func transport(_ parts: ChannelParts, of channel: ChannelBook.Channel) -> any Transport {
        switch self {
        case .maildir(let folder):
            let mail = channel.mail ?? .nobody
            return MaildirTransport(folder: folder) { message in
                switch message.channel {
                case .email, .operator: try parts.compose(message, mail)
                case .telegram, .sms, .webhook: ReadableMessage.bytes(of: message, from: nil)
                }
            }
        case .smtp(let relay): return parts.smtp(relay, channel.mail ?? .nobody, channel.connections)
        case .telegram(let settings): return TelegramTransport(settings, http: parts.http)
        case .gateway(let gateway): return SMSGatewayTransport(gateway, http: parts.http)
        case .endpoint(let settings):
            guard let ledger = parts.endpoints else { return MissingTransport(name: name) }
            return EndpointTransport(settings, ledger: ledger, resolver: parts.resolver, http: parts.http)
        }
    }
}
