import Custody
import JobKit
import Postgres
import RetentionPurge
import TestSupport
import Testing

/// How late rows are by their own cutoffs, and that somebody hears of it though no run ends well.
@Suite("Lateness of retention")
struct RetentionLatenessTests {
    private static let standing = "select rows_due, why_left from bursar.retention_standing"
    private static let alarms = "select key from bursar.alarm where cleared_at is null order by 1"

    @Test("A run that waits for a person leaves a standing, and the alarm comes with time though no run ends")
    func waiting() async throws {
        try await RetentionWorld.open(old: 60, young: 40) { world in
            let policy = RetentionWorld.lines { $0.maxPercent = 10 }
            await #expect(throws: NeedsApproval.self) { try await world.purge([policy]) }
            #expect(
                try await world.list(Self.standing)
                    == ["60|waits for a person: 60 of 100 rows of attempt_line, more than 10 %"]
            )
            let all = RetentionPolicies([policy])
            // The policy may purge since just now; only from then on is a row late.
            try await Retention.settle(all, in: world.pool)
            #expect(try await world.list(Self.alarms) == [])
            try await world.change(
                "update bursar.retention_standing set observing_until = now() - interval '2 days' - interval '1 minute'"
            )
            try await Retention.settle(nil, in: world.pool)
            #expect(try await world.list(Self.alarms) == ["retention:attempt_line"])
            #expect(
                try await world.one(
                    "select since = (select observing_until from bursar.retention_standing) from bursar.alarm"
                ) == "t"
            )
            let lag = try await RetentionStanding.read(in: world.pool).map(\.lagSeconds)
            #expect(lag.count == 1 && lag[0] > 9.9 * 86_400, "the gauge tells the whole of it: \(lag)")
        }
    }

    @Test("A run that dies in its first batch has said how late the table is")
    func dying() async throws {
        try await RetentionWorld.open(old: 10) { world in
            try await world.purge([RetentionWorld.lines { $0.keep = .seconds(200 * 86_400) }])
            #expect(try await world.list(Self.standing) == ["0|-"])
            try await world.seenLongAgo(RetentionWorld.lines())
            try await world.atReceipt(1, "raise exception 'the node dies here'")
            let id = try await world.newRun()
            await #expect(throws: PostgresError.self) { try await world.purge([RetentionWorld.lines()], again: id) }
            #expect(try await world.list(Self.standing) == ["10|run \(id) was to purge it"])
            try await Retention.settle(RetentionPolicies([RetentionWorld.lines()]), in: world.pool)
            #expect(try await world.list(Self.alarms) == ["retention:attempt_line"])
            try await Retention.settle(RetentionPolicies(), in: world.pool)
            #expect(try await world.list(Self.alarms) == [])
        }
    }

    @Test("Rows are as late as they are past their own tenant's cutoff, and the receipt tells that cutoff")
    func tenants() async throws {
        try await RetentionWorld.open { world in
            try await world.tenants()
            try await world.change(
                """
                insert into bursar.message (tenant_id, issuer_id, channel, class, local_day, message_id, guarantee, not_before, valid_until, state)
                select n, 1, 'email', 'transaction', '2026-01-15', 'm' || n || '@example.com', 'at_least_once', now(), now(), 'accepted'
                from generate_series(1, 3) as n;
                insert into bursar.message_body (tenant_id, message_id, text, created_at)
                select m.tenant_id, m.id, 'x', now() - interval '1 day' * b.days
                from bursar.message m join (values (1, 405), (2, 130), (3, 700)) as b (n, days) on b.n = m.tenant_id
                """
            )
            var bodies = RetentionPolicy(.messageBody, keep: .seconds(400 * 86_400))
            (bodies.observeDays, bodies.maxPercent) = (0, 10)
            bodies.tenants = ["T2": .seconds(90 * 86_400), "T3": .seconds(730 * 86_400)]
            await #expect(throws: NeedsApproval.self) { try await world.purge([bodies]) }
            let standing = try #require(try await RetentionStanding.read(in: world.pool).first)
            #expect(standing.rowsDue == 2)
            #expect(abs(standing.lagSeconds - 40 * 86_400) < 60, "T2's row is forty days late, T3's not at all")
            bodies.maxPercent = 100
            #expect(try await world.purge([bodies]).report == "purged 2 rows of message_body")
            #expect(
                try await world.one(
                    """
                    select (select string_agg(k, ',') from jsonb_object_keys(own_cutoffs) as k),
                        abs(extract(epoch from (own_cutoffs ->> '2')::timestamptz - cutoff) - 310 * 86400) < 1
                    from bursar.purge_receipt
                    """
                ) == "2|t"
            )
            #expect(try await world.list("select tenant_id from bursar.message_body") == ["3"])
        }
    }

    @Test("A month of runs is late since all of it could go, not since its first day")
    func months() async throws {
        try await RetentionWorld.open { world in
            try await world.change(
                """
                do $$
                declare
                    month date := date_trunc('month', now() at time zone 'UTC') - interval '4 months';
                begin
                    execute format('create table bursar.run_history_%s partition of bursar.run_history for values from (%L) to (%L)',
                        to_char(month, 'YYYY_MM'), month || 'Z', (month + interval '1 month')::date || 'Z');
                    execute format('alter table bursar.run_history_%s owner to bursar_owner', to_char(month, 'YYYY_MM'));
                    insert into bursar.run_history (id, job, parameters, state, dry_run, requested_by, attempts, checkpoint, created_at, finished_at)
                    values (1, 'x', '{}', 'succeeded', false, 'test', 1, '{}', now(), (month || 'Z')::timestamptz);
                    perform set_config('test.end', ((month + interval '1 month')::date || 'Z'), false);
                end $$;
                create table public.month_end as select current_setting('test.end')::timestamptz as at;
                """
            )
            var runs = RetentionPolicy(.runHistory, keep: .seconds(40 * 86_400))
            (runs.observeDays, runs.maxPercent) = (0, 10)
            await #expect(throws: NeedsApproval.self) { try await world.purge([runs]) }
            #expect(
                try await world.one(
                    "select due_since = at + interval '40 days' from bursar.retention_standing, public.month_end"
                ) == "t"
            )
        }
    }

    @Test("Runs in the default partition are told of and raise the alarm, since no purge takes them")
    func stuck() async throws {
        try await RetentionWorld.open { world in
            try await world.history(
                ["2025_02"],
                [(1, nil, "2025-01-05"), (2, nil, "2025-01-06"), (3, nil, "2025-02-05")]
            )
            var runs = RetentionPolicy(.runHistory, keep: .seconds(60 * 86_400))
            (runs.observeDays, runs.maxPercent) = (0, 100)
            try await world.seenLongAgo(runs)
            try await world.operate("bursar.place_legal_hold(subject => 'run:2', reason => 'x')")
            #expect(
                try await world.purge([runs]).report
                    == "purged 1 rows of run_history; 1 rows stand in a default partition and do not go"
            )
            #expect(
                try await world.one(
                    "select rows_due, rows_stuck, why_left, due_since::date from bursar.retention_standing"
                ) == "0|1|1 rows stand in the default partition, which is never dropped|2025-04-02"
            )
            #expect(
                try await world.list("select evidence ->> 'stuck' from bursar.alarm where cleared_at is null") == ["1"]
            )
            // As docs/retention.md says.
            try await world.change(
                """
                begin;
                set local role bursar_owner;
                create table bursar.run_history_2025_01 (like bursar.run_history including defaults including constraints);
                with moved as (
                    delete from bursar.run_history_other where finished_at >= '2025-01-01Z' and finished_at < '2025-02-01Z' returning *
                )
                insert into bursar.run_history_2025_01 select * from moved;
                alter table bursar.run_history attach partition bursar.run_history_2025_01 for values from ('2025-01-01Z') to ('2025-02-01Z');
                commit
                """
            )
            try await world.operate("bursar.release_legal_hold(1, 'done')")
            #expect(try await world.purge([runs]).report == "purged 2 rows of run_history")
            #expect(try await world.list(Self.alarms) == [])
        }
    }
}
