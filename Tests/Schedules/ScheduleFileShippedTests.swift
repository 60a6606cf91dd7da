import Foundation
import Schedules
import Testing

/// The files under `schedules/`, their JSON Schema, and the reference page.
@Suite("Schedule files that ship")
struct ScheduleFileShippedTests {
    private static let root = URL(filePath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
    private static let folder = root.appending(path: "schedules").path

    @Test("They are read without a problem, and the renewals set their dst policy")
    func shipped() throws {
        let set = try ScheduleSet.load(paths: [Self.folder])
        let renewals = try #require(set["renewals"])
        #expect(renewals.job == "renewals" && renewals.parametersJSON == #"{"chunk":500}"#)
        #expect(
            set.schedules.allSatisfy { schedule in
                if case .cron = schedule.timing { schedule.dst != nil } else { true }
            }
        )
    }

    @Test("The reference page explains every key and every word a key can have")
    func page() throws {
        let page = try String(contentsOf: Self.root.appending(path: "docs/schedule-files.md"), encoding: .utf8)
        for word in try Self.words(of: JSONSerialization.jsonObject(with: Data(ScheduleFileSchema.text.utf8))) {
            #expect(page.contains("`\(word)`"), "docs/schedule-files.md does not explain `\(word)`")
        }
    }

    @Test(
        "The shipped files, as JSON, pass the schema",
        .enabled(if: JSONSchemaCheck.isThere, "needs python3 and jsonschema")
    )
    func conforms() throws {
        let set = try ScheduleSet.load(paths: [Self.folder])
        let entries = set.schedules.map { "\"\($0.name)\": \($0.definitionJSON)" }.joined(separator: ",")
        #expect(try JSONSchemaCheck.accepts(#"{"version": 1, "schedules": {\#(entries)}}"#))
    }

    @Test(
        "The schema refuses what the reader refuses",
        .enabled(if: JSONSchemaCheck.isThere, "needs python3 and jsonschema"),
        arguments: [
            #"{"version": 2, "schedules": {}}"#, #"{"version": 1}"#, #"{"version": 1, "schedules": {}, "more": 1}"#,
            entry(#""job": "a""#), entry(#""job": "a", "every": "5m", "once": "2026-01-31T08:00:00Z""#),
            entry(#""job": "a", "cron": "@daily""#), entry(#""job": "a", "every": "5""#),
            entry(#""job": "a", "every": """#), entry(#""job": "a", "every": "5m", "colour": "red""#),
            entry(#""job": "a", "every": "5m", "overlap": "never""#),
            entry(#""job": "a", "every": "5m", "retry": {"attempts": 0}"#),
            entry(#""job": "a", "every": "5m", "misfire": {"within": "1d"}"#),
            entry(#""job": "a", "every": "5m", "dst": {"missing": "skip", "repeated": "both"}"#),
            entry(#""job": "a", "every": "5m", "environments": []"#),
            #"{"version": 1, "schedules": {"Bad_Name": {"job": "a", "every": "5m"}}}"#,
        ]
    )
    func refuses(json: String) throws {
        #expect(try !JSONSchemaCheck.accepts(json))
        #expect(!ScheduleFileSupport.problems(of: json.replacing("\"a\"", with: "\"renewals\"")).isEmpty)
    }

    private static func entry(_ members: String) -> String {
        #"{"version": 1, "schedules": {"x": {\#(members)}}}"#
    }

    /// Every key and every word of an enumeration in a JSON Schema.
    private static func words(of schema: Any) -> Set<String> {
        guard let object = schema as? [String: Any] else {
            return (schema as? [Any] ?? []).reduce(into: Set<String>()) { $0.formUnion(Self.words(of: $1)) }
        }
        var words = Set((object["enum"] as? [String]) ?? [])
        for (name, value) in object {
            if name == "properties", let properties = value as? [String: Any] { words.formUnion(properties.keys) }
            words.formUnion(Self.words(of: value))
        }
        return words
    }
}

/// Python's `jsonschema`, where it is installed.
enum JSONSchemaCheck {
    static let isThere = (try? run(["-c", "import jsonschema"], input: "")) == 0

    static func accepts(_ json: String, schema: String = ScheduleFileSchema.text) throws -> Bool {
        let script = "import json, sys, jsonschema; jsonschema.validate(json.load(sys.stdin), json.loads(sys.argv[1]))"
        return try run(["-c", script, schema], input: json) == 0
    }

    private static func run(_ arguments: [String], input: String) throws -> Int32 {
        let python = Process()
        let pipe = Pipe()
        python.executableURL = URL(filePath: "/usr/bin/env")
        python.arguments = ["python3"] + arguments
        python.standardInput = pipe
        python.standardOutput = FileHandle.nullDevice
        python.standardError = FileHandle.nullDevice
        try python.run()
        // Less than a pipe holds.
        try pipe.fileHandleForWriting.write(contentsOf: Data(input.utf8))
        try pipe.fileHandleForWriting.close()
        python.waitUntilExit()
        return python.terminationStatus
    }
}
