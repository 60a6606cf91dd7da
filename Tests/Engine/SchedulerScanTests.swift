import CivilTime
import Engine
import JobKit
import Logging
import Postgres
import Scanner
import Schedules
import Testing
import TestSupport

@Suite("The scheduler checked from outside")
struct SchedulerScanTests {
    private static let tick = EngineWorld.entry("tick", "every: 1h, overlap: allow, misfire: { policy: each }")

    /// Runs the job as a node would, and answers the names of its alarms.
    private func scan(_ world: EngineWorld) async throws -> [String] {
        let registry = JobRegistry([AnyJob(Scanner(SchedulerScan())), AnyJob(LedgerJob())])
        var request = RunRequest(job: "scanner")
        request.attempts = 1
        let run = try await world.desk.enqueue(request, by: "operator:test").run
        let node = "scanner-\(run)"
        try await world.register(node)
        let claimed = try #require(
            try await world.store.claim(node: node, jobs: ["scanner"], limit: 1).first
        )
        await Runner(registry: registry, database: world.pool, logger: Logger(label: "test")).work(
            claimed,
            signals: RunSignals()
        )
        #expect(try await world.text("select state from bursar.run_history where id = \(run)") == "succeeded")
        return try await world.list(
            "select key from bursar.alarm where kind = 'scan' and cleared_at is null order by key"
        )
    }

    /// Breaks what must hold, and sees the alarm; mends it, and sees it clear.
    private func expect(_ alarm: String, when broken: String, mendedBy mend: String, _ world: EngineWorld) async throws
    {
        #expect(try await scan(world).isEmpty)
        try await world.database.setUp(broken)
        #expect(try await scan(world) == [alarm])
        try await world.database.setUp(mend)
        #expect(try await scan(world).isEmpty)
    }

    @Test("A fire that is gone, in no gap, is found, and a gap accounts for it")
    func lostFire() async throws {
        try await EngineWorld.with { world in
            try await world.apply(Self.tick, at: "2026-03-01T00:30:00Z")
            try await world.tick(at: "2026-03-01T05:30:00Z")
            try await expect(
                "scan:lost_fires:tick",
                when: "delete from bursar.fire where fire_at = '2026-03-01T02:00:00Z'",
                mendedBy:
                    "insert into bursar.fire_gap (schedule, from_at, to_at, count) values ('tick', '2026-03-01T02:00:00Z', '2026-03-01T02:00:00Z', 1)",
                world
            )
        }
    }

    @Test("A fire that nobody makes is found")
    func lateFire() async throws {
        try await EngineWorld.with { world in
            try await world.apply(Self.tick, at: "2026-03-01T00:30:00Z")
            try await world.setTime("2026-03-01T01:05:00Z")
            #expect(try await scan(world) == ["scan:late_fires:tick"])
            try await world.timekeeper.tick()
            #expect(try await scan(world).isEmpty)
        }
    }

    @Test("Time before an edit, a pause or a removal is nobody's debt")
    func accountedFrom() async throws {
        try await EngineWorld.with { world in
            try await world.apply(Self.tick, at: "2026-03-01T00:30:00Z")
            try await world.tick(at: "2026-03-01T01:00:10Z")
            try await world.scheduleDesk.pause("tick", reason: "x", by: "t")
            try await world.setTime("2026-03-01T06:30:00Z")
            try await world.scheduleDesk.resume("tick", reason: nil, by: "t")
            try await world.tick(at: "2026-03-01T07:00:10Z")
            #expect(try await scan(world).isEmpty)
        }
    }

    @Test("A fire whose run is nowhere is found")
    func lostRun() async throws {
        try await EngineWorld.with { world in
            try await world.apply(Self.tick, at: "2026-03-01T00:30:00Z")
            try await world.tick(at: "2026-03-01T01:00:10Z")
            try await expect(
                "scan:fires_without_run:tick",
                when: "update bursar.fire set made_at = made_at - interval '1 hour', run_id = run_id + 1000",
                mendedBy: "update bursar.fire set run_id = run_id - 1000",
                world
            )
        }
    }

    @Test("Ready runs that free nodes leave alone are found")
    func stuckReady() async throws {
        try await EngineWorld.with { world in
            try await world.enqueue(upTo: 1)
            try await world.register("idle")
            try await expect(
                "scan:stuck_ready:ledger",
                when: "update bursar.run set run_at = clock_timestamp() - interval '1 hour' where job = 'ledger'",
                mendedBy: "delete from bursar.run where job = 'ledger'",
                world
            )
        }
    }

    @Test("A run under a node whose lease has long ended is found")
    func orphaned() async throws {
        try await EngineWorld.with { world in
            let run = try await world.enqueue(upTo: 1)
            _ = try await world.claim(as: "a")
            try await expect(
                "scan:orphaned_run:\(run)",
                when: "update bursar.node set lease_until = clock_timestamp() - interval '10 minutes' where id = 'a'",
                mendedBy: "delete from bursar.run where id = \(run)",
                world
            )
        }
    }

    @Test("A lease that reaches too far is found")
    func lease() async throws {
        try await EngineWorld.with { world in
            try await world.register("a")
            try await expect(
                "scan:lease:a",
                when: "update bursar.node set lease_until = clock_timestamp() + interval '1 day' where id = 'a'",
                mendedBy: "update bursar.node set lease_until = clock_timestamp() where id = 'a'",
                world
            )
        }
    }

    @Test("An attempt that was never closed is found, and one past its deadline whose fence nobody took")
    func attempts() async throws {
        try await EngineWorld.with { world in
            let run = try await world.enqueue(upTo: 1)
            _ = try await world.claim(as: "a")
            try await expect(
                "scan:open_attempt:\(run)/1",
                when: """
                    update bursar.run set attempts = 2 where id = \(run);
                    update bursar.attempt set started_at = started_at - interval '1 hour' where run_id = \(run)
                    """,
                mendedBy:
                    "update bursar.attempt set ended_at = clock_timestamp(), outcome = 'failed' where run_id = \(run)",
                world
            )
            try await expect(
                "scan:overrun:\(run)",
                when:
                    "update bursar.run set deadline = interval '1 minute', started_at = started_at - interval '1 hour' where id = \(run)",
                mendedBy: "update bursar.run set deadline = null where id = \(run)",
                world
            )
        }
    }

    @Test("A dry run looks and raises nothing")
    func dryRun() async throws {
        try await EngineWorld.with { world in
            try await world.apply(Self.tick, at: "2026-03-01T00:30:00Z")
            try await world.setTime("2026-03-01T03:30:00Z")
            var request = RunRequest(job: "scanner")
            request.isDryRun = true
            _ = try await world.desk.enqueue(request, by: "operator:test")
            try await world.register("scanner")
            let claimed = try #require(try await world.store.claim(node: "scanner", jobs: ["scanner"], limit: 1).first)
            let registry = JobRegistry([AnyJob(Scanner(SchedulerScan()))])
            await Runner(registry: registry, database: world.pool, logger: Logger(label: "test")).work(
                claimed,
                signals: RunSignals()
            )
            #expect(
                try await world.text("select outcome from bursar.run_history")?.contains(
                    "is due and nobody has made it"
                ) == true
            )
            #expect(try await world.raisedAlarms().isEmpty)
        }
    }
}
