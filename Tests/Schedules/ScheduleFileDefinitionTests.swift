import Schedules
import Testing

@Suite("A schedule's definition as JSON")
struct ScheduleDefinitionTests {
    private let support = ScheduleFileSupport.self

    private static let entries = [
        "",
        "description: \"Größe \\\"x\\\" \\\\ \\t ភាសា 🏦\\nsecond line\"\nowner: 'no'",
        "dst: { missing: skip, repeated: last }\nmisfire: { policy: ask, within: 36h, limit: 3 }",
        "overlap: allow\nstart_within: 1s\ndeadline: 3d\njitter: 90s\nenabled: false\nenvironments: [staging]",
        "retry: { attempts: 1, initial: 5s, max: 1d, jitter: 0.125 }",
        "parameters: { chunk: 7, dry: false, label: \"12\", since: 2026-02-28, tenants: [5, 4], at: 2026-01-31T08:00:00+07:00 }",
    ]

    @Test("It reads back as the schedule it came from", arguments: entries)
    func roundTrip(lines: String) throws {
        var schedule = try #require(try support.read(support.file(with: lines))["renewals"])
        let restored = try Schedule(name: "renewals", definitionJSON: schedule.definitionJSON)
        schedule.position = nil
        #expect(restored == schedule)
        #expect(restored.definitionJSON == schedule.definitionJSON)
    }

    @Test(
        "Every way of saying when it is due is kept",
        arguments: ["cron: \"@daily\"", "every: 90m", "once: 2026-01-31T08:00:00.25+07:00"]
    )
    func timings(line: String) throws {
        let text = "version: 1\nschedules: { a: { job: renewals, time_zone: Europe/Berlin, \(line) } }\n"
        let schedule = try #require(try support.read(text)["a"])
        let restored = try Schedule(name: "a", definitionJSON: schedule.definitionJSON)
        #expect(restored.timing == schedule.timing && restored.timeZone == "Europe/Berlin")
    }

    @Test("Its text is stable: keys in order, no spaces, defaults written out, the file's words")
    func stable() throws {
        let schedule = try #require(try support.read(support.file())["renewals"])
        let expected =
            #"{"cron":"5 0 * * *","deadline":"1h","enabled":true,"environments":["development","production","staging"],"#
            + #""jitter":"0s","job":"renewals","misfire":{"limit":100,"policy":"once","within":"1d"},"overlap":"forbid","#
            + #""parameters":{},"retry":{"attempts":8,"initial":"30s","jitter":0.2,"max":"1h"},"start_within":"30m","#
            + #""time_zone":"Asia/Phnom_Penh"}"#
        #expect(schedule.definitionJSON == expected)
    }

    @Test("It reads back after jsonb has put its own order and spaces into it")
    func jsonb() throws {
        let schedule = try Schedule(
            name: "a",
            definitionJSON: #"{"job": "x", "every": "5m", "parameters": {"b": [1, {"c": null}], "a": "true"}}"#
        )
        #expect(schedule.parametersJSON == #"{"a":"true","b":[1,{"c":null}]}"#)
    }

    @Test("A definition that this version does not understand is refused with the key")
    func newer() {
        let error = #expect(throws: ScheduleProblems.self) {
            try Schedule(name: "a", definitionJSON: #"{"job": "x", "every": "5m", "shape": "new"}"#)
        }
        #expect(error?.description.contains("unknown key \"shape\"") == true)
    }
}

@Suite("Parameters given by hand")
struct ParameterTests {
    private let signature = JobSignature(
        name: "renewals",
        fields: [
            ParameterField("chunk", .integer, default: "500", in: 1...10_000),
            ParameterField("dry", .boolean), ParameterField("tenants", .list(.integer)),
            ParameterField("series", .text, required: true),
        ]
    )

    @Test("They become canonical JSON, and defaults are added when the run starts")
    func good() throws {
        let json = try signature.parametersJSON(of: [("tenants", "3,1"), ("series", "A=\"1\""), ("dry", "true")])
        #expect(json == #"{"dry":true,"series":"A=\"1\"","tenants":[3,1]}"#)
        #expect(try signature.withDefaults(json) == #"{"chunk":500,"dry":true,"series":"A=\"1\"","tenants":[3,1]}"#)
    }

    @Test("Every wrong one is told, with what was expected")
    func bad() {
        let error = #expect(throws: ParameterProblems.self) {
            try signature.parametersJSON(of: [("chunck", "1"), ("dry", "yes"), ("chunk", "1"), ("chunk", "2")])
        }
        #expect(
            error?.sentences == [
                "job \"renewals\" takes no parameter \"chunck\"; did you mean \"chunk\"? it takes chunk, dry, series, tenants",
                "parameter \"dry\" must be true or false, not \"yes\"",
                "parameter \"chunk\" is given twice; give it once",
                "job \"renewals\" needs the parameter \"series\", a text",
            ]
        )
    }
}
