import CivilTime
import Engine
import Postgres
import Schedules
import Synchronization
import Testing
import TestSupport

@Suite("An edit of the schedules as a proposal")
struct ScheduleProposalTests {
    private static let nightly = EngineWorld.entry("nightly", "cron: 0 20 * * *, time_zone: UTC")
    private static let earlier = nightly.replacing("0 20", with: "0 9")

    private func set(_ text: String) throws -> ScheduleSet { try EngineWorld.set(text) }

    @Test("A plan stores what would change, puts nothing in force, and supersedes the one before")
    func plan() async throws {
        try await EngineWorld.with { world in
            try await world.apply(Self.nightly, at: "2026-03-01T12:00:00Z")
            let first = try await world.book.propose(
                try set(Self.nightly + EngineWorld.entry("other", "every: 5m")),
                by: "operator:sok"
            )
            let second = try await world.book.propose(try set(Self.earlier), by: "operator:sok")
            #expect(second.edit.changes.map(\.name) == ["nightly"])
            #expect(second.edit.changes[0].lost == [try #require(Instant("2026-03-01T20:00:00Z"))])
            #expect(try await world.list("select state from bursar.proposal order by id") == ["superseded", "open"])
            #expect(
                try await world.text("select why from bursar.proposal where state = 'open'")
                    == "0 added, 1 changed, 0 removed"
            )
            #expect(
                try await world.text(
                    "select content ->> 'schedule' from bursar.proposal_item where proposal_id = \(second.proposal ?? 0)"
                ) == "nightly"
            )
            #expect(try await world.text("select definition ->> 'cron' from bursar.schedule") == "0 20 * * *")
            #expect(first.edit.count(of: .added) == 1)
            let nothing = try await world.book.propose(try set(Self.nightly), by: "operator:sok")
            #expect(nothing.proposal == nil)
        }
    }

    @Test("An apply does what the proposal says, once, and writes it down")
    func applied() async throws {
        try await EngineWorld.with { world in
            try await world.apply(Self.nightly, at: "2026-03-01T12:00:00Z")
            let files = try set(Self.earlier)
            let proposal = try #require(try await world.book.propose(files, by: "operator:sok").proposal)
            let notes = Mutex<[String]>([])
            let record: ScheduleDesk.Recorder = { _, note in
                notes.withLock { $0.append("\(note.kind) \(note.subject)") }
            }
            let applied = try await world.book.apply(
                proposal: proposal,
                files: files,
                by: "operator:dara",
                record: record
            )
            #expect(applied.verdict == .applied(added: [], changed: ["nightly"], removed: []))
            #expect(
                try await world.text("select state || ' ' || decided_by from bursar.proposal")
                    == "applied operator:dara"
            )
            #expect(notes.withLock { $0 } == ["schedules.applied \(proposal)"])
            try await refused(.notSo, "proposal \(proposal) is applied already", world, proposal, files)
            try await refused(.notSo, "there is no proposal 4711 of an edit of the schedules", world, 4711, files)
        }
    }

    @Test("Files that have moved since are refused, and so is a database that has")
    func moved() async throws {
        try await EngineWorld.with { world in
            try await world.apply(Self.nightly, at: "2026-03-01T12:00:00Z")
            let files = try set(Self.earlier)
            let first = try #require(try await world.book.propose(files, by: "t").proposal)
            try await refused(
                .moved,
                "the schedule files are no longer those that proposal \(first) was made from",
                world,
                first,
                try set(Self.earlier.replacing("0 9", with: "0 10"))
            )
            _ = try await world.book.apply(try set(Self.nightly.replacing("0 20", with: "0 21")), by: "node:b")
            try await refused(
                .moved,
                "other schedule files came into force since proposal \(first) was made",
                world,
                first,
                files
            )
            #expect(try await world.text("select definition ->> 'cron' from bursar.schedule") == "0 21 * * *")
        }
    }

    @Test("Without a proposal an apply makes one and applies it; an older set returns so")
    func atOnce() async throws {
        try await EngineWorld.with { world in
            let book = world.book
            try await world.apply(Self.nightly, at: "2026-03-01T12:00:00Z")
            _ = try await book.apply(try set(Self.earlier), by: "node:a")
            #expect(try await book.apply(try set(Self.nightly), by: "node:a") == .older)
            let applied = try await book.proposeAndApply(try set(Self.nightly), by: "operator:sok") { _, _ in }
            #expect(
                applied.verdict == .applied(added: [], changed: ["nightly"], removed: []) && applied.proposal != nil
            )
            let again = try await book.proposeAndApply(try set(Self.nightly), by: "operator:sok") { _, _ in }
            #expect(again.verdict == .unchanged && again.proposal == nil)
        }
    }

    private func refused(
        _ reason: ScheduleRefusal.Reason,
        _ words: String,
        _ world: EngineWorld,
        _ proposal: Int64,
        _ files: ScheduleSet
    ) async throws {
        let refusal = await #expect(throws: ScheduleRefusal.self) {
            try await world.book.apply(proposal: proposal, files: files, by: "t") { _, _ in }
        }
        #expect(refusal?.reason == reason && refusal?.description == words, "\(refusal?.description ?? "not refused")")
    }
}
