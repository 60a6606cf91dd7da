internal import CivilTime
package import JobKit
package import Payments
package import Schedules
package import Webhooks

/// Reads what payment gateways have posted, and asks Bakong about the payments that they name.
///
/// A callback is a hint: it starts a lookup, once a payment however often it is told, and only our own lookup settles, unless
/// its source is configured as one to be believed.
package struct CallbackVerification: Job {
    package struct Parameters: JobParameters {
        /// How many callbacks or payments one transaction works on.
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
                help: "How many callbacks or payments one transaction works on."
            )
        ]
    }

    package static let name: JobName = "callback-verification"
    package static let summary = "Read payment callbacks, and look up what they tell of"
    package static var limits: JobLimits { JobLimits(atOnce: 1) }

    private let inbox: WebhookInbox
    private let provider: any PaymentProvider

    package init(reading inbox: WebhookInbox, asking provider: any PaymentProvider) {
        self.inbox = inbox
        self.provider = provider
    }

    package func run(_ parameters: Parameters, in context: JobContext) async throws -> Outcome {
        let work = PaymentWork(context, chunk: parameters.chunk)
        try await readCallbacks(parameters, context)
        try await work.lookUp(.due, at: provider, step: "ask")
        try await work.place(.money, step: "money")
        try await work.place(.claims, step: "claims")
        return .succeeded(work.report)
    }

    /// Every hint becomes a claim and makes its payment's lookup due; the post is processed in the same transaction.
    private func readCallbacks(_ parameters: Parameters, _ context: JobContext) async throws {
        var count = 0
        repeat {
            count = try await context.chunk { transaction, _ in
                let pending = try await inbox.pending(limit: parameters.chunk, in: transaction)
                let resolved = try await CallbackHint.resolve(pending.hints, in: transaction)
                // One that only set posts aside was a chunk too: more may wait behind them.
                return resolved.map { Callback.told($0) } + (pending.setAside > 0 ? [.setAside] : [])
            } tenants: {
                [0, $0.hint?.tenant ?? 0]
            } apply: { transaction, callbacks, checkpoint in
                let hints = callbacks.compactMap(\.hint)
                try await CallbackHint.record(hints, receivedAt: context.asOf, in: transaction)
                try await inbox.done(hints.map(\.done), in: transaction)
                checkpoint.count("callbacks", hints.count)
            }
        } while count > 0 && !context.run.isDryRun
    }

    package func postcondition(_ parameters: Parameters, in context: JobContext) async throws -> Postcondition {
        if context.run.isDryRun { return .held }
        let left = try await context.read { try await PaymentsUndone.read(asOf: context.asOf, in: $0) }
        return left.undone.isEmpty ? .held : .broken(left.undone.joined(separator: ", "))
    }
}

/// A post on its way through a chunk.
private enum Callback: Sendable {
    case told(ResolvedHint)
    case setAside

    var hint: ResolvedHint? {
        if case .told(let hint) = self { return hint }
        return nil
    }
}

extension ResolvedHint {
    /// What becomes of its post.
    fileprivate var done: WebhookInbox.Done {
        let outcome =
            switch (attempt, hint.isAuthoritative, hint.saysPaid) {
            case (_, true, true): "believed"
            case (.some, _, _): "lookup asked for"
            case (nil, _, true): "names no payment of ours"
            case (nil, _, false): "says nothing of a payment"
            }
        return WebhookInbox.Done(event: hint.event, outcome: outcome, attempt: attempt)
    }
}
