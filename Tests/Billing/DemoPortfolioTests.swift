import Billing
import CivilTime
import Postgres
import Testing
import TestSupport

@Suite("The demonstration portfolio")
struct DemoPortfolioTests {
    private static func load(
        _ portfolio: DemoPortfolio,
        into database: TestDatabase
    ) async throws -> DemoPortfolio.Outcome {
        try await database.withPool(user: "postgres") { pool in
            try await pool.withTransaction(DemoPortfolio.transaction) { try await portfolio.load(in: $0) }
        }
    }

    private static func value(_ sql: String, in database: TestDatabase) async throws -> String {
        try await database.asSuperuser { connection in
            try await connection.query(Statement("test.value", "select (\(sql))::text"))[0].get(0)
        }
    }

    /// Everything that was made, as one hash.
    private static let fingerprint = """
        select md5(string_agg(line, E'\\n' order by line)) from (
            select 'i' || i::text as line from bursar.issuer i union all select 'p' || p::text from bursar.policy p
            union all select 'l' || v::text from bursar.plan_version v union all select 'r' || r::text from bursar.price r
            union all select 't' || t::text from bursar.tenant t union all select 's' || s::text from bursar.subscription s
            union all select 'm' || m::text from bursar.subscription_item m
            union all select 'v' || v::text from bursar.subscription_schedule v
            union all select 'c' || c::text from bursar.subscription_transition c
            union all select 'h' || h.subscription_id || h.reason from bursar.billing_hold h
            union all select 'x' || rate_date || rate from bursar.exchange_rate
        ) as everything
        """

    @Test("The same seed makes the same rows, ids included, and another seed makes others")
    func deterministic() async throws {
        var hashes: [String] = []
        for seed: Int64 in [7, 7, 8] {
            try await TestDatabase.with(migrations: Books.migrations) { database in
                let outcome = try await Self.load(
                    DemoPortfolio(tenants: 40, subscriptions: 120, seed: seed),
                    into: database
                )
                #expect(outcome == .loaded)
                // The day could change between two loads at midnight; then the third is alone in being different for sure.
                hashes.append(try await Self.value(Self.fingerprint, in: database))
            }
        }
        #expect(hashes[0] == hashes[1])
        #expect(hashes[1] != hashes[2])
    }

    @Test("Renewals find work, and hardly anything is parked for it")
    func believable() async throws {
        try await TestDatabase.with(migrations: Books.migrations) { database in
            _ = try await Self.load(DemoPortfolio(tenants: 1000, seed: 1), into: database)
            #expect(try await Self.value("select count(*) from bursar.tenant", in: database) == "1000")
            #expect(try await Self.value("select count(*) from bursar.subscription", in: database) == "2500")
            let states = try await Self.value(
                "select string_agg(distinct state, ' ' order by state) from bursar.subscription",
                in: database
            )
            #expect(states == "active canceled paused pending trialing")
            try await database.withPool { pool in
                let books = Books(database: database, pool: pool)
                let now = try await pool.withTransaction { try await Invariant.businessNow(in: $0) }
                let run = try await books.renew(asOf: now.description)
                #expect(run.kept)
                #expect((800...1300).contains(run.invoices))
                #expect(run.parked == 0)
                #expect(try await books.renew(asOf: now.description).invoices == 0)
            }
        }
    }

    @Test("The portfolio for measuring has one due period a subscription")
    func plain() async throws {
        try await TestDatabase.with(migrations: Books.migrations) { database in
            #expect(try await Self.load(.due(count: 300, tenants: 20), into: database) == .loaded)
            let due = try await Self.value(
                """
                select count(*) || ' ' || count(distinct d.subscription_id) || ' ' || count(distinct d.tenant_id)
                from bursar.renewals_due(bursar.business_now()) as d
                join bursar.subscription as s on s.id = d.subscription_id
                cross join lateral bursar.periods_due(d.tenant_id, s.id, s.schedule_version, s.next_k, s.next_part, s.next_from,
                    d.bill_before) as p
                where not d.held and not d.waits_for_rate
                """,
                in: database
            )
            #expect(due == "300 300 20")
        }
    }

    @Test("A second load of the same seed changes nothing, and ids go on behind what was loaded")
    func twice() async throws {
        try await TestDatabase.with(migrations: Books.migrations) { database in
            let portfolio = DemoPortfolio(tenants: 5, subscriptions: 9)
            #expect(try await Self.load(portfolio, into: database) == .loaded)
            #expect(try await Self.load(portfolio, into: database) == .alreadyThere)
            #expect(try await Self.load(DemoPortfolio(tenants: 2, seed: 2), into: database) == .loaded)
            try await database.setUp("insert into bursar.tenant (issuer_id, name) values (1, 'The next')")
            #expect(try await Self.value("select max(id) from bursar.tenant", in: database) == "8")
        }
    }

    @Test(
        "It is refused in production, and where a real issuer is",
        arguments: [
            ("update bursar.installation set environment = 'production'", DemoRefused.production),
            (
                "insert into bursar.issuer (name, legal_name, time_zone) values ('Real', 'Real Co., Ltd.', 'Asia/Phnom_Penh')",
                DemoRefused.realData(issuers: 1)
            ),
        ]
    )
    func refused(reason: String, refusal: DemoRefused) async throws {
        try await TestDatabase.with(migrations: Books.migrations) { database in
            try await database.setUp(reason)
            await #expect(throws: refusal) { _ = try await Self.load(DemoPortfolio(tenants: 5), into: database) }
            #expect(try await Self.value("select count(*) from bursar.tenant", in: database) == "0")
        }
    }
}
