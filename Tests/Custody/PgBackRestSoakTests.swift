import Billing
import Custody
import Glibc
import Postgres
import Renewals
import TestSupport
import Testing

@Suite("A drill of a whole cluster by pgBackRest", .enabled(if: getenv("BURSAR_SOAK") != nil))
struct PgBackRestSoakTests {
    @Test("A cluster with 100,000 subscriptions and their invoices passes a drill end to end, with its receipt")
    func hundredThousand() async throws {
        let count = 100_000
        let recipe = DatabaseRecipe("physical-portfolio", migrations: CustodyWorld.migrations) { database in
            try await database.withPool(user: "postgres", size: 1) { pool in
                let portfolio = DemoPortfolio.due(count: count, tenants: 1000)
                _ = try await pool.withTransaction(DemoPortfolio.transaction) { try await portfolio.load(in: $0) }
            }
            try await database.setUp("analyze")
        }
        try await PhysicalWorld.open(recipe) { world in
            let database = world.custody.database
            _ = try await CustodyWorld.work(Renewals(), Renewals.Parameters(), in: world.custody.pool, database)
            let invoices = Int(try await world.custody.text("select count(*) from bursar.invoice")) ?? 0
            #expect(invoices >= count)
            let name = try await world.backUp()
            let drill = try await world.drill()
            for phase in drill.receipt.phases {
                print("\(phase.name): \(phase.outcome), \(phase.seconds) s; \(phase.detail)")
            }
            print("RTO \(drill.receipt.rto_seconds ?? 0) s")
            #expect(drill.receipt.verdict == .pass, "\(drill.receipt.told)")
            #expect(drill.receipt.backup == name)
            #expect(Set(drill.receipt.phases.map(\.name)) == Set(DrillReceipt.phaseNames))
            #expect((drill.receipt.rto_seconds ?? 0) > 0)
        }
    }
}
