import ArgumentParser
import Billing

extension PaymentsCommand {
    /// The accounts that money arrives on.
    struct Accounts: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "accounts",
            abstract: "List the accounts that money arrives on."
        )

        @Option(name: .long, help: "Only those of this issuer: id or ref.")
        var issuer: String?

        @OptionGroup var options: GlobalOptions

        private struct Entry: Decodable {
            let id: Int64
            let provider: String
            let account: String
            let name: String
            let currency: String?
            let watermark: String?
            let retiredAt: String?
        }

        func run() async throws {
            try await BusinessCall(options: options).perform("payments.accounts", ["issuer": .text(issuer)]) {
                (entries: [Entry]) in
                var table = TextTable(["ID", "PROVIDER", "ACCOUNT", "NAME", "CURRENCY", "COMPLETE UP TO"])
                for entry in entries {
                    table.add([
                        "\(entry.id)", entry.provider, entry.account, entry.name, entry.currency ?? "both",
                        entry.retiredAt.map { "retired \($0)" } ?? entry.watermark ?? "-",
                    ])
                }
                return table.text
            }
        }
    }

    /// An account is told, or its rules are changed.
    struct Account: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "account",
            abstract: "Tell an account that money arrives on, or change its rules.",
            discussion: """
                Rules are key=value: currency, qr_lifetime (as "10 minutes"), below_khr, below_usd, above_khr, above_usd (minor \
                units that may be missing or too much), settles_late, statement_required, retired (true or false).
                """
        )

        @Argument(help: "The account as its provider writes it: name@bank, a number, the name of a cash box.")
        var account: String

        @Option(name: .long, help: "bakong, gateway, bank or cash.")
        var provider: String

        @Option(name: .long, help: "Its name, for people.")
        var name: String

        @Option(name: .long, help: "The issuer: id or ref; the only one by default.")
        var issuer: String?

        @Option(name: .long, help: ArgumentHelp("A rule of the account; may be repeated.", valueName: "key=value"))
        var rule: [String] = []

        @OptionGroup var reason: ReasonOption
        @OptionGroup var options: GlobalOptions

        private struct Done: Decodable { let account: Int64 }

        func run() async throws {
            var rules: [String: ContractValue] = [:]
            for text in rule {
                let parts = text.split(separator: "=", maxSplits: 1).map(String.init)
                guard parts.count == 2 else {
                    throw CommandFailure(.usage, "'\(text)' is not a rule", remedy: "write it as settles_late=false")
                }
                rules[parts[0]] = Self.value(parts[1])
            }
            let body: [String: ContractValue] = [
                "issuer": .text(issuer), "provider": .text(provider), "account": .text(account), "name": .text(name),
                "rules": .object(rules), "reason": reason.value,
            ]
            try await BusinessCall(options: options).perform("payments.account", body) { (done: Done) in
                "account \(done.account)"
            }
        }

        private static func value(_ text: String) -> ContractValue {
            switch text {
            case "true": .flag(true)
            case "false": .flag(false)
            default: Int64(text).map { .whole($0) } ?? .text(text)
            }
        }
    }
}
