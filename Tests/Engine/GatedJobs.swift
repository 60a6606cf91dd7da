import Engine
import JobKit
import Postgres
import Schedules
import TestSupport

/// Jobs with limits of every kind.
///
/// What they do is up to whoever makes them: by default nothing.
protocol GatedJob: Job where Parameters == GatedParameters {
    var work: @Sendable (JobContext) async throws -> Outcome { get }
}

struct GatedParameters: JobParameters {
    var k: Int64?

    static let fields = [ParameterField("k", .integer, help: "tells runs apart")]
}

extension GatedJob {
    static var summary: String { "A job of a test" }

    func run(_ parameters: GatedParameters, in context: JobContext) async throws -> Outcome { try await work(context) }

    func postcondition(_ parameters: GatedParameters, in context: JobContext) async throws -> Postcondition { .held }
}

struct FreeJob: GatedJob {
    static let name: JobName = "free"
    var work: @Sendable (JobContext) async throws -> Outcome = { _ in .succeeded("") }
}

/// Three at once.
struct SharedJob: GatedJob {
    static let name: JobName = "shared"
    static let limits = JobLimits(atOnce: 3)
    var work: @Sendable (JobContext) async throws -> Outcome = { _ in .succeeded("") }
}

/// One a tenant, four at once.
struct TenantJob: GatedJob {
    static let name: JobName = "by_tenant"
    static let limits = JobLimits(atOnce: 4, perKey: (key: .tenant, most: 1))
    var work: @Sendable (JobContext) async throws -> Outcome = { _ in .succeeded("") }
}

/// Two with the same parameter, and its provider's gate.
struct KeyedJob: GatedJob {
    static let name: JobName = "by_key"
    static let limits = JobLimits(perKey: (key: .parameter("k"), most: 2), provider: "bank")
    var work: @Sendable (JobContext) async throws -> Outcome = { _ in .succeeded("") }
}

/// Any number, but for its provider.
struct CallingJob: GatedJob {
    static let name: JobName = "calls"
    static let limits = JobLimits(provider: "bank")
    var work: @Sendable (JobContext) async throws -> Outcome = { _ in .succeeded("") }
}

extension EngineWorld {
    static let gatedJobs = ["free", "shared", "by_tenant", "by_key", "calls"]

    static func gatedRegistry(
        _ work: @escaping @Sendable (JobContext) async throws -> Outcome = { _ in .succeeded("") }
    ) -> JobRegistry {
        JobRegistry([
            AnyJob(FreeJob(work: work)), AnyJob(SharedJob(work: work)), AnyJob(TenantJob(work: work)),
            AnyJob(KeyedJob(work: work)), AnyJob(CallingJob(work: work)),
        ])
    }

    /// A world in which the limits of these jobs are known.
    static func withGates<Result>(_ body: (EngineWorld) async throws -> Result) async throws -> Result {
        try await with { world in
            try await world.database.setUp("insert into bursar.installation default values on conflict do nothing")
            try await NodeStore(database: world.pool).tellLimits(gatedRegistry())
            return try await body(world)
        }
    }

    /// Asks for runs of a job, with SQL: one for every tenant given, nil for none.
    func ask(
        _ job: String,
        tenants: [Int64?] = [nil],
        k: Int = 0,
        priority: Int = 0,
        retry: String = "{}"
    ) async throws {
        let list = tenants.map { $0.map(String.init) ?? "null" }.joined(separator: ",")
        try await database.setUp(
            """
            select count(*) from bursar.enqueue_many('\(job)',
                array_fill('{"k": \(k)}'::jsonb, array[\(tenants.count)]), tenants => array[\(list)]::bigint[],
                priority => \(priority), retry => '\(retry)')
            """
        )
    }

    /// Asks for many runs of one tenant.
    func ask(_ job: String, times: Int, tenant: Int64?, k: Int = 0) async throws {
        let of = tenant.map(String.init) ?? "null"
        try await database.setUp(
            """
            select count(*) from bursar.enqueue_many('\(job)', array_fill('{"k": \(k)}'::jsonb, array[\(times)]),
                tenants => array_fill(\(of)::bigint, array[\(times)]))
            """
        )
    }

    func registerGated(_ node: String) async throws {
        let description = NodeDescription(
            id: node,
            host: "test",
            pid: 1,
            version: "test",
            jobs: Self.gatedJobs,
            slots: 8
        )
        try await NodeStore(database: pool).register(description, lease: .seconds(300))
    }

    /// One look of a node, at every gate.
    func look(as node: String, limit: Int = 8) async throws -> [ClaimedRun] {
        var wish = ClaimWish(node: node, jobs: Self.gatedJobs, limit: limit)
        wish.gatesLookedAt = 5_000
        return try await store.claim(wish).runs
    }

    /// Limits that are broken at this moment, counted from the rows of runs that are under way and from nothing else.
    func overfull() async throws -> [String] {
        try await rows(
            """
            with counted (what, running, most) as (
                select 'shared', count(*), 3 from bursar.run where job = 'shared' and state = 'running'
                union all select 'by_tenant', count(*), 4 from bursar.run where job = 'by_tenant' and state = 'running'
                union all select 'by_tenant ' || coalesce(tenant_id, 0), count(*), 1 from bursar.run
                    where job = 'by_tenant' and state = 'running' group by tenant_id
                union all select 'by_key ' || (parameters ->> 'k'), count(*), 2 from bursar.run
                    where job = 'by_key' and state = 'running' group by parameters ->> 'k'
                union all select 'bank', count(*), coalesce((select at_once from bursar.provider where name = 'bank'), 1000000)
                    from bursar.run where job in ('by_key', 'calls') and state = 'running'
            )
            select what || ': ' || running || ' of ' || most from counted where running > most
            """
        ).map { try $0.get(0) }
    }
}

/// Numbers that come again with their seed.
struct SplitMix: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}
