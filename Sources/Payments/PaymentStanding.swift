internal import JobKit
package import Postgres

/// How payments stand, in numbers, as monitoring reads them: one look at the database.
package struct PaymentStanding: Codable, Sendable {
    /// Attempts that may still be paid and are asked about.
    package let openLookups: Int
    /// How long the oldest lookup is overdue, in seconds; 0 where none is.
    package let lookupLag: Double
    /// The same of those that somebody says were paid.
    package let verificationLag: Double
    /// Money that was seen and has no place yet.
    package let unplaced: Int
    package let suspense: [Suspense]
    package let accounts: [Account]

    /// Money in suspense, by currency.
    package struct Suspense: Codable, Sendable {
        package let currency: String
        package let items: Int
        /// Minor units.
        package let amount: Int64
        package let oldestSeconds: Double
    }

    package struct Account: Codable, Sendable {
        package let account: String
        /// How old the watermark is, in seconds; nil before the first.
        package let watermarkSeconds: Double?
    }

    package static func read(in database: PostgresPool) async throws -> PaymentStanding {
        var options = TransactionOptions()
        options.role = "bursar_ops"
        options.readOnly = true
        return try await database.withTransaction(options) { transaction in
            guard let row = try await transaction.query(PaymentStandingStatements.read).first else {
                throw PostgresError(
                    .decoding,
                    "payments cannot be read",
                    statement: PaymentStandingStatements.read.name
                )
            }
            return try JSONText(try row.get("answer", as: String.self)).decoded()
        }
    }
}

/// The statements of how payments stand.
package enum PaymentStandingStatements {
    static let read = Statement(
        "payments.standing",
        """
        select jsonb_build_object(
            'openLookups', (select count(*) from bursar.payment_lookup where purpose = 'payment'),
            'lookupLag', (select coalesce(greatest(0, extract(epoch from bursar.business_now() - min(due_at))), 0)::float8
                from bursar.payment_lookup),
            'verificationLag', (select coalesce(greatest(0, extract(epoch from bursar.business_now() - min(due_at))), 0)::float8
                from bursar.payment_lookup where hinted),
            'unplaced', (select count(*) from bursar.observation_unplaced where not is_claim),
            'suspense', (
                select coalesce(jsonb_agg(to_jsonb(s)), '[]')
                from (
                    select coalesce(currency, 'none') as currency, count(*) as items, coalesce(sum(amount), 0)::bigint as amount,
                        extract(epoch from bursar.business_now() - min(opened_at))::float8 as "oldestSeconds"
                    from bursar.suspense where resolution is null and is_money group by coalesce(currency, 'none')
                ) as s
            ),
            'accounts', (
                select coalesce(jsonb_agg(jsonb_build_object('account', a.account, 'watermarkSeconds',
                    extract(epoch from bursar.business_now() - a.watermark)::float8)), '[]')
                from bursar.receiving_account a
                where a.retired_at is null and (a.provider = 'bakong' or a.statement_required)
            )
        )::text as answer
        """
    )

    package static let all = [read]
}
