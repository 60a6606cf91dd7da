import Schedules
import Testing

@Suite("Schedules after others")
struct ScheduleAfterTests {
    private func problems(_ entries: String) -> [String] {
        ScheduleFileSupport.problems(of: "version: 1\nschedules:\n" + entries).map(\.description)
    }

    private static let dunning = "  dunning: { job: renewals, every: 5m, after: [renewals] }\n"
    private static let renewals = "  renewals: { job: renewals, every: 5m }\n"

    @Test("The names are kept in order, whatever the file's order, and read back from the definition")
    func reads() throws {
        let set = try ScheduleFileSupport.read(
            "version: 1\nschedules:\n  c: { job: renewals, every: 5m, after: [b, a] }\n"
                + "  a: { job: renewals, every: 5m }\n  b: { job: renewals, every: 5m }\n"
        )
        var schedule = try #require(set["c"])
        #expect(schedule.after == ["a", "b"])
        schedule.position = nil
        #expect(try Schedule(name: "c", definitionJSON: schedule.definitionJSON) == schedule)
    }

    @Test("A schedule that waits for none has the definition and the hash that it always had")
    func unchanged() throws {
        let schedule = try #require(try ScheduleFileSupport.read(ScheduleFileSupport.file())["renewals"])
        #expect(!schedule.definitionJSON.contains("after"))
    }

    @Test("A name that no file declares is told with its place and what was probably meant")
    func unknown() {
        #expect(
            problems(Self.dunning.replacing("[renewals]", with: "[renewal]") + Self.renewals) == [
                "billing.yaml:3:48: schedule \"dunning\" is after \"renewal\", which no file declares; "
                    + "did you mean \"renewals\"? name a schedule of these files, or take it out of after"
            ]
        )
    }

    @Test("A schedule after itself, and circles of any length, are told once, with the whole way")
    func circles() {
        let own = problems("  a: { job: renewals, every: 5m, after: [a] }\n")
        #expect(
            own.count == 1 && own[0].contains("billing.yaml:3:42: ") && own[0].contains("a, which is after a;"),
            "\(own)"
        )
        let three = problems(
            "  a: { job: renewals, every: 5m, after: [b] }\n  b: { job: renewals, every: 5m, after: [c] }\n"
                + "  c: { job: renewals, every: 5m, after: [a] }\n  d: { job: renewals, every: 5m, after: [a] }\n"
        )
        #expect(three.count == 1, "\(three)")
        #expect(three[0].contains("billing.yaml:5:42: "))
        #expect(three[0].contains("a, which is after b, which is after c, which is after a"))
    }

    @Test("Two ways to one schedule are no circle")
    func diamond() {
        #expect(
            problems(
                "  a: { job: renewals, every: 5m }\n  b: { job: renewals, every: 5m, after: [a] }\n"
                    + "  c: { job: renewals, every: 5m, after: [a] }\n  d: { job: renewals, every: 5m, after: [b, c] }\n"
            ).isEmpty
        )
    }

    @Test("A long chain is followed to its end")
    func chain() {
        let entries = (1...3_000).map { "  s\($0): { job: renewals, every: 5m, after: [s\($0 % 3_000 + 1)] }\n" }
            .joined()
        #expect(problems(entries).count == 1)
    }

    @Test(
        "What is no list of names is told with what was expected",
        arguments: [
            ("renewals", "after must be a list of one or more schedules, not \"renewals\""),
            ("[]", "after must be a list of one or more schedules"), ("[renewals, renewals]", "stands twice in after"),
            ("[{}]", "a schedule in after must be a text"),
        ]
    )
    func wrong(value: String, words: String) {
        let found = problems(Self.dunning.replacing("[renewals]", with: value) + Self.renewals)
        #expect(found.count == 1 && found[0].contains(words), "\(found)")
    }
}

@Suite("The limit of missed fires")
struct MisfireLimitTests {
    @Test(
        "Without one it is one for last and a hundred for the others",
        arguments: [("last", 1), ("each", 100), ("ask", 100), ("once", 100), ("skip", 100)]
    )
    func standard(policy: String, limit: Int) throws {
        let set = try ScheduleFileSupport.read(ScheduleFileSupport.file(with: "misfire: { policy: \(policy) }"))
        #expect(set["renewals"]?.misfire.limit == limit)
        let given = try ScheduleFileSupport.read(
            ScheduleFileSupport.file(with: "misfire: { limit: 7, policy: \(policy) }")
        )
        #expect(given["renewals"]?.misfire.limit == 7)
    }
}
