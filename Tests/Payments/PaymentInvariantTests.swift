import Billing
import CivilTime
import JobKit
import Payments
import Postgres
import TestSupport
import Testing

@Suite("The invariants of payments")
struct PaymentInvariantTests {
    /// A till in which everything has happened once: QRs paid, underpaid, overpaid, refunded, gone back, paid by hand, in suspense.
    private static func withEverything(_ body: (Till, PostgresPool) async throws -> Void) async throws {
        try await Till.open(tenants: 4) { till in
            let md5s = try await [till.present(1), till.present(2), till.present(4), till.present(5), till.present(7)]
            var bank = Bank(paid: [
                md5s[0]: ("h1", 44000, "KHR"), md5s[1]: ("h2", 200_000, "KHR"), md5s[2]: ("h3", 44000, "KHR"),
                md5s[3]: ("h4", 55000, "USD"),
            ])
            try await till.reconcile(bank)
            try await till.operate(
                "bursar.record_payment(8, 'cash', 55000, 'KHR', 'R-1', 'box 7', reason => 'paid at the desk')"
            )
            try await till.operate(
                "bursar.record_refund((select id from bursar.payment_match where provider_hash = 'h1' and role = 'settles'), 4000, 'T-1', 'too much')"
            )
            try await till.change("update bursar.payment_lookup set due_at = now() - interval '1 s'")
            bank.wentBack = ["h3"]
            try await till.reconcile(bank)
            try await till.database.withPool(user: "postgres") { owner in try await body(till, owner) }
        }
    }

    @Test("All hold after everything has happened once")
    func green() async throws {
        try await Self.withEverything { till, _ in
            let red = try await Self.red(Invariant.all + Invariant.payments, till.pool)
            #expect(red == [])
            #expect(
                Invariant.payments.map(\.id) == [
                    "I5", "I12", "P1", "P2", "P9", "P4", "P5", "P6", "P7", "P8", "P10", "P11",
                ]
            )
        }
    }

    @Test("What breaks one invariant turns that one red, and no other")
    func breakers() async throws {
        try await Self.withEverything { _, owner in
            var red: [String: [String]] = [:]
            for broken in Invariant.payments {
                var options = TransactionOptions(settings: [("session_replication_role", "replica")])
                options.outcome = .rollBack
                let deed = Statement(
                    "test.break_\(broken.id)",
                    "do $breaker$ begin \(broken.breaker.script) end $breaker$"
                )
                red[broken.id] = try await owner.withTransaction(options) { transaction in
                    try await transaction.query(deed)
                    await transaction.setRole("bursar_ops")
                    return try await Self.red(Invariant.all + Invariant.payments, in: transaction)
                }
            }
            #expect(red == Dictionary(uniqueKeysWithValues: Invariant.payments.map { ($0.id, [$0.id]) }))
        }
    }

    private static func red(_ invariants: [Invariant], _ pool: PostgresPool) async throws -> [String] {
        try await pool.withTransaction(Invariant.transaction) { try await red(invariants, in: $0) }
    }

    private static func red(_ invariants: [Invariant], in transaction: Transaction) async throws -> [String] {
        let now = try await Invariant.businessNow(in: transaction)
        var red: [String] = []
        for invariant in invariants {
            let check = try await invariant.check(asOf: now, in: transaction)
            if !check.held {
                red.append(invariant.id)
                if red.count > 1 { print(invariant.id, check.examples) }
            }
        }
        return red
    }
}
