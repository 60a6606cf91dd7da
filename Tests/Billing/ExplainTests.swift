import Billing
import CivilTime
import Monetary
import Postgres
import Testing

@Suite("Explaining a subscription")
struct ExplainTests {
    private static func explain(_ books: Books, _ name: String, asOf: String) async throws -> ExplainedSubscription {
        let instant = try #require(Instant(asOf))
        return try await books.pool.withTransaction(ExplainedSubscription.transaction) {
            try await ExplainedSubscription.read(name, asOf: instant, in: $0)
        }
    }

    @Test("It tells the next boundary, what is owed, and when payment grace ends")
    func afterRenewal() async throws {
        try await Books.open(policy: ["net_days": "10", "payment_grace_days": "5"]) { books in
            let due = try await books.subscribe(anchor: "2026-01-31")
            _ = try await books.renew(asOf: "2026-01-31T01:00:00+07:00")
            let told = try await Self.explain(books, "\(due.subscription)", asOf: "2026-02-12T01:00:00+07:00")
            #expect(told.state == "active")
            #expect(told.next.from.description == "2026-02-28")
            #expect(told.next.until.description == "2026-03-31")
            #expect(told.next.verdict == .notYet)
            #expect(told.next.reasons == ["its period begins on 2026-02-28, in 16 days"])
            #expect(told.invoices.map(\.open.description) == ["KHR 44,000"])
            #expect(told.invoices.map(\.isOverdue) == [true])
            #expect(told.paymentGrace?.dueDate.description == "2026-02-10")
            #expect(told.paymentGrace?.end.description == "2026-02-15")
            #expect(told.paymentGrace?.daysLeft == 3)
            let rule = try #require(told.policy.first { $0.name == "net_days" })
            #expect(rule.value == "10")
            #expect(rule.from == "the issuer's policy, version 1")
            #expect(told.transitions.map(\.cause) == ["created"])
        }
    }

    @Test("It tells why a due invoice is kept back, and agrees with what renewals do")
    func keptBack() async throws {
        try await Books.open { books in
            let held = try await books.subscribe(anchor: "2026-01-05")
            let dollars = try await books.subscribe(anchor: "2026-01-05", currency: "USD", amounts: [2999])
            let weekly = try await books.subscribe(anchor: "2026-01-05", unit: "week")
            try await books.change(
                """
                update bursar.subscription set external_ref = 'A-17' where id = \(held.subscription);
                insert into bursar.billing_hold (tenant_id, subscription_id, source, reason, valid_from)
                values (\(held.tenant), \(held.subscription), 'operator', 'units in dispute', '2026-01-01');
                """
            )
            let asOf = "2026-02-04T01:00:00+07:00"
            let first = try await Self.explain(books, "ref:A-17", asOf: asOf)
            #expect(first.id == held.subscription)
            #expect(first.next.verdict == .keptBack)
            #expect(first.next.reasons == ["billing is held by operator: units in dispute"])
            let second = try await Self.explain(books, "\(dollars.subscription)", asOf: asOf)
            #expect(
                second.next.reasons == [
                    "it waits for an exchange rate of 'nbc' not older than 7 days: there is none"
                ]
            )
            let third = try await Self.explain(books, "\(weekly.subscription)", asOf: asOf)
            #expect(third.next.reasons == ["5 periods are due at once, more than 3: the next run parks it"])
            let run = try await books.renew(asOf: asOf)
            #expect(run.invoices == 0)
            let parked = try await Self.explain(books, "\(weekly.subscription)", asOf: asOf)
            #expect(parked.parked != nil)
            #expect(parked.next.verdict == .keptBack)
        }
    }

    @Test("What does not exist is refused with what to do")
    func unknown() async throws {
        try await Books.open { books in
            let refusal = await #expect(throws: PostgresError.self) {
                _ = try await Self.explain(books, "ref:nobody", asOf: "2026-02-04T01:00:00+07:00")
            }
            #expect(refusal?.sqlState?.rawValue == "BU004")
            #expect(refusal?.hint != nil)
        }
    }

    /// Each case changes one fact of an active subscription whose next period begins on 10 March.
    private struct Case: Sendable, CustomTestStringConvertible {
        let testDescription: String
        let verdict: NextInvoice.Verdict
        let reason: String
        let change: @Sendable (inout NextInvoiceFacts) -> Void
    }

    private static let cases = [
        Case(testDescription: "due today", verdict: .due, reason: "it is due today: the next run of renewals issues it")
        { _ in },
        Case(
            testDescription: "due since yesterday, two periods",
            verdict: .due,
            reason:
                "it is due since 2026-03-09; 2 periods at once, one invoice each: the next run of renewals issues it"
        ) {
            $0.issueOn = $0.today.adding(days: -1)
            $0.periodsDue = 2
        },
        Case(testDescription: "due tomorrow", verdict: .notYet, reason: "its period begins on 2026-03-11, in 1 day") {
            $0.issueOn = $0.today.adding(days: 1)
        },
        Case(testDescription: "pending", verdict: .notYet, reason: "it begins on 2026-01-10") { $0.state = "pending" },
        Case(
            testDescription: "trialing",
            verdict: .notYet,
            reason: "it is in its trial until the day before 2026-03-20"
        ) {
            $0.state = "trialing"
            $0.trialEnd = $0.today.adding(days: 10)
        },
        Case(
            testDescription: "paused for good",
            verdict: .keptBack,
            reason: "it is paused until someone resumes it; days of the pause are not billed"
        ) { $0.state = "paused" },
        Case(
            testDescription: "suspended",
            verdict: .keptBack,
            reason: "it is suspended; suspended time is not billed"
        ) { $0.state = "suspended" },
        Case(
            testDescription: "cancelled at period end",
            verdict: .never,
            reason: "it is cancelled on 2026-03-10, and the next period would begin on 2026-03-10"
        ) { $0.cancelOn = $0.issueOn },
        Case(
            testDescription: "canceled",
            verdict: .never,
            reason: "the subscription is canceled: nothing is billed any more"
        ) { $0.state = "canceled" },
        Case(testDescription: "parked", verdict: .keptBack, reason: "it is parked: a row is wrong") {
            $0.parkedReason = "a row is wrong"
        },
    ]

    @Test("The verdict follows the facts", arguments: cases)
    private func verdicts(one: Case) throws {
        let today = try #require(CivilDate("2026-03-10"))
        let start = try #require(CivilDate("2026-01-10"))
        var facts = NextInvoiceFacts(state: "active", today: today, issueOn: today, startsOn: start)
        one.change(&facts)
        let (verdict, reasons) = facts.judge()
        #expect(verdict == one.verdict)
        #expect(reasons.first == one.reason)
    }
}
