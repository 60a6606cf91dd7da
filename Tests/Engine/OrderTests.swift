import Engine
import JobKit
import Postgres
import Testing
import TestSupport

@Suite("The order of claims")
struct OrderTests {
    /// Claims what is ready in its order, and says of each run what tells it apart.
    private static func order(
        _ world: EngineWorld,
        upTo most: Int = 10_000,
        by fact: String = "coalesce(tenant_id, 0)"
    ) async throws -> [String] {
        var order: [String] = []
        while order.count < most {
            let runs = try await world.look(as: "a", limit: min(50, most - order.count))
            if runs.isEmpty { break }
            let ids = runs.map { "\($0.identity.id)" }.joined(separator: ",")
            let facts = try await world.rows(
                """
                select (\(fact))::text from bursar.run
                join unnest(array[\(ids)]) with ordinality as w (run, place) on run = id order by place
                """
            )
            order += try facts.map { try $0.get(0) }
            _ = try await world.store.finish(runs.map { ($0.identity, "") })
        }
        return order
    }

    private static func with(_ body: (EngineWorld) async throws -> Void) async throws {
        try await EngineWorld.withGates { world in
            try await world.registerGated("a")
            try await body(world)
        }
    }

    @Test("Tenants take turns, however many runs one of them has")
    func tenantsTakeTurns() async throws {
        try await Self.with { world in
            try await world.ask("free", times: 100_000, tenant: 1)
            try await world.ask("free", times: 2, tenant: 2)
            #expect(try await Self.order(world, upTo: 5) == ["1", "2", "1", "2", "1"])
            // A newcomer stands behind the run that is next, and not behind all.
            try await world.ask("free", times: 1, tenant: 3)
            #expect(try await Self.order(world, upTo: 3).firstIndex(of: "3") ?? 9 <= 1)
        }
    }

    @Test("Runs without a tenant take turns by job")
    func jobsTakeTurns() async throws {
        try await Self.with { world in
            try await world.ask("free", times: 1_000, tenant: nil)
            try await world.ask("shared", times: 1, tenant: nil)
            #expect(try await Self.order(world, upTo: 3, by: "job").contains("shared"))
        }
    }

    @Test("A level of priority is a head start of a thousand turns, and no more")
    func headStart() async throws {
        try await Self.with { world in
            try await world.ask("free", times: 3, tenant: 1)
            try await world.ask("free", tenants: [2], priority: 1)
            #expect(try await Self.order(world, upTo: 1) == ["2"])
            try await world.ask("free", tenants: [3], priority: -1)
            #expect(try await Self.order(world) == ["1", "1", "1", "3"])

            // 1,500 of a higher priority: the one without waits for a thousand of them.
            try await world.ask("free", tenants: [Int64?](repeating: 4, count: 1_500), priority: 1)
            try await world.ask("free", times: 1, tenant: 5)
            let place = try await Self.order(world, upTo: 1_100).firstIndex(of: "5")
            #expect((900...1_005).contains(place ?? 0), "\(place ?? -1)")
        }
    }

    @Test("Nobody starves: while ever new tenants come with a higher priority, one without gets its turn")
    func nobodyStarves() async throws {
        try await Self.with { world in
            try await world.ask("free", times: 1, tenant: 1)
            let waiting = try await world.rows("select id from bursar.run").first?.get(0, as: Int64.self)
            var place: Int?
            for number in 0..<1_200 where place == nil {
                // Each is served before the next comes, so that none of them ever queues.
                try await world.askQuickly(tenant: 1_000 + number, priority: 1)
                let run = try #require(try await world.look(as: "a", limit: 1).first)
                _ = try await world.store.finish([(run.identity, "")])
                if run.identity.id == waiting { place = number }
            }
            #expect(place ?? 9_999 <= 1_001)
        }
    }

    @Test("One by one and in bulk runs get the same turns")
    func bulkIsTheSame() async throws {
        try await Self.with { world in
            let turns =
                "select string_agg(tenant_id || ':' || priority || ':' || turn, ' ' order by id) from bursar.run"
            let list: [(tenant: Int, priority: Int)] = [(1, 0), (2, 0), (1, 0), (1, 2), (2, -1), (1, 0), (2, 0)]
            for (tenant, priority) in list {
                try await world.database.setUp(
                    """
                    select bursar.enqueue('free', tenant => \(tenant), priority => \(priority))
                    """
                )
            }
            let one = try await world.text(turns)
            try await world.database.setUp("delete from bursar.run")
            for (tenant, priority) in list {
                try await world.ask("free", tenants: [Int64(tenant)], priority: priority)
            }
            #expect(try await world.text(turns) == one)
            try await world.database.setUp("delete from bursar.run")
            try await world.ask("free", tenants: [1, 2, 1, 2, 2, 1])
            #expect(
                try await world.text(turns)?.split(separator: " ").map { $0.suffix(2) } == [
                    ":1", ":1", ":2", ":2", ":3", ":3",
                ]
            )
        }
    }

    @Test("A run that comes back from a wait stands behind its flow; one that was handed back keeps its place")
    func comingBack() async throws {
        try await Self.with { world in
            try await world.ask("free", times: 3, tenant: 1)
            let first = try #require(try await world.look(as: "a", limit: 1).first)
            _ = try await world.store.end(first, .handedBack)
            let again = try #require(try await world.look(as: "a", limit: 1).first)
            #expect(again.identity.id == first.identity.id)
            _ = try await world.store.end(again, .snoozed("not now", wait: .zero))
            let ids = try await Self.order(world, by: "id")
            #expect(ids.count == 3 && ids.last == "\(first.identity.id)")
        }
    }

    @Test("Thousands of runs that are put off and come back keep nobody behind them")
    func stormOfSnoozes() async throws {
        try await Self.with { world in
            try await world.ask("free", times: 2_000, tenant: 1)
            for run in try await world.look(as: "a", limit: 1_000) {
                _ = try await world.store.end(run, .snoozed("429", wait: .zero))
            }
            try await world.ask("free", times: 1, tenant: 2)
            #expect(try await Self.order(world, upTo: 3).contains("2"))
        }
    }
}

extension EngineWorld {
    /// Asks for one run, on a connection that is there already.
    fileprivate func askQuickly(tenant: Int, priority: Int) async throws {
        var options = TransactionOptions()
        options.role = "bursar_engine"
        try await pool.withTransaction(options) { transaction in
            _ = try await transaction.query(
                Statement("test.ask", "select bursar.enqueue('free', tenant => $1, priority => $2::integer)"),
                Int64(tenant),
                Int32(priority)
            )
        }
    }
}
