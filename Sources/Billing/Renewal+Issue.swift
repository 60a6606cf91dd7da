internal import CivilTime
internal import Monetary
package import Postgres

extension Renewal {
    /// Issues every due invoice of some subscriptions, in a handful of statements whatever their number.
    ///
    /// A row that the database refuses does not stop the others: the chunk is halved until that subscription stands
    /// alone, and it is parked with the error's text. The transaction must name the tenants of all of them.
    package static func issue(_ due: [Due], _ act: Act, in transaction: Transaction) async throws -> Issued {
        guard !due.isEmpty else { return Issued() }
        do {
            return try await transaction.savepoint { try await issueTogether(due, act, in: $0) }
        } catch let error as PostgresError where error.isOfOneRow {
            guard due.count == 1 else { return try await issueHalves(due, act, in: transaction) }
            var issued = Issued()
            if error.sqlState == .lockNotAvailable {
                issued.leftLocked = 1
            } else {
                issued.parked = try await park(due, because: [error.forPerson], act, in: transaction)
            }
            return issued
        }
    }

    private static func issueHalves(_ due: [Due], _ act: Act, in transaction: Transaction) async throws -> Issued {
        let middle = due.count / 2
        var issued = try await issue(Array(due[..<middle]), act, in: transaction)
        try issued.add(await issue(Array(due[middle...]), act, in: transaction))
        return issued
    }

    /// Issues what is due, and parks what is due and got no period: more of them than the catch-up cap, or none that its
    /// schedule knows.
    private static func issueTogether(_ due: [Due], _ act: Act, in transaction: Transaction) async throws -> Issued {
        var issued = Issued()
        var (found, billed) = (0, 0)
        for row in try await transaction.query(
            RenewalIssueStatements.invoices,
            due.tenants,
            due.subscriptions,
            act.asOf,
            act.run
        ) {
            found = try row.get("due")
            billed = try row.get("billed")
            guard let currency = try row.get("currency", as: String?.self) else { continue }
            issued.invoices += try row.get("invoices", as: Int.self)
            try issued.totals.add(Money(minorUnits: row.get("total"), currency: Currency(known: currency)))
        }
        if billed < found { issued.parked = try await parkUnbilled(due, act, in: transaction) }
        return issued
    }

    private static func parkUnbilled(_ due: [Due], _ act: Act, in transaction: Transaction) async throws -> Int {
        let rows = try await transaction.query(
            RenewalIssueStatements.unbilled,
            due.tenants,
            due.subscriptions,
            act.asOf
        )
        return try await park(rows.due(), because: rows.map { try $0.get("reason") }, act, in: transaction)
    }

    /// Sets subscriptions aside, with a reason each: nothing is done to them until a person says so.
    /// - Returns: how many were parked; one that is parked already keeps its first reason.
    @discardableResult
    package static func park(
        _ due: [Due],
        because reasons: [String],
        _ act: Act,
        in transaction: Transaction
    ) async throws -> Int {
        try await transaction.execute(
            RenewalIssueStatements.park,
            due.tenants,
            due.subscriptions,
            reasons,
            act.run
        )
    }
}

extension PostgresError {
    /// Whether one row may be to blame, so that the others can go on without it.
    fileprivate var isOfOneRow: Bool {
        guard let sqlState else { return false }
        return ["22", "23"].contains(sqlState.class)
            || [.refusedByRule, .raiseException, .lockNotAvailable].contains(sqlState)
    }

    /// The error as the reason of a parked subscription.
    ///
    /// The detail of most errors repeats a whole row, so only the one that
    /// tells which period is in the way is kept.
    fileprivate var forPerson: String {
        let detail = sqlState == .exclusionViolation ? detail : nil
        return [message, detail, constraint.map { "constraint \($0)" }, sqlState.map { "SQLSTATE \($0)" }]
            .compactMap(\.self).joined(separator: "; ")
    }
}
