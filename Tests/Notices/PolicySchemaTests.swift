import Foundation
import Notices
import Testing

/// The JSON Schema of dunning policies, and the page that explains them.
@Suite("The schema of dunning policies") struct PolicySchemaTests {
    private static let root = URL(filePath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

    @Test("The schema that ships is the one rendered from the keys")
    func shipped() throws {
        let path = Self.root.appending(path: "schedules/policies/dunning.schema.json").path
        if ProcessInfo.processInfo.environment["BURSAR_RENDER"] != nil {
            try PolicyFileSchema.text.write(toFile: path, atomically: true, encoding: .utf8)
        }
        let shipped = try String(contentsOfFile: path, encoding: .utf8)
        #expect(shipped == PolicyFileSchema.text, "render it anew: BURSAR_RENDER=1 swift test --filter PolicySchema")
    }

    @Test("The page explains every key, every category and every channel")
    func page() throws {
        let page = try String(contentsOf: Self.root.appending(path: "docs/dunning.md"), encoding: .utf8)
        let schema = try JSONSerialization.jsonObject(with: Data(PolicyFileSchema.text.utf8))
        for word in Self.words(of: schema) {
            #expect(page.contains("`\(word)`"), "docs/dunning.md does not explain `\(word)`")
        }
    }

    @Test("The policy that ships passes the schema", .enabled(if: isThere, "needs python3 with jsonschema and yaml"))
    func conforms() throws {
        let file = Self.root.appending(path: "schedules/policies/dunning.yaml").path
        #expect(
            try Self.python("jsonschema.validate(yaml.safe_load(open(sys.argv[2])), json.loads(sys.argv[1]))", file)
                == 0
        )
    }

    @Test(
        "The schema refuses what the reader refuses",
        .enabled(if: isThere, "needs python3 with jsonschema and yaml"),
        arguments: [
            ("version: 1", "version: 2"), ("policy:", "polcy:"), ("id: overdue", "id: Over due"), ("10:30", "24:00"),
            ("category: overdue", "category: overdu"), ("telegram, email", "email, email"), ("[telegram, email]", "[]"),
            ("valid_for: 4d", "valid_for: 4"), ("offset_days: 1,", "offset_days: 400,"),
            ("calendar: kh", "calendars: kh"),
            ("calendar: kh", "approve_above: 0"), ("calendar: kh", "suspension: {}"),
        ]
    )
    func refuses(_ was: String, _ becomes: String) throws {
        let text = PolicyText.steps.replacing(was, with: becomes)
        try PolicyFolder.with(text) { folder in
            #expect(!folder.problems().isEmpty)
            let script = "jsonschema.validate(yaml.safe_load(open(sys.argv[2])), json.loads(sys.argv[1]))"
            let status = try Self.python(script, "\(folder.path)/dunning.yaml")
            #expect(status != 0)
        }
        #expect(text != PolicyText.steps)
    }

    private static let isThere = (try? python("pass", "")) == 0

    private static func python(_ script: String, _ file: String) throws -> Int32 {
        let python = Process()
        python.executableURL = URL(filePath: "/usr/bin/env")
        let imports = "import json, sys, jsonschema, yaml; "
        python.arguments = ["python3", "-c", imports + script, PolicyFileSchema.text, file]
        python.standardError = FileHandle.nullDevice
        try python.run()
        python.waitUntilExit()
        return python.terminationStatus
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
