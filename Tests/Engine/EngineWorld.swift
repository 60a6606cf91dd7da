import CivilTime
import Engine
import JobKit
import Logging
import Monetary
import Postgres
import Schedules
import SocketLoop
import Synchronization
import Tenancy
import TestSupport

/// A database with the engine in it and a ledger, and a job that writes ledger rows: one for every number up to `upTo`.
struct EngineWorld {
    let database: TestDatabase
    let pool: PostgresPool

    static func with<Result>(_ body: (EngineWorld) async throws -> Result) async throws -> Result {
        try await TestDatabase.with(migrations: TenancyMigrations.all.filter { $0.number == 1 } + EngineMigrations.all)
        { database in
            try await database.setUp(
                """
                create table bursar.ledger_entry (number bigint, run_id bigint, fence bigint);
                grant select, insert on bursar.ledger_entry to bursar_app;
                grant select on bursar.ledger_entry to bursar_scan
                """
            )
            return try await database.withPool(size: 12) { pool in
                try await body(EngineWorld(database: database, pool: pool))
            }
        }
    }

    var store: RunStore { RunStore(database: pool) }
    var desk: RunDesk { RunDesk(database: pool) }

    func ledger() async throws -> [Int64] {
        try await rows("select number from bursar.ledger_entry order by number").map { try $0.get(0, as: Int64.self) }
    }

    /// What the superuser sees: for expectations, never for what is under test.
    func rows(_ sql: String) async throws -> Rows {
        try await database.withPool(user: "postgres", size: 1) { pool in
            try await pool.withConnection { try await $0.query(Statement("test.look", sql)) }
        }
    }

    func text(_ sql: String) async throws -> String? { try await rows(sql).first?.get(0, as: String?.self) }

    /// Enqueues a run of the ledger job.
    @discardableResult
    func enqueue(
        upTo: Int,
        limit: Int = 1_000,
        dryRun: Bool = false,
        key: String? = nil,
        attempts: Int = 8
    ) async throws -> Int64 {
        var request = RunRequest(job: "ledger")
        request.parameters = JSONText("{\"limit\": \(limit), \"up_to\": \(upTo)}")
        request.isDryRun = dryRun
        request.dedupeKey = key
        request.attempts = attempts
        return try await desk.enqueue(request, by: "operator:test").run
    }

    /// Registers a node's lease without running it, and claims what is ready.
    func claim(as node: String, lease: Duration = .seconds(30)) async throws -> [ClaimedRun] {
        try await register(node, lease: lease)
        return try await store.claim(node: node, jobs: ["ledger"], limit: 10)
    }

    func register(_ node: String, lease: Duration = .seconds(30)) async throws {
        let description = NodeDescription(id: node, host: "test", pid: 1, version: "test", jobs: ["ledger"], slots: 4)
        try await NodeStore(database: pool).register(description, lease: lease)
    }

    /// Ends a node's lease, as if it had died.
    func kill(_ node: String) async throws {
        try await database.setUp(
            "update bursar.node set lease_until = clock_timestamp() - interval '1 second' where id = '\(node)'"
        )
    }

    func context(_ run: ClaimedRun, signals: RunSignals = RunSignals()) -> JobContext {
        JobContext(
            run: run.identity,
            checkpoint: run.checkpoint,
            database: pool,
            signals: signals,
            logger: Logger(label: "test")
        )
    }

    func runner(_ job: LedgerJob = LedgerJob()) -> Runner {
        Runner(registry: JobRegistry([AnyJob(job)]), database: pool, logger: Logger(label: "test"))
    }

    func node(
        _ job: LedgerJob,
        lease: Duration = .seconds(30),
        poll: Duration = .milliseconds(50),
        slots: Int = 4,
        ownThread: Bool = false,
        watch: Watch? = nil
    ) throws -> Node {
        try node([AnyJob(job)], lease: lease, poll: poll, slots: slots, ownThread: ownThread, watch: watch)
    }

    /// A node of these jobs; with `ownThread` no test shares the thread of its lease.
    func node(
        _ jobs: [AnyJob],
        lease: Duration,
        poll: Duration = .milliseconds(50),
        slots: Int = 4,
        ownThread: Bool = false,
        watch: Watch? = nil
    ) throws -> Node {
        var configuration = Node.Configuration()
        configuration.lease = lease
        configuration.slots = slots
        configuration.poll = poll
        let loop = ownThread ? try SocketLoop(name: "lease") : try TestCluster.loop
        return Node(
            configuration,
            registry: JobRegistry(jobs),
            database: pool,
            leaseDatabase: PostgresPool(database.configuration(), size: 1, loop: loop),
            watch: watch,
            logger: Logger(label: "test")
        )
    }
}

/// Writes a ledger row for every number, three a chunk, and counts riel with them.
struct LedgerJob: Job {
    struct Parameters: JobParameters {
        var up_to: Int64
        var limit: Int64

        static let fields = [
            ParameterField("up_to", .integer, required: true, help: "the last number"),
            ParameterField("limit", .integer, default: "1000", help: "more than so many need an approval"),
        ]
    }

    static let name: JobName = "ledger"
    static let summary = "Writes numbers"

    /// Runs inside a chunk, after its effects.
    var insideChunk: @Sendable (JobContext, Int64) async throws -> Void = { _, _ in }
    /// Whether the postcondition holds; nil looks at the ledger.
    var promise: Postcondition?

    func run(_ parameters: Parameters, in context: JobContext) async throws -> Outcome {
        let permission = try await context.propose(
            preview: {
                let told = Preview(
                    count: Int(parameters.up_to),
                    totals: MoneyTotals(),
                    digest: "up to \(parameters.up_to)"
                )
                return (told, told.count > parameters.limit ? "more than \(parameters.limit)" : nil)
            },
            items: { _ in (1...parameters.up_to).map { ProposalItem(key: $0, tenant: nil, content: "{}") } }
        )
        while try await chunk(parameters, permission, context) > 0 {}
        return .succeeded("wrote \(context.checkpoint.counters["written"] ?? 0)")
    }

    private func chunk(_ parameters: Parameters, _ permission: Permission, _ context: JobContext) async throws -> Int {
        try await context.chunk(
            select: { transaction, checkpoint in
                let after = checkpoint.cursor(of: "write") ?? 0
                if case .items(let proposal) = permission {
                    return try await context.approvedItems(of: proposal, after: after, limit: 3, in: transaction).map(
                        \.key
                    )
                }
                return Array((after + 1)...max(after + 1, min(after + 3, parameters.up_to))).filter {
                    $0 <= parameters.up_to
                }
            },
            tenant: { _ in 1 },
            apply: { transaction, numbers, checkpoint in
                _ = try await transaction.execute(Self.write, numbers, context.run.id, context.run.fence)
                try await insideChunk(context, numbers[0])
                checkpoint.advance("write", to: numbers[numbers.count - 1])
                checkpoint.count("written", numbers.count)
                try checkpoint.add(MoneyTotals(numbers.map { Money(minorUnits: $0, currency: .khr) }))
            }
        )
    }

    func postcondition(_ parameters: Parameters, in context: JobContext) async throws -> Postcondition {
        if let promise { return promise }
        let written = try await context.read { try await $0.query(Self.count).first?.get(0, as: Int64.self) ?? 0 }
        return written >= parameters.up_to ? .held : .broken("\(parameters.up_to - written) are missing")
    }

    static let write = Statement(
        "test.write",
        "insert into bursar.ledger_entry select number, $2::bigint, $3::bigint from unnest($1::bigint[]) as n (number)"
    )
    static let count = Statement("test.count", "select count(distinct number) from bursar.ledger_entry")
}
