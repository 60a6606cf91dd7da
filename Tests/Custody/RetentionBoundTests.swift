import CivilTime
import Custody
import JobKit
import Postgres
import RetentionPurge
import TestSupport
import Testing

/// How much one statement of a purge looks at, whatever the size of the table.
@Suite("Retention in bounded statements")
struct RetentionBoundTests {
    @Test("A table of many windows is counted exactly: rows, the held, the oldest and newest, keys and tenants")
    func windows() async throws {
        try await RetentionWorld.open(old: 30_000, young: 30_001) { world in
            try await world.operate("bursar.place_legal_hold(subject => 'run:29999', reason => 'x')")
            let plan = try await world.plan([RetentionWorld.lines { $0.observeDays = 0 }])
            let content = try await world.one(
                """
                select concat_ws('|', content::jsonb ->> 'total', content::jsonb ->> 'count', content::jsonb ->> 'held',
                    content::jsonb ->> 'first_key', content::jsonb ->> 'last_key', content::jsonb ->> 'per_tenant')
                from bursar.proposal_item where proposal_id = \(plan.proposal)
                """
            )
            #expect(content == #"60001|29999|1|1|30000|{"0": 29999}"#)
        }
    }

    @Test("A batch looks at so many rows, and no further, though all of them are held: the next one begins behind them")
    func heldRows() async throws {
        try await RetentionWorld.open(old: 5_000) { world in
            try await world.change(
                "insert into bursar.legal_hold (subject, reason) select 'run:' || n, 'x' from generate_series(1, 300) as n"
            )
            let batch = { (from: Int64, look: Int) in
                try await world.one(
                    "select row_count, next_key from bursar.purge_batch('attempt_line', now() - interval '30 days', '{}', '{}', \(from), 5000, 10, \(look), 1, 'x', 1, 500)"
                )
            }
            #expect(try await batch(1, 100) == "0|102")
            #expect(try await batch(102, 100) == "0|203")
            #expect(try await batch(203, 100) == "3|304")
            #expect(try await batch(304, 100) == "10|313")
            #expect(try await batch(4_995, 100) == "6|-")
            let run = try await world.purge([RetentionWorld.lines()])
            #expect(run.kept == .held)
            #expect(try await world.one("select count(*), max(run_id) from bursar.attempt_line") == "300|300")
        }
    }

    @Test("No statement of a count or a batch is compiled first: that takes longer than it runs")
    func notCompiled() async throws {
        try await RetentionWorld.open { world in
            let functions = try await world.list(
                "select proname from pg_proc where 'jit=off' = any (proconfig) and proname like 'purge\\_%' order by 1"
            )
            #expect(functions == ["purge_batch", "purge_count"])
        }
    }

    @Test("More lines of one run than a batch looks at go all the same")
    func oneKey() async throws {
        try await RetentionWorld.open(old: 3) { world in
            try await world.change(
                """
                insert into bursar.attempt_line (run_id, attempt, place, at, source, text)
                select 2, 1, n, now() - interval '100 days', 'stdout', 'x' from generate_series(2, 500) as n
                """
            )
            #expect(try await world.purge([RetentionWorld.lines()]).report == "purged 502 rows of attempt_line")
        }
    }

    @Test("No statement of a purge reads a whole table, be it never so large", arguments: PurgeTable.allCases)
    func alongAnIndex(_ table: PurgeTable) async throws {
        // A month of runs is counted as a whole, and dropped.
        guard table.action != .dropPartition else { return }
        let rows = 30_000
        try await RetentionWorld.open { world in
            try await world.fill(table, rows: rows)
            let relation = table.rawValue.prefix { $0 != "." }
            try await world.change("vacuum analyze bursar.\(relation)")
            for (call, most) in [
                (
                    "purge_count('\(table.rawValue)', now() - interval '190 days', '{}', '{}', now(), null, null, 1000)",
                    2_200
                ),
                (
                    "purge_batch('\(table.rawValue)', now() - interval '190 days', '{}', '{}', 0, 1000000, 100, 1000, 1, 'x', 1, 500)",
                    1_200
                ),
            ] {
                let read = try await world.database.asSuperuser { connection in
                    try await connection.executeScript("begin", name: "begin")
                    let answer = try await connection.query(
                        Statement("test.call", "select * from bursar.\(call)")
                    )
                    let done = try answer.first?.get(
                        call.hasPrefix("purge_count") ? "due" : "row_count",
                        as: Int64.self
                    )
                    #expect(done ?? 0 >= 100, "\(call) has found nothing, and the test shows nothing")
                    let read = try await connection.query(
                        Statement(
                            "test.read",
                            """
                            select coalesce(sum(seq_tup_read), 0)::bigint as scanned, coalesce(sum(idx_tup_fetch), 0)::bigint as fetched
                            from pg_stat_xact_user_tables where schemaname = 'bursar' and relname = '\(relation)'
                            """
                        )
                    )
                    try await connection.executeScript("rollback", name: "rollback")
                    return try read.first.map {
                        (try $0.get("scanned", as: Int.self), try $0.get("fetched", as: Int.self))
                    }
                }
                #expect(read?.0 == 0, "\(call) reads the table from end to end")
                #expect(read?.1 ?? .max <= most, "\(call)")
            }
        }
    }
}

extension RetentionWorld {
    /// Fills a table with rows of which all are two hundred days old and may go.
    fileprivate func fill(_ table: PurgeTable, rows: Int) async throws {
        let many = "from generate_series(1, \(rows)) as n"
        let old = "now() - interval '200 days'"
        let sql =
            switch table {
            case .runHistory: ""
            case .attempt:
                "insert into bursar.attempt (run_id, number, fence, node_id, as_of, started_at, ended_at, outcome) select n, 1, n, 'x', \(old), \(old), \(old), 'succeeded' \(many)"
            case .attemptLine:
                "insert into bursar.attempt_line (run_id, attempt, place, at, source, text) select n, 1, 1, \(old), 'stdout', 'x' \(many)"
            case .outsideEffect:
                "insert into bursar.outside_effect (run_id, attempt, key, what, intended_at, outcome, concluded_at) select n, 1, 'x', 'x', \(old), 'done', \(old) \(many)"
            case .webhookEvent, .webhookBody: Self.posts(many, old)
            case .webhookConflict:
                "\(Self.posts(many, old)); insert into bursar.webhook_conflict (event, body, headers, scheme, address, received_at) select n, 'y', '[]', 'x', '127.0.0.1', \(old) \(many)"
            case .bakongCall:
                "insert into bursar.bakong_call (endpoint, actor, keys, begun_at, give_up_at, outcome) select 'x', 'x', 1, \(old), \(old), 'answered' \(many)"
            case .observationText: Self.observations(many, old)
            case .messageBody:
                "insert into bursar.message_body (tenant_id, message_id, text, created_at) select 1 + n % 3, n, 'x', \(old) \(many)"
            case .deliveryReport:
                "insert into bursar.delivery_report (source, digest, state, received_at, done_at) select 'dsn', sha256(n::text::bytea), 'done', \(old), now() \(many)"
            }
        try await change("set session_replication_role = replica; \(sql)")
    }

    static func posts(_ many: String, _ old: String) -> String {
        """
        insert into bursar.webhook_event (source, event_id, body, headers, scheme, address, received_at, state, outcome, processed_at)
        select 'relay', 'e' || n, convert_to('body ' || n, 'UTF8'), '[["id", "x"]]', 'hmac', '127.0.0.1', \(old), 'processed', 'x', now() \(many)
        """
    }

    static func observations(_ many: String, _ old: String) -> String {
        """
        insert into bursar.observation (tenant_id, issuer_id, kind, source, external_key, currency, amount, occurred_at, recorded_at, payer, raw)
        select n % 3, 1, 'statement', 'x', 'k' || n, 'KHR', 100, \(old), \(old), 'Sok', 'a line of Sok' \(many)
        """
    }
}
