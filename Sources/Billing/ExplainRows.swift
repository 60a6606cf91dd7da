internal import CivilTime
internal import Monetary
internal import Postgres

// How the parts of an explanation are read from rows.

extension ExplainedSubscription.Parked {
    init?(_ head: Row) throws {
        guard let at: Instant = try head.get("parked_at"), let reason: String = try head.get("parked_reason") else {
            return nil
        }
        self.init(at: at, reason: reason)
    }
}

extension ExplainedSubscription.Transition {
    init(_ row: Row) throws {
        self.init(
            at: try row.get("as_of"),
            from: try row.get("from_state"),
            to: try row.get("to_state"),
            cause: try row.get("cause"),
            actor: try row.get("actor"),
            runId: try row.get("run_id")
        )
    }
}

extension ExplainedSubscription.Plan {
    init(_ head: Row) throws {
        self.init(
            code: try head.get("plan_code"),
            name: try head.get("plan_name"),
            version: try head.get("plan_version"),
            unit: try head.unit(),
            count: try head.get("count"),
            dayPolicy: try head.dayPolicy()
        )
    }
}

extension ExplainedSubscription.Item {
    init(_ row: Row) throws {
        self.init(
            code: try row.get("code"),
            description: try row.get("description"),
            quantity: try row.get("quantity"),
            unitAmount: try row.money("unit_amount"),
            validFrom: try row.get("valid_from"),
            validUntil: try row.get("valid_until")
        )
    }
}

extension ExplainedSubscription.Schedule {
    init(_ row: Row) throws {
        self.init(
            version: try row.get("version"),
            anchor: try row.get("anchor_date"),
            unit: try row.unit(),
            count: try row.get("count"),
            dayPolicy: try row.dayPolicy(),
            validFrom: try row.get("valid_from"),
            validUntil: try row.get("valid_until")
        )
    }
}

extension ExplainedSubscription.Hold {
    init(_ row: Row) throws {
        self.init(
            source: try row.get("source"),
            reason: try row.get("reason"),
            validFrom: try row.get("valid_from"),
            validUntil: try row.get("valid_until"),
            stopsBilling: try row.get("stops_billing"),
            isInForce: try row.get("is_in_force")
        )
    }
}

extension ExplainedSubscription.Invoice {
    init(_ row: Row) throws {
        self.init(
            id: try row.get("id"),
            number: try row.get("number"),
            from: try row.get("from_day"),
            until: try row.get("until_day"),
            issueDate: try row.get("issue_date"),
            dueDate: try row.get("due_date"),
            graceEnd: try row.get("grace_end"),
            total: try row.money("total"),
            open: try row.money("open_amount"),
            state: try row.get("state"),
            isOverdue: try row.get("is_overdue")
        )
    }
}

extension ExplainedSubscription.PaymentGrace {
    /// Null where nothing is owed.
    init?(_ invoices: Rows, today: CivilDate) throws {
        var oldest: ExplainedSubscription.PaymentGrace?
        for row in invoices {
            let end: CivilDate = try row.get("grace_end")
            guard try row.get("is_owed"), oldest.map({ end < $0.end }) ?? true else { continue }
            oldest = ExplainedSubscription.PaymentGrace(
                invoice: try row.get("number"),
                dueDate: try row.get("due_date"),
                graceDays: try row.get("payment_grace_days"),
                end: end,
                daysLeft: today.days(to: end)
            )
        }
        guard let oldest else { return nil }
        self = oldest
    }
}

extension Row {
    fileprivate func money(_ column: String) throws -> Money {
        Money(minorUnits: try get(column), currency: try Currency(known: get("currency")))
    }

    fileprivate func unit() throws -> PeriodUnit {
        let name: String = try get("unit")
        guard let unit = PeriodUnit(rawValue: name) else { throw unknown(name, "unit of time") }
        return unit
    }

    fileprivate func dayPolicy() throws -> DayPolicy {
        let name: String = try get("day_policy")
        guard let policy = DayPolicy(rawValue: name) else { throw unknown(name, "day policy") }
        return policy
    }

    private func unknown(_ name: String, _ what: String) -> PostgresError {
        PostgresError(.decoding, "\"\(name)\" is no \(what) this program knows", statement: ExplainStatements.head.name)
    }
}
