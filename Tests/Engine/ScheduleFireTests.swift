import CivilTime
import Engine
import JobKit
import Postgres
import Schedules
import Testing
import TestSupport

@Suite("Fires and the runs that they make")
struct ScheduleFireTests {
    @Test(
        "Caught-up fires run one after another, oldest first, also where overlap allows more",
        arguments: ["allow", "forbid", "cancel_running"]
    )
    func caughtUpInSequence(overlap: String) async throws {
        try await EngineWorld.with { world in
            let entry = EngineWorld.entry(
                "tick",
                "every: 1h, overlap: \(overlap), misfire: { policy: each, within: 1d }"
            )
            try await world.apply(entry, at: "2026-03-01T00:30:00Z")
            try await world.tick(at: "2026-03-01T03:30:00Z")
            #expect(try await world.runs() == ["tick ready", "tick held", "tick held"])
            let first = try await world.work()
            #expect(first.count == 1)
            #expect(try await world.timekeeper.tick().released == 1)
            #expect(try await world.runs() == ["tick ready", "tick held"])
            // An attempt that failed is not done: the next one waits for its retry.
            try await world.work(.failed("not yet", wait: .seconds(3600), anew: false))
            #expect(try await world.timekeeper.tick().released == 0)
            #expect(try await world.runs() == ["tick scheduled", "tick held"])
            try await world.database.setUp(
                "update bursar.run set run_at = clock_timestamp() where state = 'scheduled' and run_at < 'infinity'"
            )
            try await world.work()
            try await world.timekeeper.tick()
            try await world.work()
            let order = try await world.list("select fire_at::text from bursar.run_history order by started_at")
            #expect(order == order.sorted() && order.count == 3)
        }
    }

    @Test(
        "Two hundred schedules that are due at one instant fire in one transaction, each once, though every node tries"
    )
    func manyAtOnce() async throws {
        try await EngineWorld.with { world in
            let entries = (1...200).map { EngineWorld.entry("s\($0)", "every: 1m, overlap: allow") }.joined()
            try await world.apply(entries, at: "2026-03-01T00:00:30Z")
            try await world.setTime("2026-03-01T00:01:05Z")
            let nodes = (1...4).map { _ in world.timekeeper }
            try await withThrowingDiscardingTaskGroup { group in
                for node in nodes { group.addTask { try await node.tick() } }
            }
            #expect(try await world.text("select count(*)::text from bursar.fire") == "200")
            #expect(try await world.text("select count(*)::text from bursar.run where state = 'ready'") == "200")
            let transactions = Int(
                try await world.text("select count(distinct xmin::text)::text from bursar.fire") ?? ""
            )
            #expect((transactions ?? 999) <= nodes.count, "at most one for every node that made some")
        }
    }

    @Test("A look tells how long it is until the next fire, so that a node wakes when it is due")
    func untilNext() async throws {
        try await EngineWorld.with { world in
            try await world.apply(EngineWorld.entry("tick", "every: 1m"), at: "2026-03-01T00:00:50Z")
            let timekeeper = world.timekeeper
            let wait = try #require(try await timekeeper.tick().untilNext)
            #expect(wait > .seconds(5) && wait <= .seconds(10))
            try await world.setTime("2026-03-01T00:01:01Z")
            #expect(try await timekeeper.tick().made == 1)
        }
    }

    @Test(
        "overlap counts runs that are ready, running, or wait for their next attempt; not those that are snoozed or wait for an approval",
        arguments: [
            ("ready", "skipped"), ("running", "skipped"), ("retry", "skipped"), ("snoozed", "ran"),
            ("needs_approval", "ran"), ("dead", "ran"),
        ]
    )
    func overlapCounts(state: String, verdict: String) async throws {
        try await EngineWorld.with { world in
            try await world.apply(EngineWorld.entry("tick", "every: 1m, overlap: forbid"), at: "2026-03-01T00:00:30Z")
            try await world.tick(at: "2026-03-01T00:01:01Z")
            switch state {
            case "ready": break
            case "running": _ = try await world.claim(as: "a")
            case "retry": try await world.work(.failed("x", wait: .seconds(600), anew: false))
            case "snoozed": try await world.work(.snoozed("x", wait: .seconds(600)))
            case "needs_approval": try await world.work(.needsApproval("x"))
            default: try await world.work(.dead("x"))
            }
            try await world.tick(at: "2026-03-01T00:02:01Z")
            #expect(try await world.fires() == ["tick ran", "tick \(verdict)"])
        }
    }

    @Test("cancel_running ends what waits, asks what runs to end, and starts the new run when it has")
    func cancelRunning() async throws {
        try await EngineWorld.with { world in
            try await world.apply(
                EngineWorld.entry("tick", "every: 1m, overlap: cancel_running"),
                at: "2026-03-01T00:00:30Z"
            )
            try await world.tick(at: "2026-03-01T00:01:01Z")
            try await world.tick(at: "2026-03-01T00:02:01Z")
            #expect(
                try await world.text("select state || ': ' || outcome from bursar.run_history")
                    == "cancelled: a newer fire of its schedule came"
            )
            #expect(try await world.runs() == ["tick ready"])
            let running = try #require(try await world.claim(as: "a").first)
            try await world.tick(at: "2026-03-01T00:03:01Z")
            #expect(try await world.runs() == ["tick running", "tick held"])
            #expect(try await world.text("select run_id::text from bursar.run_cancel") == "\(running.identity.id)")
            #expect(try await world.store.end(running, .cancelled("asked")))
            try await world.timekeeper.tick()
            #expect(try await world.runs() == ["tick ready"])
        }
    }

    @Test("cancel_running spares caught-up runs: the new run waits for them")
    func cancelSparesCaughtUp() async throws {
        try await EngineWorld.with { world in
            let entry = EngineWorld.entry("tick", "every: 1h, overlap: cancel_running, misfire: { policy: each }")
            try await world.apply(entry, at: "2026-03-01T00:30:00Z")
            try await world.tick(at: "2026-03-01T03:00:30Z")
            #expect(try await world.runs() == ["tick ready", "tick held", "tick held"])
            #expect(
                try await world.list("select caught_up::text from bursar.fire order by fire_at") == [
                    "true", "true", "false",
                ]
            )
            try await world.tick(at: "2026-03-01T04:00:30Z")
            #expect(try await world.runs() == ["tick ready", "tick held", "tick held"])
            #expect(
                try await world.text("select count(*)::text from bursar.run_history where state = 'cancelled'") == "1"
            )
        }
    }

    @Test("A deploy across the tick loses nothing: a fire that is noticed late is no missed one")
    func deployAcrossTheTick() async throws {
        try await EngineWorld.with { world in
            try await world.apply(
                EngineWorld.entry("tick", "every: 1h, misfire: { policy: skip }"),
                at: "2026-03-01T00:59:50Z"
            )
            try await world.tick(at: "2026-03-01T00:59:55Z")
            // The node that looks next has started in between.
            try await world.tick(at: "2026-03-01T01:00:45Z")
            #expect(try await world.fires() == ["tick ran"])
            #expect(try await world.text("select count(*)::text from bursar.fire_gap") == "0")
        }
    }

    @Test("A clock that goes back makes no fire twice, and one that jumps ahead misses in a gap")
    func clockSteps() async throws {
        try await EngineWorld.with { world in
            let entry = EngineWorld.entry("tick", "every: 1h, overlap: allow, misfire: { policy: skip }")
            try await world.apply(entry, at: "2026-03-01T00:30:00Z")
            try await world.tick(at: "2026-03-01T01:00:10Z")
            try await world.tick(at: "2026-03-01T00:30:00Z")
            try await world.tick(at: "2026-03-01T01:00:20Z")
            #expect(try await world.fires() == ["tick ran"])
            try await world.tick(at: "2026-03-02T01:00:20Z")
            #expect(try await world.fires() == ["tick ran", "tick ran"])
            #expect(try await world.text("select sum(count)::text from bursar.fire_gap") == "23")
        }
    }

    @Test("Newer runs never hold up caught-up ones where overlap is allowed")
    func caughtUpIsNotStarved() async throws {
        try await EngineWorld.with { world in
            let entry = EngineWorld.entry("tick", "every: 1h, overlap: allow, misfire: { policy: each }")
            try await world.apply(entry, at: "2026-03-01T00:30:00Z")
            try await world.tick(at: "2026-03-01T03:00:10Z")
            #expect(try await world.runs() == ["tick ready", "tick held", "tick ready"])
            // The live one goes on for long; the caught-up one is done.
            let claimed = try await world.claim(as: "a")
            let first = try #require(claimed.min { $0.identity.id < $1.identity.id })
            #expect(try await world.store.end(first, .succeeded("done")))
            try await world.timekeeper.tick()
            #expect(try await world.runs() == ["tick ready", "tick running"])
        }
    }

    @Test("A schedule fires only in its environments")
    func environments() async throws {
        try await EngineWorld.with { world in
            let entries =
                EngineWorld.entry("here", "every: 1m, environments: [development]")
                + EngineWorld.entry("elsewhere", "every: 1m, environments: [staging, production]")
            try await world.apply(entries, at: "2026-03-01T00:00:30Z")
            try await world.tick(at: "2026-03-01T00:01:01Z")
            #expect(try await world.fires() == ["here ran"])
        }
    }

    @Test("Jitter moves the run and not the fire, by the same time in every process")
    func jitter() async throws {
        try await EngineWorld.with { world in
            try await world.apply(
                EngineWorld.entry("tick", "every: 1h, jitter: 30m, overlap: allow"),
                at: "2026-03-01T00:30:00Z"
            )
            try await world.tick(at: "2026-03-01T01:00:02Z")
            #expect(try await world.text("select fire_at::text from bursar.fire") == "2026-03-01 01:00:00+00")
            #expect(try await world.text("select state from bursar.run") == "scheduled")
            // Computed outside of this program: FNV-1a of "tick@1772326800000000", its upper 53 bits as a share of 30 minutes.
            let seconds = try await world.text(
                "select round(extract(epoch from run_at + business_offset - fire_at), 3)::text from bursar.run, bursar.installation"
            )
            #expect(seconds == "1706.011")
        }
    }

    @Test("Fires are pruned once they are old and the high-water mark has passed them, and never before")
    func pruning() async throws {
        try await EngineWorld.with { world in
            try await world.apply(
                EngineWorld.entry("tick", "every: 1d, misfire: { policy: ask, within: 400d, limit: 500 }"),
                at: "2025-01-01T12:00:00Z"
            )
            try await world.tick(at: "2025-05-01T12:00:00Z")
            let all = try await world.fires().count
            #expect(all == 120)
            try await world.lookout.keepHouse()
            #expect(try await world.fires().count == all, "they wait for an answer")
            _ = try await world.scheduleDesk.answer(
                "tick",
                fires: nil,
                run: false,
                reason: "a test",
                by: "operator:test"
            )
            try await world.lookout.keepHouse()
            #expect(try await world.fires().count == all, "they were made today")
            try await world.database.setUp("update bursar.fire set made_at = made_at - interval '100 days'")
            try await world.database.setUp("update bursar.schedule set high_water = '2025-01-20T00:00:00Z'")
            try await world.lookout.keepHouse()
            #expect(
                try await world.text("select min(fire_at)::date::text from bursar.fire") == "2025-01-20",
                "the mark has not passed it"
            )
            try await world.database.setUp("update bursar.schedule set high_water = '2025-05-01T00:00:00Z'")
            try await world.lookout.keepHouse()
            #expect(try await world.text("select min(fire_at)::date::text from bursar.fire") == "2025-02-01")
        }
    }
}
