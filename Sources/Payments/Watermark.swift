package import CivilTime
package import Postgres

/// Up to when bank data of an account is complete: every payment before it was seen, if our lookups and statements see it.
///
/// Reminders after the due date and suspensions ask for it: without fresh bank data nobody is told that he has not paid. A second
/// payment of one QR is invisible to lookups, so it is complete about debts and not about surplus.
package struct Watermark: Equatable, Sendable {
    package let account: Int64
    /// Nil before the first reconciliation.
    package let reached: Instant?
    /// What keeps it back: `lookups`, `statement`, `unplaced money`; nil where nothing does.
    package let waitsFor: String?

    /// Moves the watermarks of all accounts forward as far as they go, never back.
    package static func advance(asOf: Instant, in transaction: Transaction) async throws -> [Watermark] {
        try await transaction.query(WatermarkStatements.advance, asOf).map { row in
            Watermark(
                account: try row.get("account_id"),
                reached: try row.get("watermark"),
                waitsFor: try row.get("waits_for")
            )
        }
    }
}

/// By account, local day and currency: what was seen, and where it lies.
///
/// All amounts are minor units.
package struct ControlTotal: Equatable, Sendable {
    package let account: Int64
    package let day: CivilDate
    package let currency: String
    package let seen: Int64
    package let settled: Int64
    package let suspense: Int64
    package let unplaced: Int64
    /// Of what is settled, what was given or taken back since.
    package let wentBack: Int64
    /// What nobody can account for: nothing, unless something is broken.
    package let drift: Int64

    package static func read(from: CivilDate, to: CivilDate, in transaction: Transaction) async throws -> [ControlTotal]
    {
        try await transaction.query(WatermarkStatements.controlTotals, from, to).map { row in
            ControlTotal(
                account: try row.get("account_id"),
                day: try row.get("day"),
                currency: try row.get("currency"),
                seen: try row.get("seen"),
                settled: try row.get("settled"),
                suspense: try row.get("suspense"),
                unplaced: try row.get("unplaced"),
                wentBack: try row.get("went_back"),
                drift: try row.get("drift")
            )
        }
    }

    /// The days of which the control totals do not add up, with the accounts.
    package static func drifting(
        from: CivilDate,
        to: CivilDate,
        in transaction: Transaction
    ) async throws -> [ControlTotal] {
        try await read(from: from, to: to, in: transaction).filter { $0.drift != 0 }
    }
}

/// The statements of watermarks and control totals.
package enum WatermarkStatements {
    static let advance = Statement(
        "payments.advance_watermarks",
        "select account_id, watermark, waits_for from bursar.advance_watermarks($1)"
    )

    static let controlTotals = Statement(
        "payments.control_totals",
        """
        select account_id, day, currency, seen, settled, suspense, unplaced, went_back, drift
        from bursar.control_totals($1::date, $2::date)
        """
    )

    package static let all = [advance, controlTotals]
}
