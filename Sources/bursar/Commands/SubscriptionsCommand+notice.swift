import ArgumentParser
import Billing

extension SubscriptionsCommand {
    /// No last word needed.
    struct WaiveNotice: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "waive-notice",
            abstract: "Say that the overdue invoice needs no final notice before the subscription is suspended.",
            discussion: """
                For a payer who was told in another way: by telephone, say. It counts for the invoice that is overdue now, and \
                for no other; every other gate must still pass.
                """
        )

        @OptionGroup var target: Target
        @OptionGroup var reason: ReasonOption
        @OptionGroup var options: GlobalOptions

        private struct Answer: Decodable {
            let subscription: Int64
            let number: String
        }

        func run() async throws {
            let body = ["subscription": target.value, "reason": reason.value]
            try await BusinessCall(options: options).perform("subscriptions.waive_notice", body) { (answer: Answer) in
                "subscription \(answer.subscription): no final notice of \(answer.number) is needed"
            }
        }
    }
}
