import ArgumentParser
import Billing
import Monetary

/// What is sold.
struct PlansCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "plans",
        abstract: "What is sold: plans, their versions and prices.",
        subcommands: [List.self, Create.self],
        defaultSubcommand: List.self
    )

    /// One line a version.
    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "list",
            abstract: "List the newest version of each plan."
        )

        @Option(name: .long, help: "Only those of this issuer: id or ref.")
        var issuer: String?

        @Flag(name: .customLong("all-versions"), help: "Earlier versions too.")
        var allVersions = false

        @OptionGroup var options: GlobalOptions

        private struct Plan: Decodable {
            let issuerId: Int64
            let code: String
            let version: Int
            let unit: String
            let count: Int
            let currency: String
            let trialDays: Int
            let prices: [Price]
        }

        private struct Price: Decodable {
            let code: String
            let unitAmount: Int64
        }

        func run() async throws {
            let body: [String: ContractValue] = ["issuer": .text(issuer), "all_versions": .flag(allVersions)]
            try await BusinessCall(options: options).perform("plans.list", body) { (plans: [Plan]) in
                var table = TextTable(["ISSUER", "PLAN", "VERSION", "PERIOD", "TRIAL", "PRICES"])
                for plan in plans {
                    let prices = plan.prices.map { "\($0.code) \(amountText($0.unitAmount, plan.currency))" }
                    table.add([
                        "\(plan.issuerId)", plan.code, "\(plan.version)", periodText(plan.count, plan.unit),
                        plan.trialDays == 0 ? "-" : "\(plan.trialDays) days", prices.joined(separator: ", "),
                    ])
                }
                return table.text
            }
        }
    }

    /// A new version.
    struct Create: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "create",
            abstract: "Make a version of a plan, and the plan with its first one.",
            discussion: """
                A version never changes: subscriptions keep theirs until they are changed. The same content again answers \
                with the newest version.
                """
        )

        @Argument(help: "The plan's code, as in: basic.")
        var code: String

        @Option(
            name: .long,
            help: ArgumentHelp(
                "A price, as seat=12.50:Seat (code, amount, words of the invoice line).",
                valueName: "price"
            )
        )
        var price: [String]

        @Option(name: .long, help: "KHR or USD.")
        var currency: String

        @Option(name: .long, help: "What a period is counted in: day, week, month, year.")
        var unit = "month"

        @Option(name: .long, help: "How many of them a period is.")
        var count = 1

        @Flag(name: .customLong("last-day"), help: "An anchor on a month's last day stays on last days.")
        var lastDay = false

        @Option(name: .customLong("trial-days"), help: "How long nothing is billed at first.")
        var trialDays = 0

        @Option(name: .long, help: "The plan's name for people.")
        var name: String?

        @Option(name: .long, help: "A policy version other than the issuer's, by its id.")
        var policy: Int?

        @Option(name: .long, help: "The issuer: id or ref; the only one where there is one.")
        var issuer: String?

        @OptionGroup var reason: ReasonOption
        @OptionGroup var options: GlobalOptions

        private struct Answer: Decodable {
            let planVersion: Int64
            let version: Int
            let created: Bool
        }

        func run() async throws {
            guard let known = Currency(code: currency) else {
                throw CommandFailure(
                    .usage,
                    "\(currency) is not a currency that is billed here",
                    remedy: "use KHR or USD"
                )
            }
            let body: [String: ContractValue] = [
                "issuer": .text(issuer), "code": .text(code), "currency": .text(currency), "unit": .text(unit),
                "count": .whole(count), "day_policy": .text(lastDay ? "last_day" : "same_day_clamped"),
                "trial_days": .whole(trialDays), "name": .text(name), "policy": .whole(policy),
                "prices": .list(try price.map { try Self.price($0, in: known) }), "reason": reason.value,
            ]
            try await BusinessCall(options: options).perform("plans.create", body) { (answer: Answer) in
                answer.created
                    ? "plan \(code): version \(answer.version) (\(answer.planVersion))"
                    : "plan \(code): version \(answer.version) says so already"
            }
        }

        private static func price(_ text: String, in currency: Currency) throws -> ContractValue {
            let parts = text.split(separator: "=", maxSplits: 1).map(String.init)
            let terms = (parts.count == 2 ? parts[1] : "").split(separator: ":", maxSplits: 1).map(String.init)
            guard let amount = terms.first else {
                throw CommandFailure(.usage, "'\(text)' is not a price", remedy: "write it as seat=12.50:Seat")
            }
            do throws(MoneyError) {
                return .object([
                    "code": .text(parts[0]), "description": .text(terms.count == 2 ? terms[1] : parts[0]),
                    "unit_amount": .whole(try Money(parsing: amount, currency: currency).minorUnits),
                ])
            } catch {
                throw CommandFailure(.usage, "the price \(parts[0]): \(error)", remedy: "write it as seat=12.50:Seat")
            }
        }
    }
}

/// The length of a period in words: `month`, or `3 months`.
func periodText(_ count: Int, _ unit: String) -> String { count == 1 ? unit : "\(count) \(unit)s" }
