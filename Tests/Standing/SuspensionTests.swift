import BakongReconciliation
import CivilTime
import JobKit
import Notices
import Payments
import Postgres
import Standing
import Testing

@Suite("Suspensions")
struct SuspensionTests {
    @Test(
        "Whoever passes every gate is suspended, with every gate's value on the transition, an event and an audit row"
    )
    func suspends() async throws {
        try await Arrears.open { arrears in
            #expect(try await arrears.explain().firstRed == nil)
            #expect(
                try await arrears.explain().next.first
                    == "the next run of suspensions suspends it, within the limit of a run"
            )
            let run = try await arrears.suspend()
            #expect(run.kept == .held)
            #expect(run.report == "suspended 1, owing KHR 44,000")
            #expect(try await arrears.turns() == ["active past_due overdue", "past_due suspended unpaid"])
            let gates = try await arrears.list(
                """
                select g ->> 'gate', g ->> 'passed', g ? 'value' and g ->> 'wanted' <> '' and g ->> 'why' <> ''
                from bursar.subscription_transition t cross join lateral jsonb_array_elements(t.content -> 'gates') as g
                where t.to_state = 'suspended'
                """
            )
            #expect(gates == Gate.all.map { "\($0)|true|t" })
            #expect(
                try await arrears.list(
                    """
                    select e.kind, e.content ->> 'invoice', e.content ->> 'owed', e.run_id = \(run.id), a.canonical like '%final_notice%'
                    from bursar.event e join bursar.audit_entry a on a.tenant_id = e.tenant_id and a.action = e.kind
                    where e.kind = 'subscription.suspended'
                    """
                ) == ["subscription.suspended|1|44000|t|t"]
            )
            #expect(try await arrears.broken() == [])
            let told = try await arrears.explain()
            #expect(told.gates.map(\.gate) == Gate.all)
            #expect(told.next.first == "a payment of KHR 44000 reactivates it, in the same transaction")
            #expect(try await arrears.suspend().report == "suspended 0, owing nothing")
        }
    }

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
        if red.gate != "grace" {  // Nobody looks at it before its grace has ended.
            #expect(run.report == "suspended 0, owing nothing; kept: 1 by \(red.gate)")
        }
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

    // Rules of tenants, waivers, blast limit -----------------------------------------------------------------------------------

    @Test("A tenant with rules of its own is judged by those, the others by the house's")
    func ownRules() async throws {
        try await Arrears.open(tenants: 2) { arrears in
            var rules = Arrears.rules
            rules.tenants[2] = SuspensionRules()
            try await arrears.suspend(rules)
            #expect(try await arrears.state(1) == "suspended")
            #expect(try await arrears.state(2) == "past_due")
            #expect(try await arrears.explain(2, rules).firstRed == "switch")
        }
    }

    @Test("An operator waives the final notice with a reason, for the invoice that is overdue and no other")
    func waives() async throws {
        try await Arrears.open { arrears in
            try await arrears.change("update bursar.notice set state = 'hard_failed'")
            await #expect { try await arrears.operate("bursar.waive_final_notice(1, ' ')") } throws: {
                "\($0)".contains("reason")
            }
            #expect(try await arrears.operate("bursar.waive_final_notice(1, 'told by telephone')") == "1")
            #expect(try await arrears.explain().firstRed == nil)
            try await arrears.suspend()
            #expect(try await arrears.state() == "suspended")
            #expect(
                try await arrears.list(
                    """
                    select g -> 'value' ->> 'by', g -> 'value' ->> 'reason'
                    from bursar.subscription_transition t cross join lateral jsonb_array_elements(t.content -> 'gates') as g
                    where g ->> 'gate' = 'final_notice'
                    """
                ) == ["operator:sok|told by telephone"]
            )
            #expect(try await arrears.broken() == [])
            try await arrears.pay()
            await #expect { try await arrears.operate("bursar.waive_final_notice(1, 'again')") } throws: {
                "\($0)".contains("nothing of subscription 1 is overdue")
            }
        }
    }

    @Test("Over the limit of a run nobody is suspended before a person approves, and each is judged again after that")
    func blastLimit() async throws {
        try await Arrears.open(tenants: 7) { arrears in
            let id = try await arrears.newRun("suspensions")
            await #expect {
                try await arrears.suspend(again: id)
            } throws: { error in
                (error as? NeedsApproval)?.why == "7 would be suspended at once, over the limit of 5 for 0 active ones"
            }
            #expect(try await arrears.list("select distinct state from bursar.subscription") == ["past_due"])
            #expect(try await arrears.one("select count(*) from bursar.proposal_item") == "7")
            try await arrears.change(
                """
                update bursar.proposal set state = 'approved', decided_at = now(), decided_by = 'operator:sok', reason = 'looked';
                delete from bursar.proposal_item where key = 3
                """
            )
            try await arrears.pay(1)
            try await arrears.pay(2, amount: 4000, reference: "R-2")
            let run = try await arrears.suspend(again: id)
            #expect(run.kept == .held)
            #expect(run.checkpoint.counters["suspended"] == 4)
            #expect(run.report.contains("1 changed since the approval and left out"))
            #expect(
                try await arrears.list("select state from bursar.subscription order by id") == [
                    "active", "past_due", "past_due", "suspended", "suspended", "suspended", "suspended",
                ]
            )
            #expect(
                try await arrears.one(
                    """
                    select distinct g -> 'value' ->> 'approved_by' from bursar.subscription_transition t
                    cross join lateral jsonb_array_elements(t.content -> 'gates') as g where g ->> 'gate' = 'blast_limit'
                    """
                ) == "operator:sok"
            )
            #expect(try await arrears.broken() == [])
        }
    }

    @Test("Five may be suspended by one run, and two of a hundred where that is more")
    func limits() {
        #expect([0, 100, 250, 299, 300, 10_000].map { Suspension.limit(active: $0) } == [5, 5, 5, 5, 6, 200])
    }

    @Test("A dry run says who would be suspended and suspends nobody")
    func dryRun() async throws {
        try await Arrears.open(tenants: 7) { arrears in
            try await arrears.change("update bursar.notice set state = 'hard_failed' where tenant_id = 4")
            let run = try await arrears.suspend(dryRun: true)
            #expect(
                run.report == """
                    would suspend 6, owing KHR 264,000; a person would have to approve: 6 would be suspended at once, over the limit \
                    of 5 for 0 active ones; kept: 1 by final_notice
                    """
            )
            #expect(try await arrears.list("select distinct state from bursar.subscription") == ["past_due"])
        }
    }

    @Test("A long suspension expires after the days that are given, and not before, nor while it is held")
    func expires() async throws {
        try await Arrears.open(tenants: 2) { arrears in
            try await arrears.suspend()
            try await arrears.set("2026-02-18 10:00")
            #expect(try await arrears.suspend(expireAfter: 30).report.contains("kept: 2 by suspended_for"))
            try await arrears.operate("bursar.dispute(2, 'not his')")
            try await arrears.set("2026-02-19 10:00")
            #expect(try await arrears.suspend().report == "suspended 0, owing nothing")
            let run = try await arrears.suspend(expireAfter: 30)
            #expect(run.kept == .held)
            #expect(run.report == "suspended 0, owing nothing; 1 expired; kept: 1 by holds")
            #expect(try await arrears.turns().last == "suspended expired unpaid")
            #expect(try await arrears.state(2) == "suspended")
            #expect(
                try await arrears.one("select count(*) from bursar.event where kind = 'subscription.expired'") == "1"
            )
            #expect(try await arrears.broken() == [])
        }
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
