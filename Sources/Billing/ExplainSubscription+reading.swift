package import CivilTime
internal import Monetary
package import Postgres

extension ExplainedSubscription {
    /// How a transaction that explains begins: it reads every tenant, and sees one moment of the database.
    package static let transaction = TransactionOptions(role: "bursar_ops", isolation: .repeatableRead, readOnly: true)

    /// How many of the last invoices are shown.
    private static let newest = 12

    /// Reads what there is to say about a subscription.
    ///
    /// - Parameters:
    ///   - name: our id, an external ref, or `ref:` and an external ref.
    ///   - asOf: when to judge; business time now where null.
    ///   - transaction: one that began with ``transaction``.
    /// - Returns: all of it, as of one moment.
    /// - Throws: `PostgresError` with SQLSTATE BU004 and a hint when there is none, BU003 when there are several.
    package static func read(
        _ name: String,
        asOf: Instant? = nil,
        in transaction: Transaction
    ) async throws -> ExplainedSubscription {
        let id: Int64 = try await transaction.one(ExplainStatements.named.bind(name)).get("id")
        let now: Instant = if let asOf { asOf } else { try await Invariant.businessNow(in: transaction) }
        let answers = try await transaction.pipeline([
            ExplainStatements.head.bind(id, now),
            ExplainStatements.transitions.bind(id),
            ExplainStatements.items.bind(id),
            ExplainStatements.schedules.bind(id),
            ExplainStatements.holds.bind(id, now),
            ExplainStatements.invoices.bind(id, now),
            ExplainStatements.policy.bind(id),
        ])
        guard answers.count == 7, let head = answers[0].first else {
            throw PostgresError(.decoding, "subscription \(id) cannot be read", statement: ExplainStatements.head.name)
        }
        return try ExplainedSubscription(head, answers, asOf: now)
    }

    private init(_ head: Row, _ answers: [Rows], asOf: Instant) throws {
        let transitions = try answers[1].map(Transition.init)
        let schedules = try answers[3].map(Schedule.init)
        let holds = try answers[4].map(Hold.init)
        let today: CivilDate = try head.get("today")
        self.init(
            id: try head.get("id"),
            externalRef: try head.get("external_ref"),
            tenant: Named(id: try head.get("tenant_id"), name: try head.get("tenant")),
            issuer: Named(id: try head.get("issuer_id"), name: try head.get("issuer")),
            timeZone: try head.get("time_zone"),
            asOf: asOf,
            today: today,
            currency: try Currency(known: head.get("currency")),
            state: try head.get("state"),
            since: transitions.last?.at,
            startsOn: try head.get("starts_on"),
            trialEnd: try head.get("trial_end"),
            cancelOn: try head.get("cancel_on"),
            pausedUntil: try head.get("paused_until"),
            parked: try Parked(head),
            transitions: transitions,
            plan: try Plan(head),
            items: try answers[2].map(Item.init),
            schedules: schedules,
            next: try NextInvoice(head, schedules, holds),
            holds: holds,
            invoices: try answers[5].prefix(Self.newest).map(Invoice.init),
            paymentGrace: try PaymentGrace(answers[5], today: today),
            policy: try answers[6].map { row in
                Rule(
                    name: try row.get("name"),
                    value: try row.get("value", as: String?.self) ?? "none",
                    from: try row.get("source")
                )
            }
        )
    }
}

extension Transaction {
    /// The one row of an answer.
    fileprivate func one(_ bound: BoundStatement) async throws -> Row {
        guard let row = try await query(bound).first else {
            throw PostgresError(.decoding, "no row", statement: bound.statement.name)
        }
        return row
    }
}

extension NextInvoice {
    fileprivate init(
        _ head: Row,
        _ schedules: [ExplainedSubscription.Schedule],
        _ holds: [ExplainedSubscription.Hold]
    ) throws {
        var facts = NextInvoiceFacts(
            state: try head.get("state"),
            today: try head.get("today"),
            issueOn: try head.get("issue_on"),
            startsOn: try head.get("starts_on")
        )
        facts.trialEnd = try head.get("trial_end")
        facts.cancelOn = try head.get("cancel_on")
        facts.pausedUntil = try head.get("paused_until")
        facts.parkedReason = try head.get("parked_reason")
        facts.holds = holds.filter { $0.stopsBilling && $0.isInForce }.map { "\($0.source): \($0.reason)" }
        facts.waitsForRate = try head.get("waits_for_rate")
        facts.rateSource = try head.get("rate_source", as: String?.self) ?? ""
        facts.rateMaxAgeDays = try head.get("rate_max_age_days", as: Int?.self) ?? 0
        facts.latestRate = try head.get("latest_rate")
        facts.periodsDue = try head.get("periods_due")
        facts.catchUpPeriods = try head.get("catch_up_periods", as: Int?.self) ?? Int.max
        let (verdict, reasons) = facts.judge()

        let k: Int = try head.get("next_k")
        let from: CivilDate = try head.get("next_from")
        let version: Int = try head.get("schedule_version")
        // A schedule that takes over at the boundary counts from there on.
        let inForce = schedules.last { $0.version >= version && $0.validFrom <= from } ?? schedules.first
        let rule = inForce?.rule
        let index = inForce?.version == version ? k : rule?.index(containing: from) ?? k
        let end = rule?.boundary(index + 1) ?? from
        self.init(
            k: index,
            from: from,
            until: min(end, inForce?.validUntil ?? end),
            issueOn: facts.issueOn,
            chargedThrough: try head.get("charged_through"),
            verdict: verdict,
            reasons: reasons
        )
    }
}
