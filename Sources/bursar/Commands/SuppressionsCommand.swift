import ArgumentParser
import Billing
import CivilTime

/// Addresses that are not written to any more.
struct SuppressionsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "suppressions",
        abstract: "Addresses that are not written to any more: known by hash, with reason and evidence.",
        subcommands: [List.self, Add.self, Release.self],
        defaultSubcommand: List.self
    )

    private struct Answer: Decodable {
        let suppression: Int64
    }

    /// One line a suppression.
    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "list",
            abstract: "List suppressions in force, newest first."
        )

        @Option(help: "Only those that count for this tenant: id or ref.") var tenant: String?
        @Option(help: "Only of this channel.") var channel: String?
        @Option(help: "Only of this address.") var address: String?
        @Flag(help: "Those that are over or released too.") var all = false
        @Option(help: "Only those before this id: the next page.") var before: Int?
        @Option(help: "How many at most.") var limit = 50
        @OptionGroup var options: GlobalOptions

        private struct Row: Decodable {
            let id: Int64
            let tenantId: Int64?
            let channel: String
            let hash: String
            let reason: String
            let source: String
            let evidence: String
            let placedAt: String
            let expiresAt: String?
            let inForce: Bool
        }

        func run() async throws {
            let body: [String: ContractValue] = [
                "tenant": .text(tenant), "channel": .text(channel), "address": .text(address), "all": .flag(all),
                "before": .whole(before), "limit": .whole(limit),
            ]
            try await BusinessCall(options: options).perform("suppressions.list", body) { (rows: [Row]) in
                var table = TextTable(
                    ["ID", "TENANT", "CHANNEL", "HASH", "REASON", "SOURCE", "SINCE", "UNTIL", "IN FORCE", "EVIDENCE"]
                )
                for row in rows {
                    table.add([
                        "\(row.id)", row.tenantId.map { "\($0)" } ?? "all", row.channel, row.hash, row.reason,
                        row.source,
                        row.placedAt, row.expiresAt ?? "-", row.inForce ? "yes" : "no", row.evidence,
                    ])
                }
                return table.text
            }
        }
    }

    /// An address that must not be written to.
    struct Add: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "add",
            abstract: "Suppress an address: of one tenant, or of all.",
            discussion: "The reason is its evidence. The address is stored as its hash only."
        )

        @Argument(help: "email, telegram, sms or webhook.") var channel: String
        @Argument(help: "The address.") var address: String
        @Option(help: "Only for this tenant: id or ref; for all where none is given.") var tenant: String?
        @Option(help: "manual, complaint, blocked or hard_bounce.") var kind: String?
        @Option(help: ArgumentHelp("When it is over, RFC 3339; never where none is given.", valueName: "instant"))
        var until: String?
        @OptionGroup var reason: ReasonOption
        @OptionGroup var options: GlobalOptions

        func run() async throws {
            let body: [String: ContractValue] = [
                "tenant": .text(tenant), "channel": .text(channel), "address": .text(address), "kind": .text(kind),
                "expires_at": .text(try until.map { "\(try Self.instant($0))" }), "reason": reason.value,
            ]
            try await BusinessCall(options: options).perform("suppressions.add", body) { (answer: Answer) in
                "suppression \(answer.suppression)"
            }
        }

        private static func instant(_ text: String) throws -> Instant {
            guard let instant = Instant(text) else {
                throw CommandFailure(
                    .usage,
                    "\(text) is not an instant",
                    remedy: "write it as 2026-03-01T00:00:00+07:00"
                )
            }
            return instant
        }
    }

    /// An address that may be written to again.
    struct Release: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "release",
            abstract: "Let an address be written to again; its soft bounces are forgotten."
        )

        @Argument(help: "The suppression.") var suppression: Int
        @OptionGroup var reason: ReasonOption
        @OptionGroup var options: GlobalOptions

        func run() async throws {
            let body: [String: ContractValue] = ["suppression": .whole(suppression), "reason": reason.value]
            try await BusinessCall(options: options).perform("suppressions.release", body) { (answer: Answer) in
                "suppression \(answer.suppression) is released"
            }
        }
    }
}
