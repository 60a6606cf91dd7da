import FoundationEssentials
import Glibc
import Testing

@Suite("The benches, on little", .enabled(if: getenv("BURSAR_REAL") != nil))
struct BenchRealTests {
    /// What `bursar bench … --json` prints, as far as it is read here.
    private struct Report: Decodable {
        struct Figure: Decodable {
            let name: String
            let value: Double
            let runs: Int
        }
        let figures: [Figure]
    }

    /// A debug build beside other tests may be slow, so nobody asks here whether a figure is good.
    @Test(
        "Each works on the tables as they are now, compares the rows where it has a counterpart, and leaves nothing behind",
        arguments: [
            "queue --count 200 --slots 10 --runs 1 --held-back 200 --deferred 100 --finished 100",
            "renewals --subscriptions 200 --tenants 20 --chunk 50 --runs 1",
            "webhooks --count 200 --memory-count 200 --runs 1",
            "reconciliation --rows 400 --tenants 20 --chunk 100 --runs 1", "notices --count 200 --chunk 100 --runs 1",
            "retention --rows 4000 --due 1000 --runs 1",
            "backup --subscriptions 100 --tenants 10 --months 2 --runs 1 --drill",
            "memory --subscriptions 100 --tenants 10",
        ]
    )
    func runs(_ bench: String) async throws {
        try await House.with(Portfolio.empty) { house in
            let words = ["bench"] + bench.split(separator: " ").map(String.init) + ["--now", "--json"]
            let settings = ["BURSAR_DATABASE_URL": "", "BURSAR_DEV_DIRECTORY": "\(house.folder)/dev"]
            let done = try await house.bursar(words, settings: settings, within: .seconds(240))
            #expect([0, 1].contains(done.status), "\(done)")
            let report = try JSONDecoder().decode(Report.self, from: Data(done.output.utf8))
            #expect(report.figures.contains { $0.value > 0 }, "\(done.output)")
            #expect(report.figures.allSatisfy { $0.value >= 0 && $0.runs > 0 }, "\(done.output)")
        }
    }
}
