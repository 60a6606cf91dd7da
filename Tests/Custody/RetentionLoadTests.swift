import CivilTime
import Custody
import Engine
import JobKit
import Logging
import Postgres
import RetentionPurge
import Schedules
import Synchronization
import TestSupport
import Testing

/// A large purge beside a queue that works.
@Suite("Retention under load")
struct RetentionLoadTests {
    @Test(
        "100,000 of 500,000 rows go while the queue works: no statement waits two seconds for a lock, and runs begin as they did"
    )
    func underLoad() async throws {
        try await RetentionWorld.open(old: 100_000, young: 400_000) { world in
            try await world.change("analyze bursar.attempt_line")
            var configuration = Node.Configuration()
            configuration.poll = .milliseconds(50)
            let node = Node(
                configuration,
                registry: JobRegistry([AnyJob(Nothing())]),
                database: world.pool,
                leaseDatabase: PostgresPool(world.database.configuration(), size: 1, loop: try TestCluster.loop),
                watch: nil,
                logger: Logger(label: "test")
            )
            let service = Task { try await node.run() }
            defer { service.cancel() }
            let quiet = try await world.starts(of: 100, "quiet")
            let done = Mutex(false)
            let policy = RetentionWorld.lines(batch: 1_000) { $0.pause = .milliseconds(20) }
            async let purged = world.purge([policy])
            let watching = Task { try await world.longestWait { done.withLock { $0 } } }
            let busy = try await world.starts(of: 100, "busy")
            let run = try await purged
            done.withLock { $0 = true }
            let wait = try await watching.value
            #expect(run.report == "purged 100000 rows of attempt_line")
            #expect(try await world.count("attempt_line") == 400_000)
            #expect(
                try await world.one(
                    "select sum(row_count)::text || ' ' || count(distinct first_key) from bursar.purge_receipt"
                ) == "100000 100"
            )
            #expect(wait < 2)
            print(
                "p99 from enqueue to start: quiet \(quiet) s, while 100,000 of 500,000 rows went \(busy) s; longest wait for a lock \(wait) s"
            )
            // Other tests run beside this one: what is judged is that nobody stands still, the figure is for people.
            #expect(busy < max(2 * quiet, 1))
        }
    }
}

/// A run that does nothing.
private struct Nothing: Job {
    struct Parameters: JobParameters {
        static let fields: [ParameterField] = []
    }

    static let name: JobName = "nothing"
    static let summary = "Does nothing"

    func run(_ parameters: Parameters, in context: JobContext) async throws -> Outcome { .succeeded("done") }

    func postcondition(_ parameters: Parameters, in context: JobContext) async throws -> Postcondition { .held }
}

extension RetentionWorld {
    /// The 99th percentile, in seconds, from the enqueueing of runs, one after another, to their start.
    func starts(of count: Int, _ reason: String) async throws -> Double {
        let desk = RunDesk(database: pool)
        for _ in 0..<count {
            var request = RunRequest(job: "nothing")
            request.reason = reason
            _ = try await desk.enqueue(request, by: "operator:test")
            // Waiting: runs are asked for at a steady pace.
            try await Task.sleep(for: .milliseconds(20))
        }
        try await waitUntil("all have ended") {
            try await self.count("run_history", "reason = '\(reason)'") == count
        }
        let p99 = try await one(
            """
            select percentile_disc(0.99) within group (order by extract(epoch from started_at - created_at))
            from bursar.run_history where reason = '\(reason)'
            """
        )
        return try #require(Double(p99))
    }

    /// The longest that a statement was seen waiting for a lock, in seconds, until it is over.
    func longestWait(until isOver: @Sendable () -> Bool) async throws -> Double {
        var longest = 0.0
        while !isOver() {
            let seen = try await one(
                """
                select coalesce(max(extract(epoch from clock_timestamp() - query_start)), 0) from pg_stat_activity
                where datname = current_database() and wait_event_type = 'Lock'
                """
            )
            longest = max(longest, Double(seen) ?? 0)
            // Waiting: the database is looked at again and again.
            try await Task.sleep(for: .milliseconds(50))
        }
        return longest
    }
}
