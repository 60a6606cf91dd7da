import CivilTime
import Engine
import Logging
import Postgres
import Schedules
import Testing
import TestSupport

@Suite("Fires")
struct ScheduleTests {
    private func set(_ text: String) throws -> ScheduleSet {
        try ScheduleSet.read("version: 1\nschedules:\n" + text, file: "test.yaml")
    }

    private let everyMinute = """
          tick:
            job: ledger
            every: 1m
            overlap: forbid
            parameters: { up_to: 1 }

        """

    private func advance(_ world: EngineWorld, _ interval: String) async throws {
        try await world.database.setUp(
            "update bursar.installation set business_offset = business_offset + interval '\(interval)'"
        )
    }

    @Test("A due fire becomes one run, though every node tries")
    func oneFireOneRun() async throws {
        try await EngineWorld.with { world in
            _ = try await ScheduleBook(database: world.pool).apply(try set(everyMinute), by: "operator:test")
            try await advance(world, "1 minute")
            let timekeeper = Timekeeper(database: world.pool, logger: Logger(label: "test"))
            try await withThrowingDiscardingTaskGroup { group in
                for _ in 1...8 { group.addTask { try await timekeeper.tick() } }
            }
            #expect(try await world.text("select count(*)::text from bursar.run") == "1")
            #expect(try await world.text("select state from bursar.fire") == "ran")
            #expect(try await world.text("select (f.run_id = r.id)::text from bursar.fire f, bursar.run r") == "true")
        }
    }

    @Test("A live fire over a run that is still ready is recorded as skipped, under forbid")
    func overlap() async throws {
        try await EngineWorld.with { world in
            _ = try await ScheduleBook(database: world.pool).apply(try set(everyMinute), by: "operator:test")
            let timekeeper = Timekeeper(database: world.pool, logger: Logger(label: "test"))
            try await advance(world, "1 minute")
            try await timekeeper.tick()
            _ = try await world.claim(as: "a")
            try await advance(world, "1 minute")
            try await timekeeper.tick()
            #expect(
                try await world.text("select string_agg(state, ' ' order by fire_at) from bursar.fire") == "ran skipped"
            )
        }
    }

    @Test("Missed fires leave one gap and one alarm")
    func gap() async throws {
        try await EngineWorld.with { world in
            _ = try await ScheduleBook(database: world.pool).apply(try set(everyMinute), by: "operator:test")
            try await advance(world, "3 hours")
            try await Timekeeper(database: world.pool, logger: Logger(label: "test")).tick()
            #expect(try await world.text("select count(*)::text from bursar.fire_gap") == "1")
            #expect(try await world.text("select (count >= 175)::text from bursar.fire_gap") == "true")
            #expect(try await world.text("select key from bursar.alarm") == "missed:tick")
        }
    }

    @Test("A set of files that was in force once does not come back by a reload")
    func olderSet() async throws {
        try await EngineWorld.with { world in
            let book = ScheduleBook(database: world.pool)
            let (old, new) = (try set(everyMinute), try set(everyMinute.replacing("1m", with: "2m")))
            #expect(try await book.apply(old, by: "t") == .applied(added: ["tick"], changed: [], removed: []))
            #expect(try await book.apply(old, by: "t") == .unchanged)
            #expect(try await book.apply(new, by: "t") == .applied(added: [], changed: ["tick"], removed: []))
            #expect(try await book.apply(old, by: "t") == .older)
            let deliberate = try await book.apply(old, by: "t", isDeliberate: true)
            #expect(deliberate == .applied(added: [], changed: ["tick"], removed: []))
        }
    }

    @Test("Disabled and removed time is never caught up")
    func disabledTime() async throws {
        try await EngineWorld.with { world in
            let book = ScheduleBook(database: world.pool)
            _ = try await book.apply(try set(everyMinute), by: "t")
            _ = try await book.apply(try set(everyMinute + "    enabled: false\n"), by: "t")
            try await advance(world, "1 hour")
            _ = try await book.apply(try set(everyMinute + "    enabled: true\n    owner: a@example.com\n"), by: "t")
            try await Timekeeper(database: world.pool, logger: Logger(label: "test")).tick()
            #expect(try await world.text("select count(*)::text from bursar.fire") == "0")
            #expect(try await world.text("select count(*)::text from bursar.fire_gap") == "0")
        }
    }
}
