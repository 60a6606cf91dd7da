package import Postgres

/// A tenant that has credit and owes something, in one currency.
package struct CreditUse: Equatable, Sendable {
    package let tenant: Int64
    package let currency: String

    /// Tenants after a tenant that could pay with their credit; it reads every tenant.
    package static func due(after: Int64?, limit: Int, in transaction: Transaction) async throws -> [CreditUse] {
        try await transaction.query(CreditUseStatements.due, after ?? 0, limit).map { row in
            CreditUse(tenant: try row.get("tenant_id"), currency: try row.get("currency"))
        }
    }

    /// Pays with the credit, oldest debt first.
    /// - Returns: how many tenants paid something.
    package static func apply(_ due: [CreditUse], in transaction: Transaction) async throws -> Int {
        try await transaction.query(CreditUseStatements.apply, due.map(\.tenant), due.map(\.currency))
            .first?.get("count") ?? 0
    }
}

/// The statements of credit.
package enum CreditUseStatements {
    static let due = Statement(
        "payments.credit_due",
        """
        select c.tenant_id, c.currency
        from bursar.credit_entry c
        where c.tenant_id > $1
        group by c.tenant_id, c.currency
        having sum(c.amount) > 0 and exists (
            select from bursar.receivable r
            where r.tenant_id = c.tenant_id and r.currency = c.currency and r.state = 'open'
        )
        order by c.tenant_id, c.currency
        limit $2
        """
    )

    /// One tenant after another, by id: each takes a lock of its own.
    static let apply = Statement(
        "payments.apply_credit",
        """
        select count(*) filter (where used > 0) as count
        from (
            select bursar.apply_credit(tenant, currency, 'credit') as used
            from unnest($1::bigint[], $2::text[]) as due (tenant, currency)
            order by tenant, currency
        ) as paid
        """
    )

    package static let all = [due, apply]
}
