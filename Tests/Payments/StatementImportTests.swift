import CivilTime
import Foundation
import Payments
import Postgres
import Testing

@Suite("Importing statement files")
struct StatementImportTests {
    @Test("Rows are kept, unreadable ones told by line; the money finds its invoices, and the same bytes are read once")
    func imports() async throws {
        try await Till.open { till in
            _ = try await till.present(1, bill: "INV-1")
            let file = try Sheet.file(
                """
                Ref,At,In,Out,Remark
                R1,2026-11-24 10:00:00,"44,000.00",,for INV-1 thanks
                R2,2026-11-24 11:00:00,x,,
                R3,yesterday,1,,
                R4,2026-11-24 12:00:00,,500,a fee
                R5,2026-11-24 13:00:00,7000.5,,half a riel
                "R6",2026-11-24 14:00:00,7000,,"nobody's
                money"
                R7,2026-11-24
                """
            )
            let answer = try await Sheet.read(file, till)
            #expect((answer.good, answer.bad, answer.known, answer.other) == (2, 4, 0, 1), "\(answer)")
            #expect(answer.problems.map(\.line) == [3, 4, 6, 9], "\(answer.problems)")
            #expect(answer.coversFrom?.description == "2026-11-24T03:00:00Z")
            #expect(
                try await till.list("select line, problem from bursar.statement_bad_row order by line").first
                    == "3|\"x\" is no amount in KHR"
            )
            let again = try await Sheet.read(file, till)
            #expect(again.alreadyImported && again.statementImport == answer.statementImport && again.good == 2)
            #expect(try await till.one("select count(*) from bursar.observation") == "2")
        }
    }

    @Test("An import that was killed between two chunks goes on where it was, and counts every row once")
    func goesOn() async throws {
        try await Till.open { till in
            let file = try Sheet.file(Sheet.rows(1...50) + "broken row\n" + Sheet.rows(51...100, header: false))
            try await till.change(
                """
                create function till.stop() returns trigger language plpgsql as
                    $$ begin if new.external_key = 'R70' then raise exception 'killed'; end if; return new; end $$;
                create trigger stop before insert on bursar.observation for each row execute function till.stop()
                """
            )
            await #expect(throws: (any Error).self) { try await Sheet.read(file, till, batch: 10) }
            #expect(try await till.one("select good_rows || ' ' || bad_rows from bursar.statement_import") == "69 1")
            #expect(try await till.one("select coalesce(bursar.covered_until(1)::text, 'nothing')") == "nothing")
            try await till.change("drop trigger stop on bursar.observation")
            let answer = try await Sheet.read(file, till, batch: 10)
            #expect(answer.wentOn && !answer.alreadyImported)
            #expect((answer.good, answer.bad, answer.known) == (100, 1, 0), "\(answer)")
            #expect(try await till.one("select count(*) from bursar.observation") == "100")
        }
    }

    @Test(
        "Rows that an earlier file told are known; without references equal rows of a day are told apart by their number"
    )
    func overlap() async throws {
        try await Till.open { till in
            _ = try await Sheet.read(try Sheet.file(Sheet.rows(1...30)), till)
            let second = try await Sheet.read(try Sheet.file(Sheet.rows(20...40)), till)
            #expect((second.good, second.known) == (10, 11), "\(second)")
            let plain = "2026-11-24,500\n2026-11-24,500\n2026-11-25,500\n"
            let first = try await Sheet.read(try Sheet.file(plain), till, layout: "plain")
            #expect((first.good, first.known) == (3, 0), "\(first)")
            let more = try await Sheet.read(try Sheet.file(plain + "2026-11-25,500\n"), till, layout: "plain")
            #expect((more.good, more.known) == (1, 3), "\(more)")
        }
    }

    @Test("Two files with a hole between them keep the watermark back until the third fills it")
    func holes() async throws {
        try await Till.open { till in
            try await till.change("update bursar.receiving_account set statement_required = true where id = 2")
            func read(_ number: Int, _ from: String, _ until: String) async throws {
                var wish = StatementImport.Wish(
                    file: try Sheet.file(Sheet.rows(number...number)),
                    account: "000123",
                    layout: "bank"
                )
                wish.coversFrom = Instant(from)
                wish.coversUntil = Instant(until)
                _ = try await Sheet.importer(till).run(wish)
            }
            try await read(1, "2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z")
            try await read(3, "2026-01-03T00:00:00Z", "2026-01-04T00:00:00Z")
            try await till.reconcile()
            let mark = "select watermark at time zone 'UTC' from bursar.receiving_account where id = 2"
            #expect(try await till.one(mark) == "2026-01-02 00:00:00")
            try await read(2, "2026-01-02T00:00:00Z", "2026-01-03T00:00:00Z")
            try await till.reconcile()
            #expect(try await till.one(mark) == "2026-01-04 00:00:00")
        }
    }

    @Test("Money out reverses what has its hash; other money out is counted and left alone")
    func reversals() async throws {
        try await Till.open { till in
            let md5 = try await till.present(1)
            try await till.reconcile(Bank(paid: [md5: ("h1", 44000, "KHR")]))
            #expect(try await till.open(1) == "0 settled")
            let lines = """
                2026-11-24,-44000,h1
                2026-11-24,-100,h2
                2026-11-24,0,

                """
            let answer = try await Sheet.read(try Sheet.file(lines), till, layout: "hashes", account: "shop@bank")
            #expect((answer.good, answer.other, answer.bad) == (1, 2, 0), "\(answer)")
            try await till.reconcile()
            #expect(try await till.open(1) == "44000 open")
            #expect(try await till.drift() == "0")
        }
    }

    @Test("A dry run reads everything and writes nothing; a file that is none is refused with its reason")
    func dryRun() async throws {
        try await Till.open { till in
            var wish = StatementImport.Wish(file: try Sheet.file(Sheet.rows(1...5)), account: "000123", layout: "bank")
            wish.dryRun = true
            let answer = try await Sheet.importer(till).run(wish)
            #expect(answer.good == 5 && answer.statementImport == nil)
            #expect(try await till.one("select count(*) from bursar.statement_import") == "0")
            let missing = try Sheet.file("Ref,When,In\nR1,2026-11-24 10:00:00,1\n")
            for (file, layout, account, words) in [
                ("/nowhere/at/all.csv", "bank", "000123", "cannot be read"),
                ("relative.csv", "bank", "000123", "absolute"),
                ("/tmp", "bank", "000123", "no file"),
                (missing, "bank", "000123", "no column \"At\", \"Out\", \"Remark\""),
                (missing, "bnk", "000123", "no layout bnk"), (missing, "bank", "999", "no receiving account 999"),
                (try Sheet.file(""), "bank", "000123", "is empty"),
            ] {
                let error = await #expect(throws: StatementProblem.self) {
                    try await Sheet.importer(till).run(
                        StatementImport.Wish(file: file, account: account, layout: layout)
                    )
                }
                #expect(error?.message.contains(words) ?? false, "\(String(describing: error))")
                #expect(error?.remedy.isEmpty == false)
            }
        }
    }
}

/// Statement files for tests.
enum Sheet {
    static let layouts = """
        version: 1
        layouts:
          bank:
            columns: { bank_reference: Ref, credit: In, debit: Out }
            currency: KHR
            thousands: ","
            bill_pattern: { column: Remark, pattern: "INV-[0-9]+" }
            time: { column: At, format: "%Y-%m-%d %H:%M:%S", zone: Asia/Phnom_Penh }
          plain:
            header: false
            columns: { amount: 2 }
            currency: KHR
            time: { column: 1, format: "%Y-%m-%d", zone: Asia/Phnom_Penh }
          hashes:
            header: false
            columns: { amount: 2, hash: 3 }
            currency: KHR
            time: { column: 1, format: "%Y-%m-%d", zone: Asia/Phnom_Penh }
        """

    static func importer(_ till: Till, batch: Int = 2000) throws -> StatementImport {
        StatementImport(
            layouts: try StatementLayout.read(layouts, file: "layouts.yaml"),
            database: till.pool,
            actor: "operator:sok",
            batch: batch
        )
    }

    static func read(
        _ file: String,
        _ till: Till,
        layout: String = "bank",
        account: String = "000123",
        batch: Int = 2000
    ) async throws -> StatementImport.Answer {
        try await importer(till, batch: batch).run(StatementImport.Wish(file: file, account: account, layout: layout))
    }

    /// Writes a file that nobody else has, and answers its path.
    static func file(_ text: String) throws -> String {
        let url = FileManager.default.temporaryDirectory.appending(path: "bursar-statement-\(UUID().uuidString).csv")
        try Data(text.utf8).write(to: url)
        return url.path
    }

    /// Rows of layout `bank` with the references of these numbers, a second apart.
    static func rows(_ numbers: ClosedRange<Int>, header: Bool = true) -> String {
        var text = header ? "Ref,At,In,Out,Remark\n" : ""
        for number in numbers {
            let (hour, minute, second) = (number / 3600 % 24, number / 60 % 60, number % 60)
            func two(_ value: Int) -> String { value < 10 ? "0\(value)" : "\(value)" }
            text += "R\(number),2026-11-20 \(two(hour)):\(two(minute)):\(two(second)),\(1000 + number),,none\n"
        }
        return text
    }
}
