import ArgumentParser

/// What senders posted, and what became of it.
struct WebhooksCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "webhooks",
        abstract: "See what senders posted, and have it processed again.",
        subcommands: [List.self, Show.self, Replay.self]
    )
}
