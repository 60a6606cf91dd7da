import Glibc
import Outbound
import TestSupport
import Testing

@Suite("Bakong, as an operator connects to it")
struct BakongCommandTests {
    private static let key = String(repeating: "5a", count: 32)

    /// A member of the JSON that the simulator prints.
    private static func member(_ name: String, _ json: String) throws -> String {
        let start = try #require(json.firstRange(of: "\"\(name)\":\"")).upperBound
        return String(json[start...].prefix { $0 != "\"" })
    }

    private static func post(_ url: String, _ body: String) async throws -> HTTPResponse {
        let client = HTTPClient()
        defer { client.close() }
        return try await client.send(
            HTTPRequest(method: "POST", url: url, body: Array(body.utf8), timeout: .seconds(10), allowsPlainText: true)
        )
    }

    private static func owned(_ text: String, _ house: House, _ name: String) -> String {
        let path = "\(house.folder)/\(name)"
        write(text + "\n", to: path)
        chmod(path, 0o600)
        return path
    }

    @Test("A token is stored from a file with a reason, shown by fingerprint, used, renewed, and never seen again")
    func token() async throws {
        try await House.with(Portfolio.empty) { house in
            let simulator = try house.start(
                Program.path,
                ["sim", "bakong", "--json", "--email", "the.owner@example.com"],
                Program.environment.merging(["BURSAR_CONFIG": "\(house.folder)/bursar.yaml"]) { $1 },
                as: "simulator"
            )
            try await waitUntil("the simulator serves") { simulator.answered.contains("\n") }
            let url = try Self.member("url", simulator.answered)
            let token = try Self.member("token", simulator.answered)
            let settings = [
                "BURSAR_BAKONG_URL": url, "BURSAR_BAKONG_RATE": "50", "BURSAR_BAKONG_PER_DAY": "1000",
                "BURSAR_BAKONG_TOKEN_KEY_FILE": Self.owned(Self.key, house, "key"),
                "BURSAR_BAKONG_EMAIL_FILE": Self.owned("the.owner@example.com", house, "email"),
            ]
            let daemon = try house.daemon("a", settings: settings)
            try await daemon.ready()
            let listed = try await house.bursar("providers", "--json")
            #expect(listed.output.contains("\"per_day\": 1000") && listed.output.contains("\"rate\": 50"), "\(listed)")

            try await waitUntil("a missing token is an alarm") {
                try await house.bursar("alarms", "--json").output.contains("no token is stored")
            }
            let hash = String(repeating: "ab", count: 32)
            let none = try await house.bursar("bakong", "lookup", "--hash", hash)
            #expect(none.status == 1 && none.output.contains("bursar bakong token set"), "\(none)")
            let file = Self.owned(token, house, "token")
            let set = try await house.bursar("bakong", "token", "set", file, "--reason", "the first one")
            #expect(set.status == 0 && set.output.contains("sha256:"), "\(set)")
            #expect(try await house.bursar("alarms", "--json").output.contains("bakong:token") == false)
            #expect(
                try await house.value(
                    "select content ->> 'reason' from bursar.event where kind = 'bakong.token_stored'"
                ) == "the first one"
            )

            let md5 = String(repeating: "0c", count: 16)
            let pays =
                "{\"md5\":\"\(md5)\",\"hash\":\"\(hash)\",\"account\":\"shop@bank\",\"amount\":\"12.50\",\"currency\":\"USD\"}"
            #expect(try await Self.post(url + "/sim/pay", pays).status == 200)
            let found = try await house.bursar("bakong", "lookup", "--md5", md5, "--hash", hash, "--json")
            #expect(found.status == 0 && found.output.contains("USD 12.50"), "\(found)")

            #expect(try await Self.post(url + "/sim/expire-tokens", "{}").status == 200)
            try await house.database.setUp("update bursar.bakong_renewal set next_try_at = null")
            let renewed = try await house.bursar("bakong", "lookup", "--md5", md5)
            #expect(renewed.status == 0, "\(renewed)")
            let shown = try await house.bursar("bakong", "token")
            #expect(shown.output.contains("renewal") && shown.output.contains("days left: 89"), "\(shown)")
            let calls = try await house.bursar("bakong", "calls")
            #expect(calls.output.contains("renew_token") && calls.output.contains("unauthorized"), "\(calls)")
            #expect(try await house.bursar("bakong", "calls", "--key", hash, "--json").output.contains(hash))

            #expect(try await house.bursar("bakong", "token", "set", "/nowhere", "--reason", "x").status == 78)
            let wrong = try await house.bursar(
                "bakong",
                "token",
                "set",
                settings["BURSAR_BAKONG_EMAIL_FILE"] ?? "",
                "--reason",
                "x"
            )
            #expect(wrong.status == 65 && wrong.errors.contains("no token of Bakong"), "\(wrong)")
            #expect(try await house.bursar("bakong", "lookup").status == 64)

            let rows = try await house.list(
                """
                select to_jsonb(e)::text from bursar.event e union all select to_jsonb(a)::text from bursar.audit_entry a
                union all select to_jsonb(c)::text from bursar.bakong_call c
                """
            )
            let doctor = try await house.bursar("doctor", settings: settings)
            let said = house.logs + rows + [set, found, renewed, shown, calls, wrong, doctor].map(\.description)
            for secret in [token, "the.owner@example.com", Self.key] {
                #expect(!said.contains { $0.contains(secret) }, "\(secret)")
            }
            simulator.signal(SIGINT)
            #expect(try await simulator.end() == .exited(0))
        }
    }

    @Test("Settings of Bakong that cannot be used end the daemon with 78 and say why")
    func settings() async throws {
        try await House.with(Portfolio.empty) { house in
            let wrong = [
                "BURSAR_BAKONG_URL": "http://bakong.example", "BURSAR_BAKONG_RATE": "0",
                "BURSAR_BAKONG_TOKEN_KEY_FILE": Self.owned("abc", house, "short"), "BURSAR_BAKONG_PER_DAY": "-1",
            ]
            for (name, value) in wrong {
                let ended = try await house.bursar("serve", settings: [name: value])
                #expect(ended.status == 78 && ended.errors.contains("try:"), "\(name): \(ended)")
            }
            let production = ["BURSAR_ENVIRONMENT": "production", "BURSAR_BAKONG_URL": "http://127.0.0.1:9"]
            #expect(try await house.bursar("serve", settings: production).status == 78)
        }
    }

    @Test("The simulator listens and posts on this machine alone, and not in production")
    func simulator() async throws {
        try await House.with(Portfolio.empty) { house in
            for (arguments, status) in [
                (["--listen", "0.0.0.0:0"], Int32(77)), (["--listen", "localhost:0"], 77),
                (["--callbacks", "http://192.0.2.1/x"], 77), (["--set", "environment=production"], 77),
                (["--fault", "callback_lots=1"], 65), (["--fault", "seed"], 64),
            ] {
                let ended = try await house.bursar(["sim", "bakong"] + arguments)
                #expect(ended.status == status, "\(arguments): \(ended)")
            }
        }
    }
}
