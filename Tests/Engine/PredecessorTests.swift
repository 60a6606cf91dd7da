import CivilTime
import Engine
import JobKit
import Schedules
import Testing
import TestSupport

@Suite("Schedules that wait for others")
struct PredecessorTests {
    private static let first = EngineWorld.entry("first", "cron: 5 0 * * *, time_zone: UTC, misfire: { policy: skip }")
    private static let second = EngineWorld.entry("second", "cron: 10 0 * * *, time_zone: UTC, after: [first]")

    private func instant(_ text: String) throws -> Instant { try #require(Instant(text)) }

    private func waits(
        _ other: String,
        _ zone: String = "Asia/Phnom_Penh",
        at fire: String,
        among names: Bool = true
    ) throws -> [Predecessor] {
        let set = try EngineWorld.set(
            EngineWorld.entry("other", other)
                + EngineWorld.entry("it", "cron: 0 12 * * *, time_zone: \(zone), after: [other]")
        )
        let it = try #require(set["it"])
        return Predecessor.of(it, at: try instant(fire), among: names ? ["other": try #require(set["other"])] : [:])
    }

    @Test(
        "Of the other's fires on the civil day, in the zone of the one that waits, those up to its own fire count, or else the first",
        arguments: [
            ("cron: 5 0 * * *, time_zone: Asia/Phnom_Penh", "2026-03-01T00:05:00+07:00"),
            ("every: 1h", "2026-03-01T12:00:00+07:00"),
            ("cron: 0 20 * * *, time_zone: Asia/Phnom_Penh", "2026-03-01T20:00:00+07:00"),
            ("cron: 0 0 * * *, time_zone: UTC", "2026-03-01T07:00:00+07:00"),
        ]
    )
    func untilWhen(other: String, until: String) throws {
        let found = try #require(try waits(other, at: "2026-03-01T12:00:00+07:00").first)
        #expect(found.since == (try instant("2026-03-01T00:00:00+07:00")))
        #expect(found.until == (try instant(until)))
        #expect(found.dayEnd == (try instant("2026-03-02T00:00:00+07:00")))
    }

    @Test("Nothing is waited for that has no fire on the day, or is not in force")
    func nothing() throws {
        #expect(try waits("cron: 5 0 15 * *, time_zone: UTC", at: "2026-03-01T12:00:00+07:00").isEmpty)
        #expect(try waits("every: 1h", at: "2026-03-01T12:00:00+07:00", among: false).isEmpty)
    }

    @Test("A run starts when the other's run of the day has succeeded, and not before")
    func waits() async throws {
        try await EngineWorld.with { world in
            try await world.apply(Self.first + Self.second, at: "2026-03-01T00:01:00Z")
            try await world.tick(at: "2026-03-01T00:05:10Z")
            try await world.tick(at: "2026-03-01T00:10:10Z")
            #expect(try await world.runs() == ["first ready", "second held"])
            let claimed = try #require(try await world.claim(as: "a").first)
            #expect(try await world.timekeeper.tick().released == 0)
            #expect(try await world.store.end(claimed, .succeeded("done")))
            #expect(try await world.timekeeper.tick().released == 1)
            #expect(try await world.runs() == ["second ready"])
        }
    }

    @Test("A run also waits for one that is due later that day")
    func waitsForLater() async throws {
        try await EngineWorld.with { world in
            try await world.apply(Self.first.replacing("5 0", with: "30 0") + Self.second, at: "2026-03-01T00:01:00Z")
            try await world.tick(at: "2026-03-01T00:10:10Z")
            #expect(try await world.runs() == ["second held"])
            try await world.tick(at: "2026-03-01T00:30:10Z")
            #expect(try await world.runs() == ["second held", "first ready"])
            try await world.work()
            try await world.timekeeper.tick()
            #expect(try await world.runs() == ["second ready"])
        }
    }

    @Test(
        "After a dead or cancelled run it waits for a later success of the day, or for an operator",
        arguments: [true, false]
    )
    func deadPredecessor(isDead: Bool) async throws {
        try await EngineWorld.with { world in
            let often = EngineWorld.entry("first", "cron: \"5 0,1 * * *\", time_zone: UTC, overlap: allow")
            try await world.apply(often + Self.second, at: "2026-03-01T00:01:00Z")
            try await world.tick(at: "2026-03-01T00:05:10Z")
            try await world.work(isDead ? .dead("broken") : .cancelled("by hand"))
            try await world.tick(at: "2026-03-01T00:10:10Z")
            #expect(try await world.runs() == ["second held"])
            try await world.tick(at: "2026-03-01T01:05:10Z")
            try await world.work()
            try await world.timekeeper.tick()
            #expect(try await world.runs() == ["second ready"])
        }
    }

    @Test("An operator starts it all the same, by a retry")
    func byHand() async throws {
        try await EngineWorld.with { world in
            try await world.apply(Self.first + Self.second, at: "2026-03-01T00:01:00Z")
            try await world.tick(at: "2026-03-01T00:05:10Z")
            try await world.work(.dead("broken"))
            try await world.tick(at: "2026-03-01T00:10:10Z")
            let run = try #require(Int64(try await world.text("select id::text from bursar.run") ?? ""))
            _ = try await world.desk.retry(run, reason: "it need not wait", by: "operator:test")
            #expect(try await world.work().map(\.identity.id) == [run])
        }
    }

    @Test("Work that nobody will do any more is not waited for: fires skipped or missed")
    func nobodysWork() async throws {
        try await EngineWorld.with { world in
            try await world.apply(Self.first + Self.second, at: "2026-02-28T23:00:00Z")
            // The first is missed, since nobody looks until now.
            try await world.tick(at: "2026-03-01T00:10:10Z")
            #expect(try await world.runs() == ["second ready"])
            #expect(try await world.text("select count(*)::text from bursar.fire_gap") == "1")
        }
    }

    @Test("A run that still waits is let go when the next fire of its schedule comes, which waits instead")
    func replaced() async throws {
        try await EngineWorld.with { world in
            try await world.apply(Self.first + Self.second, at: "2026-03-01T00:01:00Z")
            try await world.tick(at: "2026-03-01T00:05:10Z")
            try await world.work(.dead("broken"))
            try await world.tick(at: "2026-03-01T00:10:10Z")
            try await world.tick(at: "2026-03-02T00:05:10Z")
            try await world.tick(at: "2026-03-02T00:10:10Z")
            #expect(try await world.runs() == ["first ready", "second held"])
            #expect(
                try await world.text("select outcome from bursar.run_history where schedule = 'second'")
                    == "it still waited for other schedules when the next fire of its own came"
            )
        }
    }

    @Test("A predecessor that was switched off meanwhile is not waited for; one that is paused is")
    func switchedOff() async throws {
        try await EngineWorld.with { world in
            let later = Self.first.replacing("5 0", with: "30 0")
            try await world.apply(later + Self.second, at: "2026-03-01T00:01:00Z")
            try await world.scheduleDesk.pause("first", reason: "a test", by: "operator:test")
            try await world.tick(at: "2026-03-01T00:10:10Z")
            try await world.tick(at: "2026-03-01T00:40:00Z")
            #expect(try await world.runs() == ["second held"])
            try await world.apply(
                later.replacing("job:", with: "enabled: false, job:") + Self.second,
                at: "2026-03-01T00:41:00Z"
            )
            try await world.timekeeper.tick()
            #expect(try await world.runs() == ["second ready"])
        }
    }
}
