internal import Billing
package import JobKit
internal import Monetary
package import Schedules

/// Issues the invoices of every period that has started, and makes the changes of state that time brings about.
///
/// In order: what starts, ends its trial or resumes; the invoices, all due periods of a subscription at once; what is
/// overdue; what is cancelled. Everything due is `<=` the run's instant, so a day that was missed is made up for.
package struct Renewals: Job {
    package struct Parameters: JobParameters {
        /// How many subscriptions one transaction works on.
        package let chunk: Int

        package init(chunk: Int = 500) { self.chunk = chunk }

        package init(from decoder: any Decoder) throws {
            let values = try decoder.container(keyedBy: CodingKeys.self)
            chunk = try values.decodeIfPresent(Int.self, forKey: .chunk) ?? 500
        }

        package static let fields = [
            ParameterField(
                "chunk",
                .integer,
                default: "500",
                in: 1...5000,
                help: "How many subscriptions one transaction works on."
            )
        ]
    }

    package static let name: JobName = "renewals"
    package static let summary = "Issue the invoices of every period that has started"

    package init() {}

    package func run(_ parameters: Parameters, in context: JobContext) async throws -> Outcome {
        try await turn("begin", [.started, .trialEnded, .resumed], parameters, context)
        let permission = try await propose(context)
        try await issue("issue", permission, parameters, context)
        if context.checkpoint.counters["left_locked", default: 0] > 0 {
            // Rows that others held for too long: once more, now that they have had time.
            try await issue("sweep", permission, parameters, context)
        }
        try await turn("overdue", [.overdue], parameters, context)
        try await turn("cancel", [.canceled], parameters, context)
        return .succeeded(report(context.checkpoint))
    }

    package func postcondition(_ parameters: Parameters, in context: JobContext) async throws -> Postcondition {
        if context.run.isDryRun { return .held }
        let left = try await context.read { try await Renewal.leftUndone(asOf: context.asOf, in: $0) }
        return left.undone.isEmpty ? .held : .broken(left.undone.joined(separator: ", "))
    }
}
