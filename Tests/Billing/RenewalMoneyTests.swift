import Billing
import Testing

@Suite("Renewals: amounts, tax and rates")
struct RenewalMoneyTests {
    @Test("Tax is rounded once for the invoice and shared out to the lines by largest remainder")
    func taxOnce() async throws {
        try await Books.open(policy: ["tax_rate_basis_points": "2000"]) { books in
            _ = try await books.subscribe(anchor: "2026-03-01", amounts: [6833, 6833, 5750, 8500])
            _ = try await books.renew(asOf: "2026-03-01T12:00:00Z")
            #expect(try await books.list("select subtotal, tax, total from bursar.invoice") == ["27916|5583|33499"])
            #expect(
                try await books.list("select tax from bursar.invoice_line order by line") == [
                    "1367", "1366", "1150", "1700",
                ]
            )
        }
    }

    @Test("A zero total is issued and numbered, and settled at issue")
    func zeroTotal() async throws {
        try await Books.open { books in
            _ = try await books.subscribe(anchor: "2026-03-01", amounts: [0])
            _ = try await books.renew(asOf: "2026-03-01T12:00:00Z")
            #expect(
                try await books.list(
                    "select i.total, i.sequence, r.state, r.settled_at = i.issued_at from bursar.invoice i "
                        + "join bursar.receivable r on r.invoice_id = i.id"
                ) == ["0|1|settled|t"]
            )
        }
    }

    @Test("A dollar invoice carries its riel total with the rate, its source and its own date")
    func dollars() async throws {
        try await Books.open { books in
            try await books.change(
                """
                insert into bursar.exchange_rate (source, base, quote, rate_date, rate) values
                    ('nbc', 'USD', 'KHR', '2026-02-25', 4010), ('nbc', 'USD', 'KHR', '2026-02-27', 4013.0000),
                    ('nbc', 'USD', 'KHR', '2026-03-02', 4020), ('other', 'USD', 'KHR', '2026-03-01', 1)
                """
            )
            _ = try await books.subscribe(anchor: "2026-03-01", currency: "USD", amounts: [2726])
            _ = try await books.renew(asOf: "2026-03-01T12:00:00Z")
            #expect(
                try await books.list(
                    "select total, khr_total, exchange_rate, rate_source, rate_date from bursar.invoice"
                )
                    == ["2999|120350|4013.0000|nbc|2026-02-27"]
            )
        }
    }

    @Test("With a rate that is too old dollar subscriptions wait, unparked, and the rest go on")
    func oldRate() async throws {
        try await Books.open { books in
            try await books.change(
                "insert into bursar.exchange_rate (source, base, quote, rate_date, rate) values ('nbc', 'USD', 'KHR', '2026-02-21', 4010)"
            )
            _ = try await books.subscribe(anchor: "2026-03-01", currency: "USD", amounts: [2726])
            _ = try await books.subscribe(tenant: 2, anchor: "2026-03-01")
            let run = try await books.renew(asOf: "2026-03-01T12:00:00Z")
            #expect(run.invoices == 1)
            #expect(run.kept)
            #expect(
                try await books.list("select count(*) from bursar.subscription where parked_at is not null") == ["0"]
            )
            try await books.change(
                "insert into bursar.exchange_rate (source, base, quote, rate_date, rate) values ('nbc', 'USD', 'KHR', '2026-02-28', 4010)"
            )
            #expect(try await books.renew(asOf: "2026-03-02T12:00:00Z").invoices == 1)
        }
    }

    @Test("Billing that goes on in mid-period charges the rest by local days, rounded once")
    func proration() async throws {
        try await Books.open { books in
            let sold = try await books.subscribe(anchor: "2026-03-01", amounts: [10_000, 5_001])
            try await books.change(
                """
                update bursar.subscription set next_from = '2026-03-12', issue_on = '2026-03-12', charged_through = '2026-03-12'
                where id = \(sold.subscription)
                """
            )
            _ = try await books.renew(asOf: "2026-03-15T12:00:00Z")
            // 20 of 31 days of 15,001 are 9,678.06; 10,000 of it are 6,451.65.
            #expect(
                try await books.list("select days, of_days, amount from bursar.invoice_line order by line")
                    == ["20|31|6452", "20|31|3226"]
            )
            #expect(try await books.list("select subtotal, tax from bursar.invoice") == ["9678|968"])
            #expect(try await books.list("select next_k, next_from from bursar.subscription") == ["1|2026-04-01"])
        }
    }

    @Test("The hash of an invoice is the one of what it says, with its lines")
    func hash() async throws {
        try await Books.open { books in
            _ = try await books.subscribe(anchor: "2026-03-01", amounts: [10_000, 5_001])
            _ = try await books.renew(asOf: "2026-03-01T12:00:00Z")
            let matching = """
                select count(*) from bursar.invoice i where content_hash = sha256(convert_to(bursar.invoice_content(
                    i.id, i.tenant_id, i.issuer_id, i.subscription_id, i.period_id, i.number, i.issue_date, i.due_date,
                    i.grace_end, i.currency, i.subtotal, i.tax, i.total, i.tax_rate_basis_points, i.policy_id,
                    i.exchange_rate, i.rate_source, i.rate_date, i.khr_total, i.issued_at,
                    (select string_agg(bursar.invoice_line_content(l.line, l.item_id, l.price_id, l.description, l.quantity,
                        l.unit_amount, l.days, l.of_days, l.amount, l.tax), ', ' order by l.line)
                     from bursar.invoice_line l where l.tenant_id = i.tenant_id and l.invoice_id = i.id)), 'UTF8'))
                """
            #expect(try await books.list(matching) == ["1"])
            try await books.change(
                """
                alter table bursar.invoice_line disable trigger all;
                update bursar.invoice_line set description = 'Another item' where line = 2
                """
            )
            #expect(try await books.list(matching) == ["0"])
        }
    }
}
