import ArgumentParser
import Billing

/// Who is subscribed to what.
struct SubscriptionsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "subscriptions",
        abstract: "Subscriptions by hand: start, change, end, pause, hold.",
        subcommands: [
            List.self, Show.self, Create.self, Change.self, Cancel.self, Keep.self, Pause.self, Resume.self,
            Unpark.self, Hold.self, Release.self, Promise.self, Dispute.self, WaiveNotice.self,
        ],
        defaultSubcommand: List.self
    )

    /// Which subscription a command is about.
    struct Target: ParsableArguments {
        @Argument(help: "The subscription: id or ref; a ref of digits is written ref:17.")
        var subscription: String

        var value: ContractValue { .text(subscription) }
    }

    /// A new subscription.
    struct Create: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "create",
            abstract: "Subscribe a tenant to a plan.",
            discussion: """
                Periods are counted from the anchor: the first billed day, unless an earlier day is given; then the \
                first period is cut, and charged by its days.
                """
        )

        @Argument(help: "The tenant: id or ref.")
        var tenant: String

        @Option(name: .long, help: "The plan's code.")
        var plan: String

        @Option(name: .customLong("plan-version"), help: "Its version; the newest when not given.")
        var planVersion: Int?

        @Option(name: .long, help: ArgumentHelp("A price of the plan and a quantity, as seat=3.", valueName: "item"))
        var item: [String]

        @Option(name: .long, help: "Your own id of the subscription; the same call again answers with the same one.")
        var ref: String?

        @Option(name: .customLong("starts-on"), help: "The first day, YYYY-MM-DD; today when not given.")
        var startsOn: String?

        @Option(name: .customLong("trial-days"), help: "How long nothing is billed; the plan's trial when not given.")
        var trialDays: Int?

        @Option(name: .long, help: "The day that periods are counted from, YYYY-MM-DD.")
        var anchor: String?

        @Option(name: .long, help: "A policy version of its own, by its id.")
        var policy: Int?

        @OptionGroup var reason: ReasonOption
        @OptionGroup var options: GlobalOptions

        private struct Answer: Decodable {
            let subscription: Int64
        }

        func run() async throws {
            let body: [String: ContractValue] = [
                "tenant": .text(tenant), "external_ref": .text(ref), "plan": .text(plan),
                "plan_version": .whole(planVersion), "items": try itemsArgument(item), "starts_on": .text(startsOn),
                "trial_days": .whole(trialDays), "anchor": .text(anchor), "policy": .whole(policy),
                "reason": reason.value,
            ]
            try await BusinessCall(options: options).perform("subscriptions.create", body) { (answer: Answer) in
                "subscription \(answer.subscription): \(plan), \(item.joined(separator: ", "))"
            }
        }
    }

    /// Another plan, or other items.
    struct Change: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "change",
            abstract: "Change plan or items, at the first boundary that is not billed yet.",
            discussion: "A change made before and not in force yet is replaced."
        )

        @OptionGroup var target: Target

        @Option(name: .long, help: "The plan's code; the plan stays when not given.")
        var plan: String?

        @Option(name: .customLong("plan-version"), help: "Its version; the newest when not given.")
        var planVersion: Int?

        @Option(name: .long, help: ArgumentHelp("A price of the plan and a quantity, as seat=3.", valueName: "item"))
        var item: [String]

        @OptionGroup var reason: ReasonOption
        @OptionGroup var options: GlobalOptions

        private struct Answer: Decodable {
            let subscription: Int64
            let effectiveOn: String
        }

        func run() async throws {
            let body: [String: ContractValue] = [
                "subscription": target.value, "plan": .text(plan), "plan_version": .whole(planVersion),
                "items": try itemsArgument(item), "reason": reason.value,
            ]
            try await BusinessCall(options: options).perform("subscriptions.change", body) { (answer: Answer) in
                "subscription \(answer.subscription): changes on \(answer.effectiveOn)"
            }
        }
    }
}
