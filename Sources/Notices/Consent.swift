package import Postgres

/// What payers have agreed to and taken back: a ledger of which the latest row that speaks of a category and a channel
/// counts.
///
/// Without any a courtesy is not sent.
package enum Consent {
    /// Whether a payer has agreed to an optional category on a channel; with a role that sees the tenant's rows.
    package static func isGiven(
        tenant: Int64,
        category: String,
        channel: NoticeChannel,
        in transaction: Transaction
    ) async throws -> Bool {
        let rows = try await transaction.query(asking, tenant, category, channel.rawValue)
        return try rows.first?.get("is_given") ?? false
    }

    /// Takes back what a link of ours names, at once; the same link again changes nothing.
    ///
    /// With the role `bursar_listener`.
    ///
    /// - Returns: false where there is no such tenant any more.
    package static func withdraw(_ token: UnsubscribeToken, in transaction: Transaction) async throws -> Bool {
        let rows = try await transaction.query(
            DeliveryReportStatements.unsubscribe,
            token.tenant,
            token.category,
            token.channel
        )
        return try rows.first?.get("is_known") ?? false
    }

    private static let asking = Statement(
        "notices.has_consent",
        "select bursar.has_consent($1::bigint, $2, $3) as is_given"
    )

    package static let all = [asking]
}
