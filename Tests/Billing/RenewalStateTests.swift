import Billing
import Testing

@Suite("Renewals: states that time changes")
struct RenewalStateTests {
    @Test("A trial ends on its day and the first invoice covers the first paid period")
    func trial() async throws {
        try await Books.open { books in
            _ = try await books.subscribe(anchor: "2026-03-15", trialFrom: "2026-03-01", state: "pending")
            #expect(try await books.renew(asOf: "2026-03-02T12:00:00Z").invoices == 0)
            #expect(try await books.list("select state from bursar.subscription") == ["trialing"])
            #expect(try await books.renew(asOf: "2026-03-14T12:00:00Z").invoices == 0)
            let run = try await books.renew(asOf: "2026-03-15T12:00:00Z")
            #expect(run.invoices == 1)
            #expect(try await books.list("select during from bursar.period") == ["[2026-03-15,2026-04-15)"])
            #expect(
                try await books.list(
                    "select seq, from_state, to_state, cause from bursar.subscription_transition order by seq"
                ) == [
                    "1|new|pending|created", "2|pending|trialing|started", "3|trialing|active|trial_ended",
                ]
            )
        }
    }

    @Test("A subscription that ends bills what began before its last day, and nothing after, however late the run")
    func cancel() async throws {
        try await Books.open { books in
            let ending = try await books.subscribe(anchor: "2026-01-01")
            _ = try await books.renew(asOf: "2026-01-01T12:00:00Z")
            try await books.change(
                "update bursar.subscription set cancel_on = '2026-03-01' where id = \(ending.subscription)"
            )
            let run = try await books.renew(asOf: "2026-05-20T12:00:00Z")
            #expect(run.invoices == 1)
            #expect(run.kept)
            #expect(try await books.list("select max(upper(during)) from bursar.period") == ["2026-03-01"])
            #expect(try await books.list("select state from bursar.subscription") == ["canceled"])
            #expect(try await books.renew(asOf: "2026-06-20T12:00:00Z").invoices == 0)
        }
    }

    @Test(
        "A change of plan takes over at its boundary: items, interval and price, even when several periods are made up"
    )
    func downgrade() async throws {
        try await Books.open { books in
            let changing = try await books.subscribe(anchor: "2026-01-31", amounts: [50_000])
            let other = try await books.subscribe(tenant: 2, anchor: "2026-12-01", amounts: [20_000])
            _ = try await books.renew(asOf: "2026-01-31T12:00:00Z")
            // From 28 February on the other plan, with the anchor kept.
            try await books.change(
                """
                update bursar.subscription_item set valid_until = '2026-02-28' where subscription_id = \(changing.subscription);
                update bursar.subscription_schedule set valid_until = '2026-02-28' where subscription_id = \(changing.subscription);
                insert into bursar.subscription_item (tenant_id, subscription_id, price_id, quantity, valid_from)
                select 1, \(changing.subscription), price_id, 1, '2026-02-28' from bursar.subscription_item
                where subscription_id = \(other.subscription);
                insert into bursar.subscription_schedule (tenant_id, subscription_id, version, plan_version_id, anchor_date,
                    unit, count, day_policy, first_k, valid_from)
                select 1, \(changing.subscription), 2, plan_version_id, '2026-01-31', unit, count, day_policy, 1, '2026-02-28'
                from bursar.subscription_schedule where subscription_id = \(other.subscription);
                """
            )
            #expect(try await books.renew(asOf: "2026-04-01T12:00:00Z").invoices == 2)
            #expect(
                try await books.list(
                    """
                    select p.during, p.schedule_version, p.k, i.subtotal from bursar.invoice i
                    join bursar.period p on p.id = i.period_id order by p.during
                    """
                ) == [
                    "[2026-01-31,2026-02-28)|1|0|50000", "[2026-02-28,2026-03-31)|2|1|20000",
                    "[2026-03-31,2026-04-30)|2|2|20000",
                ]
            )
            #expect(
                try await books.list(
                    "select schedule_version, next_k, next_from from bursar.subscription where id = \(changing.subscription)"
                ) == ["2|3|2026-04-30"]
            )
        }
    }

    @Test("A hold keeps a subscription back while it is in force, and only then")
    func hold() async throws {
        try await Books.open { books in
            let held = try await books.subscribe(anchor: "2026-03-01")
            try await books.change(
                """
                insert into bursar.billing_hold (tenant_id, subscription_id, source, reason, valid_from, valid_until)
                values (1, \(held.subscription), 'sales', 'being renegotiated', '2026-02-20', '2026-03-10')
                """
            )
            let run = try await books.renew(asOf: "2026-03-09T12:00:00Z")
            #expect(run.invoices == 0)
            #expect(run.kept)
            #expect(try await books.renew(asOf: "2026-03-10T12:00:00Z").invoices == 1)
        }
    }

    @Test("A pause that is over leaves its days uncharged and bills the rest of the period")
    func pause() async throws {
        try await Books.open { books in
            _ = try await books.subscribe(anchor: "2026-01-01", amounts: [31_000])
            _ = try await books.renew(asOf: "2026-01-01T12:00:00Z")
            try await books.change("update bursar.subscription set state = 'paused', paused_until = '2026-03-11'")
            #expect(try await books.renew(asOf: "2026-03-01T12:00:00Z").invoices == 0)
            let run = try await books.renew(asOf: "2026-03-20T12:00:00Z")
            #expect(run.invoices == 1)
            #expect(
                try await books.list("select during, cause from bursar.billing_gap") == [
                    "[2026-02-01,2026-03-11)|paused"
                ]
            )
            #expect(
                try await books.list("select state, paused_until, next_from from bursar.subscription")
                    == ["past_due|-|2026-04-01"]
            )
            #expect(
                try await books.list("select subtotal from bursar.invoice order by sequence") == ["31000", "21000"]
            )
        }
    }

    @Test(
        "An unpaid invoice makes its subscription past due on the day after its due date",
        arguments: [
            ("2026-03-08T12:00:00Z", "active"), ("2026-03-08T17:00:00Z", "past_due"),
        ]
    )
    func pastDue(asOf: String, state: String) async throws {
        try await Books.open { books in
            _ = try await books.subscribe(anchor: "2026-03-01")
            _ = try await books.renew(asOf: "2026-03-01T12:00:00Z")
            #expect(try await books.renew(asOf: asOf).kept)
            #expect(try await books.list("select state from bursar.subscription") == [state])
        }
    }

    @Test("Rounding dust makes nobody past due")
    func dust() async throws {
        try await Books.open(policy: ["tolerance_khr": "99"]) { books in
            _ = try await books.subscribe(anchor: "2026-03-01")
            _ = try await books.renew(asOf: "2026-03-01T12:00:00Z")
            try await books.change("update bursar.receivable set open_amount = 99")
            _ = try await books.renew(asOf: "2026-03-20T12:00:00Z")
            #expect(try await books.list("select state from bursar.subscription") == ["active"])
        }
    }

    @Test("A past due subscription goes on being invoiced")
    func pastDueBills() async throws {
        try await Books.open { books in
            _ = try await books.subscribe(anchor: "2026-03-01")
            _ = try await books.renew(asOf: "2026-03-01T12:00:00Z")
            _ = try await books.renew(asOf: "2026-03-20T12:00:00Z")
            #expect(try await books.renew(asOf: "2026-04-01T12:00:00Z").invoices == 1)
        }
    }
}
