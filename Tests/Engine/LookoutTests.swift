import CivilTime
import Engine
import JobKit
import Postgres
import Schedules
import Synchronization
import Testing
import TestSupport

@Suite("What a node notices when it looks round")
struct LookoutTests {
    private static let tick = EngineWorld.entry(
        "tick",
        "every: 1h, start_within: 10m, retry: { attempts: 2, initial: 1m }"
    )

    private func evidence(_ key: String, _ world: EngineWorld) async throws -> String {
        try await world.text("select evidence::text from bursar.alarm where key = '\(key)' and cleared_at is null")
            ?? ""
    }

    @Test("A run that has not started so long after its fire raises an alarm, which clears when it starts")
    func lateStart() async throws {
        try await EngineWorld.with { world in
            try await world.apply(Self.tick, at: "2026-03-01T00:30:00Z")
            try await world.tick(at: "2026-03-01T01:00:10Z")
            let run = try await world.text("select id::text from bursar.run") ?? ""
            try await world.lookout.look()
            #expect(try await world.raisedAlarms().isEmpty)
            #expect(
                try await world.text(
                    "select (start_by + business_offset between '2026-03-01 01:09:59Z' and '2026-03-01 01:10:01Z')::text from bursar.run, bursar.installation"
                )
                    == "true"
            )
            try await world.database.setUp("update bursar.run set start_by = clock_timestamp() - interval '1 second'")
            try await world.lookout.look()
            try await world.lookout.look()
            #expect(try await world.raisedAlarms() == ["late_start:tick/\(run)"])
            let found = try await evidence("late_start:tick/\(run)", world)
            #expect(
                found.contains("\"run\": \(run)") && found.contains("\"fire\": \"2026-03-01T01:00:00+00:00\""),
                "\(found)"
            )
            _ = try await world.claim(as: "a")
            try await world.lookout.look()
            #expect(try await world.raisedAlarms().isEmpty)
            #expect(try await world.text("select count(*)::text from bursar.alarm") == "1")
        }
    }

    @Test("A caught-up run is late so long after it was made, and a pause makes nothing late")
    func lateStartOfOthers() async throws {
        try await EngineWorld.with { world in
            try await world.apply(Self.tick, at: "2026-03-01T00:30:00Z")
            try await world.tick(at: "2026-03-01T05:30:00Z")
            #expect(
                try await world.text(
                    "select bool_and(start_by between clock_timestamp() + interval '9 minutes' and clock_timestamp() + interval '10 minutes')::text from bursar.run"
                )
                    == "true"
            )
            try await world.scheduleDesk.pause("tick", reason: "a test", by: "t")
            try await world.database.setUp("update bursar.run set start_by = clock_timestamp() - interval '1 second'")
            try await world.lookout.look()
            #expect(!(try await world.raisedAlarms().contains { $0.hasPrefix("late_start") }))
        }
    }

    @Test("An attempt past its deadline raises an alarm that names run and attempt, until its run has ended")
    func deadline() async throws {
        try await EngineWorld.with { world in
            try await world.apply(Self.tick, at: "2026-03-01T00:30:00Z")
            try await world.tick(at: "2026-03-01T01:00:10Z")
            let claimed = try #require(try await world.claim(as: "a").first)
            try await world.database.setUp(
                "update bursar.run set started_at = started_at - interval '1 hour 10 seconds'"
            )
            try await world.lookout.look()
            let key = "deadline:tick/\(claimed.identity.id)"
            #expect(try await world.raisedAlarms() == [key])
            let found = try await evidence(key, world)
            #expect(found.contains("\"attempt\": 1") && found.contains("\"node\": \"a\""), "\(found)")
            #expect(try await world.store.end(claimed, .failed("the deadline passed", wait: .seconds(60), anew: false)))
            try await world.lookout.look()
            #expect(try await world.raisedAlarms() == [key], "the run still goes on")
            try await world.database.setUp("update bursar.run set run_at = clock_timestamp()")
            try await world.work()
            try await world.lookout.look()
            #expect(try await world.raisedAlarms().isEmpty)
        }
    }

    @Test(
        "Thirty seconds after its deadline an attempt loses its fence: it is closed, its run goes on, whoever still works on it applies nothing"
    )
    func fenceTaken() async throws {
        try await EngineWorld.with { world in
            try await world.apply(Self.tick, at: "2026-03-01T00:30:00Z")
            try await world.tick(at: "2026-03-01T01:00:10Z")
            let claimed = try #require(try await world.claim(as: "a").first)
            try await world.database.setUp(
                "update bursar.run set started_at = started_at - interval '1 hour 20 seconds'"
            )
            try await world.lookout.look()
            #expect(try await world.runs() == ["tick running"], "the grace has not passed")
            try await world.database.setUp("update bursar.run set started_at = started_at - interval '11 seconds'")
            try await world.lookout.look()
            #expect(try await world.runs() == ["tick scheduled"])
            #expect(
                try await world.text("select outcome || ': ' || error from bursar.attempt")
                    == "failed: it ignored its deadline for 30 s, its fence was taken away"
            )
            #expect(
                try await world.text(
                    "select (run_at > clock_timestamp() + interval '50 seconds' and failures = 1)::text from bursar.run"
                ) == "true"
            )
            await #expect(throws: LeaseLost.self) { try await world.context(claimed).read { _ in } }
            #expect(try await !world.store.end(claimed, .succeeded("too late")))

            try await world.database.setUp("update bursar.run set run_at = clock_timestamp()")
            _ = try await world.claim(as: "b")
            try await world.database.setUp("update bursar.run set started_at = started_at - interval '2 hours'")
            try await world.lookout.look()
            #expect(
                try await world.text("select state from bursar.run_history") == "dead",
                "it has failed as often as it may"
            )
        }
    }

    @Test("The node raises the alarm itself when the deadline passes, and the attempt has failed for a passing reason")
    func deadlineInTheNode() async throws {
        try await EngineWorld.with { world in
            let run = try await world.enqueue(upTo: 3)
            try await world.database.setUp("update bursar.run set deadline = interval '50 milliseconds'")
            let claimed = try #require(try await world.claim(as: "a").first)
            var job = LedgerJob()
            // Until it is cancelled: an endless wait that hears it.
            job.insideChunk = { _, _ in try await Task.sleep(for: .seconds(3600)) }
            await world.runner(job).work(claimed, signals: RunSignals())
            #expect(
                try await world.text("select outcome || ': ' || error from bursar.attempt where run_id = \(run)")
                    == "failed: the deadline of 0.05 seconds passed"
            )
            #expect(try await world.text("select state from bursar.run") == "scheduled")
            #expect(try await world.raisedAlarms() == ["deadline:ledger/\(run)"])
        }
    }

    @Test("A dead run of a schedule raises an alarm until a later run of it succeeds")
    func deadOfSchedule() async throws {
        try await EngineWorld.with { world in
            try await world.apply(Self.tick, at: "2026-03-01T00:30:00Z")
            try await world.tick(at: "2026-03-01T01:00:10Z")
            try await world.work(.dead("the bank is away"))
            try await world.lookout.look()
            #expect(try await world.raisedAlarms() == ["dead:tick"])
            #expect(try await evidence("dead:tick", world).contains("the bank is away"))
            try await world.tick(at: "2026-03-01T02:00:10Z")
            try await world.work()
            try await world.lookout.look()
            #expect(try await world.raisedAlarms().isEmpty)
        }
    }

    @Test("Dead runs that somebody asked for raise one alarm a job, until somebody clears it")
    func deadOfJob() async throws {
        try await EngineWorld.with { world in
            for _ in 1...3 { try await world.enqueue(upTo: 1) }
            try await world.work(.dead("broken"))
            try await world.lookout.look()
            #expect(try await world.raisedAlarms() == ["dead:job/ledger"])
            #expect(try await evidence("dead:job/ledger", world).contains("\"runs\": 3"))
            try await world.enqueue(upTo: 1)
            try await world.work()
            try await world.lookout.look()
            #expect(try await world.raisedAlarms() == ["dead:job/ledger"])
            try await world.scheduleDesk.clearAlarm("dead:job/ledger", reason: "seen", by: "operator:test")
            try await world.lookout.look()
            #expect(try await world.raisedAlarms().isEmpty)
            try await world.enqueue(upTo: 1)
            try await world.work(.dead("again"))
            try await world.lookout.look()
            #expect(try await evidence("dead:job/ledger", world).contains("\"runs\": 1"))
        }
    }

    @Test("Fires that wait for an answer raise an alarm until they are answered")
    func asked() async throws {
        try await EngineWorld.with { world in
            try await world.apply(
                EngineWorld.entry("tick", "every: 1h, misfire: { policy: ask }"),
                at: "2026-03-01T00:30:00Z"
            )
            try await world.tick(at: "2026-03-01T04:30:00Z")
            try await world.lookout.look()
            #expect(try await world.raisedAlarms() == ["asked:tick"])
            _ = try await world.scheduleDesk.answer("tick", fires: nil, run: false, reason: "x", by: "t")
            try await world.lookout.look()
            #expect(try await world.raisedAlarms().isEmpty)
        }
    }

    @Test("Gaps of a schedule raise one alarm that counts them all, until a run of it has succeeded since")
    func missed() async throws {
        try await EngineWorld.with { world in
            try await world.apply(
                EngineWorld.entry("tick", "every: 1h, misfire: { policy: skip }, overlap: allow"),
                at: "2026-03-01T00:30:00Z"
            )
            try await world.tick(at: "2026-03-01T04:30:00Z")
            try await world.tick(at: "2026-03-01T06:30:00Z")
            #expect(try await world.text("select count(*)::text from bursar.fire_gap") == "2")
            #expect(try await world.raisedAlarms() == ["missed:tick"])
            let found = try await evidence("missed:tick", world)
            #expect(found.contains("\"count\": 6") && found.contains("\"gaps\": 2"), "\(found)")
            try await world.tick(at: "2026-03-01T07:00:10Z")
            try await world.work()
            try await world.lookout.look()
            #expect(try await world.raisedAlarms().isEmpty)
        }
    }

    @Test("A node with other schedule files than those in force is an alarm once that lasts, and none when it has them")
    func drift() async throws {
        try await EngineWorld.with { world in
            let set = try EngineWorld.set(Self.tick)
            _ = try await world.book.apply(set, by: "t")
            let nodes = NodeStore(database: world.pool)
            for node in ["a", "b", "c"] { try await world.register(node) }
            try await nodes.tellFiles(ScheduleFilesStanding(hash: set.contentHash, problem: nil), of: "a")
            try await nodes.tellFiles(ScheduleFilesStanding(hash: "another", problem: nil), of: "b")
            let status = try await world.desk.status().text
            #expect(
                status.contains("\"schedule_files\": \"other\"") && status.contains("\"schedule_files\": \"in force\"")
            )
            try await world.lookout.look()
            #expect(try await world.raisedAlarms().isEmpty, "a rollout takes its time")
            try await world.database.setUp(
                "update bursar.node set schedule_set_at = clock_timestamp() - interval '6 minutes'; update bursar.schedule_set set applied_at = applied_at - interval '1 hour'"
            )
            try await world.lookout.look()
            #expect(try await world.raisedAlarms() == ["drift:schedule_files"])
            let found = try await evidence("drift:schedule_files", world)
            #expect(
                found.contains("\"node\": \"b\"") && !found.contains("\"node\": \"a\"")
                    && !found.contains("\"node\": \"c\""),
                "\(found)"
            )
            try await nodes.tellFiles(ScheduleFilesStanding(hash: set.contentHash, problem: nil), of: "b")
            try await world.lookout.look()
            #expect(try await world.raisedAlarms().isEmpty)
        }
    }

    @Test("Two nodes that look at once write the same, once")
    func together() async throws {
        try await EngineWorld.with { world in
            try await world.apply(Self.tick, at: "2026-03-01T00:30:00Z")
            try await world.tick(at: "2026-03-01T01:00:10Z")
            _ = try await world.claim(as: "a")
            try await world.database.setUp("update bursar.run set started_at = started_at - interval '2 hours'")
            try await withThrowingDiscardingTaskGroup { group in
                for _ in 1...6 { group.addTask { try await world.lookout.look() } }
            }
            #expect(try await world.text("select failures::text from bursar.run") == "1")
            #expect(try await world.text("select count(*)::text from bursar.alarm where key like 'deadline:%'") == "1")
        }
    }
}
