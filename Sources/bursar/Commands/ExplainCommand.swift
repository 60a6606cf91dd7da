import ArgumentParser
import Billing
import CivilTime
import Notices
import Postgres
import Standing

/// Why, and why not yet.
struct ExplainCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "explain",
        abstract: "Say why something is as it is, and why something has not happened yet.",
        subcommands: [Subscription.self, Invoice.self, Notice.self]
    )

    /// Everything that decides about a subscription.
    struct Subscription: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "subscription",
            abstract:
                "State, next invoice, what is owed, every gate of a suspension, and why not yet; the rules in force.",
            discussion: "Reads the database directly and changes nothing. Days are the issuer's."
        )

        @Argument(help: "The subscription: id, external ref, or ref:17 where a ref is digits.")
        var subscription: String

        @Option(
            name: .long,
            help: ArgumentHelp(
                "Judge as of this instant, RFC 3339; business time now by default.",
                valueName: "instant"
            )
        )
        var asOf: String?

        @OptionGroup var options: GlobalOptions

        func run() async throws {
            let asOf = try Instant.argument(asOf, named: "--as-of")
            let settings = try options.settings()
            let policies = try PolicyFiles.load(folder: settings.noticePolicies, today: Zone.utc.localDate(at: .now))
            let told = try await DatabaseSession.transaction(
                settings.database.configuration(for: "explain"),
                settings.database,
                ExplainedSubscription.transaction
            ) { try await ExplainedWhole.read(subscription, asOf: asOf, StandingRules(policies), in: $0) }
            options.show(told) { $0.lines.joined(separator: "\n") }
        }
    }
}
