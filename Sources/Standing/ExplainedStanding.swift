package import CivilTime
internal import JobKit
package import Postgres

/// Whether a subscription may be suspended, gate by gate, and what would have to happen: the part of `bursar explain
/// subscription` that this room adds.
package struct ExplainedStanding: Codable, Sendable {
    /// Of one that is past due its gates now; of one that is suspended those of its suspension; else none.
    package let gates: [Gate]
    /// The first gate that is red; nil where none is.
    package let firstRed: String?
    /// What happens next, and why not yet, most certain first.
    package let next: [String]

    /// Reads and judges it.
    ///
    /// - Parameters:
    ///   - subscription: its id.
    ///   - state: the state in which it is.
    ///   - rules: those in force.
    ///   - asOf: the business instant to judge at.
    ///   - transaction: one that began with ``Billing/ExplainedSubscription/transaction``.
    /// - Returns: all of it; empty where nothing of it is late.
    /// - Throws: `PostgresError`, and gates on record that cannot be read.
    package static func read(
        _ subscription: Int64,
        state: String,
        rules: StandingRules,
        asOf: Instant,
        in transaction: Transaction
    ) async throws -> ExplainedStanding {
        let statement = state == "suspended" ? ExplainedStandingStatements.recorded : ExplainedStandingStatements.now
        let rows = try await transaction.query(statement, subscription, asOf, try rules.text(expireAfter: nil))
        guard state == "past_due" || state == "suspended", let row = rows.first,
            let text: String = try row.get("gates")
        else {
            return ExplainedStanding(gates: [], firstRed: nil, next: [])
        }
        let gates: [Gate] = try JSONText(text).decoded()
        let owed: String = try row.get("owed", as: String?.self) ?? "what is overdue"
        let red = gates.filter { !$0.passed }
        return ExplainedStanding(
            gates: gates,
            firstRed: red.first?.gate,
            next: state == "suspended" ? Self.afterSuspension(owed) : Self.beforeSuspension(red, owed)
        )
    }

    private static func afterSuspension(_ owed: String) -> [String] {
        [
            "a payment of \(owed) reactivates it, in the same transaction",
            "days of the suspension that were not charged stay so, unless the policy bills suspended time",
        ]
    }

    private static func beforeSuspension(_ red: [Gate], _ owed: String) -> [String] {
        guard !red.isEmpty else {
            return [
                "the next run of suspensions suspends it, within the limit of a run",
                "a payment of \(owed) keeps it active",
            ]
        }
        return red.map { "not suspended yet, \($0.gate): \($0.why)" } + ["a payment of \(owed) keeps it active"]
    }
}

/// The statements by which standing is explained.
enum ExplainedStandingStatements {
    /// Subscription, as_of, rules.
    static let now = Statement(
        "standing.explain_now",
        """
        select g.gates::text as gates, bursar.told_money(g.owed, g.currency) as owed
        from bursar.subscription s
        cross join lateral bursar.suspension_gates($2, $3, array[s.tenant_id], array[s.id]) as g
        where s.id = $1
        """
    )

    /// The same of the last suspension, as it was recorded.
    static let recorded = Statement(
        "standing.explain_recorded",
        """
        select (t.content -> 'gates')::text as gates, bursar.told_money(g.owed, g.currency) as owed
        from bursar.subscription s
        join bursar.subscription_transition t on t.tenant_id = s.tenant_id and t.subscription_id = s.id and t.to_state = 'suspended'
        cross join lateral bursar.suspension_gates($2, $3, array[s.tenant_id], array[s.id]) as g
        where s.id = $1
        order by t.seq desc
        limit 1
        """
    )

    static let all = [now, recorded]
}
