import ArgumentParser
import Billing

/// What payers have agreed to: courtesies are sent to nobody else.
struct ConsentsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "consents",
        abstract: "What payers have agreed to and taken back: courtesies go to nobody else.",
        subcommands: [List.self, Give.self, Withdraw.self],
        defaultSubcommand: List.self
    )

    private struct Answer: Decodable {
        let consent: Int64
    }

    /// What was said last.
    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "list",
            abstract: "List what was said last of each category and channel, newest first."
        )

        @Option(help: "Only of this tenant: id or ref.") var tenant: String?
        @Option(help: "How many at most.") var limit = 50
        @OptionGroup var options: GlobalOptions

        private struct Row: Decodable {
            let tenantId: Int64
            let category: String
            let channel: String
            let verb: String
            let source: String
            let wording: String?
            let at: String
        }

        func run() async throws {
            let body: [String: ContractValue] = ["tenant": .text(tenant), "limit": .whole(limit)]
            try await BusinessCall(options: options).perform("consents.list", body) { (rows: [Row]) in
                var table = TextTable(["TENANT", "CATEGORY", "CHANNEL", "SAID", "SOURCE", "WORDING", "AT"])
                for row in rows {
                    table.add([
                        "\(row.tenantId)", row.category, row.channel, row.verb, row.source, row.wording ?? "-", row.at,
                    ])
                }
                return table.text
            }
        }
    }

    /// A payer agrees.
    struct Give: AsyncParsableCommand {
        static let configuration = CommandConfiguration(commandName: "give", abstract: "Write that a payer agrees.")

        @Argument(help: "The tenant: id or ref.") var tenant: String
        @Argument(help: "A category that can be declined (courtesy, due_soon), or all.") var category: String
        @Argument(help: "email, telegram, sms, webhook, or all.") var channel: String
        @Option(help: "The version of the text that was agreed to.") var wording: String?
        @Option(help: "Where the agreement can be found.") var evidence: String?
        @OptionGroup var reason: ReasonOption
        @OptionGroup var options: GlobalOptions

        func run() async throws {
            let body: [String: ContractValue] = [
                "tenant": .text(tenant), "category": .text(category), "channel": .text(channel),
                "wording": .text(wording), "evidence": .text(evidence), "reason": reason.value,
            ]
            try await BusinessCall(options: options).perform("consents.give", body) { (answer: Answer) in
                "consent \(answer.consent)"
            }
        }
    }

    /// A payer agrees no more.
    struct Withdraw: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "withdraw",
            abstract: "Write that a payer agrees no more: at once, and to every courtesy unless one is named."
        )

        @Argument(help: "The tenant: id or ref.") var tenant: String
        @Option(help: "Only this category.") var category: String?
        @Option(help: "Only on this channel.") var channel: String?
        @OptionGroup var reason: ReasonOption
        @OptionGroup var options: GlobalOptions

        func run() async throws {
            let body: [String: ContractValue] = [
                "tenant": .text(tenant), "category": .text(category), "channel": .text(channel), "reason": reason.value,
            ]
            try await BusinessCall(options: options).perform("consents.withdraw", body) { (answer: Answer) in
                "consent \(answer.consent)"
            }
        }
    }
}
