import Engine
import JobKit
import Postgres
import Testing
import TestSupport

@Suite("Blast limits")
struct ProposalTests {
    @Test(
        "Over its limit a run stops before its first effect, with the items stored; approved, it applies those and nothing else"
    )
    func approval() async throws {
        try await EngineWorld.with { world in
            let run = try await world.enqueue(upTo: 5, limit: 3)
            await world.runner().work(try #require(try await world.claim(as: "a").first), signals: RunSignals())
            #expect(try await world.ledger().isEmpty)
            #expect(try await world.text("select state from bursar.run") == "needs_approval")
            #expect(try await world.text("select count(*)::text from bursar.proposal_item") == "5")
            #expect(try await world.claim(as: "b").isEmpty)

            await #expect { try await world.desk.approve(run, reason: "", by: "operator:sok") } throws: {
                "\($0)".contains("needs a reason")
            }
            // What became due since is not part of the approval.
            try await world.database.setUp("delete from bursar.proposal_item where key = 4")
            _ = try await world.desk.approve(run, reason: "checked with the owner", by: "operator:sok")
            var job = LedgerJob()
            job.promise = .held
            await world.runner(job).work(try #require(try await world.claim(as: "c").first), signals: RunSignals())
            #expect(try await world.ledger() == [1, 2, 3, 5])
            #expect(
                try await world.text("select state || ' by ' || decided_by from bursar.proposal")
                    == "applied by operator:sok"
            )
        }
    }

    @Test("A newer proposal supersedes an older one, whose run ends")
    func supersedes() async throws {
        try await EngineWorld.with { world in
            let old = try await world.enqueue(upTo: 5, limit: 3)
            await world.runner().work(try #require(try await world.claim(as: "a").first), signals: RunSignals())
            let new = try await world.enqueue(upTo: 6, limit: 3)
            await world.runner().work(try #require(try await world.claim(as: "b").first), signals: RunSignals())
            #expect(try await world.text("select state from bursar.run_history where id = \(old)") == "cancelled")
            #expect(
                try await world.text("select string_agg(state, ' ' order by id) from bursar.proposal")
                    == "superseded open"
            )
            #expect(try await world.text("select id::text from bursar.run") == "\(new)")
            await #expect(throws: PostgresError.self) {
                try await world.desk.approve(old, reason: "late", by: "operator:sok")
            }
        }
    }
}
