import ArgumentParser
import Billing

/// The legal entities that send invoices, and their money rules.
struct IssuersCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "issuers",
        abstract: "The legal entities that send invoices, and their money rules.",
        subcommands: [List.self, Create.self, Policy.self],
        defaultSubcommand: List.self
    )

    /// One line an issuer.
    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(commandName: "list", abstract: "List the issuers.")

        @OptionGroup var options: GlobalOptions

        private struct Issuer: Decodable {
            let id: Int64
            let externalRef: String?
            let name: String
            let timeZone: String
            let invoicePrefix: String
            let policyVersion: Int?
            let netDays: Int?
            let taxRateBasisPoints: Int?
        }

        func run() async throws {
            try await BusinessCall(options: options).perform("issuers.list") { (issuers: [Issuer]) in
                var table = TextTable(["ID", "REF", "NAME", "ZONE", "PREFIX", "POLICY", "NET DAYS", "TAX"])
                for issuer in issuers {
                    let tax = issuer.taxRateBasisPoints.map { "\($0 / 100).\($0 % 100 / 10)\($0 % 10) %" }
                    table.add([
                        "\(issuer.id)", issuer.externalRef ?? "-", issuer.name, issuer.timeZone, issuer.invoicePrefix,
                        issuer.policyVersion.map { "\($0)" } ?? "-", issuer.netDays.map { "\($0)" } ?? "-", tax ?? "-",
                    ])
                }
                return table.text
            }
        }
    }

    /// A new issuer.
    struct Create: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "create",
            abstract: "Make an issuer, with the first version of its policy."
        )

        @Option(name: .long, help: "The name for people.")
        var name: String

        @Option(name: .customLong("legal-name"), help: "The name on invoices.")
        var legalName: String

        @Option(name: .customLong("time-zone"), help: "The zone whose days count (IANA name).")
        var timeZone = "Asia/Phnom_Penh"

        @Option(name: .customLong("invoice-prefix"), help: "How invoice numbers begin: 1 to 10 of A-Z and 0-9.")
        var invoicePrefix = "INV"

        @Option(name: .customLong("tax-id"), help: "The tax identification number.")
        var taxID: String?

        @Option(name: .long, help: "Your own id of the issuer; the same call again answers with the same issuer.")
        var ref: String?

        @Option(
            name: .customLong("set-rule"),
            help: ArgumentHelp("A rule of its policy, as net_days=14.", valueName: "rule")
        )
        var rules: [String] = []

        @OptionGroup var reason: ReasonOption
        @OptionGroup var options: GlobalOptions

        private struct Answer: Decodable {
            let issuer: Int64
        }

        func run() async throws {
            let body: [String: ContractValue] = [
                "name": .text(name), "legal_name": .text(legalName), "time_zone": .text(timeZone),
                "invoice_prefix": .text(invoicePrefix), "tax_id": .text(taxID), "external_ref": .text(ref),
                "policy": try PolicyRule.settings(rules), "reason": reason.value,
            ]
            try await BusinessCall(options: options).perform("issuers.create", body) { (answer: Answer) in
                "issuer \(answer.issuer): \(name)"
            }
        }
    }

    /// A new version of the money rules.
    struct Policy: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "policy",
            abstract: "Make a new version of an issuer's money rules.",
            discussion:
                "Rules that are not given stay as they are. Invoices that are issued keep the rules they were made by."
        )

        @Argument(help: ArgumentHelp("Rules to change, as net_days=14.", valueName: "rule"))
        var rules: [String]

        @Option(name: .long, help: "The issuer: id or ref; the only one where there is one.")
        var issuer: String?

        @Flag(name: .customLong("not-in-force"), help: "Only make the version, for plans and subscriptions to name.")
        var isNotInForce = false

        @OptionGroup var reason: ReasonOption
        @OptionGroup var options: GlobalOptions

        private struct Answer: Decodable {
            let policy: Int64
            let version: Int
            let created: Bool
        }

        func run() async throws {
            let body: [String: ContractValue] = [
                "issuer": .text(issuer), "settings": try PolicyRule.settings(rules), "in_force": .flag(!isNotInForce),
                "reason": reason.value,
            ]
            try await BusinessCall(options: options).perform("issuers.policy", body) { (answer: Answer) in
                answer.created
                    ? "policy \(answer.policy): version \(answer.version)\(isNotInForce ? "" : ", in force")"
                    : "policy \(answer.policy): version \(answer.version) says so already"
            }
        }
    }
}

/// A rule as it is given on the command line: `net_days=14`, `rate_source=nbc`, `bill_while_suspended=true`,
/// `approve_above_invoices=none`.
enum PolicyRule {
    static func settings(_ texts: [String]) throws -> ContractValue {
        var settings: [String: ContractValue] = [:]
        for text in texts {
            let parts = text.split(separator: "=", maxSplits: 1).map(String.init)
            guard parts.count == 2 else {
                throw CommandFailure(.usage, "'\(text)' is not a rule", remedy: "write it as net_days=14")
            }
            settings[parts[0]] = value(parts[1])
        }
        return .object(settings)
    }

    private static func value(_ text: String) -> ContractValue {
        switch text {
        case "none": .null
        case "true": .flag(true)
        case "false": .flag(false)
        default: ContractValue(json: Array(text.utf8)) ?? .text(text)
        }
    }
}
