import Custody
import Postgres
import RetentionPurge
import TestSupport
import Testing

/// What a tenant's hold holds, and holds that come while a month is dropped.
@Suite("Legal holds")
struct RetentionHoldTests {
    @Test(
        "A tenant's hold holds attempts of its runs, what they said and did, and those of runs that nobody knows any more"
    )
    func attempts() async throws {
        try await RetentionWorld.open { world in
            try await world.tenants()
            try await world.change("select setval('bursar.run_id', 1000)")
            // Run 1 is tenant 1's, run 2 tenant 2's, run 3 the house's; of run 4 the month is gone.
            let at = "2025-03-10 10:00"
            try await world.history(
                ["2025_03", "2025_04"],
                [(1, 1, "2025-03-10 11:00"), (2, 2, "2025-04-02"), (3, nil, "2025-03-11")]
            )
            try await world.change(
                """
                insert into bursar.attempt_line (run_id, attempt, place, at, source, text) select n, 1, 1, '\(at)Z', 'stdout', 'x' from generate_series(1, 4) n;
                insert into bursar.attempt (run_id, number, fence, node_id, as_of, started_at, ended_at, outcome)
                select n, 1, n, 'x', '\(at)Z', '\(at)Z', '\(at)Z', 'succeeded' from generate_series(1, 4) n;
                insert into bursar.outside_effect (run_id, attempt, key, what, intended_at) select n, 1, 'x', 'x', '\(at)Z' from generate_series(1, 4) n;
                """
            )
            try await world.operate("bursar.place_legal_hold(tenant => 1, reason => 'x')")
            for table in [PurgeTable.attempt, .attemptLine, .outsideEffect] {
                var policy = RetentionPolicy(table, keep: .seconds(90 * 86_400))
                (policy.observeDays, policy.maxPercent, policy.pause) = (0, 100, .zero)
                let rows = "select run_id from bursar.\(table.rawValue) order by 1"
                #expect(try await world.purge([policy]).report == "purged 2 rows of \(table.rawValue) (2 held)")
                #expect(try await world.list(rows) == ["1", "4"])
            }
            try await world.operate("bursar.release_legal_hold(1, 'done')")
            #expect(try await world.purge([RetentionWorld.lines()]).report == "purged 2 rows of attempt_line")
        }
    }

    @Test("What was done outside goes with its run, though nobody knows how it ended; not while the run can change")
    func openEffects() async throws {
        try await RetentionWorld.open { world in
            try await world.change(
                """
                insert into bursar.run (id, job, state, requested_by, max_attempts, retry_initial, retry_max, retry_jitter)
                values (2, 'x', 'ready', 'test', 1, '1 s', '1 s', 0);
                select setval('bursar.run_id', 1000);
                insert into bursar.outside_effect (run_id, attempt, key, what, intended_at)
                select n, 1, 'x', 'x', now() - interval '100 days' from generate_series(1, 2) n
                """
            )
            var policy = RetentionPolicy(.outsideEffect, keep: .seconds(90 * 86_400))
            (policy.observeDays, policy.maxPercent) = (0, 100)
            #expect(try await world.purge([policy]).report == "purged 1 rows of outside_effect")
            #expect(try await world.list("select run_id from bursar.outside_effect") == ["2"])
        }
    }

    @Test("A hold that was begun before another one and commits after the count of a month keeps it")
    func lateHold() async throws {
        try await RetentionWorld.open { world in
            try await world.history(["2025_01", "2025_02"], [(1, nil, "2025-01-05"), (2, nil, "2025-02-05")])
            var policy = RetentionPolicy(.runHistory, keep: .seconds(60 * 86_400))
            (policy.observeDays, policy.maxPercent, policy.lockTimeout) = (0, 100, 800)
            let ready = policy
            try await world.database.asSuperuser { other in
                try await other.executeScript(
                    "begin; insert into bursar.legal_hold (subject, reason) values ('run:1', 'a court asks')",
                    name: "hold"
                )
                try await world.operate("bursar.place_legal_hold(subject => 'run:99', reason => 'another one')")
                async let run = world.purge([ready])
                try await waitUntil("the purge waits for whoever places a hold, or has not") {
                    try await world.one(
                        """
                        select exists (select from pg_locks where not granted and relation = 'bursar.legal_hold'::regclass)
                            or exists (select from bursar.purge_receipt)
                        """
                    ) == "t"
                }
                try await other.executeScript("commit", name: "commit")
                #expect(try await run.report == "purged 1 rows of run_history")
            }
            #expect(try await world.list("select id from bursar.run_history") == ["1"])
            #expect(try await world.one("select max(id) from bursar.legal_hold") == "2")
        }
    }
}
