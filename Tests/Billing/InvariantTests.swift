import Billing
import CivilTime
import Postgres
import Testing
import TestSupport

@Suite("The invariants of the books")
struct InvariantTests {
    /// Books with a portfolio that was renewed today: every kind of subscription, some with two periods billed at once.
    private static func withRenewedPortfolio(_ body: (Books, PostgresPool) async throws -> Void) async throws {
        try await TestDatabase.with(migrations: Books.migrations) { database in
            try await database.withPool(user: "postgres") { owner in
                _ = try await owner.withTransaction(DemoPortfolio.transaction) {
                    try await DemoPortfolio(tenants: 60, subscriptions: 400, seed: 3).load(in: $0)
                }
                try await database.withPool { pool in
                    let books = Books(database: database, pool: pool)
                    let now = try await owner.withTransaction { try await Invariant.businessNow(in: $0) }
                    let run = try await books.renew(asOf: now.description, chunk: 100)
                    #expect(run.kept)
                    #expect(run.invoices > 100)
                    try await body(books, owner)
                }
            }
        }
    }

    @Test("All hold after a portfolio was renewed, whoever looks through the wall as an operator")
    func green() async throws {
        try await Self.withRenewedPortfolio { books, _ in
            let checks = try await books.pool.withTransaction(Invariant.transaction) { transaction in
                let now = try await Invariant.businessNow(in: transaction)
                var checks: [InvariantCheck] = []
                for invariant in Invariant.all {
                    checks.append(try await invariant.check(asOf: now, in: transaction))
                }
                return checks
            }
            #expect(checks.map(\.id) == ["I1", "I2", "I3", "I4", "I6", "I7", "I8", "I11", "I13", "C1"])
            #expect(checks.filter { !$0.held }.map { "\($0.id): \($0.examples.first ?? "")" } == [])
        }
    }

    @Test("What breaks one invariant turns that one red, and no other")
    func breakers() async throws {
        try await Self.withRenewedPortfolio { _, owner in
            var red: [String: [String]] = [:]
            for broken in Invariant.all {
                red[broken.id] = try await Self.redAfterBreaking(broken, owner)
            }
            #expect(red == Dictionary(uniqueKeysWithValues: Invariant.all.map { ($0.id, [$0.id]) }))
        }
    }

    /// The scratch copy is a transaction that is rolled back, with triggers and foreign keys off while it is broken.
    private static func redAfterBreaking(_ broken: Invariant, _ owner: PostgresPool) async throws -> [String] {
        var options = TransactionOptions(settings: [("session_replication_role", "replica")])
        options.outcome = .rollBack
        let deed = Statement("test.break_\(broken.id)", "do $breaker$ begin \(broken.breaker.script) end $breaker$")
        return try await owner.withTransaction(options) { transaction in
            let now = try await Invariant.businessNow(in: transaction)
            try await transaction.query(deed)
            await transaction.setRole("bursar_ops")
            var red: [String] = []
            for invariant in Invariant.all {
                let check = try await invariant.check(asOf: now, in: transaction)
                guard !check.held else { continue }
                #expect(!check.examples.isEmpty && check.examples.count <= Invariant.exampleLimit)
                red.append(check.id)
            }
            return red
        }
    }

    @Test("A day of another time judges what was due then")
    func asOf() async throws {
        try await Books.open { books in
            _ = try await books.subscribe(anchor: "2026-01-05")
            let due = try #require(Invariant.all.first { $0.id == "I11" })
            let found = try await books.pool.withTransaction(Invariant.transaction) { transaction in
                var found: [Int] = []
                for instant in ["2026-01-04T16:59:59Z", "2026-01-04T17:00:00Z"] {
                    let asOf = try #require(Instant(instant))
                    found.append(try await due.check(asOf: asOf, in: transaction).violations)
                }
                return found
            }
            #expect(found == [0, 1])
        }
    }

    @Test("Every table of a tenant is compared with what it is part of")
    func everyWalledTable() async throws {
        try await TestDatabase.with(migrations: Books.migrations) { database in
            let tables = try await database.asSuperuser { connection in
                try await connection.query(Self.tenantTables).map { try $0.get("name", as: String.self) }
            }
            let compared = try #require(Invariant.all.first { $0.id == "I13" }).statement.sql
            #expect(tables.filter { $0 != "tenant" && !compared.contains("from bursar.\($0) as c") } == [])
        }
    }

    /// Tables behind the wall; the engine's own carry a tenant for fairness, not as a part of one.
    private static let tenantTables = Statement(
        "test.tenant_tables",
        """
        select c.relname::text as name
        from pg_class as c
        where c.relnamespace = 'bursar'::regnamespace and c.relkind = 'r' and c.relrowsecurity
        order by 1
        """
    )

    @Test("A name that no invariant has is refused with the names there are")
    func unknownName() throws {
        #expect(try Invariant.all.named(["i7", "I1"]).map(\.id) == ["I1", "I7"])
        #expect(try Invariant.all.named([]).count == Invariant.all.count)
        let refusal = #expect(throws: UnknownInvariant.self) { try Invariant.all.named(["I1", "I99"]) }
        #expect(refusal?.description.contains("\"I99\"") == true)
    }
}
