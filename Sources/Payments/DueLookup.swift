internal import Billing
package import CivilTime
package import Postgres

/// An attempt that its provider is to be asked about, or one that was settled and may have gone back.
package struct DueLookup: Equatable, Sendable {
    package enum Purpose: String, Sendable {
        /// Whether it was paid.
        case payment
        /// Whether what was paid went back.
        case refund
    }

    package let issuer: Int64
    package let tenant: Int64
    package let attempt: Int64
    package let account: Int64
    /// As the provider writes it, in lower case.
    package let accountName: String
    package let purpose: Purpose
    /// Of the exact QR text, 32 lower-case hex digits: what a payment is looked for by.
    package let md5: String?
    /// With a question mark for each character beyond ASCII, as some peers index it; nil where the text is all ASCII.
    package let md5ASCII: String?
    /// What a refund is looked for by.
    package let providerHash: String?

    /// Which lookups are meant.
    package enum Which: String, Sendable {
        /// Those that somebody says were paid.
        case hinted
        /// Those whose time has come.
        case due
        /// Every attempt that may still be paid, whenever it was asked about last: what moves the watermark.
        case open
    }

    /// Lookups of Bakong accounts after an attempt, by attempt; it reads every tenant.
    ///
    /// - Returns: them, and business time when they were read: what is asked after that is complete up to then.
    package static func read(
        _ which: Which,
        asOf: Instant,
        after: Int64?,
        limit: Int,
        in transaction: Transaction
    ) async throws -> (lookups: [DueLookup], readAt: Instant) {
        let readAt = try await Invariant.businessNow(in: transaction)
        let rows = try await transaction.query(DueLookupStatements.due, which.rawValue, asOf, after ?? 0, limit)
        let lookups = try rows.map { row in
            DueLookup(
                issuer: try row.get("issuer_id"),
                tenant: try row.get("tenant_id"),
                attempt: try row.get("attempt_id"),
                account: try row.get("account_id"),
                accountName: try row.get("account"),
                purpose: try row.get("purpose", as: String.self) == "refund" ? .refund : .payment,
                md5: try row.get("md5"),
                md5ASCII: try row.get("md5_ascii"),
                providerHash: try row.get("provider_hash")
            )
        }
        return (lookups, readAt)
    }
}

/// What a provider said about an attempt.
package enum LookupFinding: Equatable, Sendable {
    /// It was paid, as this money.
    case found(SeenMoney)
    /// It was paid, and has gone back since.
    case wentBack(SeenMoney)
    /// The provider knows of no payment now.
    case notFound
    /// A payment was tried, and failed.
    case failed
    /// The QR can never be looked up.
    case staticQR
    /// Nobody knows: it was not asked, or there was no answer of use; the text says why.
    case unknown(String)

    /// The word that the database keeps.
    var word: String {
        switch self {
        case .found: "found"
        case .wentBack: "refunded"
        case .notFound: "not_found"
        case .failed: "failed"
        case .staticQR: "static_qr"
        case .unknown: "unknown"
        }
    }

    var detail: String? {
        if case .unknown(let why) = self { return why }
        return nil
    }

    var money: SeenMoney? {
        switch self {
        case .found(let money), .wentBack(let money): money
        case .notFound, .failed, .staticQR, .unknown: nil
        }
    }
}

/// A lookup with its answer.
package struct AnsweredLookup: Equatable, Sendable {
    package let lookup: DueLookup
    package let finding: LookupFinding

    package init(_ lookup: DueLookup, _ finding: LookupFinding) {
        self.lookup = lookup
        self.finding = finding
    }

    /// Writes what was found: the money as an observation, and when each attempt is asked about next.
    ///
    /// `askedAt` is business time before the provider was asked: what was found is complete up to then.
    package static func record(
        _ answers: [AnsweredLookup],
        askedAt: Instant,
        in transaction: Transaction
    ) async throws {
        guard !answers.isEmpty else { return }
        try await SeenMoney.record(answers.compactMap(\.finding.money), in: transaction)
        _ = try await transaction.query(
            DueLookupStatements.conclude,
            answers.map(\.lookup.tenant),
            answers.map(\.lookup.attempt),
            answers.map(\.finding.word),
            answers.map(\.finding.detail),
            askedAt
        )
    }
}

/// The statements of lookups.
package enum DueLookupStatements {
    static let due = Statement(
        "payments.due_lookups",
        """
        select a.issuer_id, l.tenant_id, l.attempt_id, l.account_id, c.account, l.purpose, a.md5, a.md5_ascii, l.provider_hash
        from bursar.payment_lookup l
        join bursar.payment_attempt a on a.tenant_id = l.tenant_id and a.id = l.attempt_id
        join bursar.receiving_account c on c.id = l.account_id and c.provider = 'bakong'
        where l.attempt_id > $3
            and case $1::text
                when 'hinted' then l.hinted and l.due_at <= $2
                when 'due' then l.due_at <= $2
                else l.due_at <= $2 or (l.purpose = 'payment' and coalesce(l.conclusive_at, l.presented_at) < $2)
            end
        order by l.attempt_id
        limit $4
        """
    )

    static let conclude = Statement(
        "payments.conclude_lookups",
        "select bursar.conclude_lookups($1::bigint[], $2::bigint[], $3::text[], $4::text[], $5) as count"
    )

    package static let all = [due, conclude]
}
