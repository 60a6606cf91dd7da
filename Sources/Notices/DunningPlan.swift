package import CivilTime
package import JobKit
package import Postgres

/// What a dunning policy asks to be said: for each unpaid invoice its latest step whose time has come, once.
///
/// Steps that were overtaken are not said late: they are recorded as superseded. The dedupe key is the notice itself, unique by
/// invoice, step and channel.
package struct DunningPlan: Sendable {
    package let policy: DunningPolicy
    /// The tenants it is for, by external ref; empty for all but `exceptTenants`.
    package let onlyTenants: [String]
    /// The tenants that have a policy of their own.
    package let exceptTenants: [String]

    package init(_ policy: DunningPolicy, onlyTenants: [String] = [], exceptTenants: [String] = []) {
        self.policy = policy
        self.onlyTenants = onlyTenants
        self.exceptTenants = exceptTenants
    }

    /// An invoice with the step that is due for it.
    package struct Due: Equatable, Sendable {
        package let tenant: Int64
        package let invoice: Int64
        package let step: String
        /// Where the next chunk goes on: due date and invoice in one number.
        package let cursor: Int64
        let subscription: Int64
        let issuer: Int64
        let dueDate: CivilDate
        let issueDate: CivilDate
        /// The payer's time zone.
        let zone: String

        fileprivate init(_ row: Row) throws {
            tenant = try row.integer(0)
            invoice = try row.integer(1)
            step = try row.text(2)
            cursor = try row.integer(3)
            subscription = try row.integer(4)
            issuer = try row.integer(5)
            dueDate = try row.get(6)
            issueDate = try row.get(7)
            zone = try row.text(8)
        }
    }

    /// What is due after a cursor, by due date and invoice, over all tenants.
    package func due(
        asOf: Instant,
        after: Int64?,
        limit: Int,
        in transaction: Transaction
    ) async throws -> [Due] {
        try await transaction.query(
            PlanningStatements.due,
            try steps,
            asOf,
            onlyTenants,
            exceptTenants,
            after ?? 0,
            limit
        )
        .map(Due.init)
    }

    /// In how many parts it is looked at what will be planned, side by side.
    package static let parts = 2

    /// How many notices there will be in a part of all, and a digest of them.
    package func preview(
        asOf: Instant,
        part: Int = 0,
        of parts: Int = 1,
        in transaction: Transaction
    ) async throws -> (count: Int, digest: String) {
        let rows = try await transaction.query(
            PlanningStatements.preview,
            try steps,
            asOf,
            onlyTenants,
            exceptTenants,
            parts,
            part
        )
        guard let row = rows.first else { return (0, "") }
        return (try row.get("count"), try row.get("digest"))
    }

    /// Everything that would be planned, as items that a person can approve.
    package func proposalItems(asOf: Instant, in transaction: Transaction) async throws -> [ProposalItem] {
        try await due(asOf: asOf, after: nil, limit: .max, in: transaction).map { due in
            ProposalItem(key: due.invoice, tenant: due.tenant, content: try JSONText(encoding: ["step": due.step]).text)
        }
    }

    /// Plans the notices of a chunk.
    ///
    /// - Returns: how many notices each state got.
    package func plan(_ due: [Due], asOf: Instant, in transaction: Transaction) async throws -> [String: Int] {
        let batch = [
            PlanningStatements.keepPolicy.bind(policy.version, JSONText(policy.json)),
            PlanningStatements.plan.bind(
                try steps,
                asOf,
                policy.version,
                due.map(\.tenant),
                due.map(\.invoice),
                due.map(\.step),
                due.map(\.subscription),
                due.map(\.issuer),
                due.map(\.dueDate),
                due.map(\.issueDate),
                due.map(\.zone)
            ),
        ]
        guard let rows = try await transaction.pipeline(batch).last else { return [:] }
        return try rows.reduce(into: [:]) {
            $0[try $1.get("state", as: String.self)] = try $1.get("count", as: Int.self)
        }
    }

    /// The steps as the statements read them.
    private var steps: JSONText {
        get throws { try JSONText(encoding: policy.steps.map(StepRow.init)) }
    }

    /// A step with what the catalogue says of its category.
    private struct StepRow: Encodable {
        let id: String
        let day: Int
        let minute: Int
        let category: String
        let `class`: String
        let guarantee: String
        let template: String
        let ladder: [String]
        let validSeconds: Int64
        let onlySuspended: Bool

        init(_ step: DunningStep) {
            let category = NoticeCatalogue.category(named: step.category)
            id = step.id
            day = step.offsetDays
            minute = step.minuteOfDay
            self.category = step.category
            self.class = (category?.class ?? .mandatory).rawValue
            guarantee = (category?.guarantee ?? .atLeastOnce).rawValue
            template = step.template
            ladder = step.ladder.map(\.rawValue)
            validSeconds = step.validFor.components.seconds
            onlySuspended = step.category == "expiry_warning"
        }

        private enum CodingKeys: String, CodingKey {
            case id, day, minute, category, guarantee, template, ladder
            case `class`
            case validSeconds = "valid_seconds"
            case onlySuspended = "only_suspended"
        }
    }
}
