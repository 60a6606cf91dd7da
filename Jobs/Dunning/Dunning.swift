package import JobKit
internal import Monetary
package import Notices
package import Schedules

/// Plans what unpaid invoices make due by the dunning policy: of each invoice the latest step whose time has come, once.
///
/// It sends nothing. A run that would plan more than the policy allows waits for a person.
package struct Dunning: Job {
    package struct Parameters: JobParameters {
        /// How many invoices one transaction works on.
        package let chunk: Int

        package init(chunk: Int = 5000) { self.chunk = chunk }

        package init(from decoder: any Decoder) throws {
            let values = try decoder.container(keyedBy: CodingKeys.self)
            chunk = try values.decodeIfPresent(Int.self, forKey: .chunk) ?? 5000
        }

        package static let fields = [
            ParameterField(
                "chunk",
                .integer,
                default: "5000",
                in: 1...20000,
                help: "How many invoices one transaction works on."
            )
        ]
    }

    package static let name: JobName = "dunning"
    package static let summary = "Plan the reminders that unpaid invoices make due"
    package static var limits: JobLimits { JobLimits(atOnce: 1) }

    private let policies: @Sendable () -> [DunningPlan]?

    /// - Parameter policies: the policies in force, each with its tenants; nil while the files of this node cannot be used.
    package init(_ policies: @escaping @Sendable () -> [DunningPlan]?) { self.policies = policies }

    package func run(_ parameters: Parameters, in context: JobContext) async throws -> Outcome {
        let plans = try inForce()
        // The notices that are planned are what the next chunk looks for.
        let context = context.alongIndexes
        let permission = try await propose(plans, context)
        for (number, plan) in plans.enumerated() {
            try await carryOut(plan, step: "plan \(number)", permission, parameters, context)
        }
        return .succeeded(report(context.checkpoint))
    }

    package func postcondition(_ parameters: Parameters, in context: JobContext) async throws -> Postcondition {
        if context.run.isDryRun { return .held }
        // Of an approved proposal only its items were planned; what came since has its own run.
        guard try await permission(context) == nil, let plans = policies() else { return .held }
        let left = try await shares(plans, context.alongIndexes).joined().reduce(0) { $0 + $1.count }
        return left == 0 ? .held : .broken("\(left) invoices have a step due and no notice")
    }

    /// How many notices each plan would make now, in parts that are looked at side by side.
    private func shares(_ plans: [DunningPlan], _ context: JobContext) async throws -> [[(count: Int, digest: String)]]
    {
        let asOf = context.asOf
        return try await context.read(inParts: DunningPlan.parts) { transaction, part in
            var shares: [(count: Int, digest: String)] = []
            for plan in plans {
                shares.append(try await plan.preview(asOf: asOf, part: part, of: DunningPlan.parts, in: transaction))
            }
            return shares
        }
    }

    private func inForce() throws -> [DunningPlan] {
        guard let plans = policies() else {
            throw JobError(.transient, "the policy files of this node cannot be used; bursar status says why")
        }
        return plans
    }

    /// Says how much will be planned, and answers what may be.
    private func propose(_ plans: [DunningPlan], _ context: JobContext) async throws -> Permission {
        let asOf = context.asOf
        return try await context.propose(
            preview: {
                let shares = try await shares(plans, context)
                let counts = plans.indices.map { plan in shares.reduce(0) { $0 + $1[plan].count } }
                let digest = shares.joined().map(\.digest).joined(separator: "-")
                let told = Preview(count: counts.reduce(0, +), totals: MoneyTotals(), digest: digest)
                return (told, excess(plans, counts))
            },
            items: { transaction in
                var items: [ProposalItem] = []
                for plan in plans { items += try await plan.proposalItems(asOf: asOf, in: transaction) }
                return items
            }
        )
    }

    private func excess(_ plans: [DunningPlan], _ counts: [Int]) -> String? {
        let over = zip(plans, counts).compactMap { plan, count -> String? in
            guard let limit = plan.policy.approveAbove, count > limit else { return nil }
            return "\(count) notices would be planned, over the policy's limit of \(limit)"
        }
        return over.isEmpty ? nil : over.joined(separator: "; ")
    }

    /// The proposal whose items alone may be planned; nil where everything may.
    private func permission(_ context: JobContext) async throws -> Int64? {
        guard case .items(let proposal)? = try await context.decidedPermission() else { return nil }
        return proposal
    }

    private func carryOut(
        _ plan: DunningPlan,
        step: String,
        _ permission: Permission,
        _ parameters: Parameters,
        _ context: JobContext
    ) async throws {
        let approved = try await approvedInvoices(permission, context)
        var count = 0
        repeat {
            count = try await context.chunk { transaction, checkpoint in
                try await plan.due(
                    asOf: context.asOf,
                    after: checkpoint.cursor(of: step),
                    limit: parameters.chunk,
                    in: transaction
                )
            } tenant: {
                $0.tenant
            } apply: { transaction, due, checkpoint in
                let allowed = approved.map { approved in due.filter { approved.contains($0.invoice) } } ?? due
                let states = try await plan.plan(allowed, asOf: context.asOf, in: transaction)
                for (state, count) in states { checkpoint.count(state, count) }
                if let last = due.last { checkpoint.advance(step, to: last.cursor) }
            }
        } while count > 0
    }

    /// The invoices that a person has approved; nil where everything may be planned.
    private func approvedInvoices(_ permission: Permission, _ context: JobContext) async throws -> Set<Int64>? {
        guard case .items(let proposal) = permission else { return nil }
        return try await context.read { transaction in
            var (invoices, last): (Set<Int64>, Int64?) = ([], nil)
            while true {
                let items = try await context.approvedItems(of: proposal, after: last, limit: 5000, in: transaction)
                guard let end = items.last else { return invoices }
                invoices.formUnion(items.map(\.key))
                last = end.key
            }
        }
    }

    private func report(_ checkpoint: Checkpoint) -> String {
        let counters = checkpoint.counters
        var said = ["planned \(counters["planned", default: 0]) notices"]
        for (name, words) in [
            ("skipped", "skipped"), ("superseded", "steps were over already"),
            ("overtaken", "overtaken by a later step"),
        ] {
            if let count = counters[name], count > 0 { said.append("\(count) \(words)") }
        }
        return said.joined(separator: "; ")
    }
}
