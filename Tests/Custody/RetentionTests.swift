import Custody
import JobKit
import Postgres
import RetentionPurge
import TestSupport
import Testing

@Suite("Retention")
struct RetentionTests {
    @Test("What is past its cutoff goes, nothing else does, and receipts add up: rows, tenants, keys and their digest")
    func purges() async throws {
        try await RetentionWorld.open(old: 95, young: 30) { world in
            let digests = try await world.list(
                """
                select encode(sha256(convert_to(string_agg(n || '.1.1', ',' order by (n || '.1.1') collate "C"), 'UTF8')), 'hex')
                from generate_series(1, 95) as n group by (n - 1) / 10 order by (n - 1) / 10
                """
            )
            let policy = RetentionWorld.lines()
            let run = try await world.purge([policy])
            #expect(run.report == "purged 95 rows of attempt_line")
            #expect(run.kept == .held)
            #expect(try await world.count("attempt_line") == 30)
            #expect(try await world.count("attempt_line", "run_id <= 95") == 0)
            let receipts =
                "from bursar.purge_receipt where run_id = \(run.id) and policy_hash = '\(policy.hash)' and table_name = 'attempt_line'"
            #expect(
                try await world.one(
                    "select count(*), sum(row_count), sum((rows_per_tenant ->> '0')::bigint), min(first_key), max(last_key) \(receipts)"
                ) == "10|95|95|1|95"
            )
            #expect(try await world.list("select encode(key_digest, 'hex') \(receipts) order by id") == digests)
            #expect(try await world.purge([policy]).report == "nothing is past its cutoff")
        }
    }

    @Test("A receipt never changes")
    func receiptsStay() async throws {
        try await RetentionWorld.open(old: 5) { world in
            try await world.purge([RetentionWorld.lines()])
            for change in [
                "update bursar.purge_receipt set row_count = 1", "delete from bursar.purge_receipt",
                "truncate bursar.purge_receipt",
            ] {
                await #expect(throws: PostgresError.self) { try await world.change(change) }
            }
        }
    }

    @Test("An attempt that dies between batches leaves a run that goes on: no row twice, none beyond the proposal")
    func killed() async throws {
        try await RetentionWorld.open(old: 95, young: 5) { world in
            let policy = RetentionWorld.lines()
            try await world.atReceipt(4, "raise exception 'the node dies here'")
            let id = try await world.newRun()
            await #expect(throws: PostgresError.self) { try await world.purge([policy], again: id) }
            #expect(try await world.count("attempt_line") == 70)
            // What gets old meanwhile is no part of the proposal.
            try await world.change(
                """
                drop trigger at_receipt on bursar.purge_receipt;
                insert into bursar.attempt_line (run_id, attempt, place, at, source, text)
                select 90, 1, n, now() - interval '99 days', 'stdout', '' from generate_series(2, 6) as n
                """
            )
            let run = try await world.purge([policy], again: id)
            #expect(run.checkpoint.counters["purged attempt_line"] == 95)
            #expect(
                try await world.one(
                    "select sum(row_count), count(distinct cutoff), count(distinct proposal_id) from bursar.purge_receipt"
                ) == "95|1|1"
            )
            #expect(try await world.count("attempt_line") == 10)
        }
    }

    @Test("A legal hold that is placed during the run wins at the next batch")
    func holdDuringRun() async throws {
        try await RetentionWorld.open(old: 95) { world in
            try await world.atReceipt(
                2,
                "insert into bursar.legal_hold (table_name, reason) values ('attempt_line', 'a court asks')"
            )
            let run = try await world.purge([RetentionWorld.lines()])
            #expect(run.report == "purged 20 rows of attempt_line")
            #expect(run.kept == .held)
            #expect(try await world.count("attempt_line") == 75)
            try await world.operate("bursar.release_legal_hold(1, 'the court is done')")
            #expect(try await world.purge([RetentionWorld.lines()]).report == "purged 75 rows of attempt_line")
        }
    }

    @Test("Rows of a held subject and of a held tenant stay, and the plan counts them apart")
    func holds() async throws {
        try await RetentionWorld.open(old: 20) { world in
            try await world.operate("bursar.place_legal_hold(subject => 'run:7', reason => 'a dispute')")
            let plan = try await world.plan([RetentionWorld.lines()])
            let item = "from bursar.proposal_item where proposal_id = \(plan.proposal)"
            #expect(try await world.one("select content ->> 'count', content ->> 'held' \(item)") == "19|1")
            try await world.apply(plan.proposal)
            #expect(try await world.purge([RetentionWorld.lines()], again: plan.run).kept == .held)
            #expect(try await world.list("select run_id from bursar.attempt_line") == ["7"])
        }
    }

    @Test("A hold needs a reason and something that it holds, and is released once")
    func holdRules() async throws {
        try await RetentionWorld.open { world in
            for wrong in [
                "bursar.place_legal_hold(subject => 'run:7')", "bursar.place_legal_hold(reason => 'all')",
                "bursar.place_legal_hold(table_name => 'invoice', reason => 'x')",
                "bursar.place_legal_hold(subject => 'invoice:7', reason => 'x')",
                "bursar.place_legal_hold(tenant => 99, reason => 'x')",
                "bursar.place_legal_hold(subject => 'run:7', until => now() - interval '1 day', reason => 'x')",
            ] {
                await #expect(throws: PostgresError.self) { try await world.operate(wrong) }
            }
            #expect(try await world.operate("bursar.place_legal_hold(subject => 'run:7', reason => 'x')") == "1")
            try await world.operate("bursar.release_legal_hold(1, 'done')")
            await #expect(throws: PostgresError.self) {
                try await world.operate("bursar.release_legal_hold(1, 'done')")
            }
            #expect(
                try await world.list("select kind from bursar.event order by id") == [
                    "legal_hold.placed", "legal_hold.released",
                ]
            )
        }
    }

    @Test("A plan is refused where a tenth more or fewer rows are there, or the policy is another one")
    func planIsBound() async throws {
        try await RetentionWorld.open(old: 100) { world in
            let policy = RetentionWorld.lines()
            let plan = try await world.plan([policy])
            #expect(plan.why == "a plan was asked for")
            #expect(try await world.count("attempt_line") == 100)
            try await world.apply(plan.proposal)
            try await world.change("delete from bursar.attempt_line where run_id <= 11")
            let refused = try await #require(throws: JobError.self) { try await world.purge([policy], again: plan.run) }
            #expect(refused.disposition == .permanent)
            #expect(refused.reason.contains("attempt_line has 89 rows to purge and the plan says 100"))
            #expect(try await world.count("purge_receipt") == 0)
            let other = RetentionWorld.lines { $0.keep = .seconds(95 * 86_400) }
            let changed = try await #require(throws: JobError.self) { try await world.purge([other], again: plan.run) }
            #expect(changed.reason.contains("is not the one that was planned with"))
            try await world.change(
                "insert into bursar.attempt_line (run_id, attempt, place, at, source, text) values (11, 1, 1, now() - interval '99 days', 'stdout', '')"
            )
            #expect(try await world.purge([policy], again: plan.run).report == "purged 90 rows of attempt_line")
        }
    }

    @Test("More rows than a run may purge, or a larger share of the table, need a person")
    func bounds() async throws {
        try await RetentionWorld.open(old: 60, young: 40) { world in
            let many = RetentionWorld.lines { $0.maxRowsPerRun = 59 }
            let rows = try await #require(throws: NeedsApproval.self) { try await world.purge([many]) }
            #expect(rows.why == "60 rows of attempt_line, more than 59")
            let large = RetentionWorld.lines { $0.maxPercent = 59 }
            let share = try await #require(throws: NeedsApproval.self) { try await world.purge([large]) }
            #expect(share.why == "60 of 100 rows of attempt_line, more than 59 %")
            #expect(try await world.count("purge_receipt") == 0)
            #expect(
                try await world.purge([RetentionWorld.lines { $0.maxPercent = 60 }]).report
                    == "purged 60 rows of attempt_line"
            )
        }
    }

    @Test("A new policy is only counted for as long as it says, and says how it stands")
    func observes() async throws {
        try await RetentionWorld.open(old: 10) { world in
            let policy = RetentionWorld.lines { $0.observeDays = 14 }
            #expect(try await world.purge([policy]).report == "still observed: 1")
            #expect(try await world.count("attempt_line") == 10)
            #expect(
                try await world.one("select rows_due, observing_until is not null from bursar.retention_standing")
                    == "10|t"
            )
            #expect(try await world.count("alarm") == 0)
            try await world.change("update bursar.retention_seen set seen_at = seen_at - interval '14 days'")
            #expect(try await world.purge([policy]).report == "purged 10 rows of attempt_line")
            #expect(try await RetentionStanding.read(in: world.pool).map(\.lagSeconds) == [0])
        }
    }

    @Test("A table that is far behind has an alarm and a lag; it ends when the rows are gone")
    func lag() async throws {
        try await RetentionWorld.open(old: 10) { world in
            try await world.seenLongAgo(RetentionWorld.lines())
            // Somebody holds the rows locked for the whole run.
            try await world.database.asSuperuser { other in
                try await other.executeScript("begin; select from bursar.attempt_line for update", name: "lock")
                let run = try await world.purge([RetentionWorld.lines()])
                #expect(run.kept != .held)
                try await other.executeScript("rollback", name: "unlock")
            }
            #expect(
                try await world.list("select key from bursar.alarm where cleared_at is null") == [
                    "retention:attempt_line"
                ]
            )
            let lag = try await RetentionStanding.read(in: world.pool).map(\.lagSeconds)
            #expect(lag.count == 1 && lag[0] > 9.9 * 86_400 && lag[0] < 10.1 * 86_400)
            try await world.purge([RetentionWorld.lines()])
            #expect(try await world.count("alarm", "cleared_at is null") == 0)
        }
    }

    @Test("A plan of one table leaves the open plan of another one alone, and replaces an older one of the same")
    func plansOfTables() async throws {
        try await RetentionWorld.open(old: 10) { world in
            try await world.change(
                """
                insert into bursar.attempt (run_id, number, fence, node_id, as_of, started_at, ended_at, outcome)
                select 1, 1, 1, 'x', at, at, at, 'succeeded' from (select now() - interval '100 days') as t (at)
                """
            )
            var attempts = RetentionPolicy(.attempt, keep: .seconds(90 * 86_400))
            attempts.observeDays = 0
            let policies = [RetentionWorld.lines(), attempts]
            let first = try await world.plan(policies, table: "attempt_line")
            let other = try await world.plan(policies, table: "attempt")
            let open = "select id from bursar.proposal where state = 'open' order by id"
            #expect(try await world.list(open) == ["\(first.proposal)", "\(other.proposal)"])
            let second = try await world.plan(policies, table: "attempt_line")
            #expect(try await world.list(open) == ["\(other.proposal)", "\(second.proposal)"])
            try await world.apply(second.proposal)
            let parameters = RetentionPurge.Parameters(table: "attempt_line", plan: true)
            #expect(
                try await world.purge(policies, parameters, again: second.run).report
                    == "purged 10 rows of attempt_line"
            )
        }
    }

    @Test("A dry run changes nothing and says what would go")
    func dryRun() async throws {
        try await RetentionWorld.open(old: 10) { world in
            let run = try await world.purge([RetentionWorld.lines()], dryRun: true)
            #expect(run.report == "would purge 10 of attempt_line")
            #expect(try await world.count("attempt_line") == 10)
            #expect(try await world.count("retention_seen") == 0)
        }
    }

    @Test("Lines of a run that can still change stay, however old")
    func liveRuns() async throws {
        try await RetentionWorld.open(old: 10) { world in
            try await world.change(
                """
                insert into bursar.run (id, job, state, requested_by, max_attempts, retry_initial, retry_max, retry_jitter)
                values (3, 'x', 'ready', 'test', 1, '1 s', '1 s', 0)
                """
            )
            #expect(try await world.purge([RetentionWorld.lines()]).report == "purged 9 rows of attempt_line")
            #expect(try await world.list("select run_id from bursar.attempt_line") == ["3"])
        }
    }
}
