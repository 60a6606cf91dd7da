package import CivilTime
package import Postgres

/// Money that somebody has seen, or says to have seen, on its way to become an observation.
///
/// An observation is written once and never changes. What makes it one is its source with the source's own key, so seeing the
/// same money again through the same source writes nothing.
package struct SeenMoney: Equatable, Sendable {
    /// Who bears witness.
    package enum Kind: String, Sendable {
        /// Our own lookup at the provider.
        case lookup
        /// A gateway's callback that is configured to be believed.
        case gateway
        /// A line of a statement file.
        case statement
        /// A person, with evidence.
        case hand
        /// A callback that is not believed: no money, until a lookup or a statement bears it out.
        case claim
    }

    package var issuer: Int64
    /// The tenant whose QR was asked about; nil where the money itself tells of none.
    package var tenant: Int64?
    /// The receiving account; nil where it arrived on none that is known.
    package var account: Int64?
    package var kind: Kind
    /// `bakong`, a webhook source, a statement's layout.
    package var source: String
    package var externalKey: String
    /// Whether the money went back.
    package var reverses = false
    package var md5: String?
    package var billNumber: String?
    package var providerHash: String?
    package var bankReference: String?
    package var payer: String?
    package var currency: String?
    /// Minor units; nil where it could not be read, and then `raw` has it.
    package var amount: Int64?
    package var occurredAt: Instant
    /// What the witness said, as it said it.
    package var raw: String?

    package init(
        issuer: Int64,
        tenant: Int64? = nil,
        account: Int64?,
        kind: Kind,
        source: String,
        externalKey: String,
        currency: String?,
        amount: Int64?,
        occurredAt: Instant
    ) {
        self.issuer = issuer
        self.tenant = tenant
        self.account = account
        self.kind = kind
        self.source = source
        self.externalKey = externalKey
        self.currency = currency
        self.amount = amount
        self.occurredAt = occurredAt
    }
}

extension SeenMoney {
    /// Writes observations, those that are known already left out; each then waits for its place.
    ///
    /// The transaction names the tenants of all of them, 0 where there is none.
    /// - Returns: how many are new.
    @discardableResult
    package static func record(_ seen: [SeenMoney], in transaction: Transaction) async throws -> Int {
        guard !seen.isEmpty else { return 0 }
        return try await transaction.execute(
            Statements.record,
            seen.map { $0.tenant ?? 0 },
            seen.map(\.issuer),
            seen.map(\.account),
            seen.map(\.kind.rawValue),
            seen.map(\.source),
            seen.map(\.externalKey),
            seen.map(\.reverses),
            seen.map(\.md5),
            seen.map(\.billNumber),
            seen.map(\.providerHash),
            seen.map(\.bankReference),
            seen.map(\.payer),
            seen.map(\.currency),
            seen.map(\.amount),
            seen.map(\.occurredAt),
            seen.map(\.raw)
        )
    }

    package enum Statements {
        static let record = Statement(
            "payments.record_observations",
            """
            insert into bursar.observation (tenant_id, issuer_id, account_id, kind, source, external_key, reverses, md5, bill_number,
                provider_hash, bank_reference, payer, currency, amount, occurred_at, raw)
            select * from unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::text[], $5::text[], $6::text[], $7::boolean[], $8::text[],
                $9::text[], $10::text[], $11::text[], $12::text[], $13::text[], $14::bigint[], $15::timestamptz[], $16::text[])
            on conflict (issuer_id, source, external_key) do nothing
            """
        )

        package static let all = [record]
    }
}
