import CivilTime
import Custody
import Glibc
import JobKit
import Postgres
import RetentionPurge
import TestSupport
import Testing

/// A purge and somebody who is in its way: it gives way, and comes back.
@Suite("Retention and locks")
struct RetentionLockTests {
    @Test("Rows that somebody has locked are passed over at once, and go in the second pass")
    func lockedRows() async throws {
        try await RetentionWorld.open(old: 200) { world in
            try await world.database.asSuperuser { other in
                try await other.executeScript(
                    "begin; select from bursar.attempt_line where run_id between 11 and 25 for update",
                    name: "lock"
                )
                // The second pass begins a rest after the end of the first.
                async let run = world.purge([RetentionWorld.lines(batch: 100) { $0.pause = .seconds(1) }])
                try await waitUntil("all others are gone") { try await world.count("attempt_line") == 15 }
                try await other.executeScript("rollback", name: "unlock")
                #expect(try await run.kept == .held)
                #expect(try await run.report == "purged 200 rows of attempt_line")
            }
            #expect(
                try await world.one("select sum(row_count), max(took) < '0.9 s' from bursar.purge_receipt") == "200|t"
            )
        }
    }

    @Test(
        "A locked table is waited for shortly and again and again: whoever comes behind the purge never waits two seconds"
    )
    func lockedTable() async throws {
        try await RetentionWorld.open(old: 100) { world in
            let policy = RetentionWorld.lines(batch: 50) { $0.lockTimeout = 300 }
            try await world.database.asSuperuser { other in
                try await other.executeScript("begin; lock table bursar.attempt_line in share mode", name: "lock")
                async let run = world.purge([policy])
                try await waitUntil("the purge waits") {
                    try await world.one("select count(*) from pg_locks where not granted") != "0"
                }
                // A reader is behind nobody; a writer would be behind the purge.
                #expect(try await world.count("attempt_line") == 100)
                try await waitUntil("it has given way") {
                    try await world.one("select count(*) from pg_locks where not granted") == "0"
                }
                try await other.executeScript("rollback", name: "unlock")
                #expect(try await run.report == "purged 100 rows of attempt_line")
            }
            #expect(try await world.count("attempt_line") == 0)
        }
    }

    @Test("A batch that takes too long is ended by the server with nothing done, and goes on smaller until it fits")
    func slowBatch() async throws {
        try await RetentionWorld.open(old: 400) { world in
            // Each row takes five milliseconds: 400 at once would take two seconds.
            try await world.change(
                """
                create function bursar.slow() returns trigger language plpgsql security definer as
                $$ begin perform pg_sleep(0.005); return old; end $$;
                create trigger slow before delete on bursar.attempt_line for each row execute function bursar.slow()
                """
            )
            let run = try await world.purge([RetentionWorld.lines(batch: 400)])
            #expect(run.report == "purged 400 rows of attempt_line")
            #expect(
                try await world.one(
                    "select sum(row_count), max(took) < '0.9 s', max(row_count) < 200 from bursar.purge_receipt"
                )
                    == "400|t|t"
            )
            let settings = try await world.one(
                "select count(*) from pg_stat_activity where datname = current_database() and state = 'idle in transaction'"
            )
            #expect(settings == "0")
        }
    }

    @Test("A node that stands still in the middle of a batch keeps its locks for less than two seconds")
    func silentNode() async throws {
        try await RetentionWorld.open(old: 10) { world in
            let run = try await world.newRun()
            let context = try await world.context(of: run)
            let ended = try await #require(throws: PostgresError.self) {
                try await context.step(as: "bursar_purge", within: PurgePace.limit) { transaction, _ in
                    let item = try RetentionWorld.item(upTo: 10)
                    _ = try await Retention.purge(
                        item,
                        RetentionWorld.lines(),
                        from: 0,
                        atMost: 10,
                        PurgePace(RetentionWorld.lines()),
                        run: run,
                        proposal: 1,
                        in: transaction
                    )
                    let limits = try await transaction.query(
                        Statement(
                            "test.limits",
                            """
                            select current_setting('statement_timeout') || ' ' || current_setting('idle_in_transaction_session_timeout')
                                || ' ' || current_setting('lock_timeout') as limits
                            """
                        )
                    )
                    #expect(try limits.first?.get("limits", as: String.self) == "900ms 900ms 500ms")
                    try await waitUntil("the server has ended the session") {
                        try await world.one(
                            "select count(*) from pg_locks where relation = 'bursar.attempt_line'::regclass and mode = 'RowExclusiveLock'"
                        ) == "0"
                    }
                }
            }
            #expect(ended.code == .connectionLost)
            #expect(try await world.count("attempt_line") == 10)
        }
    }

    @Test("A batch whose session the server ends has done nothing, and is tried again by the same attempt")
    func endedSession() async throws {
        try await RetentionWorld.open(old: 50) { world in
            try await world.atReceipt(3, "perform pg_terminate_backend(pg_backend_pid())")
            #expect(try await world.purge([RetentionWorld.lines()]).report == "purged 50 rows of attempt_line")
            #expect(
                try await world.one("select sum(row_count), count(*) filter (where id = 3) from bursar.purge_receipt")
                    == "50|0"
            )
        }
    }

    @Test("A batch is as large as goes in a tenth of a second, within the policy's bound")
    func pace() {
        var pace = PurgePace(RetentionWorld.lines(batch: 2_000))
        #expect(pace.rows == 1_000)
        pace.took(.milliseconds(10))
        #expect(pace.rows == 1_501)
        pace.took(.milliseconds(10))
        #expect(pace.rows == 2_000)
        pace.took(.milliseconds(70))
        #expect(pace.rows == 2_000)
        pace.took(.milliseconds(101))
        #expect(pace.rows == 1_000)
        for _ in 1...10 { pace.wasCutOff() }
        #expect(pace.rows == 1 && pace.cutOff == 10)
        pace.took(.milliseconds(10))
        #expect(pace.rows == 2 && pace.cutOff == 0)
    }
}

extension RetentionWorld {
    /// What a proposal would say of the lines up to a run.
    static func item(upTo last: Int64) throws -> Retention.Item {
        let cutoff = Instant(secondsSinceEpoch: time(nil) - 50 * 86_400)
        return try Retention.Item(
            content: """
                {"table": "attempt_line", "policy": "x", "cutoff": "\(cutoff)", "tenants": [], "cutoffs": [], "total": \(last),
                "count": \(last), "held": 0, "oldest": null, "newest": null, "first_key": 1, "last_key": \(last), "per_tenant": {}}
                """
        )
    }
}
