import CivilTime
import Engine
import Foundation
import JobKit
import Logging
import Postgres
import Testing
import TestSupport

@Suite("A poisoned row")
struct PoisonTests {
    private static func work(_ world: EngineWorld, as node: String = "a") async throws {
        let runner = Runner(registry: EngineWorld.gatedRegistry(), database: world.pool, logger: Logger(label: "test"))
        for run in try await world.look(as: node) { await runner.work(run, signals: RunSignals()) }
    }

    @Test(
        "A run whose row cannot be read is dead with the reason, and every other run of the same claim goes on",
        arguments: [
            ("checkpoint", "'[1, 2]'"), ("checkpoint", "'{\"cursor\": \"far\"}'"), ("given_as_of", "'infinity'"),
            ("deadline", "'1000 years 1 month'"),
        ]
    )
    func run(_ column: String, _ value: String) async throws {
        try await EngineWorld.withGates { world in
            try await world.registerGated("a")
            try await world.ask("free", times: 3, tenant: nil)
            try await world.database.setUp(
                "update bursar.run set \(column) = \(value) where id = (select min(id) + 1 from bursar.run)"
            )
            try await Self.work(world)
            let ends = try await world.rows("select state || ': ' || outcome from bursar.run_history order by id")
                .map { try $0.get(0, as: String.self) }
            #expect(ends.count == 3)
            #expect(ends[1].hasPrefix("dead: the ") && ends[1].contains("cannot be read"), "\(ends)")
            #expect(ends[0].hasPrefix("succeeded") && ends[2].hasPrefix("succeeded"))
        }
    }

    @Test("Parameters that are not the job's, asked for with SQL, make the run dead at once with words that say why")
    func parameters() async throws {
        try await EngineWorld.withGates { world in
            try await world.registerGated("a")
            try await world.database.setUp(
                """
                select bursar.enqueue('free', '{"k": "seven"}'); select bursar.enqueue('free')
                """
            )
            try await Self.work(world)
            let dead = try await world.text(
                """
                select attempts || ' ' || outcome from bursar.run_history where state = 'dead'
                """
            )
            #expect(dead?.hasPrefix("1 the parameters are not those of free") == true, "\(dead ?? "nothing")")
            #expect(try await world.text("select count(*)::text from bursar.run") == "0")
        }
    }

    @Test("A proposal broken by hand ends its own run, and nobody else's")
    func proposal() async throws {
        try await EngineWorld.with { world in
            let run = try await world.enqueue(upTo: 5, limit: 1, attempts: 1)
            let first = try #require(try await world.claim(as: "a").first)
            await world.runner().work(first, signals: RunSignals())
            _ = try await world.desk.approve(run, reason: "fine", by: "operator:test")
            try await world.database.setUp("update bursar.proposal_item set key = -key, content = '\"nonsense\"'")
            let other = try await world.enqueue(upTo: 2)
            for claimed in try await world.claim(as: "b") { await world.runner().work(claimed, signals: RunSignals()) }
            #expect(try await world.text("select state from bursar.run_history where id = \(other)") == "succeeded")
            #expect(try await world.text("select state from bursar.run_history where id = \(run)") == "dead")
        }
    }

    @Test(
        "A schedule whose definition cannot be read is set aside with an alarm, the others fire, and the alarm goes with it"
    )
    func schedule() async throws {
        try await EngineWorld.with { world in
            try await world.apply(
                EngineWorld.entry("good", "every: 1h") + EngineWorld.entry("bad", "every: 1h"),
                at: "2026-03-01 00:30Z"
            )
            try await world.database.setUp(
                """
                update bursar.schedule set definition = '{"job": 7, "every": [], "environments": ["development", "staging", "production"]}'
                where name = 'bad'
                """
            )
            try await world.tick(at: "2026-03-01 01:00:01Z")
            #expect(try await world.fires() == ["good ran"])
            #expect(
                try await world.text(
                    """
                    select key from bursar.alarm where cleared_at is null and kind = 'unreadable'
                    """
                ) == "unreadable:bad"
            )
            try await world.lookout.look()
            #expect(
                try await world.text(
                    """
                    select count(*)::text from bursar.alarm where cleared_at is null and kind = 'unreadable'
                    """
                ) == "1"
            )
            try await world.apply(
                EngineWorld.entry("good", "every: 1h") + EngineWorld.entry("bad", "every: 2h"),
                at: "2026-03-01 01:10Z"
            )
            try await world.lookout.look()
            #expect(
                try await world.text(
                    """
                    select count(*)::text from bursar.alarm where cleared_at is null and kind = 'unreadable'
                    """
                ) == "0"
            )
        }
    }

    @Test("A run that waits for something that cannot be read waits on, and the others get their time")
    func waiting() async throws {
        try await EngineWorld.with { world in
            try await world.apply(EngineWorld.entry("good", "every: 1h"), at: "2026-03-01 00:30Z")
            try await world.tick(at: "2026-03-01 01:00:01Z")
            try await world.database.setUp(
                """
                insert into bursar.run (job, schedule, fire_at, state, run_at, requested_by, max_attempts, retry_initial, retry_max,
                    retry_jitter, waits_for)
                select 'ledger', 'good', '2026-03-01 00:00Z', 'scheduled', 'infinity', 'test', 1, '1s', '1s', 0, w::jsonb
                from unnest(array['[{"schedule": "x", "since": "never"}]', '["nonsense"]', '[]']) as w
                """
            )
            try await world.timekeeper.tick()
            #expect(try await world.text("select count(*)::text from bursar.run where run_at = 'infinity'") == "2")
        }
    }

    @Test(
        "What no run may be like is refused when it is asked for",
        arguments: [
            "dedupe_for => interval '300000 years', dedupe_key => 'k'", "retry => '{\"deadline\": \"200000 years\"}'",
            "retry => '{\"attempts\": 0}'", "retry => '{\"attempts\": \"many\"}'", "retry => '{\"initial\": \"soon\"}'",
            "retry => '{\"jitter\": 2}'", "retry => '[]'", "retry => '{\"tries\": 3}'", "run_at => 'infinity'",
            "as_of => 'infinity'",
            "priority => 101", "priority => null",
        ]
    )
    func refused(_ argument: String) async throws {
        try await EngineWorld.withGates { world in
            var refusal = "none"
            do {
                try await world.database.setUp("select bursar.enqueue('free', \(argument))")
            } catch let error as PostgresError {
                refusal = error.sqlState == .refusedByRule ? "BU003" : "\(error)"
            }
            #expect(refusal == "BU003")
            #expect(try await world.text("select count(*)::text from bursar.run") == "0")
        }
    }
}
