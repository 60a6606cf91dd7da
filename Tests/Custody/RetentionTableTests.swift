import Custody
import Postgres
import RetentionPurge
import TestSupport
import Testing

/// The tables that may be purged, one by one, and who may purge them.
@Suite("Tables that may be purged")
struct RetentionTableTests {
    @Test(
        "The program and the database know the same tables, by the same clocks, and keep them for as long at the least"
    )
    func sameList() async throws {
        try await RetentionWorld.open { world in
            let known = try await world.list(
                "select table_name, clock, emptied is not null from bursar.purge_rules() order by table_name collate \"C\""
            )
            #expect(
                known.map { $0.prefix { $0 != "|" } }.map(String.init) == PurgeTable.allCases.map(\.rawValue).sorted()
            )
            let floors = try await world.list("select table_name, floor_days from bursar.purge_rules()")
            #expect(Set(floors) == Set(PurgeTable.allCases.map { "\($0.rawValue)|\($0.floorDays)" }))
            for table in PurgeTable.allCases {
                let ending = table.action == .erase ? "|t" : "|f"
                #expect(
                    known.contains {
                        $0.hasPrefix("\(table.rawValue)|") && $0.contains("t.\(table.clock)") && $0.hasSuffix(ending)
                    }
                )
            }
        }
    }

    @Test("Every table can be counted, and deleted from or dropped by partition")
    func all() async throws {
        try await RetentionWorld.open { world in
            let policies = PurgeTable.allCases.map { table in
                var policy = RetentionPolicy(table, keep: .seconds(400 * 86_400))
                policy.observeDays = 0
                return policy
            }
            let run = try await world.purge(policies)
            #expect(run.report == "nothing is past its cutoff")
            for table in PurgeTable.allCases where table.action != .dropPartition {
                let sql =
                    "select row_count from bursar.purge_batch('\(table.rawValue)', now() - interval '400 days', '{}', '{}', 0, 9, 9, 9, 1, 'x', 1, 500)"
                #expect(try await world.one(sql) == "0")
            }
        }
    }

    @Test("The role that purges has no right on any table, and its functions refuse a table of the ledger")
    func rights() async throws {
        try await RetentionWorld.open { world in
            let rights = try await world.list(
                """
                select c.relname from pg_class c cross join lateral aclexplode(c.relacl) g
                where c.relnamespace = 'bursar'::regnamespace and g.grantee = 'bursar_purge'::regrole
                union all
                select a.attname from pg_class c join pg_attribute a on a.attrelid = c.oid cross join lateral aclexplode(a.attacl) g
                where c.relnamespace = 'bursar'::regnamespace and g.grantee = 'bursar_purge'::regrole
                """
            )
            #expect(rights == [])
            let functions = try await world.list(
                """
                select p.proname from pg_proc p cross join lateral aclexplode(p.proacl) g
                where p.pronamespace = 'bursar'::regnamespace and g.grantee = 'bursar_purge'::regrole order by 1
                """
            )
            #expect(
                functions == [
                    "assert_fence", "purge_batch", "purge_count", "purge_partition", "queue_is_loaded",
                ]
            )
            for table in ["invoice", "audit_entry", "run", "purge_receipt", "pg_class"] {
                let refused = try await #require(throws: PostgresError.self) {
                    try await world.pool.withTransaction(TransactionOptions(role: "bursar_purge")) { transaction in
                        let sql =
                            "select bursar.purge_batch('\(table)', now(), '{}', '{}', 0, 9, 9, 9, 1, 'x', 1, 500)::text"
                        _ = try await transaction.query(Statement("test.purge_\(table)", sql))
                    }
                }
                #expect(refused.message.contains("is no table that may be purged"))
            }
        }
    }

    @Test(
        "A month of runs is dropped once all of it is past the cutoff; one with a held run stays, and so does the default"
    )
    func partitions() async throws {
        try await RetentionWorld.open { world in
            try await world.change(
                """
                create table bursar.run_history_2025_01 partition of bursar.run_history for values from ('2025-01-01Z') to ('2025-02-01Z');
                create table bursar.run_history_2025_02 partition of bursar.run_history for values from ('2025-02-01Z') to ('2025-03-01Z');
                alter table bursar.run_history_2025_01 owner to bursar_owner;
                alter table bursar.run_history_2025_02 owner to bursar_owner;
                insert into bursar.run_history (id, job, parameters, state, dry_run, requested_by, attempts, checkpoint, created_at, finished_at)
                select n, 'x', '{}', 'succeeded', false, 'test', 1, '{}', now(), at
                from (values (1, timestamptz '2025-01-05Z'), (2, '2025-01-06Z'), (3, '2025-02-05Z'), (4, '2024-01-01Z')) as r (n, at)
                """
            )
            var policy = RetentionPolicy(.runHistory, keep: .seconds(60 * 86_400))
            (policy.observeDays, policy.maxPercent) = (0, 100)
            let hold = try await world.operate("bursar.place_legal_hold(subject => 'run:2', reason => 'x')")
            #expect(try await world.purge([policy]).report.hasPrefix("purged 1 rows of run_history (2 held)"))
            #expect(
                try await world.one("select string_agg(id::text, ',' order by id) from bursar.run_history") == "1,2,4"
            )
            #expect(try await world.one("select to_regclass('bursar.run_history_2025_02') is null") == "t")
            #expect(
                try await world.one("select partition, row_count, rows_per_tenant from bursar.purge_receipt")
                    == "run_history_2025_02|1|{\"0\": 1}"
            )
            try await world.operate("bursar.release_legal_hold(\(hold), 'done')")
            #expect(try await world.purge([policy]).report.hasPrefix("purged 2 rows of run_history"))
            #expect(try await world.one("select string_agg(id::text, ',' order by id) from bursar.run_history") == "4")
        }
    }

    @Test("A hold that is placed after one month was dropped keeps the next")
    func holdBetweenMonths() async throws {
        try await RetentionWorld.open { world in
            try await world.change(
                """
                create table bursar.run_history_2025_01 partition of bursar.run_history for values from ('2025-01-01Z') to ('2025-02-01Z');
                create table bursar.run_history_2025_02 partition of bursar.run_history for values from ('2025-02-01Z') to ('2025-03-01Z');
                alter table bursar.run_history_2025_01 owner to bursar_owner;
                alter table bursar.run_history_2025_02 owner to bursar_owner;
                insert into bursar.run_history (id, job, parameters, state, dry_run, requested_by, attempts, checkpoint, created_at, finished_at)
                select n, 'x', '{}', 'succeeded', false, 'test', 1, '{}', now(), at
                from (values (1, timestamptz '2025-01-05Z'), (2, '2025-02-05Z')) as r (n, at)
                """
            )
            var policy = RetentionPolicy(.runHistory, keep: .seconds(60 * 86_400))
            (policy.observeDays, policy.maxPercent) = (0, 100)
            try await world.atReceipt(
                1,
                "insert into bursar.legal_hold (subject, reason) values ('run:2', 'a court asks')"
            )
            #expect(try await world.purge([policy]).report == "purged 1 rows of run_history")
            #expect(try await world.list("select id from bursar.run_history") == ["2"])
        }
    }

    @Test("A month that somebody reads is not waited for: the purge steps back and tries again")
    func lockedPartition() async throws {
        try await RetentionWorld.open { world in
            try await world.change(
                """
                create table bursar.run_history_2025_01 partition of bursar.run_history for values from ('2025-01-01Z') to ('2025-02-01Z');
                alter table bursar.run_history_2025_01 owner to bursar_owner;
                insert into bursar.run_history (id, job, parameters, state, dry_run, requested_by, attempts, checkpoint, created_at, finished_at)
                values (1, 'x', '{}', 'succeeded', false, 'test', 1, '{}', now(), '2025-01-05Z')
                """
            )
            var policy = RetentionPolicy(.runHistory, keep: .seconds(60 * 86_400))
            (policy.observeDays, policy.maxPercent, policy.lockTimeout) = (0, 100, 200)
            let ready = policy
            try await world.database.asSuperuser { reader in
                try await reader.executeScript("begin; select from bursar.run_history_2025_01", name: "read")
                async let run = world.purge([ready])
                try await waitUntil("the purge waits for the reader") {
                    try await world.one("select count(*) from pg_locks where not granted") != "0"
                }
                try await waitUntil("it has stepped back") {
                    try await world.one("select count(*) from pg_locks where not granted") == "0"
                }
                #expect(try await world.count("run_history") == 1)
                try await reader.executeScript("rollback", name: "leave")
                #expect(try await run.report == "purged 1 rows of run_history")
            }
        }
    }

    @Test(
        "A tenant with a time of its own keeps its bodies for that, the others for the house's; a tenant's hold keeps all of its own"
    )
    func tenants() async throws {
        try await RetentionWorld.open { world in
            try await world.change(
                """
                select bursar.create_issuer('Mekong', 'Mekong Co., Ltd.');
                select bursar.create_tenant(1, 'T' || n, 'Tenant ' || n) from generate_series(1, 3) as n;
                insert into bursar.message (tenant_id, issuer_id, channel, class, local_day, message_id, guarantee, not_before, valid_until, state)
                select n, 1, 'email', 'transaction', '2026-01-15', 'm' || n || '@example.com', 'at_least_once', now(), now(), 'accepted'
                from generate_series(1, 3) as n;
                insert into bursar.message_body (tenant_id, message_id, text, created_at)
                select tenant_id, id, 'x', now() - interval '100 days' from bursar.message
                """
            )
            var policy = RetentionPolicy(.messageBody, keep: .seconds(90 * 86_400))
            (policy.observeDays, policy.maxPercent, policy.tenants) = (0, 100, ["T2": .seconds(120 * 86_400)])
            try await world.operate("bursar.place_legal_hold(tenant => 3, reason => 'x')")
            #expect(try await world.purge([policy]).report == "purged 1 rows of message_body (1 held)")
            #expect(
                try await world.one(
                    "select string_agg(tenant_id::text, ',' order by tenant_id) from bursar.message_body"
                ) == "2,3"
            )
            #expect(try await world.one("select rows_per_tenant from bursar.purge_receipt") == "{\"1\": 1}")
        }
    }

    @Test("The way down restores what there was")
    func wayDown() async throws {
        try await RetentionWorld.open { world in
            let functions = """
                select proname || pg_get_function_identity_arguments(oid) || md5(prosrc || coalesce(pg_get_function_sqlbody(oid), ''))
                from pg_proc where pronamespace = 'bursar'::regnamespace order by 1
                """
            let now = try await world.list(functions)
            let down = { (number: Int) in CustodyMigrations.all.first { $0.number == number }?.down ?? "" }
            let up = { (number: Int) in CustodyMigrations.all.first { $0.number == number }?.up ?? "" }
            let columns = """
                select relname || '.' || attname || ' ' || atttypid::regtype || attnotnull from pg_attribute a join pg_class c on c.oid = attrelid
                where relname in ('retention_standing', 'purge_receipt') and attnum > 0 and not attisdropped order by 1
                """
            let columnsNow = try await world.list(columns)
            try await world.change("begin; \(down(39)); commit")
            let bounded = try await world.list(functions)
            let columnsBefore = try await world.list(columns)
            #expect(
                columnsBefore.contains("retention_standing.keep intervaltrue")
                    && columnsBefore.count == columnsNow.count - 2
            )
            try await world.change("begin; \(down(38)); commit")
            let older = try await world.list("select table_name from bursar.purge_rules() where table_name like '%.%'")
            #expect(older == [])
            try await world.change("begin; \(up(38)); commit")
            #expect(try await world.list(functions) == bounded)
            try await world.change("begin; \(up(39)); commit")
            #expect(try await world.list(functions) == now)
            #expect(try await world.list(columns) == columnsNow)
            try await world.change("begin; \(down(39)); \(down(38)); \(down(33)); commit")
            #expect(
                try await world.one("select has_table_privilege('bursar_purge', 'bursar.webhook_event', 'delete')")
                    == "t"
            )
            #expect(
                try await world.list(
                    "select proname from pg_proc where pronamespace = 'bursar'::regnamespace and proname like '%purge\\_%'"
                ) == []
            )
        }
    }
}
