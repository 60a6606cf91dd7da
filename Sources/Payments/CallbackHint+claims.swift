package import CivilTime
internal import Monetary
package import Postgres

/// A hint with the attempt that it names, as far as there is one.
package struct ResolvedHint: Equatable, Sendable {
    package let hint: CallbackHint
    /// Nil before there is any issuer.
    package let issuer: Int64?
    /// The attempt and its tenant, where the hint's keys name exactly one.
    package let tenant: Int64?
    package let attempt: Int64?
    package let account: Int64?

    /// The hint's money as an observation: a claim, unless its source is believed.
    ///
    /// A believed callback that is doubled under another event id is the same money by the provider's own reference.
    func seen(receivedAt: Instant) -> SeenMoney? {
        guard let issuer, hint.saysPaid else { return nil }
        let believed = hint.isAuthoritative
        var seen = SeenMoney(
            issuer: issuer,
            tenant: tenant,
            account: account,
            kind: believed ? .gateway : .claim,
            source: hint.source,
            externalKey: believed ? hint.providerReference ?? "event:\(hint.event)" : "event:\(hint.event)",
            currency: hint.currency?.uppercased(),
            amount: hint.minorUnits,
            occurredAt: receivedAt
        )
        seen.md5 = hint.md5
        seen.billNumber = hint.billNumber
        seen.providerHash = hint.providerReference
        seen.raw = hint.amount.map { "\($0) \(hint.currency ?? "")" }
        return seen
    }
}

extension CallbackHint {
    /// The amount in minor units of its currency; nil where either is missing or does not fit the other.
    ///
    /// Zeros behind the last decimal place are no more exact and no less: `5000.00` riel are 5000.
    var minorUnits: Int64? {
        guard let currency = currency.flatMap({ Currency(code: $0.uppercased()) }), var text = amount?[...] else {
            return nil
        }
        if text.contains(".") {
            while text.last == "0" { text = text.dropLast() }
            if text.last == "." { text = text.dropLast() }
        }
        return (try? Money(parsing: text, currency: currency)).map(\.minorUnits).flatMap { $0 > 0 ? $0 : nil }
    }

    /// Finds the attempts that hints name, over all tenants, in the order of the hints.
    ///
    /// A hint that names none belongs to the issuer of the account that it tells of, or else to the first issuer.
    package static func resolve(_ hints: [CallbackHint], in transaction: Transaction) async throws -> [ResolvedHint] {
        guard !hints.isEmpty else { return [] }
        let rows = try await transaction.query(
            CallbackStatements.resolve,
            hints.map(\.md5),
            hints.map(\.providerReference),
            hints.map(\.billNumber),
            hints.map(\.account)
        )
        return try zip(hints, rows).map { hint, row in
            ResolvedHint(
                hint: hint,
                issuer: try row.get("issuer_id"),
                tenant: try row.get("tenant_id"),
                attempt: try row.get("attempt_id"),
                account: try row.get("account_id")
            )
        }
    }

    /// Writes hints down as observations, and makes the lookups of their attempts due now.
    ///
    /// A hint that does not say that something was paid starts a lookup and claims nothing.
    package static func record(
        _ resolved: [ResolvedHint],
        receivedAt: Instant,
        in transaction: Transaction
    ) async throws {
        try await SeenMoney.record(resolved.compactMap { $0.seen(receivedAt: receivedAt) }, in: transaction)
        let named = resolved.filter { $0.attempt != nil && !$0.hint.isAuthoritative }
        guard !named.isEmpty else { return }
        _ = try await transaction.query(
            CallbackStatements.hint,
            named.map { $0.tenant },
            named.map { $0.attempt },
            named.map(\.hint.source)
        )
    }
}

/// The statements of callbacks.
package enum CallbackStatements {
    static let resolve = Statement(
        "payments.resolve_hints",
        """
        select coalesce(one.issuer_id, payee.issuer_id, (select min(id) from bursar.issuer)) as issuer_id, one.tenant_id, one.attempt_id,
            coalesce(payee.id, case when h.account is null then one.account_id end) as account_id
        from unnest($1::text[], $2::text[], $3::text[], $4::text[]) with ordinality as h (md5, reference, bill_number, account, place)
        left join lateral (
            select min(a.issuer_id) as issuer_id, min(a.tenant_id) as tenant_id, min(a.id) as attempt_id, min(a.account_id) as account_id
            from bursar.payment_attempt a
            where (h.md5 is not null and (a.md5 = h.md5 or a.md5_ascii = h.md5))
                or (h.md5 is null and h.reference is not null and a.provider_reference = h.reference)
                or (h.md5 is null and h.bill_number is not null and a.bill_number = h.bill_number)
            having count(*) = 1
        ) as one on true
        left join bursar.receiving_account payee on payee.id = (
            select min(c.id) from bursar.receiving_account c
            where c.account = lower(h.account) and c.issuer_id = coalesce(one.issuer_id, c.issuer_id)
        )
        order by h.place
        """
    )

    static let hint = Statement(
        "payments.hint_lookups",
        "select bursar.hint_lookups($1::bigint[], $2::bigint[], $3::text[]) as count"
    )

    package static let all = [resolve, hint]
}
