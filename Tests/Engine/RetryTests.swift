import Engine
import JobKit
import Postgres
import Testing
import TestSupport

@Suite("Dead runs tried again")
struct RetryTests {
    private static func dead(_ world: EngineWorld, key: String? = nil) async throws -> Int64 {
        let asked = key.map { ", dedupe_key => '\($0)'" } ?? ""
        try await world.database.setUp("select bursar.enqueue('free'\(asked))")
        let run = try #require(try await world.look(as: "a").first)
        _ = try await world.store.end(run, .dead("no use"))
        return run.identity.id
    }

    private static func retry(_ world: EngineWorld, _ run: Int64) async throws -> Int64 {
        try await world.desk.retry(run, reason: "mended", by: "operator:test")
    }

    private static func refusal(_ world: EngineWorld, _ run: Int64) async -> String {
        do {
            return "made run \(try await retry(world, run))"
        } catch {
            return "\(error)"
        }
    }

    private static func with(_ body: (EngineWorld) async throws -> Void) async throws {
        try await EngineWorld.withGates { world in
            try await world.registerGated("a")
            try await body(world)
        }
    }

    @Test(
        "Retry colliding with a unique key: the retry takes the key over, and where the work was asked for anew it is refused"
    )
    func retryCollidingWithUniqueKey() async throws {
        try await Self.with { world in
            let first = try await Self.dead(world, key: "march")
            let again = try await Self.retry(world, first)
            #expect(try await world.text("select run_id::text from bursar.dedupe") == "\(again)")
            #expect(
                try await world.text(
                    """
                    select run_id || ' ' || created from bursar.enqueue('free', dedupe_key => 'march')
                    """
                ) == "\(again) false"
            )
            let claimed = try #require(try await world.look(as: "a").first)
            _ = try await world.store.end(claimed, .dead("no use either"))
            #expect(try await world.text("select (expires_at > clock_timestamp())::text from bursar.dedupe") == "true")

            // The key was forgotten, and somebody asks for the same work: two runs of it would be one too many.
            try await world.database.setUp("update bursar.dedupe set expires_at = clock_timestamp()")
            try await world.database.setUp("select bursar.enqueue('free', dedupe_key => 'march')")
            let refusal = await Self.refusal(world, again)
            #expect(refusal.contains("was asked for again as run"), "\(refusal)")
            #expect(try await world.text("select count(*)::text from bursar.run") == "1")
        }
    }

    @Test("A run is tried again once: a repeat answers with the same run, and later with what became of it")
    func once() async throws {
        try await Self.with { world in
            let first = try await Self.dead(world)
            let again = try await Self.retry(world, first)
            #expect(try await Self.retry(world, first) == again)
            #expect(try await world.text("select count(*)::text from bursar.run") == "1")
            let claimed = try #require(try await world.look(as: "a").first)
            _ = try await world.store.finish([(claimed.identity, "done")])
            let refusal = await Self.refusal(world, first)
            #expect(refusal.contains("was tried again as run \(again), which is succeeded"), "\(refusal)")
        }
    }

    @Test("Two who try the same run again at the same moment make one run")
    func sideBySide() async throws {
        try await Self.with { world in
            let first = try await Self.dead(world)
            let made = try await withThrowingTaskGroup(of: Int64.self) { group in
                for _ in 0..<6 { group.addTask { try await Self.retry(world, first) } }
                return try await group.reduce(into: Set<Int64>()) { $0.insert($1) }
            }
            #expect(made.count == 1)
        }
    }

    @Test("Many are tried again by a plan: as many as it showed or none, each once")
    func many() async throws {
        try await Self.with { world in
            for _ in 0..<3 { _ = try await Self.dead(world) }
            let choice = RunDesk.Choice(job: "free", state: "dead", limit: 100)
            let plan = try await world.desk.planRetry(choice).text
            #expect(plan.contains("\"runs\": 3") && plan.contains("no use"), "\(plan)")
            await #expect(throws: ScheduleRefusal.self) {
                _ = try await world.desk.retryAll(choice, planned: 2, reason: "mended", by: "operator:test")
            }
            #expect(try await world.text("select count(*)::text from bursar.run") == "0")
            #expect(try await world.desk.retryAll(choice, planned: 3, reason: "mended", by: "operator:test").count == 3)
            #expect(try await world.desk.planRetry(choice).text.contains("\"runs\": 0"))
        }
    }

    @Test("A run that kills its node every time is set aside, says so, and raises an alarm")
    func crashes() async throws {
        try await Self.with { world in
            try await world.ask("free", tenants: [nil], retry: "{\"attempts\": 2}")
            for node in ["a", "b"] {
                if node == "b" { try await world.registerGated("b") }
                #expect(try await world.look(as: node).count == 1)
                try await world.kill(node)
                _ = try await world.store.rescue()
            }
            #expect(
                try await world.text(
                    """
                    select outcome from bursar.run_history where state = 'dead'
                    """
                ) == "its node died in every attempt"
            )
            try await world.lookout.look()
            #expect(
                try await world.text(
                    """
                    select evidence ->> 'last_error' from bursar.alarm where key = 'dead:job/free' and cleared_at is null
                    """
                )
                    == "its node died in every attempt"
            )
        }
    }
}
