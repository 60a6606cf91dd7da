import CivilTime
import JobKit
import Payments
import Postgres
import Testing

@Suite("What people do about payments")
struct PaymentActTests {
    @Test("Cash is rounded to notes, the rounding is a line of its own, and the same receipt is recorded once")
    func cash() async throws {
        try await Till.open { till in
            try await till.change(
                """
                set session_replication_role = replica;
                update bursar.receivable set total = 44037, open_amount = 44037 where invoice_id = 1;
                update bursar.receivable set total = 44063, open_amount = 44063 where invoice_id = 2;
                """
            )
            let record = "bursar.record_payment(1, 'cash', 44000, 'KHR', 'R-1', 'box 7')"
            let first = try await till.operate("to_jsonb(\(record)) - 'observation'")
            #expect(first == #"{"result": "exact", "rounding": -37, "open_amount": 0}"#)
            _ = try await till.operate(record)
            _ = try await till.operate("bursar.record_payment(2, 'cash', 44100, 'KHR', 'R-2', 'box 7')")
            #expect(
                try await till.list("select invoice_id, kind, amount from bursar.allocation order by id") == [
                    "1|payment|44000", "1|rounding|37", "2|payment|44100", "2|rounding|-37",
                ]
            )
            #expect(try await till.open(1) == "0 settled")
            #expect(try await till.open(2) == "0 settled")
            #expect(try await till.list("select * from bursar.client_credit") == [])
            await #expect(throws: PostgresError.self) {
                try await till.operate("bursar.record_payment(3, 'cash', 44000, 'KHR', 'R-1', 'box 7')")
            }
            // Undoing it undoes the rounding with it.
            try await till.operate(
                "bursar.release_match((select id from bursar.payment_match where invoice_id = 2), 'wrong invoice')"
            )
            #expect(try await till.open(2) == "44063 open")
            #expect(try await till.suspense() == ["orphan|44100|t"])
        }
    }

    @Test("Suspense is closed by assigning, refunding or writing off, by somebody and for a reason, once")
    func suspense() async throws {
        try await Till.open { till in
            try await till.see((1...3).map { Self.orphan("r\($0)", 44000) })
            try await till.reconcile()
            await #expect(throws: PostgresError.self) { try await till.operate("bursar.assign_suspense(1, 1, '')") }
            #expect(
                try await till.operate("to_jsonb(bursar.assign_suspense(1, 1, 'the payer sent his slip'))")
                    == #"{"result": "exact", "open_amount": 0}"#
            )
            try await till.operate("bursar.refund_suspense(2, 'T-9', 'paid twice')")
            try await till.operate("bursar.write_off_suspense(3, 'the bank''s own test')")
            await #expect(throws: PostgresError.self) {
                try await till.operate("bursar.write_off_suspense(3, 'again')")
            }
            #expect(try await till.open(1) == "0 settled")
            #expect(
                try await till.list("select resolution, resolved_by, resolve_reason from bursar.suspense order by id")
                    == [
                        "assigned|operator:sok|the payer sent his slip", "refunded|operator:sok|paid twice",
                        "written_off|operator:sok|the bank's own test",
                    ]
            )
            #expect(try await till.drift() == "0")
        }
    }

    @Test("Whoever asks for a write-off does not approve it; the invoice's payment is then cancelled")
    func writeOff() async throws {
        try await Till.open { till in
            _ = try await till.present(1)
            #expect(try await till.operate("bursar.request_write_off(1, 'the shop has closed')") == "1")
            await #expect(throws: PostgresError.self) { try await till.operate("bursar.approve_write_off(1, 'yes')") }
            #expect(try await till.open(1) == "44000 open")
            #expect(try await till.operate("bursar.approve_write_off(1, 'seen')", as: "dara") == "44000")
            #expect(try await till.open(1) == "0 settled")
            #expect(try await till.states(1) == "cancelled: presented")
            #expect(
                try await till.list(
                    "select action, actor from bursar.audit_entry where action like '%write%' or action like '%written%' order by id"
                ) == ["write_off.requested|operator:sok", "invoice.written_off|operator:dara"]
            )
        }
    }

    @Test("A refund opens what it had paid, up to what came and no more")
    func refund() async throws {
        try await Till.open { till in
            let md5 = try await till.present(1)
            try await till.reconcile(Bank(paid: [md5: ("h1", 44000, "KHR")]))
            try await till.operate("bursar.record_refund(1, 4000, 'T-1', 'a discount')")
            #expect(try await till.open(1) == "4000 open")
            #expect(try await till.states(1) == "partially_refunded: confirmed")
            await #expect(throws: PostgresError.self) {
                try await till.operate("bursar.record_refund(1, 40001, 'T-2', 'too much')")
            }
            try await till.operate("bursar.record_refund(1, 40000, 'T-2', 'all of it')")
            #expect(try await till.states(1) == "refunded: confirmed")
            #expect(try await till.open(1) == "44000 open")
        }
    }

    @Test("A QR is shown once, for what is open, on an account of the invoice's currency")
    func presenting() async throws {
        try await Till.open { till in
            let present = "bursar.present_payment(1, 'shop@bank', 'text', 'B-1')"
            let first = try await till.operate(present)
            #expect(try await till.operate(present) == first)
            for wrong in [
                "bursar.present_payment(2, 'shop@bank', 'text')",
                "bursar.present_payment(1, 'shop@bank', 'more', amount => 44001)",
                "bursar.present_payment(1, 'nobody@bank', 'more')", "bursar.present_payment(99, 'shop@bank', 'more')",
                "bursar.present_payment(1, 'shop@bank')",
            ] {
                let refusal = await #expect(throws: PostgresError.self) { try await till.operate(wrong) }
                #expect(refusal?.hint != nil, "\(wrong)")
            }
        }
    }

    @Test("The database refuses a move that the table does not know, whoever tries")
    func illegalMoves() async throws {
        try await Till.open { till in
            _ = try await till.present(1)
            for (table, state, cause) in [
                ("payment_intent", "refunded", "refunded"), ("payment_intent", "paid", "because"),
                ("payment_attempt", "created", "created"), ("payment_attempt", "confirmed", "claimed"),
            ] {
                await #expect(throws: PostgresError.self) {
                    try await till.change(
                        "update bursar.\(table) set state = '\(state)', cause = '\(cause)', version = version + 1"
                    )
                }
            }
            await #expect(throws: PostgresError.self) {
                try await till.change("update bursar.payment_attempt set state = 'expired', cause = 'time_over'")
            }
            for table in ["observation", "allocation", "payment_event", "credit_entry"] {
                await #expect(throws: PostgresError.self) { try await till.change("truncate bursar.\(table) cascade") }
            }
        }
    }

    private static func orphan(_ reference: String, _ amount: Int64) -> SeenMoney {
        SeenMoney(
            issuer: 1,
            account: Till.bakong,
            kind: .statement,
            source: "statement:test",
            externalKey: reference,
            currency: "KHR",
            amount: amount,
            occurredAt: Instant(secondsSinceEpoch: 1_760_000_000)
        )
    }
}
