import ArgumentParser

/// Webhooks: what was posted to us, and whether it may be believed.
struct WebhooksCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "webhooks",
        abstract: "Check webhooks.",
        subcommands: [Verify.self]
    )
}
