import CivilTime
import Schedules
import Testing

@Suite("An edit of the schedules, told before it happens")
struct ScheduleEditTests {
    private let support = ScheduleFileSupport.self

    private func set(_ lines: String) throws -> ScheduleSet {
        try support.read("version: 1\nschedules:\n  nightly: { job: renewals, time_zone: Asia/Phnom_Penh, \(lines) }\n")
    }

    private func edit(
        _ was: String,
        _ becomes: String,
        at now: String,
        highWater: String? = nil,
        isPaused: Bool = false,
        in environment: ScheduleEnvironment = .production
    ) throws -> ScheduleEdit {
        let old = try #require(try set(was)["nightly"])
        let mark = support.instant(highWater ?? now)
        return ScheduleEdit(
            from: [ScheduleEdit.Standing(old, highWater: mark, isPaused: isPaused)],
            to: try set(becomes),
            at: support.instant(now),
            in: environment
        )
    }

    @Test("The same files change nothing")
    func same() throws {
        #expect(try edit("cron: 5 0 * * *", "cron: \"5 0 * * *\"", at: "2026-03-01T00:00:00Z").isEmpty)
    }

    @Test("Changed keys are told with both values, and the next fires by the new times")
    func changed() throws {
        let edit = try edit(
            "cron: 5 0 * * *, owner: a@example.com",
            "cron: 15 0 * * *, jitter: 1m",
            at: "2026-03-01T12:00:00+07:00"
        )
        let change = try #require(edit.changes.first)
        #expect(change.kind == .changed && change.fields.map(\.name) == ["cron", "jitter", "owner"])
        #expect(change.fields[0].was == "5 0 * * *" && change.fields[0].becomes == "15 0 * * *")
        #expect(change.fields[2].becomes == nil)
        #expect(change.next.first == support.instant("2026-03-02T00:15:00+07:00"))
        #expect(change.next.count == 5 && change.lostCount == 0 && change.doubled.isEmpty)
    }

    @Test("A time that was still to come today and has passed by the new times is lost")
    func lost() throws {
        let change = try #require(
            try edit("cron: 0 20 * * *", "cron: 0 9 * * *", at: "2026-03-01T12:00:00+07:00").changes.first
        )
        #expect(change.lost == [support.instant("2026-03-01T20:00:00+07:00")] && change.lostCount == 1)
        #expect(change.doubled.isEmpty)
    }

    @Test("A time that has passed today and comes again by the new times is doubled")
    func doubled() throws {
        let change = try #require(
            try edit("cron: 0 9 * * *", "cron: 0 20 * * *", at: "2026-03-01T12:00:00+07:00").changes.first
        )
        #expect(change.doubled == [support.instant("2026-03-01T20:00:00+07:00")] && change.lostCount == 0)
    }

    @Test("A monthly time is judged by its month")
    func monthly() throws {
        let change = try #require(
            try edit("cron: 0 9 1 * *", "cron: 0 9 20 * *", at: "2026-03-10T12:00:00+07:00").changes.first
        )
        #expect(change.doubled == [support.instant("2026-03-20T09:00:00+07:00")])
        let back = try #require(
            try edit("cron: 0 9 20 * *", "cron: 0 9 1 * *", at: "2026-03-10T12:00:00+07:00").changes.first
        )
        #expect(back.lost == [support.instant("2026-03-20T09:00:00+07:00")])
    }

    @Test("Many times a day are neither lost nor doubled by a change of their number")
    func often() throws {
        let change = try #require(try edit("every: 5m", "every: 10m", at: "2026-03-01T12:00:00+07:00").changes.first)
        #expect(change.lostCount == 0 && change.doubled.isEmpty)
    }

    @Test("Fires that are due and not made yet are lost, where time begins anew")
    func pending() throws {
        let late = try edit(
            "cron: 5 0 * * *",
            "cron: 5 0 * * *, enabled: false",
            at: "2026-03-04T12:00:00+07:00",
            highWater: "2026-03-01T00:05:00+07:00"
        )
        let change = try #require(late.changes.first)
        #expect(change.lostCount == 3 && change.lost.first == support.instant("2026-03-02T00:05:00+07:00"))
        #expect(change.next.isEmpty && change.notes.contains("it is not enabled"))
        let harmless = try edit(
            "cron: 5 0 * * *",
            "cron: 5 0 * * *, owner: x",
            at: "2026-03-04T12:00:00+07:00",
            highWater: "2026-03-01T00:05:00+07:00"
        )
        #expect(harmless.changes.first?.lostCount == 0)
    }

    @Test("A new schedule has its next fires, one that goes names what it takes along, one of elsewhere says so")
    func addedAndRemoved() throws {
        let now = support.instant("2026-03-01T12:00:00+07:00")
        let added = ScheduleEdit(from: [], to: try set("cron: 5 0 * * *"), at: now, in: .production)
        #expect(added.changes.map(\.kind) == [.added] && added.changes[0].next.count == 5)
        let elsewhere = ScheduleEdit(
            from: [],
            to: try set("every: 5m, environments: [staging]"),
            at: now,
            in: .production
        )
        #expect(elsewhere.changes[0].next.isEmpty && elsewhere.changes[0].notes == ["it does not fire in production"])
        let old = try #require(try set("cron: 5 0 * * *")["nightly"])
        let gone = ScheduleEdit(
            from: [ScheduleEdit.Standing(old, highWater: now.adding(.seconds(-2 * 86_400)))],
            to: ScheduleSet(schedules: []),
            at: now,
            in: .production
        )
        #expect(gone.changes.map(\.kind) == [.removed] && gone.changes[0].lostCount == 2)
    }

    @Test("As JSON each instant stands in UTC and in the zone")
    func json() throws {
        let text = try edit("cron: 0 9 * * *", "cron: 0 20 * * *", at: "2026-03-01T12:00:00+07:00").json.canonicalText
        #expect(
            text.contains(#""doubled":[{"local":"2026-03-01T20:00:00+07:00","utc":"2026-03-01T13:00:00Z"}]"#),
            "\(text)"
        )
        #expect(text.contains(#"{"becomes":"0 20 * * *","field":"cron","was":"0 9 * * *"}"#), "\(text)")
    }
}
