import FoundationEssentials
import Postgres
import TestSupport
import Testing

/// The commands of payments, from the shell to the database and back.
@Suite("Payments by command")
struct PaymentCommandTests {
    @Test("A QR is shown, found paid, and explained; cash pays the next invoice, and a write-off takes two people")
    func aDayAtTheDesk() async throws {
        try await House.with(Portfolio.owed) { house in
            let daemon = try house.daemon("a")
            try await daemon.ready()
            func expect(_ arguments: String..., contains text: String, status: Int32 = 0) async throws {
                let result = try await house.bursar(arguments)
                #expect(result.status == status && result.description.contains(text), "\(arguments): \(result)")
            }
            try await expect(
                "payments",
                "account",
                "Shop@Bank",
                "--provider",
                "bakong",
                "--name",
                "Shop",
                "--rule",
                "settles_late=true",
                contains: "account 1"
            )
            try await expect(
                "payments",
                "account",
                "box",
                "--provider",
                "cash",
                "--name",
                "Box",
                "--rule",
                "settle_late=true",
                contains: "settle_late",
                status: 65
            )
            try await expect("payments", "account", "box", "--provider", "cash", "--name", "Box", contains: "account")
            let owed = try await house.query(
                """
                select i.number, i.currency, r.open_amount from bursar.receivable r
                join bursar.invoice i on i.tenant_id = r.tenant_id and i.id = r.invoice_id
                where i.currency = 'USD' and r.state = 'open' order by i.id limit 3
                """
            )
            let numbers: [String] = try owed.map { try $0.get("number") }
            let cents: Int64 = try owed[1].get("open_amount")
            let amount = "\(cents / 100).\(cents % 100 < 10 ? "0" : "")\(cents % 100)"
            let picture = "\(house.folder)/qr.svg"
            try await expect("payments", "present", numbers[0], "--svg", picture, contains: "00020101")
            #expect(contents(of: picture).contains("<svg"))
            let decoded = try await house.bursar("payments", "list", "--invoice", numbers[0], "--json")
            #expect(decoded.output.contains("\"presented\""), "\(decoded)")
            try await expect("payments", "show", "1", contains: "presented")
            try await expect("explain", "invoice", numbers[0], contains: "attempt 1 is asked about at")
            try await expect(
                "payments",
                "record",
                "--invoice",
                numbers[1],
                "--method",
                "cash",
                "--amount",
                amount,
                "--currency",
                "USD",
                "--reference",
                "R-1",
                "--evidence",
                "book 7",
                contains: "USD 0.00 of the invoice is open"
            )
            try await expect("explain", "invoice", numbers[1], contains: "nothing: it is settled")
            try await expect(
                "payments",
                "record",
                "--invoice",
                numbers[2],
                "--method",
                "cash",
                "--amount",
                "1",
                "--currency",
                "EUR",
                "--reference",
                "R-2",
                "--evidence",
                "book 7",
                contains: "EUR",
                status: 64
            )
            try await expect("invoices", "write-off", numbers[2], contains: "reason", status: 65)
            try await expect("invoices", "write-off", numbers[2], "--reason", "gone", contains: "request 1")
            try await expect(
                "invoices",
                "write-off",
                "--approve",
                "1",
                "--reason",
                "yes",
                contains: "does not approve",
                status: 77
            )
            try await expect("invoices", "write-off", "--waiting", contains: numbers[2])
            try await expect("explain", "invoice", "INV-9999-999999", contains: "no invoice", status: 65)
            try await expect("verify", contains: "held")
        }
    }
}
