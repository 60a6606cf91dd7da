import Engine
import Glibc
import JobKit
import Logging
import Postgres
import Synchronization
import Testing
import TestSupport

extension EngineWorld {
    /// A node as it ships, with the jobs that have limits.
    func gatedNode(
        slots: Int = 4,
        poll: Duration = .seconds(1),
        lease: Duration = .seconds(30),
        listens: Bool = true,
        _ work: @escaping @Sendable (JobContext) async throws -> Outcome
    ) throws -> Node {
        var configuration = Node.Configuration()
        configuration.slots = slots
        configuration.poll = poll
        configuration.lease = lease
        let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        return Node(
            configuration,
            registry: Self.gatedRegistry(work),
            database: pool,
            leaseDatabase: PostgresPool(database.configuration(), size: 1, loop: try TestCluster.loop),
            watch: listens ? Watch(database.configuration(), loop: try TestCluster.loop, logger: logger) : nil,
            logger: logger
        )
    }

    /// Asks for a single run of tenant 2 while tenant 1 has so many, and answers how long it waited, in milliseconds.
    func waitBehind(_ many: Int, nodes: Int) async throws -> Double {
        try await ask("free", times: many, tenant: 1)
        let work: @Sendable (JobContext) async throws -> Outcome = { context in
            // What a short run takes.
            try await Task.sleep(for: .milliseconds(5))
            return .succeeded("")
        }
        let services = try (0..<nodes).map { _ in try gatedNode(work) }
        let waited = Mutex(0.0)
        try await withServices(services) {
            try await waitUntil("the nodes are at it", within: .seconds(60)) {
                try await text("select (count(*) > 100)::text from bursar.run_history") == "true"
            }
            try await ask("free", times: 1, tenant: 2)
            try await waitUntil("the other tenant's run ended", within: .seconds(60)) {
                try await text("select count(*)::text from bursar.run_history where tenant_id = 2") == "1"
            }
            #expect(try await text("select (count(*) > 0)::text from bursar.run where tenant_id = 1") == "true")
            let row = try await rows(
                "select extract(epoch from started_at - created_at)::double precision * 1000 from bursar.run_history where tenant_id = 2"
            ).first
            let milliseconds = try row?.get(0, as: Double.self) ?? .infinity
            waited.withLock { $0 = milliseconds }
        }
        return waited.withLock { $0 }
    }
}

/// Runs services side by side, and shuts them down when the body is done.
func withServices(_ services: [Node], _ body: @escaping @Sendable () async throws -> Void) async throws {
    guard let first = services.first else { return try await body() }
    let rest = Array(services.dropFirst())
    try await withService(first) { try await withServices(rest, body) }
}

@Suite("Nodes that are busy")
struct BusyNodeTests {
    @Test("Nodes that claim side by side, and one whose lease ends under way, never run more than the limits say")
    func limitsHold() async throws {
        try await EngineWorld.withGates { world in
            let most = Mutex<[String: Int64]>([:])
            let work: @Sendable (JobContext) async throws -> Outcome = { context in
                let running = try await context.read { transaction in
                    try await transaction.query(Self.running, context.run.job, context.run.id).first?.get(
                        0,
                        as: Int64.self
                    ) ?? 0
                }
                most.withLock { $0[context.run.job] = max($0[context.run.job] ?? 0, running) }
                // The run's own work takes its time.
                try await Task.sleep(for: .milliseconds(Int.random(in: 1...8)))
                if Int.random(in: 0..<10) == 0 { throw JobError(.rateLimited(.milliseconds(5)), "a little later") }
                return .succeeded("")
            }
            for tenant in 1...4 { try await world.ask("by_tenant", times: 20, tenant: Int64(tenant)) }
            try await world.ask("shared", times: 60, tenant: nil)
            try await world.ask("free", times: 60, tenant: nil)
            let nodes = try (0..<3).map { _ in try world.gatedNode(poll: .milliseconds(200), lease: .seconds(3), work) }
            try await withServices(nodes) {
                try await waitUntil("some have ended") {
                    try await world.text("select (count(*) > 30)::text from bursar.run_history") == "true"
                }
                try await world.kill(nodes[0].id)
                try await waitUntil("all have ended", within: .seconds(60)) {
                    try await world.text("select count(*)::text from bursar.run") == "0"
                }
            }
            #expect(
                try await world.text(
                    """
                    select count(*)::text from bursar.run_history where state = 'succeeded'
                    """
                ) == "200"
            )
            let seen = most.withLock { $0 }
            #expect(seen["shared"] ?? 9 <= 3 && seen["by_tenant"] ?? 9 <= 4, "\(seen)")
            #expect(seen["shared"] ?? 0 > 1, "they did run side by side: \(seen)")
        }
    }

    /// Runs of a job under way now.
    private static let running = Statement(
        "test.running",
        "select count(*) from bursar.run where job = $1 and state = 'running' and $2::bigint > 0"
    )

    @Test(
        "A run under way that is cancelled is told within a second, by a notification or by polling",
        arguments: [true, false]
    )
    func cancel(listens: Bool) async throws {
        try await EngineWorld.withGates { world in
            try await world.ask("free", times: 1, tenant: nil)
            let (begun, signal) = AsyncStream<Int64>.makeStream()
            let work: @Sendable (JobContext) async throws -> Outcome = { context in
                signal.yield(context.run.id)
                await context.untilStopped()
                try context.checkWhetherToStop()
                return .succeeded("nobody stopped it")
            }
            // With notifications alone: it polls hardly ever.
            let node = try world.gatedNode(poll: listens ? .seconds(60) : .seconds(1), listens: listens, work)
            try await withService(node) {
                var runs = begun.makeAsyncIterator()
                let run = try #require(await runs.next())
                if listens {
                    try await waitUntil("it listens") {
                        try await world.text(
                            "select count(*)::text from pg_stat_activity where query ilike 'listen %bursar_cancel%' and datname = current_database()"
                        ) == "1"
                    }
                }
                #expect(try await world.desk.cancel(run, reason: "enough", by: "operator:test") == "asked")
                let asked = ContinuousClock.now
                try await waitUntil("it ended") { try await world.text("select count(*)::text from bursar.run") == "0" }
                #expect(ContinuousClock.now - asked < .seconds(1))
                #expect(try await world.text("select state from bursar.run_history") == "cancelled")
            }
        }
    }

    @Test("A cancel request outlives the attempt: a run that failed or lost its node is not tried again")
    func cancelOutlives() async throws {
        try await EngineWorld.withGates { world in
            try await world.registerGated("a")
            try await world.ask("free", times: 2, tenant: nil)
            let runs = try await world.look(as: "a")
            for run in runs { _ = try await world.desk.cancel(run.identity.id, reason: nil, by: "operator:test") }
            _ = try await world.store.end(runs[0], .failed("no luck", wait: .zero, anew: false))
            try await world.kill("a")
            _ = try await world.store.rescue()
            #expect(
                try await world.text(
                    """
                    select count(*) || ' ' || min(state) || ' ' || max(state) from bursar.run_history
                    """
                ) == "2 cancelled cancelled"
            )
            // And one that was asked to end at the very moment its attempt was written off.
            try await world.ask("free", times: 1, tenant: nil)
            try await world.database.setUp(
                "insert into bursar.run_cancel (run_id, requested_by) select id, 'operator:test' from bursar.run"
            )
            try await world.lookout.look()
            #expect(try await world.text("select count(*)::text from bursar.run") == "0")
        }
    }
}

@Suite("How long a busy node lets another tenant wait", .enabled(if: getenv("BURSAR_TIMED") != nil))
struct BusyNodeTimedTests {
    @Test("A tenant with thousands of ready runs delays the single run of another by less than a second")
    func fairness() async throws {
        try await EngineWorld.withGates { world in
            let waited = try await world.waitBehind(4_000, nodes: 2)
            #expect(waited < 1_000, "\(waited) ms")
        }
    }
}

@Suite("A hundred thousand runs", .enabled(if: getenv("BURSAR_SOAK") != nil))
struct FairnessSoakTests {
    @Test("A tenant with 100,000 ready runs delays the single run of another by less than a second")
    func fairness() async throws {
        try await EngineWorld.withGates { world in
            let waited = try await world.waitBehind(100_000, nodes: 3)
            print("it waited \(waited) ms")
            #expect(waited < 1_000, "\(waited) ms")
        }
    }
}
