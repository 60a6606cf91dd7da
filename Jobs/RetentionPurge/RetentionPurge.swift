internal import CivilTime
package import Custody
package import JobKit
package import Schedules

/// Deletes what need not be kept any longer, table by table, and leaves a receipt for every row.
///
/// In order: the policies are noted, and those that are new are only counted; what would go is told before the first row does,
/// and how the tables stand with it, which stops over its bounds; then exactly that goes, batch by batch, each in a transaction of its own with its receipt; at
/// the end every table is counted once more. Ledger tables cannot be named, and tables that nobody names are not touched.
package struct RetentionPurge: Job {
    package struct Parameters: JobParameters {
        /// Only this table; nil: every one that has a policy.
        package let table: String?
        /// Whether a person must say yes, however little it is.
        package let plan: Bool

        package init(table: String? = nil, plan: Bool = false) {
            self.table = table
            self.plan = plan
        }

        package init(from decoder: any Decoder) throws {
            let values = try decoder.container(keyedBy: CodingKeys.self)
            table = try values.decodeIfPresent(String.self, forKey: .table)
            plan = try values.decodeIfPresent(Bool.self, forKey: .plan) ?? false
        }

        package static let fields = [
            ParameterField(
                "table",
                .choice(PurgeTable.allCases.map(\.rawValue)),
                help: "Only this table; every one that has a policy where none is given."
            ),
            ParameterField(
                "plan",
                .boolean,
                default: "false",
                help: "Only propose: nothing goes until a person has said yes."
            ),
        ]
    }

    package static let name: JobName = "retention-purge"
    package static let summary = "Delete what need not be kept any longer, with a receipt"
    package static let limits = JobLimits(atOnce: 1)

    let policies: @Sendable () -> RetentionPolicies?

    /// - Parameter policies: those in force; nil while the file has had an error since the start. They are asked
    ///   for at each use: a table whose policy is changed before its turn comes is not purged by the old one.
    package init(_ policies: @escaping @Sendable () -> RetentionPolicies?) { self.policies = policies }

    package func run(_ parameters: Parameters, in context: JobContext) async throws -> Outcome {
        let chosen = try chosen(parameters)
        let observing = try await observing(chosen, context)
        guard context.run.isDryRun || context.asOf <= observing.now else {
            throw JobError(
                .permanent,
                "as of \(context.asOf) lies ahead, and a purge goes by the present; a dry run says what would go then"
            )
        }
        guard case .items(let proposal) = try await propose(chosen, observing, parameters, context) else {
            return .succeeded(try await told(chosen, context))
        }
        let items = try await items(of: proposal, context)
        try await check(items, context)
        for item in items { try await purge(item, proposal, context) }
        let stuck = try await note(chosen, observing, context)
        return .succeeded(report(items, observing, stuck, context.checkpoint))
    }

    package func postcondition(_ parameters: Parameters, in context: JobContext) async throws -> Postcondition {
        guard !context.run.isDryRun, case .items(let proposal) = try await context.decidedPermission() else {
            return .held
        }
        var left: [String] = []
        for item in try await items(of: proposal, context) where context.checkpoint.purged(item) < item.count {
            let live = try await live(item, context)
            if live > 0 { left.append("\(live) rows of \(item.table) are past \(item.cutoff)") }
        }
        return left.isEmpty ? .held : .broken(left.joined(separator: ", "))
    }

    private func chosen(_ parameters: Parameters) throws -> [RetentionPolicy] {
        guard let policies = policies() else {
            throw JobError(.transient, "the retention policies cannot be read; see bursar check")
        }
        guard let table = parameters.table else { return policies.all }
        guard let policy = policies[table: table] else {
            throw JobError(.permanent, "no policy names \(table); what nobody names is never touched")
        }
        return [policy]
    }

    private func observing(
        _ chosen: [RetentionPolicy],
        _ context: JobContext
    ) async throws -> Retention.Observation {
        try await context.step(as: "bursar_engine") { transaction, _ in
            try await Retention.observing(chosen, asOf: context.asOf, in: transaction)
        }
    }

    func items(of proposal: Int64, _ context: JobContext) async throws -> [Retention.Item] {
        try await context.read { transaction in
            try await context.approvedItems(of: proposal, after: nil, limit: 1_000, in: transaction).map { item in
                try Retention.Item(content: item.content)
            }
        }
    }
}
