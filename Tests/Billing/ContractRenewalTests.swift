import Billing
import Postgres
import TestSupport
import Testing

@Suite("What the contract asked for, renewals bill")
struct ContractRenewalTests {
    private static let invoiced = """
        select i.subscription_id, p.during, i.total, l.days || '/' || l.of_days
        from bursar.invoice i
        join bursar.period p on p.tenant_id = i.tenant_id and p.id = i.period_id
        join bursar.invoice_line l on l.tenant_id = i.tenant_id and l.invoice_id = i.id and l.line = 1
        order by i.id
        """

    /// Books whose plans were made through the contract, at an instant of business time.
    private func withBooks(_ body: (Books, Psql) async throws -> Void) async throws {
        try await Books.open(policy: ["tax_rate_basis_points": "0"]) { books in
            let client = Psql(database: books.database)
            try await client.setBusinessTime("2026-01-31 12:00+07")
            _ = try await client.value(
                """
                select bursar.create_plan_version(1, 'month', '[{"code": "seat", "description": "Seat", "unit_amount": 30000}]', 'KHR');
                select bursar.create_plan_version(1, 'week', '[{"code": "seat", "description": "Seat", "unit_amount": 7000}]', 'KHR', unit => 'week');
                select bursar.subscribe(1, 'order-1', 'month', '[{"price": "seat"}]');
                """
            )
            try await body(books, client)
            try await invariantsHold(books)
        }
    }

    /// Every invariant of `verify` holds after what the contract and renewals did.
    private func invariantsHold(_ books: Books) async throws {
        try await books.pool.withTransaction(Invariant.transaction) { transaction in
            let now = try await Invariant.businessNow(in: transaction)
            for invariant in Invariant.all {
                let check = try await invariant.check(asOf: now, in: transaction)
                #expect(check.held, "\(check.id) \(check.title): \(check.examples)")
            }
        }
    }

    /// Moves business time to noon of a day, and runs renewals then.
    private func renew(_ books: Books, _ client: Psql, _ day: String) async throws -> Books.Run {
        try await client.setBusinessTime("\(day) 12:00+07")
        return try await books.renew(asOf: "\(day)T12:00:00+07:00")
    }

    @Test("A pause across a boundary is not charged, and the rest of the running period is, by its days")
    func pause() async throws {
        try await withBooks { books, client in
            _ = try await renew(books, client, "2026-01-31")
            _ = try await client.value("select bursar.pause_subscription(1)")
            #expect(try await renew(books, client, "2026-03-05").invoices == 0)
            try await client.setBusinessTime("2026-04-10 12:00+07")
            #expect(try await client.value("select bursar.resume_subscription(1)") == "2026-04-10")
            #expect(try await renew(books, client, "2026-04-10").kept)
            #expect(try await renew(books, client, "2026-04-30").kept)
            #expect(
                try await books.list(Self.invoiced) == [
                    "1|[2026-01-31,2026-02-28)|30000|28/28",
                    "1|[2026-04-10,2026-04-30)|20000|20/30",
                    "1|[2026-04-30,2026-05-31)|30000|31/31",
                ]
            )
        }
    }

    @Test("A change of plan and items is billed from the boundary on that the function named")
    func change() async throws {
        try await withBooks { books, client in
            _ = try await renew(books, client, "2026-01-31")
            #expect(
                try await client.value(
                    "select bursar.change_plan(1, 'week', '[{\"price\": \"seat\", \"quantity\": 2}]')"
                )
                    == "2026-02-28"
            )
            #expect(try await renew(books, client, "2026-03-07").kept)
            #expect(
                try await books.list(Self.invoiced) == [
                    "1|[2026-01-31,2026-02-28)|30000|28/28",
                    "1|[2026-02-28,2026-03-07)|14000|7/7",
                    "1|[2026-03-07,2026-03-14)|14000|7/7",
                ]
            )
            #expect(
                try await client.value("select plan, next_plan is null from bursar.client_subscription") == "week|t"
            )
        }
    }

    @Test("A cancellation at the period's end bills what starts before it and nothing after")
    func cancel() async throws {
        try await withBooks { books, client in
            try await client.setBusinessTime("2026-02-10 12:00+07")
            #expect(try await client.value("select * from bursar.cancel_subscription(1)") == "active|2026-02-28")
            #expect(try await renew(books, client, "2026-03-15").kept)
            #expect(try await books.list(Self.invoiced) == ["1|[2026-01-31,2026-02-28)|30000|28/28"])
            #expect(try await client.value("select state from bursar.client_subscription") == "canceled")
        }
    }

    @Test("An earlier anchor cuts the first period")
    func anchor() async throws {
        try await withBooks { books, client in
            _ = try await client.value(
                "select bursar.subscribe(1, 'order-2', 'month', '[{\"price\": \"seat\"}]', anchor => '2025-12-15')"
            )
            #expect(try await renew(books, client, "2026-02-15").kept)
            #expect(
                try await books.list(Self.invoiced).filter { $0.hasPrefix("2|") } == [
                    "2|[2026-01-31,2026-02-15)|14516|15/31", "2|[2026-02-15,2026-03-15)|30000|28/28",
                ]
            )
        }
    }

    @Test(
        "A subscription that was unparked to be billed is billed in full, and one that was waived from the running period on"
    )
    func unpark() async throws {
        try await withBooks { books, client in
            _ = try await client.value("select bursar.subscribe(1, 'order-2', 'month', '[{\"price\": \"seat\"}]')")
            let late = try await renew(books, client, "2026-06-10")
            #expect(late.parked == 2)
            #expect(late.kept)
            var operators = client
            operators.user = "postgres"
            _ = try await operators.value(
                "select bursar.unpark_subscription(1, 'bill', 'agreed'), bursar.unpark_subscription(2, 'waive', 'our fault')"
            )
            let next = try await renew(books, client, "2026-06-11")
            #expect(next.invoices == 6)
            #expect(next.parked == 0)
            #expect(next.kept)
            #expect(
                try await books.list(
                    "select subscription_id, count(*), min(lower(during)) from bursar.period group by 1 order by 1"
                )
                    == ["1|5|2026-01-31", "2|1|2026-05-31"]
            )
            #expect(
                try await books.list("select during, cause from bursar.billing_gap") == [
                    "[2026-01-31,2026-05-31)|waived"
                ]
            )
        }
    }

    @Test("A hold stops billing until its source releases it; a promise does not")
    func holds() async throws {
        try await withBooks { books, client in
            _ = try await client.value(
                "select bursar.hold_billing(1, reason => 'wait'); select bursar.promise(1, '2026-03-15')"
            )
            let held = try await renew(books, client, "2026-02-01")
            #expect(held.invoices == 0)
            #expect(held.kept)
            _ = try await client.value("select bursar.release_hold(1)")
            #expect(try await renew(books, client, "2026-02-01").invoices == 1)
        }
    }
}
