import ArgumentParser
import Billing

extension SubscriptionsCommand {
    private struct Held: Decodable {
        let subscription: Int64
        let hold: Int64

        func words(_ what: String) -> String { "subscription \(subscription): \(what) (hold \(hold))" }
    }

    /// Nothing is issued.
    struct Hold: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "hold",
            abstract: "Hold billing: nothing is issued until the same source releases the hold.",
            discussion:
                "A later hold of a source takes the place of its earlier one. What was missed is caught up afterwards."
        )

        @OptionGroup var target: Target

        @Option(name: .long, help: "Whose hold it is: operator, legal, or a word of your own.")
        var source = "operator"

        @Option(name: .long, help: "The first day that is billed again, YYYY-MM-DD.")
        var until: String?

        @OptionGroup var reason: ReasonOption
        @OptionGroup var options: GlobalOptions

        func run() async throws {
            let body: [String: ContractValue] = [
                "subscription": target.value, "source": .text(source), "until": .text(until), "reason": reason.value,
            ]
            try await BusinessCall(options: options).perform("subscriptions.hold", body) { (answer: Held) in
                answer.words("held by \(source)" + (until.map { " until \($0)" } ?? ""))
            }
        }
    }

    /// A hold's end.
    struct Release: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "release",
            abstract: "Release the hold of one source; those of others stay."
        )

        @OptionGroup var target: Target

        @Option(name: .long, help: "Whose hold: operator, promise, dispute, or the word it was placed with.")
        var source = "operator"

        @OptionGroup var reason: ReasonOption
        @OptionGroup var options: GlobalOptions

        private struct Answer: Decodable {
            let subscription: Int64
            let source: String
        }

        func run() async throws {
            let body: [String: ContractValue] = [
                "subscription": target.value, "source": .text(source), "reason": reason.value,
            ]
            try await BusinessCall(options: options).perform("subscriptions.release", body) { (answer: Answer) in
                "subscription \(answer.subscription): the hold of \(answer.source) is released"
            }
        }
    }

    /// A word given.
    struct Promise: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "promise",
            abstract: "Record a promise to pay: reminders and suspension wait, billing goes on."
        )

        @OptionGroup var target: Target

        @Option(name: .customLong("pay-by"), help: "The day the customer promised to pay by, YYYY-MM-DD.")
        var payBy: String

        @OptionGroup var reason: ReasonOption
        @OptionGroup var options: GlobalOptions

        func run() async throws {
            let body = ["subscription": target.value, "pay_by": .text(payBy), "reason": reason.value]
            try await BusinessCall(options: options).perform("subscriptions.promise", body) { (answer: Held) in
                answer.words("promised to pay by \(payBy)")
            }
        }
    }

    /// A word against.
    struct Dispute: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "dispute",
            abstract: "Record a dispute: reminders and suspension wait until it is released, billing goes on."
        )

        @OptionGroup var target: Target
        @OptionGroup var reason: ReasonOption
        @OptionGroup var options: GlobalOptions

        func run() async throws {
            let body = ["subscription": target.value, "reason": reason.value]
            try await BusinessCall(options: options).perform("subscriptions.dispute", body) { (answer: Held) in
                answer.words("disputed")
            }
        }
    }
}
