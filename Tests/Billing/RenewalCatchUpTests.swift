import Billing
import Testing

@Suite("Renewals: what is due, and making up for missed time")
struct RenewalCatchUpTests {
    @Test("After 70 local days of downtime exactly the missed months are invoiced, dated today, due counted from today")
    func seventyDays() async throws {
        try await Books.open { books in
            _ = try await books.subscribe(anchor: "2026-01-05")
            #expect(try await books.renew(asOf: "2026-01-05T01:00:00+07:00").invoices == 1)
            let run = try await books.renew(asOf: "2026-03-16T01:00:00+07:00")
            #expect(run.kept)
            #expect(run.totals == "KHR 88,000")
            let invoices = try await books.list(
                """
                select p.during, i.issue_date, i.due_date, i.grace_end, i.number
                from bursar.invoice i join bursar.period p on p.id = i.period_id order by lower(p.during)
                """
            )
            #expect(
                invoices == [
                    "[2026-01-05,2026-02-05)|2026-01-05|2026-01-12|2026-01-19|INV-2026-000001",
                    "[2026-02-05,2026-03-05)|2026-03-16|2026-03-23|2026-03-30|INV-2026-000002",
                    "[2026-03-05,2026-04-05)|2026-03-16|2026-03-23|2026-03-30|INV-2026-000003",
                ]
            )
            #expect(try await books.renew(asOf: "2026-03-16T02:00:00+07:00").invoices == 0)
        }
    }

    @Test("A weekly subscription after 70 days of downtime is parked with no invoice, and the others go on")
    func weeklyParks() async throws {
        try await Books.open { books in
            let weekly = try await books.subscribe(anchor: "2026-01-05", unit: "week")
            _ = try await books.subscribe(tenant: 2, anchor: "2026-03-10")
            let run = try await books.renew(asOf: "2026-03-16T01:00:00+07:00")
            #expect(run.parked == 1)
            #expect(run.invoices == 1)
            #expect(run.kept)
            let parked = try await books.list(
                """
                select id, parked_reason, (select count(*) from bursar.period p where p.subscription_id = s.id)
                from bursar.subscription s where parked_at is not null
                """
            )
            let reason = "11 periods are due at once, more than the 3 of the policy"
            #expect(parked == ["\(weekly.subscription)|\(reason)|0"])
            let told = try await books.list(
                "select kind, run_id = \(run.id), content ->> 'reason' from bursar.event where kind = 'subscription.parked'"
            )
            #expect(told == ["subscription.parked|t|\(reason)"])
            #expect(
                try await books.list("select count(*) from bursar.audit_entry where action = 'subscription.parked'")
                    == ["1"]
            )
        }
    }

    @Test(
        "A period is due on its first local day, not a second before it",
        arguments: [
            ("2026-02-28T16:59:59Z", 0), ("2026-02-28T17:00:00Z", 1), ("2026-03-01T23:00:00Z", 1),
        ]
    )
    func localMidnight(asOf: String, invoices: Int64) async throws {
        try await Books.open { books in
            _ = try await books.subscribe(anchor: "2026-03-01")
            #expect(try await books.renew(asOf: asOf).invoices == invoices)
        }
    }

    @Test(
        "Months anchored at the 31st end at each month's end, and return to the 31st",
        arguments: [
            ("2026-01-31", "month", 1, "same_day_clamped", ["02-28", "03-31", "04-30"]),
            ("2025-11-30", "month", 3, "same_day_clamped", ["02-28", "05-30", "08-30"]),
            ("2025-11-30", "month", 3, "last_day", ["02-28", "05-31", "08-31"]),
        ]
    )
    func monthEnds(anchor: String, unit: String, count: Int, dayPolicy: String, ends: [String]) async throws {
        try await Books.open(policy: ["catch_up_periods": "40"]) { books in
            _ = try await books.subscribe(anchor: anchor, unit: unit, count: count, dayPolicy: dayPolicy)
            _ = try await books.renew(asOf: "2026-08-01T12:00:00Z")
            let billed = try await books.list(
                "select to_char(upper(during), 'MM-DD') from bursar.period order by during limit 3"
            )
            #expect(billed == ends)
        }
    }

    @Test("Chunks of any size issue the same invoices", arguments: [1, 2, 7, 500])
    func chunks(size: Int) async throws {
        try await Books.open { books in
            for number in 0..<9 {
                _ = try await books.subscribe(tenant: Int64(1 + number % 3), anchor: "2026-03-0\(1 + number)")
            }
            let run = try await books.renew(asOf: "2026-03-31T12:00:00Z", chunk: size)
            #expect(run.invoices == 9)
            #expect(run.totals == "KHR 396,000")
            #expect(
                try await books.list("select string_agg(sequence::text, ',' order by sequence) from bursar.invoice")
                    == ["1,2,3,4,5,6,7,8,9"]
            )
        }
    }

    @Test("A dry run tells what would be issued and leaves nothing behind, not even a number")
    func dryRun() async throws {
        try await Books.open { books in
            _ = try await books.subscribe(anchor: "2026-03-01")
            let run = try await books.renew(asOf: "2026-03-31T12:00:00Z", dryRun: true)
            #expect(run.invoices == 1)
            #expect(
                try await books.list(
                    "select (select count(*) from bursar.invoice), (select count(*) from bursar.number_series), "
                        + "(select count(*) from bursar.event)"
                ) == ["0|0|0"]
            )
        }
    }
}
