/// What this process remembers of its transports and channels.
struct ChannelHealth: Sendable {
    /// How long a transport that was not reached comes last.
    static let rest = Duration.seconds(60)

    private struct Key: Hashable {
        let channel: NoticeChannel
        let transport: String
    }

    private var failures: [Key: (until: ContinuousClock.Instant, what: String)] = [:]
    private(set) var troubles: [NoticeChannel: ChannelTrouble] = [:]
    var news: [NoticeChannel: ChannelTrouble?] = [:]

    mutating func note(
        _ outcome: SendOutcome,
        of transport: String,
        on channel: NoticeChannel,
        at now: ContinuousClock.Instant
    ) {
        let key = Key(channel: channel, transport: transport)
        failures[key] = outcome.verdict == .transport ? (now + Self.rest, outcome.reply) : nil
        switch outcome.verdict {
        case .configuration, .policy:
            let trouble = ChannelTrouble(
                transport: transport,
                verdict: outcome.verdict.word,
                phase: outcome.phase,
                code: outcome.code,
                reply: outcome.reply
            )
            troubles[channel] = trouble
            news[channel] = .some(trouble)
        case .accepted:
            troubles[channel] = nil
            news[channel] = .some(nil)
        case .transport, .soft, .hard, .rateLimited, .unknown: break
        }
    }

    /// Why a transport comes last; nil where it does not.
    func failure(of transport: String, on channel: NoticeChannel, at now: ContinuousClock.Instant) -> String? {
        guard let failure = failures[Key(channel: channel, transport: transport)], failure.until > now else {
            return nil
        }
        return failure.what
    }
}

/// What keeps a channel from sending until a person looks.
package struct ChannelTrouble: Codable, Hashable, Sendable {
    package var transport: String
    /// `configuration` or `policy`.
    package var verdict: String
    package var phase: String
    package var code: Int?
    package var reply: String
}

/// How a channel fares on this node.
package struct ChannelStanding: Codable, Sendable {
    package struct Transport: Codable, Sendable {
        package var name: String
        /// Why it comes last for now; nil where it does not.
        package var failure: String?
    }

    package var channel: NoticeChannel
    package var isOn: Bool
    /// Whether it ends in a folder of this machine.
    package var staysHere: Bool
    package var transports: [Transport]
    package var trouble: ChannelTrouble?
}
