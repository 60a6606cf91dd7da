import Notices
import Postgres
import TestSupport
import Testing

@Suite("Contacts, consents and suppressions, as the contract keeps them")
struct PayerContractTests {
    @Test("One address a channel is in force, the one before is kept as replaced, and the audit trail knows neither")
    func put() async throws {
        try await ReturnWorld.open { world in
            #expect(
                try await world.call("select bursar.put_contact(1, 'email', 'sok@customer.example')::text") == "(1,f)"
            )
            #expect(
                try await world.call("select bursar.put_contact(1, 'email', 'new@customer.example')::text") == "(3,t)"
            )
            #expect(try await world.call("select bursar.put_contact(1, 'sms', '+855 12-345 678')::text") == "(4,t)")
            let rows = try await world.list(
                "select channel, address, retired_why from bursar.payer_address where tenant_id = 1 order by id"
            )
            #expect(
                rows == ["email|sok@customer.example|replaced", "email|new@customer.example|-", "sms|+85512345678|-"]
            )
            let told = try await world.one(
                "select count(*)::text from bursar.audit_entry where canonical like '%@%' or canonical like '%+855%'"
            )
            #expect(told == "0")
            #expect(
                try await world.one("select count(*)::text from bursar.event where content::text ~ '@|\\+855'") == "0"
            )
        }
    }

    @Test(
        "What is no address is refused, and the refusal does not repeat it",
        arguments: [
            (
                "email",
                [
                    "no-at.example", "a@b", "a b@c.example", "A <a@b.example>", "a@b.example\nBcc: c@d.example",
                    "a@b.example\r", "a..b@c.example", "a@b.example,c@d.example", "a@-b.example", "ស@customer.example",
                ]
            ),
            ("sms", ["012345678", "+0123456789", "+85512345678x", "+855"]),
            ("telegram", ["@name", "1.5", ""]),
            ("webhook", ["http://a.example/x", "https://u:p@a.example/", "https://a.example/#x", "https:///x"]),
            ("pigeon", ["a@b.example"]),
        ]
    )
    func unfit(_ channel: String, _ addresses: [String]) async throws {
        try await ReturnWorld.open { world in
            for address in addresses {
                let quoted = address.replacing("\n", with: "\\n").replacing("\r", with: "\\r")
                let error = await #expect(throws: PostgresError.self) {
                    _ = try await world.call("select bursar.put_contact(1, '\(channel)', E'\(quoted)')::text")
                }
                #expect(error?.sqlState == .refusedByRule, "\(address): \(String(describing: error))")
                if address.contains(where: \.isNewline) { #expect(error?.message.contains("line break") == true) }
                if address.count > 3, let error { #expect(!error.message.contains(address)) }
            }
        }
    }

    @Test("What is one is taken")
    func fit() async throws {
        let addresses = [
            ("email", "first.last+tag@mail.customer.example"), ("email", "o'hara@xn--e1afmkfd.example"),
            ("sms", "+85512345678"), ("telegram", "-1001234567890"),
            ("webhook", "https://hooks.customer.example:8443/a?b=c"),
        ]
        try await ReturnWorld.open { world in
            for (channel, address) in addresses {
                let quoted = address.replacing("'", with: "''")
                _ = try await world.call("select bursar.put_contact(2, '\(channel)', '\(quoted)')::text")
                let inForce = "tenant_id = 2 and channel = '\(channel)' and retired_at is null"
                #expect(try await world.one("select address from bursar.payer_address where \(inForce)") == address)
            }
        }
    }

    @Test("Erased addresses lose their text everywhere and keep their hash: what is suppressed stays so")
    func erase() async throws {
        try await ReturnWorld.open { world in
            _ = try await world.call("select bursar.put_contact(1, 'email', 'new@customer.example')::text")
            _ = try await world.call(
                "select bursar.place_suppression(1, 'email', 'new@customer.example', reason => 'asked us to')"
            )
            #expect(try await world.call("select bursar.erase_contact(1, reason => 'asked to be forgotten')") == "2")
            #expect(
                try await world.list("select address, retired_why from bursar.payer_address where tenant_id = 1") == [
                    "-|erased", "-|erased",
                ]
            )
            #expect(
                try await world.call(
                    "select bursar.suppressed_for(1, 'email', bursar.address_hash('email', 'NEW@customer.example'), now())"
                ) == "manual"
            )
            _ = try await world.call("select bursar.put_contact(1, 'email', 'new@customer.example')::text")
            #expect(
                try await world.one("select suppressed_for from bursar.client_contact where tenant_id = 1") == "manual"
            )
        }
    }

    @Test(
        "An operator's decisions need a reason, another program's do not",
        arguments: [
            "bursar.remove_contact(1, 'email')", "bursar.erase_contact(1)",
            "bursar.give_consent(1, 'courtesy', 'email')",
        ]
    )
    func reasons(call: String) async throws {
        try await ReturnWorld.open { world in
            await #expect(throws: PostgresError.self) { _ = try await world.call("select \(call)") }
            try await world.database.withPool(user: "bursar_client") { pool in
                let statement = Statement("test.client", "select (\(call))::text as answer")
                _ = try await pool.withTransaction { try await $0.query(statement) }
            }
        }
    }

    @Test("Consent is what was said last of a category and a channel; without a word nothing is declined")
    func consent() async throws {
        try await ReturnWorld.open { world in
            func given(_ category: String = "courtesy", _ channel: String = "email") async throws -> String {
                try await world.call("select bursar.has_consent(1, '\(category)', '\(channel)')")
            }
            #expect(try await given() == "true")
            _ = try await world.call("select bursar.withdraw_consent(1, 'courtesy', 'email')")
            #expect(try await given() == "false")
            #expect(try await given("due_soon") == "true")
            #expect(try await given("courtesy", "sms") == "true")
            _ = try await world.call("select bursar.give_consent(1, 'courtesy', 'email', 'v1', reason => 'ticked')")
            #expect(try await given() == "true")
            let first = try await world.call("select bursar.withdraw_consent(1)")
            #expect(try await world.call("select bursar.withdraw_consent(1)") == first)
            #expect(try await given() == "false")
            _ = try await world.call("select bursar.give_consent(1, 'all', 'all', reason => 'changed their mind')")
            #expect(try await given() == "true")
            #expect(try await given("due_soon", "sms") == "true")
            _ = try await world.call("select bursar.withdraw_consent(1, 'courtesy', 'email')")
            #expect(try await given() == "false")
            #expect(try await given("due_soon") == "true")
            let said = try await world.list("select verb, category, channel from bursar.consent order by id")
            #expect(
                said == [
                    "withdrawn|courtesy|email", "granted|courtesy|email", "withdrawn|all|all", "granted|all|all",
                    "withdrawn|courtesy|email",
                ]
            )
            await #expect(throws: PostgresError.self) {
                _ = try await world.call("select bursar.withdraw_consent(1, 'overdue')")
            }
        }
    }

    @Test("One click withdraws once, however often it is pressed, and by the listener's role alone")
    func oneClick() async throws {
        try await ReturnWorld.open { world in
            _ = try await world.call("select bursar.give_consent(1, 'courtesy', 'email', reason => 'ticked')")
            for _ in 0..<3 {
                let options = TransactionOptions(role: "bursar_listener")
                let token = UnsubscribeToken(tenant: 1, category: "courtesy", channel: "email")
                #expect(try await world.pool.withTransaction(options) { try await Consent.withdraw(token, in: $0) })
            }
            let said = try await world.list("select verb, source, actor from bursar.consent order by id")
            #expect(said == ["granted|operator|operator:sok", "withdrawn|one_click|payer:one_click"])
            let gone = UnsubscribeToken(tenant: 99)
            let known = try await world.pool.withTransaction(TransactionOptions(role: "bursar_listener")) {
                try await Consent.withdraw(gone, in: $0)
            }
            #expect(!known)
            await #expect(throws: PostgresError.self) {
                _ = try await world.call("select bursar.unsubscribe(1, 'all', 'all')")
            }
        }
    }

    @Test("The listener stores reports and takes back consents, and can read neither them nor anybody's address")
    func listenerRights() async throws {
        try await ReturnWorld.open { world in
            try await world.bring("human", of: 1)
            for call in [
                "count(*) from bursar.delivery_report", "count(*) from bursar.payer_address",
                "bursar.put_contact(1, 'sms', '+85512345678')::text",
                "bursar.give_consent(1, 'all', 'all')", "bursar.place_suppression(1, 'sms', '+85512345678')",
            ] {
                let error = await #expect(throws: PostgresError.self) {
                    _ = try await world.call("select \(call)", role: "bursar_listener")
                }
                #expect(error?.sqlState == .insufficientPrivilege, "\(call): \(String(describing: error))")
            }
        }
    }

    @Test("A suppression by hand counts for its tenant or for all, until it is over or released with a reason")
    func byHand() async throws {
        try await ReturnWorld.open { world in
            let hash = "bursar.address_hash('email', 'sok@customer.example')"
            func reason(_ tenant: Int, at moment: String = "now()") async throws -> String {
                try await world.call("select bursar.suppressed_for(\(tenant), 'email', \(hash), \(moment))")
            }
            let placed = try await world.call(
                "select bursar.place_suppression(null, 'email', 'Sok@customer.example', expires_at => now() + interval '1 day', reason => 'a letter')"
            )
            #expect(try await reason(1) == "manual")
            #expect(try await reason(2) == "manual")
            #expect(try await reason(1, at: "now() + interval '2 days'") == "null")
            await #expect(throws: PostgresError.self) {
                _ = try await world.call("select bursar.release_suppression(\(placed))")
            }
            _ = try await world.call("select bursar.release_suppression(\(placed), 'they called')::text")
            #expect(try await reason(1) == "null")
            await #expect(throws: PostgresError.self) {
                _ = try await world.call("select bursar.release_suppression(\(placed), 'again')::text")
            }
        }
    }

    @Test("A longer suppression takes the place of a shorter one, never the other way round; both stay on record")
    func stronger() async throws {
        try await ReturnWorld.open { world in
            func place(_ reason: String, _ until: String) async throws -> String {
                try await world.one(
                    "select bursar.suppress(1, 'email', '\\x01', '\(reason)', 'dsn', 'x', \(until), now())::text"
                )
            }
            let soft = try await place("soft_bounces", "now() + interval '30 days'")
            let hard = try await place("hard_bounce", "null")
            #expect(soft != hard)
            #expect(try await place("soft_bounces", "now() + interval '30 days'") == hard)
            let rows = try await world.list("select reason, release_reason from bursar.suppression order by id")
            #expect(rows == ["soft_bounces|a longer one took its place", "hard_bounce|-"])
        }
    }

    @Test("The categories that can be declined are those of the catalogue")
    func categories() async throws {
        let optional = NoticeCatalogue.categories.filter { $0.class == .optional }.map(\.name).sorted()
        try await ReturnWorld.open { world in
            let known = try await world.list("select category from bursar.optional_category order by 1")
            #expect(known == optional)
        }
    }

    @Test("The way back takes everything of it away, and the way there works again")
    func wayBack() async throws {
        try await TestDatabase.with(migrations: ReturnWorld.migrations) { database in
            let returns = try #require(NoticesMigrations.all.first { $0.name == "returns" })
            let left = try await database.asSuperuser { connection in
                try await connection.executeScript("begin; \(returns.down) commit;", name: "down")
                let rows = try await connection.query(
                    Statement(
                        "test.left",
                        """
                        select (select count(*) from pg_proc p where p.pronamespace = 'bursar'::regnamespace
                                and p.proname in ('take_report', 'apply_return', 'put_contact', 'suppress', 'unsubscribe', 'fit_address'))
                            + (select count(*) from pg_class c where c.relnamespace = 'bursar'::regnamespace
                                and c.relname in ('delivery_report', 'soft_bounce', 'optional_category', 'client_contact')) as count
                        """
                    )
                )
                try await connection.executeScript("begin; \(returns.up) commit;", name: "up")
                return try rows.first?.get("count", as: Int.self)
            }
            #expect(left == 0)
        }
    }
}
