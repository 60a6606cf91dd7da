import Engine
import JobKit
import Postgres
import Testing
import TestSupport

@Suite("The life of a run")
struct RunTests {
    @Test("A run is claimed, worked in chunks and ends in history with its totals and its attempt")
    func succeeds() async throws {
        try await EngineWorld.with { world in
            let run = try await world.enqueue(upTo: 10)
            let claimed = try #require(try await world.claim(as: "a").first)
            await world.runner().work(claimed, signals: RunSignals())
            #expect(try await world.ledger() == Array(1...10))
            #expect(
                try await world.text("select state || ' ' || outcome from bursar.run_history where id = \(run)")
                    == "succeeded wrote 10"
            )
            #expect(try await world.text("select checkpoint ->> 'totals' from bursar.run_history") == "{\"KHR\": 55}")
            #expect(try await world.text("select outcome from bursar.attempt") == "succeeded")
            #expect(try await world.text("select count(*)::text from bursar.run") == "0")
        }
    }

    @Test("A claim needs a lease in force")
    func claimNeedsLease() async throws {
        try await EngineWorld.with { world in
            try await world.enqueue(upTo: 1)
            #expect(try await world.store.claim(node: "nobody", jobs: ["ledger"], limit: 10).isEmpty)
            try await world.register("a")
            try await world.kill("a")
            #expect(try await world.store.claim(node: "a", jobs: ["ledger"], limit: 10).isEmpty)
        }
    }

    @Test("A node claims only jobs that it knows")
    func claimsKnownJobs() async throws {
        try await EngineWorld.with { world in
            try await world.enqueue(upTo: 1)
            try await world.register("a")
            #expect(try await world.store.claim(node: "a", jobs: ["other"], limit: 10).isEmpty)
        }
    }

    @Test("A chunk's effects and its checkpoint are one: what fails after the effects leaves neither")
    func effectsAndCheckpointAreOne() async throws {
        try await EngineWorld.with { world in
            try await world.enqueue(upTo: 10)
            let claimed = try #require(try await world.claim(as: "a").first)
            var job = LedgerJob()
            job.insideChunk = { _, first in if first == 7 { throw JobError(.transient, "broke in the third chunk") } }
            await world.runner(job).work(claimed, signals: RunSignals())
            #expect(try await world.ledger() == Array(1...6))
            #expect(try await world.text("select state from bursar.run") == "scheduled")
            #expect(try await world.text("select checkpoint::text from bursar.run")?.contains("\"cursor\": 6") == true)

            try await world.database.setUp("update bursar.run set run_at = clock_timestamp()")
            let again = try #require(try await world.claim(as: "b").first)
            #expect(again.identity.attempt == 2)
            await world.runner().work(again, signals: RunSignals())
            #expect(try await world.ledger() == Array(1...10))
            #expect(try await world.text("select checkpoint ->> 'totals' from bursar.run_history") == "{\"KHR\": 55}")
        }
    }

    @Test(
        "An attempt that ends with its postcondition broken has failed, keeps its totals and starts its cursor anew; twice is dead"
    )
    func brokenPromise() async throws {
        try await EngineWorld.with { world in
            try await world.enqueue(upTo: 3)
            var job = LedgerJob()
            job.promise = .broken("something is left")
            let first = try #require(try await world.claim(as: "a").first)
            await world.runner(job).work(first, signals: RunSignals())
            #expect(
                try await world.text("select outcome || ': ' || error from bursar.attempt")
                    == "failed: the postcondition does not hold: something is left"
            )
            let checkpoint = try #require(try await world.text("select checkpoint::text from bursar.run"))
            #expect(!checkpoint.contains("cursor") && checkpoint.contains("\"KHR\": 6"))

            try await world.database.setUp("update bursar.run set run_at = clock_timestamp()")
            let second = try #require(try await world.claim(as: "b").first)
            await world.runner(job).work(second, signals: RunSignals())
            #expect(try await world.text("select state from bursar.run_history") == "dead")
        }
    }

    @Test("A run that fails as often as it may is dead, with the last error kept")
    func deadAfterAttempts() async throws {
        try await EngineWorld.with { world in
            try await world.enqueue(upTo: 3, attempts: 1)
            var job = LedgerJob()
            job.insideChunk = { _, _ in throw JobError(.transient, "no luck") }
            let claimed = try #require(try await world.claim(as: "a").first)
            await world.runner(job).work(claimed, signals: RunSignals())
            #expect(try await world.text("select outcome from bursar.run_history")?.hasSuffix("no luck") == true)
            #expect(try await world.ledger().isEmpty)
        }
    }

    @Test("A dry run goes through the same chunks and leaves nothing but its report")
    func dryRun() async throws {
        try await EngineWorld.with { world in
            try await world.enqueue(upTo: 7, dryRun: true)
            let claimed = try #require(try await world.claim(as: "a").first)
            await world.runner().work(claimed, signals: RunSignals())
            #expect(try await world.ledger().isEmpty)
            #expect(
                try await world.text("select state || ' ' || outcome from bursar.run_history")
                    == "succeeded dry run: wrote 7"
            )
            #expect(try await world.text("select count(*)::text from bursar.proposal") == "0")
        }
    }

    @Test("Under one dedupe key there is one run, and other parameters are refused")
    func dedupe() async throws {
        try await EngineWorld.with { world in
            let first = try await world.enqueue(upTo: 3, key: "march")
            #expect(try await world.enqueue(upTo: 3, key: "march") == first)
            await #expect { try await world.enqueue(upTo: 4, key: "march") } throws: {
                ($0 as? PostgresError)?.sqlState == .refusedByRule
            }
            let claimed = try #require(try await world.claim(as: "a").first)
            await world.runner().work(claimed, signals: RunSignals())
            #expect(try await world.enqueue(upTo: 3, key: "march") == first, "the key outlives the run")
        }
    }

    @Test("A cancelled run that waits ends at once; one that runs ends after its chunk")
    func cancel() async throws {
        try await EngineWorld.with { world in
            let waiting = try await world.enqueue(upTo: 3)
            #expect(try await world.desk.cancel(waiting, reason: "no need", by: "operator:test") == "cancelled")
            #expect(
                try await world.text("select outcome from bursar.run_history") == "cancelled by operator:test: no need"
            )

            try await world.enqueue(upTo: 9)
            let claimed = try #require(try await world.claim(as: "a").first)
            let signals = RunSignals()
            var job = LedgerJob()
            job.insideChunk = { _, first in if first == 4 { signals.cancel() } }
            await world.runner(job).work(claimed, signals: signals)
            #expect(try await world.ledger() == Array(1...6))
            #expect(
                try await world.text("select state from bursar.run_history where id = \(claimed.identity.id)")
                    == "cancelled"
            )
        }
    }
}
