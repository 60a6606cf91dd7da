import CivilTime
import Payments
import Postgres
import JobKit
import Monetary
import Testing
import Glibc

@Suite("Settling what Bakong has found")
struct SettlingTests {
    @Test(
        "A QR that was paid settles its invoice, lifts past_due in the same transaction, and tells every change with run and fence"
    )
    func exact() async throws {
        try await Till.open { till in
            try await till.change("update bursar.receivable set due_date = current_date - 3 where invoice_id = 1")
            try await till.change("update bursar.subscription set state = 'past_due' where id = 1")
            let md5 = try await till.present(1)
            #expect(try await till.states(1) == "pending: presented")
            var bank = Bank()
            try await till.reconcile(bank)
            #expect(try await till.open(1) == "44000 open")
            bank.paid[md5] = ("hash-1", 44000, "KHR")
            let checkpoint = try await till.reconcile(bank)
            #expect(checkpoint.totals.description == "KHR 44,000")
            #expect(try await till.open(1) == "0 settled")
            #expect(try await till.states(1) == "paid: confirmed")
            #expect(try await till.one("select state from bursar.subscription where id = 1") == "active")
            let moves = try await till.list(
                "select machine, from_state, to_state, cause, source, fence from bursar.payment_event order by id"
            )
            #expect(
                moves == [
                    "intent|new|open|created|contract|-", "attempt|new|created|created|contract|-",
                    "attempt|created|presented|presented|contract|-", "intent|open|pending|presented|contract|-",
                    "attempt|presented|confirmed|money_came|bakong|7", "intent|pending|paid|money_came|bakong|7",
                ]
            )
            let before = try await till.one("select count(*) from bursar.payment_event")
            try await till.reconcile(bank)
            #expect(try await till.one("select count(*) from bursar.payment_event") == before)
            #expect(try await till.drift() == "0")
        }
    }

    @Test("Too little leaves the rest open, and a second QR pays it")
    func under() async throws {
        try await Till.open { till in
            let first = try await till.present(1)
            var bank = Bank()
            bank.paid[first] = ("h1", 40000, "KHR")
            try await till.reconcile(bank)
            #expect(try await till.open(1) == "4000 open")
            #expect(try await till.states(1) == "partially_paid: confirmed")
            let second = try await till.present(1)
            bank.paid[second] = ("h2", 4000, "KHR")
            try await till.reconcile(bank)
            #expect(try await till.open(1) == "0 settled")
            #expect(try await till.states(1) == "paid: confirmed, confirmed")
        }
    }

    @Test(
        "What is too much pays the oldest other debt of the same payer, and the rest is credit that the next invoice uses"
    )
    func over() async throws {
        try await Till.open { till in
            // Tenant 2 has two invoices: 44,000 and 55,000.
            let md5 = try await till.present(2)
            var bank = Bank()
            bank.paid[md5] = ("h1", 109_000, "KHR")
            try await till.reconcile(bank)
            #expect(try await till.open(2) == "0 settled")
            #expect(try await till.open(3) == "0 settled")
            #expect(
                try await till.list("select tenant_id, currency, amount from bursar.client_credit") == ["2|KHR|10000"]
            )
            #expect(
                try await till.list("select result, amount from bursar.payment_match where role = 'settles'") == [
                    "over|109000"
                ]
            )
            #expect(try await till.drift() == "0")
            // What goes back takes the credit with it.
            try await till.change("update bursar.payment_lookup set due_at = now() - interval '1 s'")
            bank.wentBack = ["h1"]
            try await till.reconcile(bank)
            #expect(try await till.list("select * from bursar.client_credit") == [])
            #expect(try await till.open(2) == "44000 open")
        }
    }

    @Test(
        "Another amount's currency, another account, a re-used QR and a second payment wait in suspense, and nothing is settled by them"
    )
    func mismatches() async throws {
        try await Till.open { till in
            var bank = Bank()
            let md5s = try await [till.present(1), till.present(2)]
            bank.paid[md5s[0]] = ("usd", 1100, "USD")
            try await till.reconcile(bank)
            bank = Bank(paid: [md5s[1]: ("elsewhere", 44000, "KHR")], account: nil)
            try await till.reconcile(bank)
            let reused = try await till.present(4)
            bank = Bank(paid: [reused: ("old", 44000, "KHR")], at: Instant("2020-01-01T00:00:00Z"))
            try await till.reconcile(bank)
            #expect(
                try await till.suspense() == ["wrong_currency|1100|t", "wrong_account|44000|t", "too_early|44000|t"]
            )
            #expect(try await till.states(1) == "pending: mismatched")
            #expect(try await till.list("select sum(amount) from bursar.allocation") == ["-"])
            #expect(try await till.drift() == "0")
        }
    }

    @Test("Money of no QR is an orphan with suggestions and never more; two QRs of one bill number are ambiguous")
    func unreferenced() async throws {
        try await Till.open { till in
            _ = try await till.present(1, bill: "B-1")
            _ = try await till.present(4, bill: "B-1")
            var orphan = Self.line("r1", 44000)
            var two = Self.line("r2", 44000)
            two.billNumber = "B-1"
            orphan.payer = "somebody"
            try await till.see([orphan, two])
            try await till.reconcile()
            #expect(try await till.suspense() == ["orphan|44000|t", "ambiguous|44000|t"])
            #expect(
                try await till.list(
                    "select jsonb_array_length(suggestions) from bursar.suspense where reason = 'orphan'"
                ) == ["2"]
            )
            #expect(try await till.open(1) == "44000 open")
        }
    }

    @Test("A statement line confirms what a lookup had settled; a second line is a second payment")
    func twoWitnesses() async throws {
        try await Till.open { till in
            let md5 = try await till.present(1, bill: "B-1")
            try await till.reconcile(Bank(paid: [md5: ("h1", 44000, "KHR")]))
            var first = Self.line("r1", 44000)
            first.billNumber = "B-1"
            var second = first
            second.externalKey = "r2"
            second.bankReference = "r2"
            try await till.see([first, second])
            try await till.reconcile(Bank(paid: [md5: ("h1", 44000, "KHR")]))
            #expect(
                try await till.list("select role, result, kind from bursar.payment_match order by id") == [
                    "settles|exact|lookup", "confirms|same|statement",
                ]
            )
            #expect(try await till.suspense() == ["duplicate|44000|t"])
            #expect(try await till.drift() == "0")
        }
    }

    @Test("Money that the receiving bank gives back opens the invoice again")
    func wentBack() async throws {
        try await Till.open { till in
            let md5 = try await till.present(2)
            var bank = Bank(paid: [md5: ("h1", 60000, "KHR")])
            try await till.reconcile(bank)
            #expect(try await till.open(3) == "39000 open")
            try await till.change("update bursar.payment_lookup set due_at = now() - interval '1 s'")
            bank.wentBack = ["h1"]
            try await till.reconcile(bank)
            #expect(try await till.open(2) == "44000 open")
            #expect(try await till.open(3) == "55000 open")
            #expect(try await till.states(2) == "reversed: confirmed")
            #expect(try await till.list("select kind, amount from bursar.refund") == ["reversal|60000"])
            #expect(try await till.drift() == "0")
            let again = try await till.present(2)
            try await till.reconcile(Bank(paid: [again: ("h2", 44000, "KHR")]))
            #expect(try await till.states(2) == "paid: confirmed, confirmed")
        }
    }

    @Test("Nobody is told to have failed by a provider that does not answer; the watermark waits, and then moves")
    func away() async throws {
        try await Till.open { till in
            _ = try await till.present(1)
            try await till.change(
                """
                update bursar.payment_attempt set created_at = now() - interval '1 hour', presented_at = now() - interval '1 hour',
                    expires_at = now() - interval '50 minutes';
                update bursar.payment_lookup set presented_at = now() - interval '1 hour', due_at = now() - interval '50 minutes'
                """
            )
            let away = try await till.reconcile(Bank(isAway: true))
            #expect(away.counters["accounts_behind"] == 1)
            #expect(try await till.states(1) == "pending: presented")
            #expect(
                try await till.one(
                    "select watermark < now() - interval '59 minutes' from bursar.receiving_account where id = 1"
                )
                    == "t"
            )
            try await till.reconcile()
            #expect(try await till.states(1) == "expired: expired")
            #expect(
                try await till.one(
                    "select watermark > now() - interval '3 minutes' from bursar.receiving_account where id = 1"
                )
                    == "t"
            )
        }
    }

    @Test("Money that settles nothing is found again and again, and after the last sweep nobody asks any more")
    func foundForNothing() async throws {
        try await Till.open { till in
            let md5 = try await till.present(1)
            let bank = Bank(paid: [md5: ("usd", 1100, "USD")])
            try await till.reconcile(bank)
            #expect(try await till.one("select count(*) from bursar.payment_lookup") == "1")
            try await till.change(
                """
                update bursar.payment_attempt set expires_at = now() - interval '80 hours';
                update bursar.payment_lookup set due_at = now() - interval '1 s'
                """
            )
            try await till.reconcile(bank)
            #expect(try await till.one("select count(*) from bursar.payment_lookup") == "0")
            #expect(try await till.suspense() == ["wrong_currency|1100|t"])
        }
    }

    /// A line of the Bakong account's statement.
    private static func line(_ reference: String, _ amount: Int64) -> SeenMoney {
        var line = SeenMoney(
            issuer: 1,
            account: Till.bakong,
            kind: .statement,
            source: "statement:test",
            externalKey: reference,
            currency: "KHR",
            amount: amount,
            occurredAt: Instant(secondsSinceEpoch: Int(clock()))
        )
        line.bankReference = reference
        return line
    }

    private static func clock() -> Int64 {
        var now = timespec()
        clock_gettime(CLOCK_REALTIME, &now)
        return Int64(now.tv_sec)
    }
}
