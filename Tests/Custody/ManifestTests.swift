import Custody
import Testing

@Suite("A manifest")
struct ManifestTests {
    private func table(
        _ rows: Int64,
        sum: String = "10",
        highest: Int64? = 5,
        kept: Bool = true,
        purged: Int64 = 0
    ) -> Manifest.Table {
        Manifest.Table(
            name: "invoice",
            rows: rows,
            sums: ["total": sum],
            maxima: ["id": highest],
            kept: kept,
            purged: purged
        )
    }

    private func manifest(_ table: Manifest.Table, last: Int64 = 5) -> Manifest {
        Manifest(
            tables: [table],
            series: [Manifest.Series(issuer: 1, series: "INV", year: 2026, last: last)],
            roles: [Manifest.Role(name: "bursar", may: "login")]
        )
    }

    @Test("A copy that is the same has no difference; a row, a sum or a key too few is told by its table")
    func differences() {
        let source = manifest(table(5))
        #expect(source.differences(in: source).isEmpty)
        #expect(source.differences(in: manifest(table(4))) == ["invoice has 4 rows and not 5"])
        #expect(source.differences(in: manifest(table(5, sum: "9"))) == ["invoice.total adds up to 9 and not 10"])
        #expect(source.differences(in: manifest(table(5, highest: 4))) == ["invoice.id ends elsewhere"])
        #expect(
            source.differences(in: manifest(table(5, kept: false))) == ["invoice has other columns or other rights"]
        )
        #expect(source.differences(in: manifest(table(5), last: 4)) == ["the number series are not the same"])
        #expect(
            source.differences(in: Manifest(tables: [], series: source.series, roles: [])) == [
                "table invoice is missing"
            ]
        )
    }

    @Test("Rows that are gone without a receipt are a loss; with one they are not; new rows never make up for them")
    func losses() {
        let before = manifest(table(5))
        #expect(manifest(table(9, highest: 9)).losses(since: before, staying: ["invoice": 5]).isEmpty)
        #expect(manifest(table(3, purged: 2)).losses(since: before, staying: ["invoice": 3]).isEmpty)
        let lost = manifest(table(9, highest: 9, purged: 1)).losses(since: before, staying: ["invoice": 3])
        #expect(lost == ["invoice had 5 rows, 3 of them are there, and receipts tell of 1 purged ones"])
        #expect(manifest(table(5)).losses(since: before, staying: [:]) == ["table invoice is gone"])
        let series = manifest(table(5), last: 4).losses(since: before, staying: ["invoice": 5])
        #expect(series.first?.hasPrefix("series INV of 2026") == true)
        let changing = manifest(table(5, kept: false))
        #expect(manifest(table(1)).losses(since: changing, staying: [:]).isEmpty)
    }

    @Test("A verdict is a pass only where every phase has passed")
    func verdicts() {
        let all = DrillReceipt.phaseNames.map { DrillReceipt.Phase(name: $0, outcome: .passed, seconds: 1, detail: "") }
        #expect(DrillReceipt.verdict(of: all) == .pass)
        #expect(DrillReceipt.verdict(of: []) == .fail)
        for place in all.indices {
            var phases = all
            phases[place] = DrillReceipt.Phase(name: all[place].name, outcome: .skipped, seconds: 0, detail: "")
            #expect(DrillReceipt.verdict(of: phases) == .partial)
            phases.remove(at: place)
            #expect(DrillReceipt.verdict(of: phases) == .partial)
            phases.append(DrillReceipt.Phase(name: all[place].name, outcome: .failed, seconds: 0, detail: ""))
            #expect(DrillReceipt.verdict(of: phases) == .fail)
        }
    }
}
