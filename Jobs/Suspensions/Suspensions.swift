package import JobKit
internal import Logging
internal import Monetary
package import Schedules
package import Standing

/// Suspends those who have not paid, and only where every gate says so; lets long suspensions expire; and makes active again
/// who owes nothing overdue.
///
/// In order: the way back; what would happen, told before the first effect, which stops over its limit; then chunk by chunk,
/// each subscription judged once more under its lock. Who does not pass every gate stays as he is, and the next run looks again.
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
        guard !context.run.isDryRun else { return .succeeded(try await told(act, context)) }
        if try await !leftUndone(act, context).isEmpty {
            // A QR has run out or a hold was released meanwhile: once more, so that the run keeps its promise.
            try await suspend("again", permission, act, parameters, context)
        }
        return .succeeded(report(context.checkpoint))
    }

    package func postcondition(_ parameters: Parameters, in context: JobContext) async throws -> Postcondition {
        if context.run.isDryRun { return .held }
        let left = try await leftUndone(act(parameters, context), context)
        return left.isEmpty ? .held : .broken(left.joined(separator: ", "))
    }

    private func leftUndone(_ act: Suspension.Act, _ context: JobContext) async throws -> [String] {
        try await context.read { try await Suspension.leftUndone(act, in: $0) }
    }

    /// Looks at everybody who is to be looked at, or at those whom a person has approved, and suspends who passes every gate.
    private func suspend(
        _ step: String,
        _ permission: Permission,
        _ act: Suspension.Act,
        _ parameters: Parameters,
        _ context: JobContext
    ) async throws {
        let blast = try await context.read { try await Suspension.blastGate(run: context.run.id, in: $0) }
        var count = 0
        repeat {
            count = try await context.chunk { transaction, checkpoint in
                try await Suspension.page(
                    of: permission,
                    act,
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

    /// What the run did, in a line: effects, and for the rest the gate that was red.
    private func report(_ checkpoint: Checkpoint) -> String {
        let counters = checkpoint.counters
        var said = ["suspended \(counters["suspended", default: 0]), owing \(checkpoint.totals)"]
        for (name, words) in [
            ("expired", "expired"), ("lifted", "active again"),
            ("changed_since_approval", "changed since the approval and left out"),
        ] {
            if let count = counters[name], count > 0 { said.append("\(count) \(words)") }
        }
        return said.joined(separator: "; ") + kept { counters["red_\($0)"] }
    }

    /// What a dry run found, of everybody who is past due.
    private func told(_ act: Suspension.Act, _ context: JobContext) async throws -> String {
        let forecast = try await context.read { try await Suspension.forecast(act, in: $0) }
        let approval = forecast.excess.map { "; a person would have to approve: \($0)" } ?? ""
        return "would suspend \(forecast.count), owing \(forecast.totals)" + approval
            + kept { forecast.red[$0].map(Int64.init) }
    }

    private func kept(_ count: (String) -> Int64?) -> String {
        let red = (Gate.all + ["suspended_for"]).compactMap { gate in count(gate).map { "\($0) by \(gate)" } }
        return red.isEmpty ? "" : "; kept: \(red.joined(separator: ", "))"
    }
}

extension Checkpoint {
    /// Adds what came of a chunk.
    fileprivate mutating func record(_ effect: Suspension.Effect) throws(MoneyError) {
        count("suspended", effect.suspended)
        count("expired", effect.expired)
        count("changed_since_approval", effect.changed)
        for (gate, kept) in effect.red { count("red_\(gate)", kept) }
        try add(effect.totals)
    }
}
