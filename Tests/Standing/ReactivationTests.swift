import Billing
import CivilTime
import JobKit
import Postgres
import Renewals
import Standing
import TestSupport
import Testing

@Suite("Reactivation")
struct ReactivationTests {
    @Test("A payment reactivates a suspended subscription in its own transaction, with transition, event and audit row")
    func inItsTransaction() async throws {
        try await Arrears.open { arrears in
            try await arrears.suspend()
            try await arrears.pay(1, amount: 43000, reference: "R-1")
            #expect(try await arrears.state() == "suspended")
            try await arrears.pay(1, amount: 1000, reference: "R-2")
            #expect(try await arrears.state() == "active")
            #expect(
                try await arrears.turns() == [
                    "active past_due overdue", "past_due suspended unpaid", "suspended active paid",
                ]
            )
            #expect(
                try await arrears.list(
                    """
                    select e.content ->> 'billed_from', a.object, a.actor, t.xmin = e.xmin and e.xmin = a.xmin and a.xmin = l.xmin
                    from bursar.event e
                    join bursar.audit_entry a on a.action = e.kind
                    join bursar.subscription_transition t on t.subscription_id = e.subject_id and t.cause = 'paid'
                    join bursar.allocation l on l.amount = 1000
                    where e.kind = 'subscription.reactivated'
                    """
                ) == ["2026-02-05|subscription:1|operator:sok|t"]
            )
            #expect(try await arrears.one("select count(*) from bursar.billing_gap") == "0")
            #expect(try await arrears.broken() == [])
        }
    }

    @Test("Who is past due and pays is active again, and told so as before")
    func pastDue() async throws {
        try await Arrears.open { arrears in
            try await arrears.pay()
            #expect(try await arrears.turns() == ["active past_due overdue", "past_due active paid"])
            #expect(
                try await arrears.list("select content from bursar.event where kind = 'subscription.paid'") == [
                    #"{"to": "active", "from": "past_due"}"#
                ]
            )
            #expect(try await arrears.suspend().report == "suspended 0, owing nothing")
        }
    }

    @Test(
        "The rest of the running period is charged by its days at the next renewals run, days of the suspension are not",
        arguments: [
            ("2026-02-20", 13, 28), ("2026-02-05", 28, 28), ("2026-03-04", 1, 28), ("2026-03-05", 31, 31),
            ("2026-04-30", 5, 30), ("2026-02-04", 28, 28),
        ]
    )
    func proRata(day: String, days: Int64, ofDays: Int64) async throws {
        try await Arrears.open { arrears in
            try await arrears.suspend()
            for between in ["2026-02-05", "2026-03-05"] where between < day {
                try await arrears.set("\(between) 10:00")
                try await arrears.run(Renewals(), Renewals.Parameters())
            }
            #expect(try await arrears.one("select count(*) from bursar.invoice") == "1")
            try await arrears.set("\(day) 15:00")
            try await arrears.pay()
            if day == "2026-02-04" { try await arrears.set("2026-02-05 10:00") }
            let run = try await arrears.run(Renewals(), Renewals.Parameters())
            #expect(run.kept == .held)
            // By integers, half up: the part of 40,000 riel, and ten percent of that.
            let subtotal = (2 * 40_000 * days + ofDays) / (2 * ofDays)
            #expect(
                try await arrears.list(
                    "select i.subtotal, i.tax, i.total, r.open_amount from bursar.invoice i join bursar.receivable r on r.invoice_id = i.id where i.id = 2"
                ) == [
                    "\(subtotal)|\((subtotal + 5) / 10)|\(subtotal + (subtotal + 5) / 10)|\(subtotal + (subtotal + 5) / 10)"
                ]
            )
            // The same by PostgreSQL's decimals.
            #expect(
                try await arrears.one(
                    "select subtotal = round(40000.0 * \(days) / \(ofDays)) and tax = round(subtotal * 0.1) from bursar.invoice where id = 2"
                ) == "t"
            )
            let gap = day > "2026-02-05" ? ["[2026-02-05,\(day))|suspended"] : []
            #expect(try await arrears.list("select during, cause from bursar.billing_gap") == gap)
            #expect(try await arrears.broken() == [])
        }
    }

    @Test("Where the policy bills suspended time its periods are charged at the return, however many they are")
    func billsSuspendedTime() async throws {
        try await Arrears.open { arrears in
            try await arrears.operate(
                "bursar.create_policy(1, '{\"bill_while_suspended\": true}', reason => 'the lawyer says so')"
            )
            try await arrears.suspend()
            try await arrears.set("2026-07-10 10:00")
            #expect(try await arrears.run(Renewals(), Renewals.Parameters()).kept == .held)
            #expect(try await arrears.one("select count(*) from bursar.invoice") == "1")
            try await arrears.pay()
            #expect(try await arrears.run(Renewals(), Renewals.Parameters()).kept == .held)
            // February to July.
            #expect(
                try await arrears.list("select count(*), sum(total) from bursar.invoice where id > 1") == ["6|264000"]
            )
            #expect(try await arrears.one("select count(*) from bursar.billing_gap") == "0")
            #expect(try await arrears.one("select parked_at is null from bursar.subscription") == "t")
            #expect(try await arrears.broken() == [])
        }
    }

    @Test("What nothing else has lifted, the next run of suspensions lifts: nobody stays suspended who owes nothing")
    func sweeps() async throws {
        try await Arrears.open { arrears in
            try await arrears.suspend()
            try await arrears.change("update bursar.receivable set due_date = '2026-02-01', grace_end = '2026-02-08'")
            let run = try await arrears.suspend()
            #expect(run.report == "suspended 0, owing nothing; 1 active again")
            #expect(try await arrears.turns().last == "suspended active paid")
        }
    }

    // Races --------------------------------------------------------------------------------------------------------------------

    @Test("A payment that is being written is waited for, and then nobody is suspended")
    func paymentFirst() async throws {
        try await Arrears.open { arrears in
            try await withThrowingTaskGroup(of: Void.self) { group in
                let options = TransactionOptions(role: "bursar_ops", settings: [("bursar.actor", "operator:sok")])
                try await arrears.pool.withTransaction(options) { transaction in
                    _ = try await transaction.query(Self.pay)
                    group.addTask { try await arrears.suspend() }
                    try await arrears.waitForSomebodyWaiting()
                }
                try await group.waitForAll()
            }
            #expect(try await arrears.turns() == ["active past_due overdue", "past_due active paid"])
            #expect(try await arrears.broken() == [])
        }
    }

    @Test(
        "A payment that began before its subscription was past due, and so holds no lock on it, is waited for as well"
    )
    func paymentBeforeOverdue() async throws {
        try await Arrears.open { arrears in
            try await arrears.change("update bursar.subscription set state = 'active'")
            try await withThrowingTaskGroup(of: Void.self) { group in
                let options = TransactionOptions(role: "bursar_ops", settings: [("bursar.actor", "operator:sok")])
                try await arrears.pool.withTransaction(options) { transaction in
                    _ = try await transaction.query(Self.pay)
                    try await arrears.change("update bursar.subscription set state = 'past_due'")
                    group.addTask { try await arrears.suspend() }
                    try await arrears.waitForSomebodyWaiting()
                }
                try await group.waitForAll()
            }
            #expect(try await arrears.state() == "past_due")
            #expect(try await arrears.suspend().report == "suspended 0, owing nothing; 1 active again")
            #expect(try await arrears.state() == "active")
        }
    }

    @Test("A payment that comes while its subscription is being suspended finds the suspension, and lifts it")
    func suspensionFirst() async throws {
        try await Arrears.open { arrears in
            let act = try Suspension.Act(
                asOf: try await arrears.now(),
                run: nil,
                rules: Arrears.rules,
                expireAfter: nil
            )
            try await withThrowingTaskGroup(of: Void.self) { group in
                let options = TransactionOptions(role: "bursar_app", tenants: [0, 1])
                try await arrears.pool.withTransaction(options) { transaction in
                    let effect = try await Suspension.apply(
                        [Suspension.Candidate(tenant: 1, subscription: 1)],
                        act,
                        blast: JSONText(#"{"gate": "blast_limit", "passed": true, "why": "a test"}"#),
                        in: transaction
                    )
                    #expect(effect.moved == [1])
                    group.addTask { try await arrears.pay() }
                    try await arrears.waitForSomebodyWaiting()
                }
                try await group.waitForAll()
            }
            #expect(
                try await arrears.turns() == [
                    "active past_due overdue", "past_due suspended unpaid", "suspended active paid",
                ]
            )
            #expect(try await arrears.broken() == [])
        }
    }

    @Test(
        "Two nodes that suspend while everybody pays: in the end nobody is suspended, and every change is on record once"
    )
    func twoNodes() async throws {
        try await Arrears.open(tenants: 5) { arrears in
            for round in 1...3 {
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for tenant in Int64(1)...5 {
                        group.addTask {
                            try await arrears.pay(
                                tenant,
                                amount: round < 3 ? 10000 : 24000,
                                reference: "R-\(tenant)-\(round)"
                            )
                        }
                    }
                    for _ in 1...2 {
                        group.addTask {
                            do { try await arrears.suspend() } catch let error as PostgresError where error.isTransient
                            {
                                // The engine would try again.
                            }
                        }
                    }
                    try await group.waitForAll()
                }
            }
            #expect(try await arrears.list("select distinct state from bursar.subscription") == ["active"])
            #expect(try await arrears.broken() == [])
        }
    }

    private static let pay = Statement(
        "test.pay",
        "select bursar.record_payment(1, 'cash', 44000, 'KHR', 'R-1', 'box 7', reason => 'paid at the desk')::text"
    )
}

extension Arrears {
    fileprivate func now() async throws -> Instant {
        try await pool.withTransaction(TransactionOptions(role: "bursar_ops")) {
            try await Invariant.businessNow(in: $0)
        }
    }

    /// Returns once some session of this database waits for a lock of another.
    fileprivate func waitForSomebodyWaiting() async throws {
        try await waitUntil("somebody waits for a lock") {
            try await one(
                "select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'"
            ) != "0"
        }
    }
}
