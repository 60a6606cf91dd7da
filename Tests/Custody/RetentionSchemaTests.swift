import Custody
import Foundation
import Testing

/// The JSON Schema of retention policies, and the page that explains them.
@Suite("The schema of retention policies") struct RetentionSchemaTests {
    private static let root = URL(filePath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

    @Test("The schema that ships is the one rendered from the keys and the tables")
    func shipped() throws {
        let path = Self.root.appending(path: "schedules/policies/retention.schema.json").path
        if ProcessInfo.processInfo.environment["BURSAR_RENDER"] != nil {
            try RetentionFileSchema.text.write(toFile: path, atomically: true, encoding: .utf8)
        }
        let shipped = try String(contentsOfFile: path, encoding: .utf8)
        #expect(
            shipped == RetentionFileSchema.text,
            "render it anew: BURSAR_RENDER=1 swift test --filter RetentionSchema"
        )
    }

    @Test("The page explains every key, every table and every action")
    func page() throws {
        let page = try String(contentsOf: Self.root.appending(path: "docs/retention.md"), encoding: .utf8)
        let schema = try JSONSerialization.jsonObject(with: Data(RetentionFileSchema.text.utf8))
        for word in Self.words(of: schema) {
            #expect(page.contains("`\(word)`"), "docs/retention.md does not explain `\(word)`")
        }
        let clocks = Set(PurgeTable.allCases.map(\.clock))
        #expect(clocks.isSubset(of: Self.words(of: schema, clocks: true)))
    }

    @Test("The policies that ship pass the schema", .enabled(if: isThere, "needs python3 with jsonschema and yaml"))
    func conforms() throws {
        let text = try String(
            contentsOf: Self.root.appending(path: "schedules/policies/retention.yaml"),
            encoding: .utf8
        )
        #expect(try Self.passes(text))
        #expect(text.hasPrefix("# yaml-language-server: $schema=retention.schema.json\n"))
    }

    private static let policy = """
        version: 1
        retention:
          - table: message_body
            clock: created_at
            keep: 90d
            action: delete
            legal_basis: law
            tenant_override: { floor: 30d, ceiling: 365d }
            tenants: { acme: 180d }
            batch: 500
            pause_ms: 50
            lock_timeout_ms: 200
            max_rows_per_run: 1000
            max_percent: 20
            observe_days: 3

        """

    @Test(
        "The schema refuses what the reader refuses",
        .enabled(if: isThere, "needs python3 with jsonschema and yaml"),
        arguments: [
            ("version: 1", "version: 2"), ("retention:", "retain:"), ("message_body", "invoice"),
            ("message_body", "attempt_line"), ("created_at", "received_at"), ("action: delete", "action: erase"),
            ("action: delete", "action: drop_partition"), ("keep: 90d", "keep: 90"), ("    legal_basis: law\n", ""),
            ("ceiling: 365d", "roof: 365d"), ("acme: 180d", "acme: long"), ("batch: 500", "batch: 0"),
            ("pause_ms: 50", "pause_ms: 60001"), ("lock_timeout_ms: 200", "lock_timeout_ms: 801"),
            ("max_rows_per_run: 1000", "max_rows_per_run: 0"), ("max_percent: 20", "max_percent: 101"),
            ("observe_days: 3", "observe_days: 366"), ("batch: 500", "batches: 500"),
        ]
    )
    func refuses(_ was: String, _ becomes: String) throws {
        #expect(try Self.passes(Self.policy))
        _ = try RetentionFile.read(Self.policy, file: "retention.yaml")
        let text = Self.policy.replacing(was, with: becomes)
        #expect(text != Self.policy)
        #expect(throws: RetentionProblems.self) { _ = try RetentionFile.read(text, file: "retention.yaml") }
        #expect(try !Self.passes(text))
    }

    private static let isThere = (try? python("pass", "")) == 0

    private static func passes(_ text: String) throws -> Bool {
        let file = FileManager.default.temporaryDirectory.appending(path: "retention-\(UUID().uuidString).yaml")
        try text.write(to: file, atomically: true, encoding: .utf8)
        defer { try? FileManager.default.removeItem(at: file) }
        return try python("jsonschema.validate(yaml.safe_load(open(sys.argv[2])), json.loads(sys.argv[1]))", file.path)
            == 0
    }

    private static func python(_ script: String, _ file: String) throws -> Int32 {
        let python = Process()
        python.executableURL = URL(filePath: "/usr/bin/env")
        let imports = "import json, sys, jsonschema, yaml; "
        python.arguments = ["python3", "-c", imports + script, RetentionFileSchema.text, file]
        python.standardError = FileHandle.nullDevice
        try python.run()
        python.waitUntilExit()
        return python.terminationStatus
    }

    /// Every key and every word of an enumeration in a JSON Schema; of those of clocks only where wanted.
    private static func words(of schema: Any, clocks: Bool = false) -> Set<String> {
        guard let object = schema as? [String: Any] else {
            return (schema as? [Any] ?? []).reduce(into: Set<String>()) {
                $0.formUnion(Self.words(of: $1, clocks: clocks))
            }
        }
        var words = Set((object["enum"] as? [String]) ?? [])
        for (name, value) in object {
            if name == "properties", var properties = value as? [String: Any] {
                words.formUnion(properties.keys)
                if !clocks { properties["clock"] = nil }
                for value in properties.values { words.formUnion(Self.words(of: value, clocks: clocks)) }
            } else {
                words.formUnion(Self.words(of: value, clocks: clocks))
            }
        }
        return words
    }
}
