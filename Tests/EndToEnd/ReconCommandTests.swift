import Glibc
import TestSupport
import Testing

@Suite("Statements and suspense, as an accountant works with them")
struct ReconCommandTests {
    private static let layouts = """
        version: 1
        layouts:
          bank:
            columns: { bank_reference: Ref, amount: Amount }
            currency: KHR
            bill_pattern: { column: Remark, pattern: "B-[0-9]+" }
            time: { column: At, format: "%Y-%m-%d %H:%M:%S", zone: Asia/Phnom_Penh }
        """

    /// A house with invoices, an account that waits for statements, and QRs B-1 to B-3 of the first three invoices in riel.
    private func open(_ body: (House, Daemon, [String: String]) async throws -> Void) async throws {
        try await House.with(Portfolio.small) { house in
            #expect(try await house.bursar("run", "renewals", "--here").status == 0)
            try await house.database.setUp(
                """
                insert into bursar.receiving_account (issuer_id, provider, account, name, statement_required)
                select min(id), 'bank', '000123', 'Bank', true from bursar.issuer;
                select bursar.present_payment(i.invoice_id, '000123', 'qr ' || i.place, 'B-' || i.place)
                from (
                    select r.invoice_id, row_number() over (order by r.invoice_id) as place
                    from bursar.receivable r where r.currency = 'KHR' and r.open_amount > 0
                ) as i
                where i.place <= 3
                """
            )
            write(Self.layouts, to: "\(house.folder)/layouts.yaml")
            let settings = ["BURSAR_PAYMENTS_STATEMENTS": "\(house.folder)/layouts.yaml"]
            let daemon = try house.daemon("a", settings: settings)
            try await daemon.ready()
            try await body(house, daemon, settings)
        }
    }

    @Test(
        "A statement is imported, reconciled, and what it could not place is closed with a reason; the exit codes tell"
    )
    func wholeWay() async throws {
        try await open { house, _, settings in
            let (day, open) = try await firstInvoice(house)
            let before = try await house.bursar("recon", "status", "--max-age", "1d")
            #expect(before.status == 1 && before.output.contains("statement"), "\(before)")

            let rows =
                "Ref,At,Amount,Remark\nR1,\(day) 10:00:00,\(open),for B-1\nR2,\(day) 10:00:01,777,who knows\nR3,x,1,\n"
            write(rows, to: "\(house.folder)/a.csv")
            let words = ["recon", "import", "a.csv", "--account", "000123", "--layout", "bank"]
            let dry = try await house.bursar(words + ["--dry-run"])
            #expect(dry.status == 1 && dry.output.contains("line 4: \"x\" is no time"), "\(dry)")
            let first = try await house.bursar(words)
            #expect(first.status == 1 && first.output.contains("2 rows new, 0 rows known"), "\(first)")
            let again = try await house.bursar(words)
            #expect(again.output.contains("imported before"), "\(again)")
            #expect(try await house.bursar("recon", "imports", "--bad-rows", "1").output.contains("line 4"))

            let run = try await house.bursar("recon", "run", "--wait", "--reason", "the statement came")
            #expect(run.status == 0 && run.output.contains("1 settled"), "\(run)")
            let status = try await house.bursar("recon", "status")
            #expect(status.status == 0 && status.output.contains("1 orphan, KHR 777"), "\(status)")
            #expect(try await house.bursar("recon", "totals", "--to", day, "--json").output.contains("\"drift\": 0"))

            let listed = try await house.bursar("recon", "suspense")
            #expect(listed.output.contains("orphan") && listed.output.contains("KHR 777"), "\(listed)")
            let id = try await house.value("select min(id)::text from bursar.suspense") as String
            #expect(try await house.bursar("recon", "suspense", id).output.contains("who knows"))
            let number: String = try await house.value(
                "select number from bursar.invoice where id = (select invoice_id from bursar.payment_attempt a join bursar.payment_intent i on i.id = a.intent_id where a.bill_number = 'B-2')"
            )
            #expect(try await house.bursar("recon", "assign", id, "--invoice", number).status == 64)
            let assigned = try await house.bursar(
                "recon",
                "assign",
                id,
                "--invoice",
                number,
                "--reason",
                "the payer called"
            )
            #expect(assigned.status == 0 && assigned.output.contains("under"), "\(assigned)")
            let twice = try await house.bursar("recon", "write-off", id, "--reason", "again")
            #expect(twice.status == 65 && twice.errors.contains("was assigned"), "\(twice)")
            #expect(try await house.bursar("recon", "refund", "99", "--reference", "x", "--reason", "y").status == 65)

            write(Self.layouts + "\n    delimeter: ;\n", to: "\(house.folder)/layouts.yaml")
            house.schedules("{}")
            let check = try await house.bursar(["check"], settings: settings)
            #expect(
                check.status == 65 && check.errors.contains("layouts.yaml:8:5: unknown key \"delimeter\""),
                "\(check)"
            )
        }
    }

    @Test(
        "A daemon that is killed while it reads loses no row, and memory does not grow with the file",
        .timeLimit(.minutes(8))
    )
    func killed() async throws {
        try await open { house, daemon, settings in
            let (day, _) = try await firstInvoice(house)
            write(Self.sheet(1...20_000, day), to: "\(house.folder)/large.csv")
            let words = ["recon", "import", "large.csv", "--account", "000123", "--layout", "bank"]
            async let broken = house.bursar(words, within: .seconds(240))
            try await waitUntil("some of it is read", within: .seconds(120)) {
                try await house.value("select (coalesce(max(good_rows), 0) > 0)::text from bursar.statement_import")
                    == "true"
            }
            daemon.process.signal(SIGKILL)
            #expect(try await broken.status != 0)
            let again = try house.daemon("a", settings: settings)
            try await again.ready()
            let done = try await house.bursar(words, within: .seconds(240))
            #expect(done.status == 0 && done.output.contains("20000 rows new, 0 rows known"), "\(done)")
            #expect(try await house.value("select count(*)::text from bursar.observation") == "20000")

            let before = peak(again)
            write(Self.sheet(20_001...120_000, day), to: "\(house.folder)/larger.csv")
            let larger = try await house.bursar(
                ["recon", "import", "larger.csv"] + words.dropFirst(3),
                within: .seconds(240)
            )
            #expect(larger.status == 0 && larger.output.contains("100000 rows new"), "\(larger)")
            let grown = peak(again) - before
            #expect(grown < 24 << 10, "it grew by \(grown) KiB from \(before)")
        }
    }

    private static func sheet(_ numbers: ClosedRange<Int>, _ day: String) -> String {
        numbers.reduce(into: "Ref,At,Amount,Remark\n") { $0 += "L\($1),\(day) 11:00:00,\(1000 + $1),nobody's\n" }
    }

    /// The largest resident size of the daemon's life, in KiB.
    private func peak(_ daemon: Daemon) -> Int {
        let line = contents(of: "/proc/\(daemon.process.pid)/status").split(separator: "\n").first {
            $0.hasPrefix("VmHWM")
        }
        return line.flatMap { Int($0.filter(\.isNumber)) } ?? 0
    }

    /// The local day on which QR B-1 was shown, and what it asks for.
    private func firstInvoice(_ house: House) async throws -> (day: String, open: String) {
        let from = "from bursar.payment_attempt where bill_number = 'B-1'"
        return (
            try await house.value(
                "select to_char(presented_at at time zone 'Asia/Phnom_Penh' + interval '1 day', 'YYYY-MM-DD') \(from)"
            ),
            try await house.value("select amount::text \(from)")
        )
    }
}
