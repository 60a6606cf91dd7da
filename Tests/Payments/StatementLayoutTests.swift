import CivilTime
import Foundation
import Payments
import Testing

@Suite("Layouts of statement files")
struct StatementLayoutTests {
    @Test("The example that ships is read")
    func example() throws {
        let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
        let text = try String(contentsOf: root.appending(path: "docs/statement-layouts.yaml"), encoding: .utf8)
        let layouts = try StatementLayout.read(text, file: "docs/statement-layouts.yaml")
        let layout = try #require(layouts.first)
        #expect(layout.name == "example" && layout.columns[.credit] == .named("Money in") && layout.thousands == ",")
        #expect(layout.time.zoneName == "Asia/Phnom_Penh")
    }

    @Test(
        "What is wrong is told with line, column and remedy, every fault of it",
        arguments: [
            (
                "  a:\n    delimiter: ','\n    collumns: {}\n",
                ["f.yaml:5:5: unknown key \"collumns\" in layout a", "f.yaml:3:3: layout a does not say when"]
            ),
            (
                "  a:\n    columns: { amount: 1, currency: 2 }\n    time: { column: 3, format: '%d.%m', zone: Asia/Phnom_Penh }\n",
                ["f.yaml:5:32: \"%d.%m\" is no format of a time: it needs %Y"]
            ),
            (
                "  a:\n    columns: { amount: Amount, credit: In, currency: C }\n    time: { column: T, format: rfc3339, zone: Nowhere/At }\n",
                ["f.yaml:5:47:"]
            ),
            (
                "  a:\n    header: false\n    columns: { amount: Amount }\n    time: { column: 1, format: rfc3339, zone: UTC }\n",
                ["needs a currency", "names columns, and its files have no header"]
            ),
            (
                "  a:\n    columns: { amount: 1, currency: 2 }\n    thousands: '.'\n    time: { column: 3, format: rfc3339, zone: UTC }\n",
                ["by the same character"]
            ),
            (
                "  a:\n    columns: { debit: 1, currency: 2 }\n    bill_pattern: { column: 3, pattern: '(' }\n    time: { column: 3, format: rfc3339, zone: UTC }\n",
                ["is not a regular expression", "money out and no money in"]
            ),
        ]
    )
    func faults(_ body: String, _ wanted: [String]) throws {
        let error = #expect(throws: LayoutProblems.self) {
            try StatementLayout.read("version: 1\nlayouts:\n" + body, file: "f.yaml")
        }
        let told = error?.description ?? ""
        for words in wanted { #expect(told.contains(words), "\(told)") }
        #expect(error?.problems.allSatisfy { !$0.remedy.isEmpty } ?? false)
    }

    @Test(
        "Times are read as the format says, in the zone of the layout",
        arguments: [
            ("24/11/2026 09:15:02", "%d/%m/%Y %H:%M:%S", "2026-11-24T02:15:02Z"),
            ("4-Feb-2026 9:05 pm", "%d-%b-%Y %I:%M %p", "2026-02-04T14:05:00Z"),
            ("20260204", "%Y%m%d", "2026-02-04T16:59:59Z"),
            ("2026-02-04T09:00:00+07:00", "rfc3339", "2026-02-04T02:00:00Z"),
            ("31/02/2026", "%d/%m/%Y", nil), ("1/1/26", "%d/%m/%Y", nil),
            ("24/11/2026 25:00:00", "%d/%m/%Y %H:%M:%S", nil),
            ("24/11/2026 09:15:02 and more", "%d/%m/%Y %H:%M:%S", nil),
        ] as [(String, String, String?)]
    )
    func times(_ text: String, _ format: String, _ wanted: String?) throws {
        let layouts = try StatementLayout.read(
            """
            version: 1
            layouts:
              a:
                columns: { amount: 1, currency: 2 }
                header: false
                time: { column: 3, format: "\(format)", zone: Asia/Phnom_Penh }
            """,
            file: "f"
        )
        let time = try #require(layouts.first).time
        #expect(StatementTime.instant(text, time)?.description == wanted)
    }
}
