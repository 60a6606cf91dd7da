import Engine
import JobKit
import Logging
import Postgres
import Testing
import TestSupport

@Suite("What is kept of an attempt")
struct AttemptRecordTests {
    @Test("What a job logs is kept with its attempt, and shown with the run")
    func logged() async throws {
        try await EngineWorld.with { world in
            let run = try await world.enqueue(upTo: 3)
            var job = LedgerJob()
            job.insideChunk = { context, first in context.logger.info("writing", metadata: ["first": "\(first)"]) }
            let claimed = try #require(try await world.claim(as: "a").first)
            await world.runner(job).work(claimed, signals: RunSignals())
            let lines =
                "select string_agg(source || ' ' || level || ' ' || text, '; ' order by place) from bursar.attempt_line"
            #expect(
                try await world.text(lines)
                    == "log info proposed count=3 digest=up to 3 totals=nothing; log info writing first=1"
            )
            let shown = try await world.desk.show(run).text
            #expect(shown.contains("writing first=1"))
        }
    }

    @Test("Lines can be read while their attempt still runs")
    func whileItRuns() async throws {
        try await EngineWorld.with { world in
            try await world.enqueue(upTo: 3)
            var job = LedgerJob()
            job.insideChunk = { context, _ in
                context.logger.info("under way")
                try await waitUntil("the line is stored") {
                    try await world.text("select text from bursar.attempt_line where text = 'under way'") != nil
                }
            }
            let claimed = try #require(try await world.claim(as: "a").first)
            await world.runner(job).work(claimed, signals: RunSignals())
            #expect(try await world.text("select outcome from bursar.attempt") == "succeeded")
        }
    }

    @Test("A run ends as it would where its lines cannot be stored")
    func notStorable() async throws {
        try await EngineWorld.with { world in
            try await world.database.setUp("revoke insert on bursar.attempt_line from bursar_engine")
            try await world.enqueue(upTo: 3)
            let claimed = try #require(try await world.claim(as: "a").first)
            await world.runner().work(claimed, signals: RunSignals())
            #expect(try await world.text("select outcome from bursar.attempt") == "succeeded")
            #expect(try await world.text("select count(*)::text from bursar.attempt_line") == "0")
        }
    }

    @Test("A job that says nothing stores nothing")
    func silent() async throws {
        try await EngineWorld.with { world in
            let claimed = try await claim(world)
            let registry = JobRegistry([AnyJob(SilentJob())])
            let runner = Runner(registry: registry, database: world.pool, logger: Logger(label: "test"))
            await runner.work(claimed, signals: RunSignals())
            #expect(try await world.text("select outcome from bursar.attempt") == "succeeded")
            #expect(try await world.text("select count(*)::text from bursar.attempt_line") == "0")
        }
    }

    @Test("An effect that began and has no outcome is unknown to the next attempt, and is written down as such")
    func unknownEffect() async throws {
        try await EngineWorld.with { world in
            let first = try await claim(world)
            #expect(try await world.context(first).intend("call the bank", key: "fact/1") == .none)
            try await world.kill("a")
            _ = try await world.store.rescue()
            let shown = try await world.desk.show(first.identity.id).text
            #expect(shown.contains(#""outcome": "unknown""#), "\(shown)")

            let second = try await claim(world, as: "b", enqueues: false)
            #expect(try await world.context(second).intend("call the bank", key: "fact/1") == .unknown)
            let outcomes =
                "select string_agg(coalesce(outcome, 'none yet'), ', ' order by attempt) from bursar.outside_effect"
            #expect(try await world.text(outcomes) == "unknown, none yet")
            try await world.context(second).conclude("fact/1", .done, "receipt 7")
            #expect(try await world.text(outcomes) == "unknown, done")
        }
    }

    @Test("What one attempt is known to have done, no later one is asked to do again")
    func doneOnce() async throws {
        try await EngineWorld.with { world in
            let first = try await claim(world)
            let context = world.context(first)
            #expect(try await context.intend("call the bank", key: "fact/1") == .none)
            try await context.conclude("fact/1", .done, "receipt 7")
            try await world.kill("a")
            _ = try await world.store.rescue()
            let second = try await claim(world, as: "b", enqueues: false)
            #expect(try await world.context(second).intend("call the bank", key: "fact/1") == .done("receipt 7"))
            #expect(try await world.text("select count(*)::text from bursar.outside_effect") == "1")
        }
    }

    @Test("An outcome is written though the run was cancelled, and not under a fence that is no longer in force")
    func concludedUnderTheFence() async throws {
        try await EngineWorld.with { world in
            let first = try await claim(world)
            let signals = RunSignals()
            let context = world.context(first, signals: signals)
            _ = try await context.intend("call the bank", key: "fact/1")
            signals.cancel()
            try await context.conclude("fact/1", .stopped, "half done")
            #expect(try await world.text("select outcome from bursar.outside_effect") == "stopped")

            try await world.kill("a")
            _ = try await world.store.rescue()
            let second = try await claim(world, as: "b", enqueues: false)
            _ = try await world.context(second).intend("call the bank", key: "fact/1")
            await #expect(throws: LeaseLost.self) { try await context.conclude("fact/1", .done, "late") }
        }
    }

    private func claim(_ world: EngineWorld, as node: String = "a", enqueues: Bool = true) async throws -> ClaimedRun {
        if enqueues { try await world.enqueue(upTo: 3) }
        return try #require(try await world.claim(as: node).first)
    }
}

/// Does nothing, and says nothing.
private struct SilentJob: Job {
    typealias Parameters = LedgerJob.Parameters
    static let name: JobName = "ledger"
    static let summary = "Does nothing"

    func run(_ parameters: Parameters, in context: JobContext) async throws -> Outcome { .succeeded("nothing to do") }

    func postcondition(_ parameters: Parameters, in context: JobContext) async throws -> Postcondition { .held }
}
