import ArgumentParser
import Billing

extension SubscriptionsCommand {
    /// The end.
    struct Cancel: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "cancel",
            abstract: "End a subscription: at the end of what is running, now, or on a day.",
            discussion: "What it owes for periods that start before the end is billed first; nothing is given back."
        )

        @OptionGroup var target: Target

        @Flag(name: .long, help: "Now, instead of at the period's end.")
        var now = false

        @Option(name: .customLong("on"), help: "On this day, YYYY-MM-DD, instead of at the period's end.")
        var on: String?

        @OptionGroup var reason: ReasonOption
        @OptionGroup var options: GlobalOptions

        private struct Answer: Decodable {
            let subscription: Int64
            let state: String
            let cancelOn: String
        }

        func validate() throws {
            if now, on != nil { throw ValidationError("--now and --on exclude each other") }
        }

        func run() async throws {
            let body: [String: ContractValue] = [
                "subscription": target.value, "at": .text(now ? "now" : on == nil ? "period_end" : "on_date"),
                "on_date": .text(on), "reason": reason.value,
            ]
            try await BusinessCall(options: options).perform("subscriptions.cancel", body) { (answer: Answer) in
                answer.state == "canceled"
                    ? "subscription \(answer.subscription): canceled"
                    : "subscription \(answer.subscription): \(answer.state), ends on \(answer.cancelOn)"
            }
        }
    }

    /// The end, taken back.
    struct Keep: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "keep",
            abstract: "Take a cancellation back that has not come true yet."
        )

        @OptionGroup var target: Target
        @OptionGroup var reason: ReasonOption
        @OptionGroup var options: GlobalOptions

        private struct Answer: Decodable {
            let subscription: Int64
        }

        func run() async throws {
            let body = ["subscription": target.value, "reason": reason.value]
            try await BusinessCall(options: options).perform("subscriptions.keep", body) { (answer: Answer) in
                "subscription \(answer.subscription): goes on"
            }
        }
    }

    /// A rest.
    struct Pause: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "pause",
            abstract: "Pause from today on: no period is billed until it is resumed."
        )

        @OptionGroup var target: Target

        @Option(name: .long, help: "The day of resuming, YYYY-MM-DD; until somebody resumes it when not given.")
        var until: String?

        @OptionGroup var reason: ReasonOption
        @OptionGroup var options: GlobalOptions

        private struct Answer: Decodable {
            let subscription: Int64
            let until: String?
        }

        func run() async throws {
            let body = ["subscription": target.value, "until": ContractValue.text(until), "reason": reason.value]
            try await BusinessCall(options: options).perform("subscriptions.pause", body) { (answer: Answer) in
                "subscription \(answer.subscription): paused"
                    + (answer.until.map { ", resumes on \($0)" } ?? " until it is resumed")
            }
        }
    }

    private struct BilledFrom: Decodable {
        let subscription: Int64
        let billedFrom: String

        var words: String { "subscription \(subscription): billed from \(billedFrom) on" }
    }

    /// The end of a rest.
    struct Resume: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "resume",
            abstract: "Resume a paused subscription today.",
            discussion:
                "Paused days stay uncharged; the rest of the running period is charged by its days at the next renewals."
        )

        @OptionGroup var target: Target
        @OptionGroup var reason: ReasonOption
        @OptionGroup var options: GlobalOptions

        func run() async throws {
            let body = ["subscription": target.value, "reason": reason.value]
            try await BusinessCall(options: options).perform("subscriptions.resume", body) { (answer: BilledFrom) in
                answer.words
            }
        }
    }

    /// Parked ones go on.
    struct Unpark: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "unpark",
            abstract: "Let a parked subscription go on, or many through a proposal.",
            discussion: """
                With --all nothing changes yet: a proposal is stored, with what the next renewals would issue. Apply it \
                with --proposal; a subscription that changed since is left alone and reported.
                """
        )

        @Argument(help: "The subscription: id or ref.")
        var subscription: String?

        @Flag(name: .long, help: "Bill only the running period, and waive those that were missed.")
        var waive = false

        @Flag(name: .long, help: "Propose to unpark all of an issuer.")
        var all = false

        @Option(name: .long, help: "With --all: only those parked for a reason that contains this.")
        var because: String?

        @Option(name: .long, help: "With --all: the issuer, id or ref; the only one where there is one.")
        var issuer: String?

        @Option(name: .long, help: "Apply this proposal.")
        var proposal: Int?

        @OptionGroup var reason: ReasonOption
        @OptionGroup var options: GlobalOptions

        private struct Proposed: Decodable {
            let proposal: Int64
            let count: Int
            let totals: [String: Int64]
            let digest: String
        }

        private struct Applied: Decodable {
            struct Left: Decodable {
                let subscription: Int64
                let why: String
            }

            let unparked: Int
            let leftAlone: [Left]
        }

        func validate() throws {
            let ways = [subscription != nil, all, proposal != nil].filter { $0 }.count
            if ways != 1 { throw ValidationError("name a subscription, or --all, or --proposal") }
        }

        func run() async throws {
            let call = BusinessCall(options: options)
            let missed = ContractValue.text(waive ? "waive" : "bill")
            if let subscription {
                let body = ["subscription": .text(subscription), "missed": missed, "reason": reason.value]
                try await call.perform("subscriptions.unpark", body) { (answer: BilledFrom) in answer.words }
            } else if let proposal {
                let body = ["proposal": .whole(proposal), "reason": reason.value]
                try await call.perform("subscriptions.approve_unpark", body) { (answer: Applied) in
                    (["\(answer.unparked) unparked, \(answer.leftAlone.count) left alone"]
                        + answer.leftAlone.map { "subscription \($0.subscription): \($0.why)" })
                        .joined(separator: "\n")
                }
            } else {
                let body = [
                    "issuer": .text(issuer), "missed": missed, "because": ContractValue.text(because),
                    "reason": reason.value,
                ]
                try await call.perform("subscriptions.propose_unpark", body) { (answer: Proposed) in
                    let totals = answer.totals.sorted { $0.key < $1.key }.map { amountText($0.value, $0.key) }
                    return """
                        proposal \(answer.proposal): \(answer.count) subscriptions, \(totals.joined(separator: ", ")) \
                        at the next renewals
                        apply it with: bursar subscriptions unpark --proposal \(answer.proposal) --reason TEXT
                        """
                }
            }
        }
    }
}
