package import Postgres

/// The way back: who owes nothing overdue any more is active again.
///
/// A payment does it in its own transaction (`bursar.lift`). What is here finds those whom nothing lifted: a payment and the
/// change to past_due met at the same moment, or a due date was moved by hand.
package enum Reactivation {
    /// A subscription that is past due or suspended, and owes nothing overdue.
    package struct Due: Hashable, Sendable {
        package let tenant: Int64
        package let subscription: Int64
    }

    /// Those after a subscription, by id, over all tenants.
    package static func due(after: Int64?, limit: Int, in transaction: Transaction) async throws -> [Due] {
        try await transaction.query(ReactivationStatements.due, after ?? 0, limit).map {
            Due(tenant: try $0.get("tenant_id"), subscription: try $0.get("subscription_id"))
        }
    }

    /// Lifts those for which it is still so once their rows are locked.
    /// - Returns: how many.
    package static func lift(_ due: [Due], in transaction: Transaction) async throws -> Int {
        let tenants = due.map(\.tenant)
        let subscriptions = due.map(\.subscription)
        let answers = try await transaction.pipeline([
            SuspensionStatements.lockReceivables.bind(tenants, subscriptions),
            ReactivationStatements.lift.bind(tenants, subscriptions),
        ])
        return try answers.last?.first?.get("lifted") ?? 0
    }
}

/// The statements of the way back.
enum ReactivationStatements {
    static let due = Statement(
        "standing.to_be_lifted",
        """
        select s.tenant_id, s.id as subscription_id
        from bursar.subscription s
        join bursar.issuer i on i.id = s.issuer_id
        where s.state in ('past_due', 'suspended') and s.id > $1
            and not exists (
                select from bursar.receivable r
                where r.tenant_id = s.tenant_id and r.subscription_id = s.id and r.state = 'open' and r.open_amount > r.tolerance
                    and r.due_date < (bursar.business_now() at time zone i.time_zone)::date
            )
        order by s.id
        limit $2
        """
    )

    static let lift = Statement("standing.lift", "select bursar.lift($1::bigint[], $2::bigint[]) as lifted")

    static let all = [due, lift]
}
