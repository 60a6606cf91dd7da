package import CivilTime
package import Monetary

/// Everything that decides about a subscription, put next to each other: its state and since when, what it consists of, when
/// its next invoice is issued and why not now, what is owed, and which rules apply.
///
/// Days are civil days of the issuer's zone. Instants are UTC.
package struct ExplainedSubscription: Sendable, Encodable {
    package let id: Int64
    package let externalRef: String?
    package let tenant: Named
    package let issuer: Named
    package let timeZone: String
    /// The business instant as of which all this is true, and the issuer's local day then.
    package let asOf: Instant
    package let today: CivilDate
    package let currency: Currency

    package let state: String
    /// When the state was entered.
    package let since: Instant?
    package let startsOn: CivilDate
    package let trialEnd: CivilDate?
    package let cancelOn: CivilDate?
    package let pausedUntil: CivilDate?
    package let parked: Parked?
    package let transitions: [Transition]

    package let plan: Plan
    package let items: [Item]
    package let schedules: [Schedule]
    package let next: NextInvoice
    package let holds: [Hold]
    package let invoices: [Invoice]
    package let paymentGrace: PaymentGrace?
    package let policy: [Rule]

    /// A party, by id and name.
    package struct Named: Sendable, Encodable {
        package let id: Int64
        package let name: String
    }

    /// Why nothing is done until a person says so.
    package struct Parked: Sendable, Encodable {
        package let at: Instant
        package let reason: String
    }

    /// A change of state.
    package struct Transition: Sendable, Encodable {
        package let at: Instant
        package let from: String
        package let to: String
        package let cause: String
        package let actor: String
        package let runId: Int64?
    }

    /// What was sold.
    package struct Plan: Sendable, Encodable {
        package let code: String
        package let name: String
        package let version: Int
        package let unit: PeriodUnit
        package let count: Int
        package let dayPolicy: DayPolicy
    }

    /// A part of the subscription, in force at boundaries from a day on and before another.
    package struct Item: Sendable, Encodable {
        package let code: String
        package let description: String
        package let quantity: Int64
        package let unitAmount: Money
        package let validFrom: CivilDate
        package let validUntil: CivilDate?
    }

    /// How periods are counted, from a day on and before another.
    package struct Schedule: Sendable, Encodable {
        package let version: Int
        package let anchor: CivilDate
        package let unit: PeriodUnit
        package let count: Int
        package let dayPolicy: DayPolicy
        package let validFrom: CivilDate
        package let validUntil: CivilDate?

        package var rule: PeriodRule {
            PeriodRule(anchor: anchor, unit: unit, count: count, dayPolicy: dayPolicy)
        }
    }

    /// A billing hold that is not released.
    package struct Hold: Sendable, Encodable {
        package let source: String
        package let reason: String
        package let validFrom: CivilDate
        package let validUntil: CivilDate?
        package let stopsBilling: Bool
        package let isInForce: Bool
    }

    /// One of the last invoices, with what is still owed on it.
    package struct Invoice: Sendable, Encodable {
        package let id: Int64
        package let number: String
        package let from: CivilDate
        package let until: CivilDate
        package let issueDate: CivilDate
        package let dueDate: CivilDate
        package let graceEnd: CivilDate
        package let total: Money
        package let open: Money
        package let state: String
        package let isOverdue: Bool
    }

    /// How long a late payer keeps access: counted from the oldest invoice on which more than dust is owed.
    package struct PaymentGrace: Sendable, Encodable {
        package let invoice: String
        package let dueDate: CivilDate
        package let graceDays: Int
        /// The last day with full access.
        package let end: CivilDate
        /// Whole days from today to the end; negative when it has passed.
        package let daysLeft: Int
    }

    /// A money rule, and which policy it comes from.
    package struct Rule: Sendable, Encodable {
        package let name: String
        package let value: String
        package let from: String
    }
}
