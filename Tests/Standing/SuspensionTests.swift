import JobKit
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

    @Test("A tenant with rules of its own is judged by those, the others by the house's")
    func ownRules() async throws {
        try await Arrears.open(tenants: 2) { arrears in
            var rules = Arrears.rules
            rules.tenants["T2"] = SuspensionRules()
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

    @Test("Who becomes fit to be suspended while a run works is not suspended by it over its limit: the next run asks")
    func limitHolds() async throws {
        try await Arrears.open(tenants: 7) { arrears in
            // As if bank data had become complete right after the run had proposed nothing.
            let id = try await arrears.newRun("suspensions")
            try await arrears.change(
                """
                insert into bursar.proposal (kind, subject, run_id, count, totals, digest, why, state, decided_by)
                values ('suspensions', 'suspensions', \(id), 0, '{}', '', 'within the limit', 'applied', 'engine')
                """
            )
            let run = try await arrears.suspend(again: id)
            #expect(run.kept == .held)
            #expect(try await arrears.list("select distinct state from bursar.subscription") == ["past_due"])
            await #expect(throws: NeedsApproval.self) { try await arrears.suspend() }
            // Within the limit it does what has become possible.
            try await arrears.operate("bursar.dispute(1, 'not his')")
            try await arrears.operate("bursar.dispute(2, 'not his')")
            #expect(try await arrears.suspend(again: id).checkpoint.counters["suspended"] == 5)
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
}
