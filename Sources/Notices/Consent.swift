package import Postgres

/// What payers have agreed to and taken back: a ledger of which the latest row that speaks of a category and a channel
/// counts.
///
/// Without any a courtesy is sent, by the contract, until the payer declines.
package enum Consent {
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
}
