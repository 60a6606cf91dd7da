import ArgumentParser

/// Webhooks: what senders posted, what became of it, and whether a post may be believed.
struct WebhooksCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "webhooks",
        abstract: "See what senders posted, have it processed again, and check signatures.",
        subcommands: [List.self, Show.self, Replay.self, Verify.self]
    )
}
