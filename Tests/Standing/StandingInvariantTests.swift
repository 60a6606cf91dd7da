import Billing
import Payments
import Postgres
import Standing
import Testing
import TestSupport

@Suite("The invariants of suspensions")
struct StandingInvariantTests {
    @Test("What breaks one invariant turns that one red, and no other")
    func breakers() async throws {
        try await Arrears.open(tenants: 2) { arrears in
            try await arrears.suspend()
            try await arrears.pay(2)
            #expect(try await arrears.broken() == [])
            var red: [String: [String]] = [:]
            try await arrears.database.withPool(user: "postgres") { owner in
                for broken in Invariant.standing {
                    var options = TransactionOptions(settings: [("session_replication_role", "replica")])
                    options.outcome = .rollBack
                    let deed = Statement(
                        "test.break_\(broken.id)",
                        "do $breaker$ begin \(broken.breaker.script) end $breaker$"
                    )
                    red[broken.id] = try await owner.withTransaction(options) { transaction in
                        try await transaction.query(deed)
                        await transaction.setRole("bursar_ops")
                        let now = try await Invariant.businessNow(in: transaction)
                        var found: [String] = []
                        for invariant in Invariant.all + Invariant.payments + Invariant.standing {
                            let check = try await invariant.check(asOf: now, in: transaction)
                            if !check.held { found.append(invariant.id) }
                        }
                        return found
                    }
                }
            }
            #expect(red == ["I9": ["I9"], "I10": ["I10"]])
        }
    }

    @Test("A suspension with a red gate, and one without any on record, break I9")
    func redGates() async throws {
        try await Arrears.open(tenants: 2) { arrears in
            try await arrears.suspend()
            try await arrears.change(
                """
                set session_replication_role = replica;
                update bursar.subscription_transition set content = jsonb_set(content, '{gates,4,passed}', 'false')
                where to_state = 'suspended' and subscription_id = 1;
                update bursar.subscription_transition set content = '{}' where to_state = 'suspended' and subscription_id = 2;
                """
            )
            let broken = try await arrears.broken()
            #expect(broken.count == 1)
            #expect(broken.first?.contains("was made though bank_data was red") == true)
            #expect(broken.first?.contains("subscription 2: change 3 has no gates on record") == true)
        }
    }

    @Test("Migrating down puts back what payments did before, and up again what they do now")
    func downAndUp() async throws {
        try await TestDatabase.with(migrations: Arrears.migrations) { database in
            let function = "select md5(prosrc) from pg_proc where proname = 'take_off_receivables'"
            func source() async throws -> String {
                try await database.asSuperuser { connection in
                    try await connection.query(Statement("test.source", function)).first?.get(0) ?? ""
                }
            }
            let now = try await source()
            let configuration = PostgresConfiguration(url: database.url(user: "postgres"), applicationName: "test")
            let migrator = try Migrator(configuration, migrations: Arrears.migrations, loop: TestCluster.loop)
            let target = try #require(Arrears.migrations.map(\.number).filter { $0 < 31 }.max())
            _ = try await migrator.down(to: target)
            let before = try await source()
            #expect(before != now)
            let original = try await TestDatabase.with(
                migrations: Arrears.migrations.filter { $0.number < 31 }
            ) { other in
                try await other.asSuperuser { connection in
                    try await connection.query(Statement("test.source", function)).first?.get(0) ?? ""
                }
            }
            #expect(before == original)
            _ = try await migrator.up()
            #expect(try await source() == now)
        }
    }
}
