package import Postgres

/// The placing of observations: which attempt each belongs to, and what it then settles.
///
/// Choosing reads every tenant; placing writes, and sees only the tenants that the transaction names. What nobody can place
/// without a person goes to suspense, so that no money is ever dropped.
package enum Placement {
    /// What waits.
    package enum Waiting: Sendable {
        /// Money that a believed witness has seen.
        case money
        /// Claims of callbacks that can be judged: their attempt has settled, or nothing more will be asked about it.
        case claims
    }

    /// An observation, and the attempt it may belong to.
    package struct Candidate: Equatable, Sendable {
        package let observation: Int64
        /// The observation's tenant, 0 for none.
        package let observationTenant: Int64
        /// The attempt's tenant and the attempt, where exactly one was found.
        package let tenant: Int64?
        package let attempt: Int64?
        /// 1 by md5, 2 by the provider's reference, 3 by bill number, 4 by the bank's reference.
        package let tier: Int?
        /// More than one is ambiguous.
        package let howMany: Int
        /// Whether the money went back.
        package let reverses: Bool
        /// Attempts of the same account, amount and time, for a person to choose from.
        package let suggestions: JSONText

        /// The tenants that a transaction must name to place it.
        package var tenants: [Int64] { tenant.map { [observationTenant, $0] } ?? [observationTenant] }
    }

    /// What came of placing, by what it came to.
    package struct Tally: Equatable, Sendable {
        /// `exact`, `under`, `over`, `late`, `same`, `reversed`, or the reason of suspense.
        package let result: String
        package let isMoney: Bool
        package let currency: String?
        package let count: Int
        /// Minor units.
        package let amount: Int64?

        /// Whether the money now settles something.
        package var settles: Bool { isMoney && ["exact", "under", "over", "late"].contains(result) }
    }

    /// Observations that wait for their place, in the order in which they were seen; of one attempt only the first.
    ///
    /// The others of an attempt are chosen once the first is placed: each is judged by what the earlier ones have settled.
    package static func waiting(
        _ what: Waiting,
        after: Int64?,
        limit: Int,
        in transaction: Transaction
    ) async throws -> [Candidate] {
        let statement = what == .money ? PlacementStatements.waitingMoney : PlacementStatements.waitingClaims
        return try await transaction.query(statement, after ?? 0, limit).map { row in
            Candidate(
                observation: try row.get("observation_id"),
                observationTenant: try row.get("observation_tenant"),
                tenant: try row.get("tenant_id"),
                attempt: try row.get("attempt_id"),
                tier: try row.get("tier"),
                howMany: try row.get("how_many"),
                reverses: try row.get("reverses"),
                suggestions: JSONText(try row.get("suggestions", as: String.self))
            )
        }
    }

    /// Places what was chosen; what another transaction has placed meanwhile is left out.
    package static func place(_ chosen: [Candidate], in transaction: Transaction) async throws -> [Tally] {
        let arriving = chosen.filter { !$0.reverses }
        var tallies: [Tally] = []
        if !arriving.isEmpty {
            tallies = try await transaction.query(
                PlacementStatements.place,
                arriving.map(\.observation),
                arriving.map(\.observationTenant),
                arriving.map(\.tenant),
                arriving.map(\.attempt),
                arriving.map(\.tier),
                arriving.map(\.howMany),
                arriving.map(\.suggestions.text)
            ).map { row in
                Tally(
                    result: try row.get("result"),
                    isMoney: try row.get("is_money"),
                    currency: try row.get("currency"),
                    count: try row.get("how_many"),
                    amount: try row.get("amount")
                )
            }
        }
        for back in chosen where back.reverses {
            let row = try await transaction.query(
                PlacementStatements.placeReversal,
                back.observation,
                back.observationTenant,
                back.tenant,
                back.attempt
            ).first
            let result = try row?.get("result", as: String.self) ?? "same"
            tallies.append(Tally(result: result, isMoney: true, currency: nil, count: 1, amount: nil))
        }
        return tallies
    }
}

/// The statements of placing.
package enum PlacementStatements {
    static let waitingMoney = Statement(
        "payments.waiting_money",
        """
        select observation_id, observation_tenant, tenant_id, attempt_id, tier, how_many, reverses, suggestions::text as suggestions
        from bursar.waiting_money($1, $2)
        """
    )

    static let waitingClaims = Statement(
        "payments.waiting_claims",
        """
        select c.observation_id, c.observation_tenant, c.tenant_id, c.attempt_id, c.tier, c.how_many, false as reverses,
            '[]' as suggestions
        from bursar.observation_unplaced u
        cross join lateral bursar.candidates(array[u.observation_id]) as c
        left join bursar.payment_attempt a on a.tenant_id = c.tenant_id and a.id = c.attempt_id
        where u.is_claim and u.observation_id > $1
            and (c.attempt_id is null
                or exists (
                    select from bursar.payment_match m
                    where m.tenant_id = c.tenant_id and m.attempt_id = c.attempt_id and m.role = 'settles' and m.released_at is null
                )
                or (a.expires_at + interval '72 hours' < bursar.business_now() and not exists (
                    select from bursar.payment_lookup l
                    where l.tenant_id = c.tenant_id and l.attempt_id = c.attempt_id and l.purpose = 'payment'
                )))
        order by u.observation_id
        limit $2
        """
    )

    static let place = Statement(
        "payments.place",
        """
        select result, is_money, currency, how_many, amount
        from bursar.place($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[], $5::smallint[], $6::integer[], $7::jsonb[])
        """
    )

    static let placeReversal = Statement(
        "payments.place_reversal",
        "select bursar.place_reversal($1::bigint, $2::bigint, $3::bigint, $4::bigint) as result"
    )

    package static let all = [waitingMoney, waitingClaims, place, placeReversal]
}
