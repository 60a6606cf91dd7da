import BakongReconciliation
import CivilTime
import JobKit
import Payments
import Standing
import Testing

@Suite("The gates of a suspension")
struct GateTests {
    /// What turns one gate red in the world of ``Arrears``, and what is then said.
    struct Red: Sendable, CustomTestStringConvertible {
        let gate: String
        let deed: String
        let why: String
        var at: String?
        var also: [String] = []
        var rules = Arrears.rules

        var testDescription: String { "\(gate): \(deed)" }
    }

    private static let reds: [Red] = [
        Red(gate: "switch", deed: "select 1", why: "does not suspend", rules: StandingRules()),
        Red(
            gate: "drill",
            deed: "set session_replication_role = replica; delete from bursar.standing_receipt",
            why: "no backup of this database was ever seen to restore"
        ),
        Red(
            gate: "reconciliation",
            deed:
                "insert into bursar.receiving_account (issuer_id, provider, account, name) values (1, 'bakong', 'new@bank', 'New')",
            why: "never reconciled: new@bank",
            also: ["bank_data"]
        ),
        Red(
            gate: "grace",
            deed: "select 1",
            why: "grace of INV-2026-000001 ends with 2026-01-19",
            at: "2026-01-19 10:00"
        ),
        Red(
            gate: "bank_data",
            deed: "update bursar.receiving_account set watermark = '2026-01-19 23:59+07'",
            why: "bank data is complete up to 2026-01-19 23:59 only, and grace ends with 2026-01-19"
        ),
        Red(
            gate: "payments",
            deed: "select bursar.present_payment(1, 'shop@bank', 'a QR')",
            why: "this may be its payment: attempt 1 (KHR 44000, presented)"
        ),
        Red(
            gate: "payments",
            deed: seen(tenant: 1, "'KHR', 1"),
            why: "this may be its payment: observation 1 (KHR 1, not placed yet)"
        ),
        Red(
            gate: "payments",
            deed: seen(tenant: 0, "'KHR', 44000"),
            why: "this may be its payment: observation 1 (KHR 44000, of nobody known)"
        ),
        Red(
            gate: "payments",
            deed:
                "insert into bursar.credit_entry (tenant_id, currency, amount, kind) values (1, 'KHR', 500, 'surplus')",
            why: "this may be its payment: credit of KHR 500"
        ),
        Red(
            gate: "final_notice",
            deed: "update bursar.message set accepted_at = '2026-01-17 10:01+07'",
            why: "the time for it ends at 2026-01-20 10:01"
        ),
        Red(
            gate: "final_notice",
            deed: "update bursar.notice set channel = 'operator'",
            why: "no final notice of INV-2026-000001 was accepted, none was planned"
        ),
        Red(
            gate: "final_notice",
            deed: "update bursar.notice set category = 'reminder'",
            why: "no final notice of INV-2026-000001 was accepted, none was planned"
        ),
        Red(
            gate: "final_notice",
            deed: """
                insert into bursar.allocation (tenant_id, invoice_id, currency, amount, kind, match_id) values (1, 1, 'KHR', 44000, 'payment', 1);
                insert into bursar.allocation (tenant_id, invoice_id, currency, amount, kind, match_id) values (1, 1, 'KHR', -44000, 'reversal', 1);
                update bursar.subscription set state = 'past_due'
                """,
            why: "the money for INV-2026-000001 went back at 2026-01-20 10:00, and nobody has told the payer since"
        ),
        Red(
            gate: "holds",
            deed: "select bursar.promise(1, '2026-01-20', 'he will')",
            why: "it is held by promise: he will"
        ),
        Red(gate: "holds", deed: "select bursar.dispute(1, 'not his')", why: "it is held by dispute: not his"),
        Red(
            gate: "holds",
            deed: "update bursar.subscription set parked_at = now(), parked_reason = 'odd'",
            why: "it is parked: odd"
        ),
        Red(
            gate: "billed",
            deed: "update bursar.subscription set issue_on = '2026-01-20'",
            why: "the period that began on 2026-01-20 is not billed yet"
        ),
        Red(gate: "window", deed: "select 1", why: "it is 08:59 in Asia/Phnom_Penh", at: "2026-01-20 08:59:30"),
        Red(gate: "window", deed: "select 1", why: "it is 16:00 in Asia/Phnom_Penh", at: "2026-01-20 16:00"),
        Red(
            gate: "window",
            deed: "select 1",
            why: "the calendar ends with 2025-12-31",
            rules: rules { $0.calendar.until = CivilDate(year: 2025, month: 12, day: 31) ?? .earliest }
        ),
    ]

    @Test(
        "A gate that is red alone keeps the subscription past due, and explain says which it is, and why",
        arguments: reds
    )
    func oneRed(_ red: Red) async throws {
        try await Arrears.open { arrears in
            try await arrears.change(red.deed)
            if let at = red.at { try await arrears.set(at) }
            try await expect(red, in: arrears)
        }
    }

    private func expect(_ red: Red, in arrears: Arrears) async throws {
        let told = try await arrears.explain(1, red.rules)
        #expect(told.gates.filter { !$0.passed }.map(\.gate) == [red.gate] + red.also)
        #expect(told.firstRed == red.gate)
        #expect(told.next.first?.contains(red.why) == true, "\(told.next)")
        let run = try await arrears.suspend(red.rules)
        #expect(run.kept == .held)
        #expect(run.checkpoint.counters["suspended"] == nil)
        #expect(run.report == "suspended 0, owing nothing; kept: 1 by \(red.gate)")
        #expect(try await arrears.suspend(red.rules, dryRun: true).report.hasSuffix("kept: 1 by \(red.gate)"))
        #expect(try await arrears.state() == "past_due")
    }

    // The four of the issue ------------------------------------------------------------------------------------------------

    @Test("Nobody is suspended while Bakong is down, and explain says up to when bank data is complete")
    func bankDown() async throws {
        try await Arrears.open(tenants: 2) { arrears in
            try await arrears.set("2026-01-19 18:00")
            try await arrears.change("update bursar.receiving_account set watermark = '2026-01-19 17:00+07'")
            // A neighbour's QR, of which Bakong says nothing: money of the first tenant may be missed as well.
            try await arrears.present(2)
            try await arrears.set("2026-01-20 10:00")
            let reconciliation = BakongReconciliation(asking: SilentBank(), inspection: PaymentInspection())
            try await arrears.run(reconciliation, BakongReconciliation.Parameters())
            try await expect(
                Red(gate: "bank_data", deed: "", why: "bank data is complete up to 2026-01-19 18:00 only"),
                in: arrears,
                others: "2 by bank_data"
            )
        }
    }

    @Test("Nobody is suspended whose final notice has bounced, and explain says what became of it")
    func bounced() async throws {
        try await Arrears.open { arrears in
            try await arrears.change("update bursar.notice set state = 'hard_failed'")
            try await expect(
                Red(
                    gate: "final_notice",
                    deed: "",
                    why: "no final notice of INV-2026-000001 was accepted: email hard_failed"
                ),
                in: arrears
            )
        }
    }

    @Test("Nobody is suspended while money that may be his lies unmatched, and explain names it")
    func unmatched() async throws {
        try await Arrears.open { arrears in
            try await arrears.change(Self.seen(tenant: 0, "'KHR', 44000"))
            try await arrears.change(
                """
                delete from bursar.observation_unplaced;
                insert into bursar.suspense (tenant_id, issuer_id, account_id, observation_id, reason, is_money, currency, amount, occurred_at)
                values (0, 1, 1, 1, 'orphan', true, 'KHR', 44000, '2026-01-18 10:00+07')
                """
            )
            try await expect(
                Red(
                    gate: "payments",
                    deed: "",
                    why: "this may be its payment: suspense 1 (KHR 44000, of nobody known)"
                ),
                in: arrears
            )
            // An amount that nobody would pay for this is another's.
            try await arrears.change("update bursar.suspense set amount = 43998")
            #expect(try await arrears.explain().firstRed == nil)
            try await arrears.change("update bursar.suspense set currency = 'USD', amount = 44000")
            #expect(try await arrears.explain().firstRed == nil)
            // Money of which we know that it is his counts whatever it is.
            try await arrears.change("update bursar.suspense set tenant_id = 1")
            #expect(try await arrears.explain().firstRed == "payments")
        }
    }

    @Test("Nobody is suspended on a holiday, and explain names it")
    func holiday() async throws {
        try await Arrears.open { arrears in
            let day = try #require(CivilDate(year: 2026, month: 1, day: 20))
            try await expect(
                Red(
                    gate: "window",
                    deed: "",
                    why: "2026-01-20 is closed: Stock-taking",
                    rules: Self.rules { $0.calendar.closed[day] = "Stock-taking" }
                ),
                in: arrears
            )
        }
    }

    private func expect(_ red: Red, in arrears: Arrears, others: String) async throws {
        #expect(try await arrears.explain().firstRed == red.gate)
        #expect(try await arrears.explain().next.first?.contains(red.why) == true)
        let run = try await arrears.suspend()
        #expect(run.checkpoint.counters["suspended"] == nil)
        #expect(run.report.contains(others))
        #expect(try await arrears.state() == "past_due")
    }

    private static func rules(_ change: (inout SuspensionRules) -> Void) -> StandingRules {
        var rules = Arrears.rules
        change(&rules.house)
        return rules
    }

    /// Money that was seen and is not placed yet.
    private static func seen(tenant: Int64, _ money: String) -> String {
        """
        insert into bursar.observation (tenant_id, issuer_id, account_id, kind, source, external_key, currency, amount, occurred_at)
        values (\(tenant), 1, 1, 'statement', 'statement:test', 'r1', \(money), '2026-01-18 10:00+07')
        """
    }
}

/// Bakong while it is down: it says nothing of use.
private struct SilentBank: PaymentProvider {
    func ask(_ lookups: [DueLookup], in context: JobContext) async throws -> [AnsweredLookup] {
        lookups.map { AnsweredLookup($0, .unknown("503")) }
    }
}
