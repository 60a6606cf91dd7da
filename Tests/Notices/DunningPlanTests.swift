import CivilTime
import Dunning
import JobKit
import Notices
import Postgres
import Testing

@Suite("What unpaid invoices make due")
struct DunningPlanTests {
    @Test("Each step is said once, on its day, and a second run says nothing more")
    func onceAStep() async throws {
        try await Letterbox.open(tenants: 1) { box in
            try await box.day("2026-03-05 09:30")
            #expect(box.desk.take() == [])
            try await box.day("2026-03-06 09:30")
            #expect(box.desk.take() == ["courtesy for Tenant 1: 1"])
            try await box.day("2026-03-06 10:30")
            #expect(box.desk.take() == [])
            try await box.day("2026-03-08 09:30")
            #expect(box.desk.take() == ["due_soon for Tenant 1: 1"])
            try await box.change("update bursar.receiving_account set watermark = bursar.business_now()")
            try await box.day("2026-03-10 09:30")
            try await box.day("2026-03-15 09:30")
            #expect(box.desk.take() == ["final for Tenant 1: 1", "overdue for Tenant 1: 1"])
            #expect(
                try await box.notices(of: 1)
                    == [
                        "before|email|accepted|-", "tomorrow|email|accepted|-", "late|email|accepted|-",
                        "last|email|accepted|-",
                    ]
            )
        }
    }

    @Test("After days in which nobody planned, only the latest step is said; the others are superseded")
    func afterAnOutage() async throws {
        try await Letterbox.open(tenants: 1) { box in
            try await box.day("2026-03-15 09:30")
            #expect(box.desk.take() == ["final for Tenant 1: 1"])
            #expect(
                try await box.notices(of: 1)
                    == [
                        "before|email|superseded|later_step", "tomorrow|email|superseded|later_step",
                        "late|email|superseded|later_step", "last|email|accepted|-",
                    ]
            )
        }
    }

    @Test("A step that was planned and not sent is superseded by the next one")
    func overtaken() async throws {
        try await Letterbox.open(tenants: 1) { box in
            try await box.set("2026-03-06 09:30")
            try await box.plan()
            try await box.day("2026-03-08 09:30")
            #expect(box.desk.take() == ["due_soon for Tenant 1: 1"])
            #expect(
                try await box.notices(of: 1) == ["before|email|superseded|later_step", "tomorrow|email|accepted|-"]
            )
        }
    }

    @Test("What a step was worth saying for is over: it is dropped with the reason, not said late")
    func expired() async throws {
        try await Letterbox.open(tenants: 1) { box in
            let policy = DunningPolicy(steps: [
                DunningStep("before", offsetDays: -5, category: "courtesy", validFor: .seconds(86_400))
            ])
            try await box.day("2026-03-06 09:30", policy)
            #expect(box.desk.take() == [])
            #expect(try await box.notices(of: 1) == ["before|email|skipped|expired_message"])
        }
    }

    @Test("A payer without an address is recorded, once, and told to the operator where the ladder ends there")
    func noAddress() async throws {
        try await Letterbox.open(tenants: 1) { box in
            try await box.change(
                "update bursar.payer_address set address = null, retired_at = bursar.business_now(), retired_why = 'erased'"
            )
            let plain = DunningPolicy(steps: [
                DunningStep("before", offsetDays: -3, category: "courtesy", ladder: [.email, .sms])
            ])
            try await box.day("2026-03-06 09:30", plain)
            try await box.day("2026-03-06 10:30", plain)
            #expect(try await box.notices(of: 1) == ["before|email|skipped|no_address"])
            let ladder = DunningPolicy(steps: [
                DunningStep("late", offsetDays: 1, category: "overdue", ladder: [.email, .operator])
            ])
            try await box.day("2026-03-10 09:30", ladder)
            #expect(try await box.notices(of: 1).last == "late|operator|accepted|-")
        }
    }

    @Test("Over the policy's limit nothing is planned before a person has approved it")
    func approval() async throws {
        try await Letterbox.open(tenants: 2) { box in
            let policy = DunningPolicy(steps: Letterbox.policy.steps, approveAbove: 2)
            try await box.set("2026-03-06 09:30")
            let refused = await #expect(throws: NeedsApproval.self) { try await box.plan(policy) }
            #expect(refused?.why == "3 notices would be planned, over the policy's limit of 2")
            #expect(try await box.one("select count(*) from bursar.notice") == "0")
            #expect(try await box.one("select count(*) from bursar.proposal_item") == "3")
        }
    }

    @Test("A tenant with a policy of its own is left out of the one for all")
    func ownPolicy() async throws {
        try await Letterbox.open(tenants: 2) { box in
            try await box.set("2026-03-06 09:30")
            let own = DunningPolicy(steps: [DunningStep("early", offsetDays: -4, category: "courtesy")])
            let plans = [
                DunningPlan(Letterbox.policy, exceptTenants: ["T2"]), DunningPlan(own, onlyTenants: ["T2"]),
            ]
            try await box.run(Dunning { plans }, Dunning.Parameters())
            #expect(
                try await box.list("select invoice_id, step from bursar.notice order by invoice_id, id")
                    == ["1|before", "2|early", "3|early"]
            )
        }
    }

    @Test("An event is told once, however often it is replayed")
    func events() async throws {
        try await Letterbox.open(tenants: 1) { box in
            try await box.set("2026-03-02 12:00")
            try await box.change(
                "insert into bursar.event_unnoticed select tenant_id, id from bursar.event where kind = 'invoice.issued'"
            )
            try await box.deliver()
            #expect(box.desk.take() == ["invoice_issued for Tenant 1: 1"])
            try await box.change(
                "insert into bursar.event_unnoticed select tenant_id, id from bursar.event where kind = 'invoice.issued'"
            )
            try await box.deliver()
            #expect(box.desk.take() == [])
            #expect(try await box.one("select count(*) from bursar.event_unnoticed") == "0")
        }
    }
}
