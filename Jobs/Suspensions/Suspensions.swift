package import JobKit
internal import Logging
internal import Monetary
package import Schedules
package import Standing

/// Suspends those who have not paid, and only where every gate says so; lets long suspensions expire; and makes active again
/// who owes nothing overdue.
///
/// In order: the way back; what would happen, told before the first effect, which stops over its limit; then those and nothing
/// else, chunk by chunk, each subscription judged once more under its lock. Who does not pass every gate stays as he is, and the next run looks again.
package struct Suspensions: Job {
    package struct Parameters: JobParameters {
        /// How many subscriptions one transaction works on.
        package let chunk: Int
        /// After how many days a suspended subscription expires; nil: never.
        package let expireAfter: Int?

        package init(chunk: Int = 500, expireAfter: Int? = nil) {
            self.chunk = chunk
            self.expireAfter = expireAfter
        }

        private enum CodingKeys: String, CodingKey {
            case chunk
            case expireAfter = "expire_after"
        }

        package init(from decoder: any Decoder) throws {
            let values = try decoder.container(keyedBy: CodingKeys.self)
            chunk = try values.decodeIfPresent(Int.self, forKey: .chunk) ?? 500
            expireAfter = try values.decodeIfPresent(Int.self, forKey: .expireAfter)
        }

        package static let fields = [
            ParameterField(
                "chunk",
                .integer,
                default: "500",
                in: 1...5000,
                help: "How many subscriptions one transaction works on."
            ),
            ParameterField(
                "expire_after",
                .integer,
                in: 1...3650,
                help: "After how many days a suspended subscription expires; never where it is not given."
            ),
        ]
    }

    package static let name: JobName = "suspensions"
    package static let summary = "Suspend who has not paid, where every gate has passed"

    private let rules: @Sendable () -> StandingRules

    /// - Parameter rules: the rules in force; they are read once an attempt.
    package init(rules: @escaping @Sendable () -> StandingRules) { self.rules = rules }

    package func run(_ parameters: Parameters, in context: JobContext) async throws -> Outcome {
        try await lift(parameters, context)
        let act = try act(parameters, context)
        let permission = try await propose(act, context)
        try await suspend("suspend", permission, act, parameters, context)
        let left = try await context.read { try await Suspension.forecast(act, in: $0) }
        if context.run.isDryRun { return .succeeded(told(left)) }
        if permission == .everything, left.count > 0 {
            // A QR has run out or a hold was released meanwhile: once more, so that the run keeps its promise.
            try await suspend("again", permission, act, parameters, context)
        }
        return .succeeded(report(context.checkpoint) + kept { left.red[$0] })
    }

    package func postcondition(_ parameters: Parameters, in context: JobContext) async throws -> Postcondition {
        if context.run.isDryRun { return .held }
        let act = try act(parameters, context)
        let left = try await context.read { transaction in
            // More than a run may do without a person is for the next run, which asks.
            let allowed = try await Suspension.allowed(act, besides: context.checkpoint.moved, in: transaction)
            return try await Suspension.leftUndone(act, withinLimit: allowed != nil, in: transaction)
        }
        return left.isEmpty ? .held : .broken(left.joined(separator: ", "))
    }

    /// Suspends those that pass every gate now, within the limit of a run, or of those whom a person has approved.
    private func suspend(
        _ step: String,
        _ permission: Permission,
        _ act: Suspension.Act,
        _ parameters: Parameters,
        _ context: JobContext
    ) async throws {
        let (blast, allowed) = try await context.read { transaction in
            let done = context.run.isDryRun ? nil : context.checkpoint.moved
            return (
                try await Suspension.blastGate(run: context.run.id, in: transaction),
                try await Suspension.allowed(act, besides: done, in: transaction) ?? []
            )
        }
        var count = 0
        repeat {
            count = try await context.chunk { transaction, checkpoint in
                try await Suspension.page(
                    of: permission,
                    allowed: allowed,
                    context,
                    after: checkpoint.cursor(of: step),
                    limit: parameters.chunk,
                    in: transaction
                )
            } tenants: {
                // Money of which nobody knows whose it is lies with tenant 0.
                [0, $0.tenant]
            } apply: { transaction, candidates, checkpoint in
                let effect = try await Suspension.apply(candidates, act, blast: blast, in: transaction)
                if context.run.isDryRun, !effect.moved.isEmpty {
                    context.logger.info("would be suspended: \(effect.moved.map { "\($0)" }.joined(separator: ", "))")
                }
                try checkpoint.record(effect)
                if let last = candidates.last { checkpoint.advance(step, to: last.subscription) }
            }
        } while count > 0
    }

    /// Makes active again who owes nothing overdue, and was not lifted by his payment.
    private func lift(_ parameters: Parameters, _ context: JobContext) async throws {
        // An attempt that resumes behind it goes on there.
        guard [nil, "lift"].contains(context.checkpoint.step) else { return }
        var count = 0
        repeat {
            count = try await context.chunk { transaction, checkpoint in
                try await Reactivation.due(
                    after: checkpoint.cursor(of: "lift"),
                    limit: parameters.chunk,
                    in: transaction
                )
            } tenant: {
                $0.tenant
            } apply: { transaction, due, checkpoint in
                checkpoint.count("lifted", try await Reactivation.lift(due, in: transaction))
                if let last = due.last { checkpoint.advance("lift", to: last.subscription) }
            }
        } while count > 0
    }

    /// Tells who would be suspended, and answers who may be.
    private func propose(_ act: Suspension.Act, _ context: JobContext) async throws -> Permission {
        try await context.propose(
            preview: {
                let forecast = try await context.read { try await Suspension.forecast(act, in: $0) }
                let told = Preview(count: forecast.count, totals: forecast.totals, digest: forecast.digest)
                return (told, forecast.excess)
            },
            items: { try await Suspension.proposalItems(act, in: $0) }
        )
    }

    private func act(_ parameters: Parameters, _ context: JobContext) throws -> Suspension.Act {
        try Suspension.Act(
            asOf: context.asOf,
            run: context.run.id,
            rules: rules(),
            expireAfter: parameters.expireAfter
        )
    }

    /// What the run did, in a line.
    private func report(_ checkpoint: Checkpoint) -> String {
        let counters = checkpoint.counters
        var said = ["suspended \(counters["suspended", default: 0]), owing \(checkpoint.totals)"]
        for (name, words) in [
            ("expired", "expired"), ("lifted", "active again"),
            ("changed_since_approval", "changed since the approval and left out"), ("red", "left out by a gate"),
        ] {
            if let count = counters[name], count > 0 { said.append("\(count) \(words)") }
        }
        return said.joined(separator: "; ")
    }

    /// What a dry run found, of everybody who is past due.
    private func told(_ forecast: Suspension.Forecast) -> String {
        let approval = forecast.excess.map { "; a person would have to approve: \($0)" } ?? ""
        return "would suspend \(forecast.count), owing \(forecast.totals)" + approval + kept { forecast.red[$0] }
    }

    private func kept(_ count: (String) -> Int?) -> String {
        let red = (Gate.all + ["suspended_for"]).compactMap { gate in count(gate).map { "\($0) by \(gate)" } }
        return red.isEmpty ? "" : "; kept: \(red.joined(separator: ", "))"
    }
}

extension Checkpoint {
    /// How many subscriptions the run has moved.
    fileprivate var moved: Int {
        Int(counters["suspended", default: 0] + counters["expired", default: 0])
    }

    /// Adds what came of a chunk.
    fileprivate mutating func record(_ effect: Suspension.Effect) throws(MoneyError) {
        count("suspended", effect.suspended)
        count("expired", effect.expired)
        count("changed_since_approval", effect.changed)
        count("red", effect.red.values.reduce(0, +))
        try add(effect.totals)
    }
}
