/// How Telegram's Bot API is reached (core.telegram.org/bots/api).
package struct TelegramSettings: Sendable, Equatable {
    /// Telegram's own.
    package static let address = "https://api.telegram.org"
    /// What Telegram takes of one bot, over all chats (its FAQ for bots).
    package static let usualLimits = ChannelBook.Limits(rate: 30, burst: 30)

    /// What BotFather gave.
    package var token: HiddenText
    /// Scheme, host and port, without a slash at the end.
    package var url: String
    package var timeout: Duration
    /// Messages a second to one chat.
    package var ratePerChat: Double

    package init(
        token: HiddenText,
        url: String = TelegramSettings.address,
        timeout: Duration = .seconds(15),
        ratePerChat: Double = 1
    ) {
        self.token = token
        self.url = url
        self.timeout = timeout
        self.ratePerChat = ratePerChat
    }
}
