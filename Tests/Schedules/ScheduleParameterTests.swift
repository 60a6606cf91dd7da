import Schedules
import Testing

/// Texts of a certain shape, lists that must not be empty, mappings: in a file, and by hand.
@Suite("Parameters of a job")
struct ScheduleParameterTests {
    private static let signature = JobSignature(
        name: "renewals",
        fields: [
            ParameterField("command", .list(.text), required: true, atLeast: 1, help: "the program"),
            ParameterField("folder", .shaped(.absolutePath)),
            ParameterField("secrets", .list(.shaped(.fileName)), default: ""),
            ParameterField("environment", .mapping(.variableName, .text), default: ""),
            ParameterField("grace", .duration, default: "10s", upTo: .seconds(25)),
            ParameterField("codes", .mapping(.exitCode, .choice(["good", "bad"]))),
        ]
    )

    @Test("Mappings, shapes and lists are read into canonical JSON, whatever YAML takes their keys for")
    func good() throws {
        let json = try read(
            #"parameters: { command: [a, 5, ""], folder: /var, environment: { B: 1, A: x y }, codes: { 0: good, 75: bad, other: bad } }"#
        )
        #expect(
            json
                == #"{"codes":{"0":"good","75":"bad","other":"bad"},"command":["a","5",""],"environment":{"A":"x y","B":"1"},"folder":"/var"}"#
        )
    }

    @Test(
        "A wrong one is reported at its innermost place, with what was expected there",
        arguments: [
            BadFile("{ command: [] }", "7:28", "a list, each a text, with at least 1"),
            BadFile("{ command: run }", "7:28", "a list, each a text", "not \"run\""),
            BadFile("{ command: [a, [b]] }", "7:32", "an element of parameter \"command\"", "a text, not a list"),
            BadFile("{ command: [a], folder: var }", "7:41", "a path that begins with /", "not \"var\""),
            BadFile("{ command: [a], secrets: [ok, ../no] }", "7:47", "a file's name", "not \"../no\""),
            BadFile("{ command: [a], environment: [A] }", "7:46", "a mapping from a variable's name"),
            BadFile("{ command: [a], environment: { 1A: b } }", "7:48", "a name of parameter", "not \"1A\""),
            BadFile(
                "{ command: [a], environment: { BURSAR_RUN: b } }",
                "7:48",
                "does not begin with a digit or BURSAR_"
            ),
            BadFile("{ command: [a], environment: { A: [b] } }", "7:51", "A of parameter \"environment\"", "a text"),
            BadFile("{ command: [a], grace: 1h }", "7:40", "a duration such as", "at most 25s, not \"1h\""),
            BadFile("{ command: [a], codes: { 256: good } }", "7:42", "an exit code from 0 to 255, or other"),
            BadFile("{ command: [a], codes: { 007: good } }", "7:42", "not \"007\""),
            BadFile("{ command: [a], codes: { 7: fine } }", "7:45", "7 of parameter \"codes\"", "one of good, bad"),
        ]
    )
    func bad(_ row: BadFile) throws {
        let problems = #expect(throws: ScheduleProblems.self) { try read("parameters: \(row.text)") }
        let problem = try #require(problems?.problems.first)
        #expect("\(problem.line):\(problem.column)" == row.place, "\(problem)")
        for word in row.words { #expect("\(problem)".contains(word), "\(problem)") }
    }

    @Test(
        "By hand they are written with commas, or as JSON where a value has commas of its own",
        arguments: [
            ("command", "a,b", #"{"command":["a","b"]}"#),
            ("command", #"["/bin/sh","-c","echo a, b"]"#, #"{"command":["/bin/sh","-c","echo a, b"]}"#),
            ("environment", "A=1,B=x=y", #"{"command":["x"],"environment":{"A":"1","B":"x=y"}}"#),
            ("environment", #"{"A":"1,2"}"#, #"{"command":["x"],"environment":{"A":"1,2"}}"#),
            ("codes", "3=bad,other=good", #"{"codes":{"3":"bad","other":"good"},"command":["x"]}"#),
        ]
    )
    func byHand(_ name: String, _ text: String, _ json: String) throws {
        let pairs = name == "command" ? [(name, text)] : [("command", "x"), (name, text)]
        #expect(try Self.signature.parametersJSON(of: pairs.map { (name: $0.0, text: $0.1) }) == json)
    }

    @Test(
        "By hand a wrong one is refused in words",
        arguments: [
            ("command", ""), ("command", "[1]"), ("command", "[\"a\""), ("environment", "A"),
            ("environment", "A=1,A=2"),
            ("environment", "{\"A\":1}"), ("codes", "3=worse"), ("codes", "-1=good"), ("folder", "x"),
            ("secrets", "a/b"),
        ]
    )
    func refusedByHand(_ name: String, _ text: String) {
        let refusal = #expect(throws: ParameterProblems.self) {
            try Self.signature.parametersJSON(of: [(name: name, text: text)])
        }
        #expect(
            refusal?.sentences.contains { $0.contains("\"\(name)\" must be") } == true,
            "\(String(describing: refusal))"
        )
    }

    @Test(
        "The JSON Schema accepts and refuses what the reader does",
        .enabled(if: JSONSchemaCheck.isThere, "needs python3 and jsonschema"),
        arguments: [
            (#"{"command": ["a", 5, ""], "folder": "/var", "codes": {"0": "good", "other": "bad"}}"#, true),
            (#"{"command": ["a"], "environment": {"A": "b"}, "secrets": ["a-b.c"]}"#, true),
            (#"{"command": []}"#, false),
            (#"{"secrets": []}"#, false), (#"{"command": ["a"], "secrets": ["../b"]}"#, false),
            (#"{"command": ["a"], "codes": {"256": "good"}}"#, false),
            (#"{"command": ["a"], "codes": {"1": "x"}}"#, false),
            (#"{"command": ["a"], "environment": {"BURSAR_X": "b"}}"#, false),
            (#"{"command": ["a"], "more": 1}"#, false),
        ]
    )
    func schema(_ parameters: String, _ isGood: Bool) throws {
        let file =
            #"{"version": 1, "schedules": {"x": {"job": "renewals", "every": "5m", "parameters": \#(parameters)}}}"#
        let jobs = JobCatalogue([Self.signature])
        #expect(try JSONSchemaCheck.accepts(file, schema: ScheduleFileSchema.text(for: jobs)) == isGood)
        let isRead = (try? ScheduleSet.read(file, file: "a.yaml", catalogue: jobs)) != nil
        #expect(isRead == isGood)
    }

    private func read(_ line: String) throws -> String? {
        try ScheduleSet.read(
            ScheduleFileSupport.file(with: line),
            file: "billing.yaml",
            catalogue: JobCatalogue([Self.signature])
        ).schedules.first?.parametersJSON
    }
}
