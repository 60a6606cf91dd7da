import Engine
import Logging
import JobKit
import Postgres
import ServiceLifecycle
import Synchronization
import Testing
import TestSupport

@Suite("Fences and leases")
struct FenceTests {
    @Test("A lost lease stops the run before it commits")
    func zombieCommitsNothing() async throws {
        try await EngineWorld.with { world in
            try await world.enqueue(upTo: 3)
            let zombie = try #require(try await world.claim(as: "a").first)
            try await world.kill("a")
            #expect(try await world.store.rescue() == [zombie.identity.id])
            let heir = try #require(try await world.claim(as: "b").first)
            #expect(heir.identity.fence > zombie.identity.fence)

            await #expect(throws: LeaseLost(run: zombie.identity.id, fence: zombie.identity.fence)) {
                _ = try await LedgerJob().run(LedgerJob.Parameters(up_to: 3, limit: 1000), in: world.context(zombie))
            }
            #expect(try await world.ledger().isEmpty)
            #expect(try await !world.store.end(zombie, .succeeded("it thinks")))

            await world.runner().work(heir, signals: RunSignals())
            #expect(try await world.ledger() == [1, 2, 3])
            #expect(try await world.text("select outcome from bursar.attempt where number = 1") == "crashed")
        }
    }

    @Test("Reads of a job are fenced too")
    func readsAreFenced() async throws {
        try await EngineWorld.with { world in
            try await world.enqueue(upTo: 3)
            let zombie = try #require(try await world.claim(as: "a").first)
            try await world.kill("a")
            _ = try await world.store.rescue()
            await #expect(throws: LeaseLost.self, "nobody holds the run") {
                try await world.context(zombie).read { _ in 1 }
            }
            _ = try #require(try await world.claim(as: "b").first)
            await #expect(throws: LeaseLost.self, "another node holds it under a later fence") {
                try await world.context(zombie).read { _ in 1 }
            }
        }
    }

    @Test("A run whose node died in every attempt is dead, and the others go on")
    func deadByCrashes() async throws {
        try await EngineWorld.with { world in
            try await world.enqueue(upTo: 3, attempts: 2)
            for node in ["a", "b"] {
                _ = try #require(try await world.claim(as: node).first)
                try await world.kill(node)
                #expect(try await world.store.rescue().count == 1)
            }
            #expect(
                try await world.text("select state || ': ' || outcome from bursar.run_history")
                    == "dead: its node died in every attempt"
            )
        }
    }

    @Test("Two nodes: one works the run, dies, and the other takes over within a lease")
    func takeover() async throws {
        try await EngineWorld.with { world in
            try await world.enqueue(upTo: 30)
            let dead = try #require(try await world.claim(as: "dead").first)
            var job = LedgerJob()
            job.insideChunk = { _, first in if first == 10 { throw CancellationError() } }
            let context = world.context(dead)
            _ = try? await job.run(LedgerJob.Parameters(up_to: 30, limit: 1000), in: context)
            #expect(try await world.ledger() == Array(1...9))

            try await world.database.setUp(
                "update bursar.node set lease_until = clock_timestamp() + interval '600 milliseconds' where id = 'dead'"
            )
            let node = try world.node(LedgerJob(), lease: .milliseconds(600))
            try await withService(node) {
                try await waitUntil("the run succeeded") {
                    try await world.text("select state from bursar.run_history") == "succeeded"
                }
            }
            #expect(try await world.ledger() == Array(1...30))
            #expect(try await world.text("select checkpoint ->> 'totals' from bursar.run_history") == "{\"KHR\": 465}")
        }
    }

    @Test("A node that drains finishes its chunk and hands the run back without spending an attempt")
    func drains() async throws {
        try await EngineWorld.with { world in
            try await world.enqueue(upTo: 3_000, limit: 5_000)
            let (begun, signal) = AsyncStream<Void>.makeStream()
            var job = LedgerJob()
            job.insideChunk = { _, first in if first == 31 { signal.yield() } }
            try await withService(try world.node(job)) {
                for await _ in begun { break }
            }
            #expect(try await world.text("select state || ' ' || failures from bursar.run") == "ready 0")
            #expect(try await world.text("select outcome from bursar.attempt") == "handed_back")
            let written = try await world.ledger().count
            #expect(written >= 33 && written < 3_000)
            #expect(try await world.text("select checkpoint #>> '{counters,written}' from bursar.run") == "\(written)")
        }
    }
}

/// Runs a service, and shuts it down gracefully when the body is done.
func withService(_ service: some Service, _ body: @Sendable () async throws -> Void) async throws {
    let group = ServiceGroup(configuration: .init(services: [.init(service: service)], logger: .init(label: "test")))
    try await withThrowingTaskGroup(of: Void.self) { tasks in
        tasks.addTask { try await group.run() }
        do {
            try await body()
        } catch {
            await group.triggerGracefulShutdown()
            throw error
        }
        await group.triggerGracefulShutdown()
        try await tasks.waitForAll()
    }
}
