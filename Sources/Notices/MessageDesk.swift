/// Where messages are handed over: the channels of this house, each with its transports.
package protocol MessageDesk: Sendable {
    /// The domain of Message-IDs.
    var domain: String { get }
    /// Whether anything goes on this channel now: it is configured, and nobody has closed it.
    func isOn(_ channel: NoticeChannel) -> Bool
    /// Whether the same message given twice arrives once.
    func knowsRepeats(_ channel: NoticeChannel) -> Bool
    /// How many messages it takes side by side.
    func connections(_ channel: NoticeChannel) -> Int
    /// Messages a day over all nodes; nil for any number.
    func dailyBudget(_ channel: NoticeChannel) -> Int?
    /// Whether it takes only so many a second, so that each message waits for its turn.
    func hasRate(_ channel: NoticeChannel) -> Bool
    /// Sends one message, and says what came of it and by which transport.
    func send(_ message: OutgoingMessage) async -> SendOutcome
}

extension NoticeChannel {
    /// The name under which the engine keeps the channel's rate and circuit.
    package var provider: String { "notices-\(rawValue)" }
}
