import Billing
import Custody
import Glibc
import Postgres
import TestSupport
import Testing

@Suite("A drill of a whole portfolio", .enabled(if: getenv("BURSAR_SOAK") != nil))
struct DrillSoakTests {
    @Test("A portfolio of 100,000 subscriptions with their invoices passes a drill end to end, with its receipt")
    func hundredThousand() async throws {
        let count = 100_000
        try await Strongroom.with { room in
            try await TestDatabase.with(migrations: Portfolio.migrations) { database in
                try await database.withPool(user: "postgres", size: 1) { pool in
                    let portfolio = DemoPortfolio.due(count: count, tenants: 1000)
                    _ = try await pool.withTransaction(DemoPortfolio.transaction) { try await portfolio.load(in: $0) }
                }
                try await database.setUp("analyze")
                try await House.with(database) { house in
                    let settings = room.settings(house)
                    for words in [
                        ["run", "renewals", "--here"], ["backup", "run", "--here"], ["drill", "run", "--here"],
                    ] {
                        let done = try await house.bursar(words, settings: settings, within: .seconds(1200))
                        #expect(done.status == 0, "\(words): \(done)")
                    }
                    #expect(try await house.value("select count(*) from bursar.invoice") == Int64(count))
                    let shown = try await house.bursar(["drill", "show"], settings: settings)
                    print(shown.output)
                    let receipt = try await house.lastDrill().receipt
                    #expect(receipt.verdict == .pass, "\(receipt.told)")
                    #expect(receipt.phases.allSatisfy { $0.outcome == .passed })
                    #expect((receipt.rto_seconds ?? 0) > 0)
                    #expect(Strongroom.entries(room.scratch) == [] && room.processes == [], "nothing is left of it")
                }
            }
        }
    }
}
