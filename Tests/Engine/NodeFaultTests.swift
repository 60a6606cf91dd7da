import Engine
import Glibc
import JobKit
import Logging
import Postgres
import Schedules
import ServiceLifecycle
import Synchronization
import TestSupport
import Testing

@Suite("What happens to nodes")
struct NodeFaultTests {
    @Test("Heartbeats are not starved by the worker's own load: jobs that keep every thread busy cost no lease")
    func busyThreads() async throws {
        try await EngineWorld.with { world in
            let run = try await world.enqueue(upTo: 3)
            var job = LedgerJob()
            job.insideChunk = { _, _ in
                // Every thread of the pool, for longer than a lease.
                await withDiscardingTaskGroup { group in
                    for _ in 0..<(2 * sysconf(Int32(_SC_NPROCESSORS_ONLN))) {
                        group.addTask {
                            let end = ContinuousClock.now + .milliseconds(1600)
                            while ContinuousClock.now < end {}
                        }
                    }
                }
            }
            let node = try world.node(job, lease: .seconds(1), ownThread: true)
            try await withService(node) { try await world.ended(run) }
            #expect(
                try await world.list("select outcome || number from bursar.attempt where run_id = \(run)") == [
                    "succeeded1"
                ]
            )
            #expect(
                try await world.text("select count(*)::text from bursar.node") == "1",
                "the lease was lost meanwhile"
            )
        }
    }

    @Test(
        "A run that its node lost sight of is given back while the node lives on: a claim or an end whose answer was lost"
    )
    func strays() async throws {
        try await EngineWorld.with { world in
            let node = try world.node(LedgerJob(), lease: .seconds(1))
            try await withService(node) {
                try await waitUntil("the node has a lease") {
                    try await world.text("select id from bursar.node where lease_until > clock_timestamp()") == node.id
                }
                let run = try await world.enqueue(upTo: 3)
                // As if the answer to the claim had not come: nobody works on it.
                _ = try await world.store.claim(node: node.id, jobs: ["ledger"], limit: 1)
                try await world.ended(run)
                let outcomes = try await world.list("select outcome from bursar.attempt order by number")
                #expect(outcomes.last == "succeeded", "\(outcomes)")
            }
        }
    }

    @Test("The watchdog and /readyz look at the loops that claim, keep time, keep the lease and look round")
    func watchedLoops() async throws {
        try await EngineWorld.with { world in
            let node = try world.node(LedgerJob(), lease: .seconds(2))
            #expect(node.loops.map(\.name).sorted() == ["claims", "lease", "lookout", "time"])
            #expect(node.loops.allSatisfy { $0.pulse.sinceTurn == nil }, "before the node runs no loop has begun")
            try await withService(node) {
                try await waitUntil("every loop has come round, and the database has answered it") {
                    node.loops.allSatisfy { $0.pulse.sinceAnswer != nil }
                }
                let before = node.loops.map { ContinuousClock.now - ($0.pulse.sinceTurn ?? .zero) }
                try await waitUntil("every loop comes round again, though there is nothing to do", within: .seconds(30))
                {
                    zip(node.loops, before).allSatisfy { loop, moment in
                        ContinuousClock.now - (loop.pulse.sinceTurn ?? .zero) > moment + .milliseconds(1)
                    }
                }
            }
        }
    }

    @Test("Rescuer and finisher at once: every run is ended once or goes on, and none is both")
    func rescuerAgainstFinisher() async throws {
        try await EngineWorld.with { world in
            try await world.register("a")
            for _ in 0..<60 { try await world.enqueue(upTo: 1) }
            let claimed = try await world.store.claim(node: "a", jobs: ["ledger"], limit: 100)
            try #require(claimed.count == 60)
            try await world.kill("a")
            let finished = Counted()
            try await withThrowingDiscardingTaskGroup { group in
                for part in stride(from: 0, to: 60, by: 6) {
                    let batch = claimed[part..<part + 6].map(\.identity)
                    group.addTask {
                        do {
                            finished.add(try await world.store.finish(batch.map { ($0, "done") }))
                        } catch let error as PostgresError
                            where error.isTransient || error.code == .commitOutcomeUnknown
                        {
                            // The rescuer has ended its session: its node has lost the right to these runs.
                        }
                    }
                    group.addTask { _ = try await world.store.rescue() }
                }
            }
            _ = try await world.store.rescue()
            // What was acknowledged has ended; of a session that was cut off while it committed, nobody was told.
            let ended = try #require(
                try await world.text("select count(*)::text from bursar.run_history").flatMap { Int($0) }
            )
            #expect(ended >= finished.count)
            #expect(
                try await world.list(
                    """
                    select 'ended ' || count(*) from bursar.run_history union all
                    select 'goes on ' || count(*) from bursar.run where state = 'ready' union all
                    select 'both ' || count(*) from bursar.run r join bursar.run_history h using (id) union all
                    select 'crashed ' || count(*) from bursar.attempt where outcome = 'crashed'
                    """
                ) == ["ended \(ended)", "goes on \(60 - ended)", "both 0", "crashed \(60 - ended)"]
            )
        }
    }

    @Test(
        "Two versions of the program on one database: each claims the jobs it knows, and neither undoes the other's limits"
    )
    func differentJobs() async throws {
        try await EngineWorld.with { world in
            let older = try world.node(LedgerJob(), lease: .seconds(2))
            let newer = try world.node([AnyJob(LedgerJob()), AnyJob(NewJob())], lease: .seconds(2))
            let old = try await world.enqueue(upTo: 3)
            let new = try await world.desk.enqueue(RunRequest(job: "new"), by: "operator:test").run
            try await withService(older) {
                try await world.ended(old)
                // The older one has room and looks, again and again.
                try await world.renewed(twice: older.id)
                #expect(try await world.text("select state || attempts from bursar.run where id = \(new)") == "ready0")
                try await withService(newer) {
                    try await world.ended(new)
                    try await world.renewed(twice: newer.id)
                    // A lease of the older one, after the newer one has told its limits.
                    try await world.kill(older.id)
                    let before = older.id
                    try await waitUntil("the older node has another lease") { older.id != before }
                    try await world.renewed(twice: older.id)
                    #expect(
                        try await world.list("select job || at_once from bursar.job_limit") == ["new3"],
                        "the limits of a job that the older version does not know"
                    )
                    let third = try await world.enqueue(upTo: 1)
                    newer.wake()
                    try await world.ended(third)
                }
            }
        }
    }

    @Test("A node that drains with all slots taken hands every run back, and none has lost an attempt")
    func drainsManySlots() async throws {
        try await EngineWorld.with { world in
            for _ in 0..<8 { try await world.enqueue(upTo: 30_000, limit: 50_000) }
            let begun = Counted()
            let (all, signal) = AsyncStream<Void>.makeStream()
            var job = LedgerJob()
            job.insideChunk = { context, _ in
                begun.add([context.run.id])
                if begun.count == 8 { signal.yield() }
            }
            try await withService(try world.node(job, slots: 8)) {
                for await _ in all { break }
            }
            #expect(
                try await world.list("select distinct state || failures from bursar.run") == ["ready0"],
                "all eight are ready, without a failure"
            )
            #expect(
                try await world.text("select count(*) || min(outcome) || max(outcome) from bursar.attempt")
                    == "8handed_backhanded_back"
            )
            #expect(
                try await world.text("select count(*)::text from bursar.node where lease_until > clock_timestamp()")
                    == "0"
            )
        }
    }

    @Test(
        "A time in which no node had a lease for longer than one is an outage on record, once, with its begin and end"
    )
    func outage() async throws {
        try await EngineWorld.with { world in
            try await world.register("a", lease: .seconds(2))
            try await world.database.setUp(
                "update bursar.node set lease_until = clock_timestamp() - interval '10 minutes'"
            )
            try await withThrowingDiscardingTaskGroup { group in
                for name in ["b", "c", "d"] { group.addTask { try await world.register(name, lease: .seconds(2)) } }
            }
            let found = try await world.list(
                """
                select kind || ' ' || subject || ' ' || (upper(during) - lower(during) between interval '590 s' and interval '630 s')
                from bursar.outage
                """
            )
            #expect(found == ["engine nodes true"])
            let shown = try await NodeDesk(database: world.pool).outages().text
            #expect(shown.contains("\"nodes\""))
        }
    }

    @Test("A rollout, in which one node follows another within a lease, is no outage")
    func noOutage() async throws {
        try await EngineWorld.with { world in
            try await world.register("a", lease: .seconds(30))
            try await NodeStore(database: world.pool).leave("a")
            try await world.register("b", lease: .seconds(30))
            #expect(try await world.text("select count(*)::text from bursar.outage") == "0")
        }
    }
}

/// Runs, each counted once.
private final class Counted: Sendable {
    private let runs = Mutex(Set<Int64>())

    func add(_ more: Set<Int64>) { runs.withLock { $0.formUnion(more) } }
    var count: Int { runs.withLock { $0.count } }
}

/// A job that only a newer version of the program knows.
private struct NewJob: Job {
    struct Parameters: JobParameters {
        static let fields: [ParameterField] = []
    }

    static let name: JobName = "new"
    static let summary = "Came with the newer version"
    static let limits = JobLimits(atOnce: 3)

    func run(_ parameters: Parameters, in context: JobContext) async throws -> Outcome { .succeeded("done") }
    func postcondition(_ parameters: Parameters, in context: JobContext) async throws -> Postcondition { .held }
}
