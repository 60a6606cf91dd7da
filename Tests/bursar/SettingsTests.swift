import Glibc
import Schedules
import Testing

@testable import bursar

@Suite("Settings")
struct SettingsTests {
    @Test("A flag wins over the file, and each value remembers where it came from")
    func precedence() throws {
        try withFile("node:\n  slots: 3\n  lease: 10s\nenvironment: development\n") { path in
            let settings = try Settings(flags: ["node.slots=7"], configFile: path)
            #expect(settings.nodeSlots == 7)
            #expect(settings.nodeLease == .seconds(10))
            #expect(settings.values[.nodeSlots]?.origin == .flag)
            #expect(settings.values[.nodeLease]?.origin == .file(path: path, line: 3))
            #expect(settings.values[.databaseConnections]?.origin.isPreset == true)
        }
    }

    @Test("A configured database means production until somebody says otherwise")
    func environment() throws {
        try withFile("postgresql:///bursar\n") { secret in
            let named = try Settings(flags: ["database.url_file=\(secret)"], configFile: "/dev/null")
            #expect(named.environment == .production)
            #expect(named.database.url == "postgresql:///bursar")
            #expect(named.values[.databaseURL]?.origin == .secretFile(secret))
            let flags = ["database.url_file=\(secret)", "environment=development"]
            #expect(try Settings(flags: flags, configFile: "/dev/null").environment == .development)
        }
        #expect(try Settings(configFile: "/dev/null").environment == .development)
    }

    @Test("Production without a database is refused where a database is needed, and nowhere else")
    func missingDatabase() throws {
        let settings = try Settings(flags: ["environment=production"], configFile: "/dev/null")
        let failure = #expect(throws: CommandFailure.self) { try settings.requireDatabase() }
        #expect(failure?.status == .configuration)
    }

    @Test(
        "A value that does not fit is refused with what is expected and where it stands",
        arguments: [
            ("node.slots=0", "from 1 to 2000"), ("node.slots=x", "from 1 to 2000"), ("node.lease=soon", "a duration"),
            ("environment=prod", "development, staging, production"), ("database.pooled=maybe", "true or false"),
            ("operator.listen=0.0.0.0:80", "loopback"), ("log.level=loud", "trace"), ("log.format=xml", "journal"),
        ]
    )
    func unfit(_ flag: String, _ expected: String) {
        let failure = #expect(throws: CommandFailure.self) { try Settings(flags: [flag], configFile: "/dev/null") }
        #expect(failure?.status == .configuration)
        #expect(failure?.message.contains(expected) == true)
        #expect(failure?.message.contains("--set") == true)
    }

    @Test("Unknown keys and secrets on the command line are usage errors", arguments: ["nod=1", "x", "database.url=y"])
    func badFlag(_ flag: String) {
        let failure = #expect(throws: CommandFailure.self) { try Settings(flags: [flag], configFile: "/dev/null") }
        #expect(failure?.status == .usage)
    }

    @Test(
        "A fault in the file is told with line and column",
        arguments: [
            ("node:\n  leese: 3s\n", ":2:3: unknown key 'node.leese'"),
            ("schedules: [a, b]\n", ":1:12: schedules takes one value"),
            ("node: 5\n", ":1:7: here a section"), ("- a\n", ":1:1: here a section"),
        ]
    )
    func badFile(_ text: String, _ message: String) throws {
        try withFile(text) { path in
            let failure = #expect(throws: CommandFailure.self) { try Settings(configFile: path) }
            #expect(failure?.status == .configuration)
            #expect(failure?.message.contains(path + message) == true, "\(failure?.message ?? "")")
        }
    }

    @Test("A secret's fingerprint is stable and shows nothing of it")
    func fingerprint() {
        #expect(Fingerprint.text(of: "hunter2") == "sha256:f52fbd32b2b3")
    }

    private func withFile(_ text: String, _ body: (String) throws -> Void) throws {
        var template = Array("/tmp/bursar-settings-XXXXXX".utf8CString)
        let file = mkstemp(&template)
        try #require(file >= 0)
        let path = String(decoding: template.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
        defer { unlink(path) }
        _ = text.withCString { write(file, $0, strlen($0)) }
        close(file)
        try body(path)
    }
}
