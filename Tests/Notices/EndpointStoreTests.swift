import Billing
import Engine
import JobKit
import Postgres
import TestSupport
import Testing

@testable import Notices
@testable import bursar

@Suite("Endpoints in the database")
struct EndpointStoreTests {
    private static let url = "https://shop.example.com/bursar"

    private struct World {
        let database: TestDatabase
        let pool: PostgresPool
        var ledger: StoredEndpoints { StoredEndpoints(database: pool) }

        /// A command as it comes through the operator socket, and its answer.
        func command(_ name: String, _ body: String) async throws -> String {
            let request = OperatorRequest(command: name, body: Array(body.utf8), actor: "operator:sok")
            return try await OperatorCommands.business(request, database: pool)?.text ?? "nothing"
        }

        func one(_ sql: String) async throws -> String {
            try await database.asSuperuser { connection in
                try await connection.query(Statement("test", sql)).first?.get("answer", as: String?.self) ?? "null"
            }
        }
    }

    private static func with(_ body: (World) async throws -> Void) async throws {
        try await TestDatabase.with(migrations: Migrations.all) { database in
            try await database.setUp(
                """
                select bursar.create_issuer('Mekong', 'Mekong Co., Ltd.');
                select bursar.create_tenant(1, 'T1', 'Tenant 1');
                select bursar.create_tenant(1, 'T2', 'Tenant 2');
                """
            )
            try await database.withPool { try await body(World(database: database, pool: $0)) }
        }
    }

    private static func put(_ world: World, tenant: String = "T1") async throws -> String {
        let body = "{\"tenant\":\"\(tenant)\",\"url\":\"\(url)\",\"reason\":\"asked for\"}"
        return try await world.command("endpoints.put", body)
    }

    @Test("An endpoint's secret is shown once, signs within its tenant's wall, and its URL is the payer's address")
    func put() async throws {
        try await Self.with { world in
            let first = try await Self.put(world)
            let secret = try #require(first.firstMatch(of: /"secret": "(whsec_[A-Za-z0-9+\/]{43}=)"/)).1
            #expect(try await Self.put(world).contains("\"secret\": null"), "once")
            #expect(
                try await world.ledger.standing(of: Self.url, tenant: 1) == .open(secrets: [HiddenText(String(secret))])
            )
            #expect(try await world.ledger.standing(of: Self.url, tenant: 2) == .unknown)
            #expect(try await world.ledger.standing(of: Self.url + "/", tenant: 1) == .unknown)
            let addresses =
                "select string_agg(address, ',') as answer from bursar.payer_address where retired_at is null"
            #expect(try await world.one(addresses) == Self.url)
            _ = try await world.command(
                "endpoints.put",
                "{\"tenant\":\"T1\",\"url\":\"https://other.example.com/\",\"reason\":\"moved\"}"
            )
            #expect(try await world.one(addresses) == "https://other.example.com/")
            let shown = "select string_agg(a::text, ' ') as answer from bursar.audit_entry a"
            #expect(try await !world.one(shown).contains(secret), "no secret in the audit trail")
        }
    }

    @Test("Nobody but what signs, and the backup, may read a secret")
    func wall() async throws {
        try await Self.with { world in
            _ = try await Self.put(world)
            for role in ["bursar_ops", "bursar_scan", "bursar_engine", "bursar_client"] {
                await #expect(throws: PostgresError.self) {
                    try await world.pool.withTransaction(TransactionOptions(role: role)) { transaction in
                        _ = try await transaction.query(
                            Statement("test", "select secret from bursar.notice_endpoint_secret")
                        )
                    }
                }
            }
            let other = TransactionOptions(role: "bursar_app", settings: [("bursar.tenants", "{2}")])
            let seen = try await world.pool.withTransaction(other) { transaction in
                try await transaction.query(Statement("test", "select secret from bursar.notice_endpoint_secret")).count
            }
            #expect(seen == 0)
            #expect(try await !world.command("endpoints.list", "{}").contains("whsec_"))
        }
    }

    @Test(
        "A URL that is none is refused with words",
        arguments: ["", "ftp://x/", "https://u@x/", "https://x/#a", "https://x y/"]
    )
    func badURL(_ url: String) async throws {
        try await Self.with { world in
            let error = await #expect(throws: PostgresError.self) {
                try await world.command("endpoints.put", "{\"tenant\":\"T1\",\"url\":\"\(url)\",\"reason\":\"x\"}")
            }
            #expect(error?.message.contains("is not the URL of an endpoint") == true)
        }
    }

    @Test("After days of nothing but failures an endpoint is disabled, with an alarm, and opens when somebody says so")
    func disabledByFailures() async throws {
        try await Self.with { world in
            _ = try await Self.put(world)
            let days = Duration.seconds(5 * 86_400)
            func fail() async throws {
                try await world.ledger.note(.failed, of: Self.url, tenant: 1, disableAfter: days)
            }
            func later(_ span: String) async throws {
                try await world.database.setUp(
                    "update bursar.notice_endpoint set failing_since = failing_since - interval '\(span)'"
                )
            }
            let failing =
                "select (failing_since is not null or failures > 0)::text as answer from bursar.notice_endpoint"
            try await fail()
            try await later("4 days")
            try await fail()
            #expect(try await world.ledger.standing(of: Self.url, tenant: 1) != .disabled("failures"))
            try await world.ledger.note(.taken, of: Self.url, tenant: 1, disableAfter: days)
            #expect(try await world.one(failing) == "false")
            try await later("9 days")
            try await fail()
            #expect(try await world.ledger.standing(of: Self.url, tenant: 1) != .disabled("failures"), "counted anew")
            try await later("5 days")
            try await fail()
            #expect(try await world.ledger.standing(of: Self.url, tenant: 1) == .disabled("failures"))

            let alarms =
                "select coalesce(string_agg(key, ','), '') as answer from bursar.alarm where cleared_at is null"
            try await EndpointAlarms.settle(in: world.pool)
            #expect(try await world.one(alarms) == "endpoint:1/1")
            _ = try await world.command("endpoints.enable", "{\"endpoint\":1,\"reason\":\"mended\"}")
            try await EndpointAlarms.settle(in: world.pool)
            #expect(try await world.one(alarms) == "")
            #expect(try await world.ledger.standing(of: Self.url, tenant: 1) != .disabled("failures"))
        }
    }

    @Test(
        "One that says it is gone is disabled at once; opening it takes the suppression of its bounce away, and no other"
    )
    func gone() async throws {
        try await Self.with { world in
            _ = try await Self.put(world)
            try await world.ledger.note(.gone, of: Self.url, tenant: 1, disableAfter: .seconds(86_400))
            #expect(try await world.ledger.standing(of: Self.url, tenant: 1) == .disabled("gone"))
            try await world.database.setUp(
                """
                insert into bursar.suppression (tenant_id, channel, address_hash, reason, source, evidence)
                select t, 'webhook', bursar.address_hash('webhook', '\(Self.url)'), r, 'test', 'test'
                from (values (1, 'hard_bounce'), (2, 'hard_bounce')) as v (t, r)
                """
            )
            _ = try await world.command("endpoints.enable", "{\"endpoint\":1,\"reason\":\"it is back\"}")
            let held =
                "select string_agg(tenant_id::text, ',') as answer from bursar.suppression where released_at is null"
            #expect(try await world.one(held) == "2")
        }
    }

    @Test("After a rotation both secrets sign for the overlap, the newest first, and then the new one alone")
    func rotation() async throws {
        try await Self.with { world in
            _ = try await Self.put(world)
            guard case .open(let before) = try await world.ledger.standing(of: Self.url, tenant: 1) else { return }
            let answer = try await world.command("endpoints.rotate_secret", "{\"endpoint\":1,\"reason\":\"yearly\"}")
            guard case .open(let both) = try await world.ledger.standing(of: Self.url, tenant: 1) else { return }
            #expect(both.count == 2)
            #expect(both.last == before.first)
            #expect(answer.contains(both[0].revealed))
            try await world.database.setUp(
                "update bursar.notice_endpoint_secret set valid_until = now() where valid_until is not null"
            )
            #expect(try await world.ledger.standing(of: Self.url, tenant: 1) == .open(secrets: [both[0]]))
            _ = try await world.command(
                "endpoints.rotate_secret",
                "{\"endpoint\":1,\"overlap\":\"0\",\"reason\":\"it leaked\"}"
            )
            guard case .open(let last) = try await world.ledger.standing(of: Self.url, tenant: 1) else { return }
            #expect(last.count == 1 && last != [both[0]])
            await #expect(throws: PostgresError.self) {
                try await world.command(
                    "endpoints.rotate_secret",
                    "{\"endpoint\":1,\"overlap\":\"31 days\",\"reason\":\"x\"}"
                )
            }
        }
    }

    @Test("Closed by hand it stays closed, whatever comes, until it is opened by hand")
    func byHand() async throws {
        try await Self.with { world in
            _ = try await Self.put(world)
            _ = try await world.command("endpoints.disable", "{\"endpoint\":1,\"reason\":\"they asked\"}")
            try await world.ledger.note(.taken, of: Self.url, tenant: 1, disableAfter: .seconds(1))
            #expect(try await world.ledger.standing(of: Self.url, tenant: 1) == .disabled("operator"))
            try await EndpointAlarms.settle(in: world.pool)
            #expect(try await world.one("select count(*)::text as answer from bursar.alarm") == "0", "a person knows")
            let error = await #expect(throws: PostgresError.self) {
                try await world.command("endpoints.disable", "{\"endpoint\":99,\"reason\":\"x\"}")
            }
            #expect(error?.message.contains("there is no endpoint 99") == true)
            await #expect(throws: PostgresError.self, "an operator's decision needs a reason") {
                try await world.command("endpoints.enable", "{\"endpoint\":1}")
            }
        }
    }
}
