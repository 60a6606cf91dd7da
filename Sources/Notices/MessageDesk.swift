package import CivilTime

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
    /// Takes one message from what the channel may send on a day; false where nothing is left.
    func takeFromBudget(_ channel: NoticeChannel, day: CivilDate) -> Bool
    /// The name under which the engine keeps its limits and its circuit; nil where it has none.
    func provider(_ channel: NoticeChannel) -> String?
    /// Sends one message, and says what came of it and by which transport.
    func send(_ message: OutgoingMessage) async -> (outcome: SendOutcome, transport: String)
}
