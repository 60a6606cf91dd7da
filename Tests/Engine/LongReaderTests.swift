import JobKit
import Postgres
import TestSupport
import Testing

@testable import Engine

@Suite("A long reader that keeps the server from cleaning up")
struct LongReaderTests {
    @Test("A claim reads a few pages, though thousands of runs were claimed and ended that the server may not forget")
    func claimsStayShort() async throws {
        try await EngineWorld.with { world in
            let reader = try await PostgresConnection.connect(
                PostgresConfiguration(url: world.database.url(user: "postgres")),
                on: TestCluster.loop
            )
            try await reader.executeScript(
                "begin isolation level repeatable read; select count(*) from bursar.node",
                name: "test.reader"
            )
            try await world.register("a")
            try await ask(20_000, world)
            var (floor, ended) = (Int64.min, 0)
            repeat {
                var wish = ClaimWish(node: "a", jobs: ["ledger"], limit: 500)
                wish.floor = floor
                let claim = try await world.store.claim(wish)
                floor = claim.latestTurn ?? floor
                ended = try await world.store.finish(claim.runs.map { ($0.identity, "done") }).count
            } while ended > 0
            try await ask(1, world)
            let fromTheFloor = try await pages(ofAClaimFrom: floor, world)
            let fromTheBeginning = try await pages(ofAClaimFrom: .min, world)
            print("pages of a claim: \(fromTheFloor) from the floor, \(fromTheBeginning) from the beginning")
            #expect(fromTheFloor < 150)
            // Else nothing lay in the way, and the test shows nothing.
            #expect(fromTheBeginning > 4 * fromTheFloor)
            await reader.close()
        }
    }

    private func ask(_ count: Int, _ world: EngineWorld) async throws {
        _ = try await world.rows(
            "select count(*) from bursar.enqueue_many('ledger', array_fill('{\"up_to\": 1}'::jsonb, array[\(count)]))"
        )
    }

    /// How many pages one claim of one run looks at.
    private func pages(ofAClaimFrom floor: Int64, _ world: EngineWorld) async throws -> Int {
        try await world.database.asSuperuser { connection in
            let claim = RunStore.Statements.claim.sql
            try await connection.executeScript(
                "set plan_cache_mode = force_generic_plan; prepare claim as \(claim); begin",
                name: "test.prepare"
            )
            let explain = Statement(
                "test.explain",
                "explain (analyze, buffers, format json) execute claim('a', '{ledger}', 1, \(floor), null)"
            )
            let plan: String = try await connection.query(explain).first?.get(0) ?? ""
            try await connection.executeScript("rollback", name: "test.rollback")
            let hits = try #require(plan.firstMatch(of: /"Shared Hit Blocks": (\d+)/)?.1)
            return try #require(Int(hits))
        }
    }
}
