import CivilTime
import Engine
import JobKit
import Postgres
import Schedules
import Synchronization
import Testing
import TestSupport

@Suite("What an operator does to schedules")
struct ScheduleDeskTests {
    @Test("A paused schedule does not fire, holds what has not begun, and starts from now when it is resumed")
    func pause() async throws {
        try await EngineWorld.with { world in
            let desk = world.scheduleDesk
            try await world.apply(
                EngineWorld.entry("tick", "every: 1m, misfire: { policy: each }, overlap: allow"),
                at: "2026-03-01T00:00:30Z"
            )
            try await world.tick(at: "2026-03-01T00:01:01Z")
            try await desk.pause("tick", reason: "the bank is closed", by: "operator:sok")
            #expect(try await world.runs() == ["tick held"])
            #expect(
                try await world.text("select paused_by || ': ' || paused_for from bursar.schedule")
                    == "operator:sok: the bank is closed"
            )
            try await world.tick(at: "2026-03-01T03:00:01Z")
            #expect(try await world.fires() == ["tick ran"])
            #expect(try await world.runs() == ["tick held"])

            try await desk.resume("tick", reason: nil, by: "operator:sok")
            #expect(try await world.runs() == ["tick ready"])
            try await world.tick(at: "2026-03-01T03:01:01Z")
            #expect(try await world.fires() == ["tick ran", "tick ran"])
            #expect(try await world.text("select count(*)::text from bursar.fire_gap") == "0")
        }
    }

    @Test("A run that has begun goes on through a pause, its retries included")
    func pauseWhileItRuns() async throws {
        try await EngineWorld.with { world in
            try await world.apply(EngineWorld.entry("tick", "every: 1m"), at: "2026-03-01T00:00:30Z")
            try await world.tick(at: "2026-03-01T00:01:01Z")
            let run = try #require(try await world.claim(as: "a").first)
            try await world.scheduleDesk.pause("tick", reason: "a test", by: "operator:test")
            #expect(try await world.store.end(run, .failed("once more", wait: .zero, anew: false)))
            #expect(try await world.work().map(\.identity.id) == [run.identity.id])
        }
    }

    @Test("What is not so is refused in words, and written down only when it is done")
    func refusals() async throws {
        try await EngineWorld.with { world in
            let notes = Mutex<[String]>([])
            let desk = ScheduleDesk(database: world.pool) { _, note in
                notes.withLock { $0.append("\(note.kind) \(note.content.text)") }
            }
            try await world.apply(EngineWorld.entry("tick", "every: 1m"), at: "2026-03-01T00:00:30Z")
            await refused("there is no schedule tock in force") { try await desk.pause("tock", reason: "x", by: "t") }
            await refused("schedule tick is not paused") { try await desk.resume("tick", reason: nil, by: "t") }
            try await desk.pause("tick", reason: "x", by: "operator:sok")
            await refused("schedule tick is paused already, by operator:sok") {
                try await desk.pause("tick", reason: "y", by: "t")
            }
            await refused("no such fire of tick waits for an answer") {
                _ = try await desk.answer("tick", fires: nil, run: true, reason: "x", by: "t")
            }
            await refused("no alarm missed:tick is raised") {
                try await desk.clearAlarm("missed:tick", reason: "x", by: "t")
            }
            #expect(notes.withLock { $0 } == [#"schedule.paused {"reason":"x","schedule":"tick"}"#])
        }
    }

    @Test("Asked fires wait; an answer runs them one after another, or lets them go, with who and why")
    func answers() async throws {
        try await EngineWorld.with { world in
            let desk = world.scheduleDesk
            try await world.apply(
                EngineWorld.entry("tick", "every: 1h, misfire: { policy: ask }"),
                at: "2026-03-01T00:30:00Z"
            )
            try await world.tick(at: "2026-03-01T04:30:00Z")
            #expect(try await world.fires() == Array(repeating: "tick asked", count: 4))
            #expect(try await world.runs().isEmpty)
            #expect(try await desk.asked().text.contains("2026-03-01T01:00:00+00:00"))

            let last = try #require(Instant("2026-03-01T04:00:00Z"))
            _ = try await desk.answer("tick", fires: [last], run: false, reason: "too late", by: "operator:sok")
            #expect(
                try await world.text(
                    "select state || ' ' || why || ' ' || answered_by from bursar.fire where fire_at = '2026-03-01T04:00:00Z'"
                )
                    == "skipped too late operator:sok"
            )
            await refused("not all of these fires of tick wait for an answer") {
                let first = try #require(Instant("2026-03-01T01:00:00Z"))
                _ = try await desk.answer("tick", fires: [first, last], run: true, reason: "x", by: "t")
            }
            #expect(try await world.fires().count { $0 == "tick asked" } == 3, "a refused answer answers none")

            let answer = try await desk.answer(
                "tick",
                fires: nil,
                run: true,
                reason: "they are needed",
                by: "operator:sok"
            )
            #expect(answer.text.contains("\"run\""))
            #expect(try await world.runs() == ["tick ready", "tick held", "tick held"])
            #expect(
                try await world.text("select distinct requested_by || ': ' || reason from bursar.run")
                    == "operator:sok: they are needed"
            )
        }
    }

    @Test("An alarm that was cleared by hand keeps who and why, and a gap that was taken note of rings no more")
    func clearAlarm() async throws {
        try await EngineWorld.with { world in
            try await world.apply(
                EngineWorld.entry("tick", "every: 1h, misfire: { policy: skip }"),
                at: "2026-03-01T00:30:00Z"
            )
            try await world.tick(at: "2026-03-01T04:30:00Z")
            #expect(try await world.raisedAlarms() == ["missed:tick"])
            try await world.scheduleDesk.clearAlarm("missed:tick", reason: "seen", by: "operator:sok")
            try await world.lookout.look()
            #expect(try await world.raisedAlarms().isEmpty)
            #expect(
                try await world.text("select cleared_by || ' ' || cleared_for from bursar.alarm") == "operator:sok seen"
            )
            try await world.tick(at: "2026-03-01T08:30:00Z")
            #expect(try await world.raisedAlarms() == ["missed:tick"])
        }
    }

    private func refused(_ words: String, _ act: () async throws -> Void) async {
        let refusal = await #expect(throws: ScheduleRefusal.self) { try await act() }
        #expect(refusal?.description == words)
    }
}
