import CivilTime
import JobKit
import Payments
import Postgres
import Testing

@Suite("Placing what was seen, a chunk at a time")
struct ReconPlacingTests {
    @Test("A move that the table does not know is refused with those that it knows, and so is one that hides another")
    func illegalMoves() async throws {
        try await Till.open { till in
            _ = try await till.present(1)
            let unknown = await #expect(throws: PostgresError.self) {
                try await till.change(
                    "update bursar.payment_intent set state = 'refunded', cause = 'refunded', version = version + 1"
                )
            }
            #expect(
                unknown?.sqlState?.rawValue == "BU003" && unknown?.hint?.contains("paid (money_came)") == true,
                "\(String(describing: unknown))"
            )
            let hidden = await #expect(throws: PostgresError.self) {
                try await till.change("update bursar.payment_attempt set state = 'confirmed', cause = 'money_came'")
            }
            #expect(
                hidden?.sqlState?.rawValue == "BU003" && hidden?.message.contains("is at version 2") == true,
                "\(String(describing: hidden))"
            )
            #expect(try await till.states(1) == "pending: presented")
        }
    }

    @Test("Two QRs of one invoice that are paid in one chunk pay it once; the second is credit")
    func sharedInvoice() async throws {
        try await Till.open { till in
            let first = try await till.present(1)
            let second = try await till.present(1)
            try await till.reconcile(Bank(paid: [first: ("h1", 44000, "KHR"), second: ("h2", 44000, "KHR")]))
            #expect(try await till.open(1) == "0 settled")
            #expect(try await till.states(1) == "paid: confirmed, confirmed")
            #expect(try await till.list("select amount from bursar.allocation") == ["44000"])
            #expect(try await till.list("select currency, amount from bursar.client_credit") == ["KHR|44000"])
            #expect(try await till.drift() == "0")
        }
    }

    @Test("Two runs at once place each observation once", arguments: 1...3)
    func twoAtOnce(_ round: Int) async throws {
        try await Till.open(tenants: 8) { till in
            for invoice in 1...30 { _ = try await till.present(Int64(invoice), bill: "B-\(invoice)") }
            var seen: [SeenMoney] = []
            for invoice in 1...33 {
                var line = SeenMoney(
                    issuer: 1,
                    account: Till.bakong,
                    kind: .statement,
                    source: "statement:test",
                    externalKey: "\(invoice)",
                    currency: "KHR",
                    amount: 1000,
                    occurredAt: Instant(secondsSinceEpoch: 1_900_000_000)
                )
                line.billNumber = "B-\(invoice)"
                seen.append(line)
            }
            try await till.see(seen)
            async let one = till.reconcile()
            async let other = till.reconcile()
            let checkpoints = try await [one, other]
            #expect(checkpoints.reduce(0) { $0 + ($1.counters["settled"] ?? 0) } == 30)
            #expect(checkpoints.reduce(0) { $0 + ($1.counters["suspense"] ?? 0) } == 3)
            #expect(try await till.one("select count(*) || ' ' || sum(amount) from bursar.payment_match") == "30 30000")
            #expect(try await till.drift() == "0")
        }
    }
}
