import Billing
import CivilTime
import JobKit
import Postgres
import TestSupport
import Testing

@Suite("Renewals: what the database refuses, and what becomes of the rest")
struct RenewalRefusalTests {
    @Test(
        "One bad row is parked with the error's text and the chunk goes on",
        arguments: [
            (1, 10_000_000, "SQLSTATE 22003"), (4, 10_000_000, "SQLSTATE 22003"), (100, 2000, "believable_subtotal"),
        ] as [(Int, Int64, String)]
    )
    func badRow(chunk: Int, quantity: Int64, reason: String) async throws {
        try await Books.open { books in
            for number in 0..<10 {
                _ = try await books.subscribe(tenant: Int64(1 + number % 3), anchor: "2026-03-01")
            }
            let bad = try await books.subscribe(
                tenant: 2,
                anchor: "2026-03-01",
                amounts: [100_000_000_000],
                quantities: [quantity]
            )
            for number in 0..<10 {
                _ = try await books.subscribe(tenant: Int64(1 + number % 3), anchor: "2026-03-01")
            }
            let run = try await books.renew(asOf: "2026-03-01T12:00:00Z", chunk: chunk)
            #expect(run.invoices == 20)
            #expect(run.parked == 1)
            #expect(run.kept)
            let parked = try await books.list(
                "select id, strpos(parked_reason, '\(reason)') > 0 from bursar.subscription where parked_at is not null"
            )
            #expect(parked == ["\(bad.subscription)|t"])
            #expect(try await books.list("select count(*), max(sequence) from bursar.invoice") == ["20|20"])
            #expect(try await books.list("select count(*) from bursar.period") == ["20"])
        }
    }

    @Test("A shifted period that overlaps a billed one is refused by the exclusion")
    func shifted() async throws {
        try await Books.open { books in
            let billed = try await books.subscribe(anchor: "2026-03-01")
            _ = try await books.renew(asOf: "2026-03-01T12:00:00Z")
            try await books.change(
                """
                update bursar.subscription_schedule set anchor_date = '2026-03-20';
                update bursar.subscription set next_k = 0, next_part = 1, next_from = '2026-03-20', issue_on = '2026-03-20'
                """
            )
            let run = try await books.renew(asOf: "2026-03-20T12:00:00Z")
            #expect(run.invoices == 0)
            #expect(run.parked == 1)
            let reason = try await books.list(
                "select parked_reason from bursar.subscription where id = \(billed.subscription)"
            )
            #expect(reason.first?.contains("no_double_billing") == true)
        }
    }

    @Test("A subscription without anything to sell is parked, not invoiced for nothing")
    func nothingSold() async throws {
        try await Books.open { books in
            _ = try await books.subscribe(anchor: "2026-03-01")
            try await books.change("update bursar.subscription_item set valid_until = valid_from")
            let run = try await books.renew(asOf: "2026-03-01T12:00:00Z")
            #expect(run.invoices == 0)
            #expect(run.parked == 1)
            #expect(try await books.list("select count(*) from bursar.number_series") == ["0"])
        }
    }

    @Test(
        "Illegal changes are refused with what is legal",
        arguments: [
            ("update bursar.subscription set state = 'suspended'", "BU003"),
            ("update bursar.subscription set state = 'trialing'", "BU003"),
            ("update bursar.invoice set due_date = due_date + 1", "BU003"),
            ("delete from bursar.invoice_line", "BU003"),
            ("truncate bursar.invoice_line", "BU003"),
            ("update bursar.price set unit_amount = 1", "BU003"),
            ("update bursar.plan_version set count = 2", "BU003"),
            ("delete from bursar.policy", "BU003"),
            ("delete from bursar.event", "BU003"),
            ("update bursar.audit_entry set canonical = '{}'", "BU003"),
            (
                "insert into bursar.subscription_transition (tenant_id, subscription_id, seq, from_state, to_state, cause, as_of) "
                    + "values (1, 1, 2, 'active', 'expired', 'unpaid', now())", "23503"
            ),
            (
                "insert into bursar.period (tenant_id, subscription_id, schedule_version, k, plan_version_id, of_days, during) "
                    + "values (1, 1, 1, 9, 1, 31, '[2026-03-31,2026-04-30)')", "23P01"
            ),
        ]
    )
    func refused(sql: String, state: String) async throws {
        try await Books.open { books in
            _ = try await books.subscribe(anchor: "2026-03-01")
            _ = try await books.renew(asOf: "2026-03-01T12:00:00Z")
            let error = await #expect(throws: PostgresError.self) { try await books.change(sql) }
            #expect(error?.sqlState?.rawValue == state)
        }
    }

    @Test("A row that someone else holds is left for a later run, and the others are issued")
    func locked() async throws {
        try await Books.open { books in
            let held = try await books.subscribe(anchor: "2026-03-01")
            for _ in 0..<5 { _ = try await books.subscribe(tenant: 2, anchor: "2026-03-01") }
            try await books.database.withPool(configure: { $0.lockTimeout = .milliseconds(50) }) { pool in
                let patient = Books(database: books.database, pool: pool)
                try await books.database.asSuperuser { connection in
                    try await connection.executeScript(
                        "begin; select 1 from bursar.subscription where id = \(held.subscription) for update",
                        name: "hold"
                    )
                    let run = try await patient.renew(asOf: "2026-03-01T12:00:00Z")
                    #expect(run.invoices == 5)
                    #expect(run.parked == 0)
                    #expect(run.postcondition == .broken("1 due to be invoiced"))
                    try await connection.executeScript("rollback", name: "release")
                }
                #expect(try await patient.renew(asOf: "2026-03-01T12:00:00Z").invoices == 1)
            }
        }
    }

    @Test("Numbers have no gap though many issue at once and a third of them rolls back")
    func noGaps() async throws {
        try await Books.open { books in
            for number in 0..<30 {
                _ = try await books.subscribe(tenant: Int64(1 + number % 3), anchor: "2026-03-01")
            }
            let due = try await books.list("select tenant_id, id from bursar.subscription order by id").enumerated().map
            {
                number,
                row in
                let parts = row.split(separator: "|").compactMap { Int64($0) }
                return (number, Renewal.Due(tenant: parts[0], subscription: parts[1]))
            }
            try await withThrowingTaskGroup(of: Void.self) { group in
                for (number, one) in due {
                    group.addTask { try await books.issue(one, outcome: number % 3 == 0 ? .rollBack : .commit) }
                }
                try await group.waitForAll()
            }
            #expect(
                try await books.list("select count(*), min(sequence), max(sequence) from bursar.invoice") == ["20|1|20"]
            )
            #expect(
                try await books.list(
                    "select count(*) from bursar.invoice a join bursar.invoice b on a.sequence < b.sequence and a.issued_at > b.issued_at"
                ) == ["0"]
            )
        }
    }

    @Test("Over the issuer's limit nothing is issued; once approved, exactly the approved and unchanged are")
    func approval() async throws {
        try await Books.open(policy: ["approve_above_invoices": "2"]) { books in
            let changing = try await books.subscribe(anchor: "2026-03-01")
            for _ in 0..<2 { _ = try await books.subscribe(tenant: 2, anchor: "2026-03-01") }
            let run = try await books.newRun(asOf: "2026-03-01T12:00:00Z")
            let asked = await #expect(throws: NeedsApproval.self) {
                _ = try await books.resume(run, asOf: "2026-03-01T12:00:00Z")
            }
            #expect(asked?.why == "Mekong would send 3 invoices, over its limit of 2")
            #expect(try await books.list("select count(*) from bursar.invoice") == ["0"])

            try await books.change(
                """
                update bursar.proposal set state = 'approved', decided_by = 'test', decided_at = now();
                update bursar.subscription_item set quantity = 2 where subscription_id = \(changing.subscription)
                """
            )
            _ = try await books.subscribe(tenant: 3, anchor: "2026-03-01")
            let approved = try await books.resume(run, asOf: "2026-03-01T12:00:00Z")
            #expect(approved.invoices == 2)
            #expect(approved.checkpoint.counters["changed_since_approval"] == 1)
        }
    }
}

extension Books {
    /// Issues for one subscription in a transaction of its own.
    fileprivate func issue(_ due: Renewal.Due, outcome: TransactionOptions.Outcome) async throws {
        guard let asOf = Instant("2026-03-01T12:00:00Z") else { return }
        let options = TransactionOptions(role: "bursar_app", tenants: [due.tenant], outcome: outcome)
        try await pool.withTransaction(options) { transaction in
            _ = try await Renewal.issue([due], Renewal.Act(asOf: asOf, run: nil), in: transaction)
        }
    }
}
