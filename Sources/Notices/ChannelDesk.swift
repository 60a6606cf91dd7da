internal import Synchronization

/// Sends messages on the channels of a book: one transport after the other, as long as nothing was reached.
///
/// A transport that was not reached rests for a minute, and then is asked first again. All else that a next hop says is the
/// answer: nobody else is asked after one that may have taken the message.
package final class ChannelDesk: MessageDesk {
    package let book: ChannelBook
    private let transports: [NoticeChannel: [any Transport]]
    private let health = Mutex(ChannelHealth())
    private let clock: @Sendable () -> ContinuousClock.Instant

    package init(
        _ book: ChannelBook,
        _ parts: ChannelParts,
        clock: @escaping @Sendable () -> ContinuousClock.Instant = { .now }
    ) {
        self.book = book
        self.clock = clock
        transports = book.channels.mapValues { channel in
            let made = channel.transports.map { $0.transport(parts, of: channel) }
            guard let address = channel.operatorAddress else { return made }
            return made.map { OperatorTransport($0, address: address) }
        }
    }

    /// Sends one message; see ``Transport``.
    package func send(_ message: OutgoingMessage) async -> SendOutcome {
        let channel = message.channel
        guard isOn(channel), let order = order(of: channel), !order.isEmpty else {
            return SendOutcome(.configuration, phase: "channel", reply: "the channel \(channel.rawValue) is off")
        }
        var failures: [String] = []
        var last = SendOutcome(.transport, phase: "channel")
        for transport in order {
            var outcome = await transport.send(message)
            outcome.transport = transport.name
            let now = clock()
            health.withLock { $0.note(outcome, of: transport.name, on: channel, at: now) }
            guard outcome.verdict == .transport else { return outcome }
            failures.append("\(transport.name): \(outcome.reply)")
            last = outcome
        }
        last.reply = String(failures.joined(separator: "; ").prefix(500))
        return last
    }

    /// Whether messages may be sent on it.
    package func isOn(_ channel: NoticeChannel) -> Bool { book[channel]?.isEnabled ?? false }

    /// In the order in which they are tried.
    package func transportNames(_ channel: NoticeChannel) -> [String] { transports[channel]?.map(\.name) ?? [] }

    /// Whether the same message given twice arrives once: where a second transport might get the repeat it does not.
    package func knowsRepeats(_ channel: NoticeChannel) -> Bool {
        guard let transports = transports[channel], transports.count == 1 else { return false }
        return transports[0].knowsRepeats
    }

    /// Messages a day over all nodes; nil for any number.
    package func dailyBudget(_ channel: NoticeChannel) -> Int? { book[channel]?.limits.perDay }

    /// Messages that may be under way at once on this node.
    package func connections(_ channel: NoticeChannel) -> Int { book[channel]?.connections ?? 1 }

    package func hasRate(_ channel: NoticeChannel) -> Bool { book[channel]?.limits.rate != nil }

    /// The domain of the sender of mail.
    package var domain: String {
        let address = book[.email]?.mail?.sender.address ?? "bursar@localhost"
        return address.split(separator: "@").last.map(String.init) ?? "localhost"
    }

    /// What endpoints may be; nil where none are posted to.
    package var endpointSettings: EndpointSettings? {
        for case .endpoint(let settings) in book[.webhook]?.transports ?? [] { return settings }
        return nil
    }

    /// How each channel fares on this node, in the order of the channels' declaration.
    package var standing: [ChannelStanding] {
        let now = clock()
        return health.withLock { health in
            NoticeChannel.allCases.map { channel in
                ChannelStanding(
                    channel: channel,
                    isOn: isOn(channel),
                    staysHere: book.staysHere(channel),
                    transports: (transports[channel] ?? []).map { transport in
                        .init(name: transport.name, failure: health.failure(of: transport.name, on: channel, at: now))
                    },
                    trouble: health.troubles[channel]
                )
            }
        }
    }

    /// What the last words on each channel were since this was asked last: trouble, or nil for none.
    package func takeNews() -> [NoticeChannel: ChannelTrouble?] {
        health.withLock { health in
            defer { health.news = [:] }
            return health.news
        }
    }

    /// Those that rest come last, so that something is tried even where all of them do.
    private func order(of channel: NoticeChannel) -> [any Transport]? {
        guard let transports = transports[channel] else { return nil }
        guard transports.count > 1 else { return transports }
        let now = clock()
        let resting = health.withLock { health in
            transports.map { health.failure(of: $0.name, on: channel, at: now) != nil }
        }
        let pairs = zip(transports, resting)
        return pairs.filter { !$0.1 }.map(\.0) + pairs.filter(\.1).map(\.0)
    }
}
