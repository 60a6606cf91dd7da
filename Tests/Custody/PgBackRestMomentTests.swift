import Backup
import Glibc
import JobKit
import Postgres
import TestSupport
import Testing

@testable import Custody

@Suite("The moment of a manifest", .serialized)
struct PgBackRestMomentTests {
    private static let note =
        #"select bursar.note(0, 'drill.failed', 'drill', 1, '{"told": "x", "backup": "y"}', null)"#

    @Test("It waits for whoever is writing, and counts what they wrote")
    func waits() async throws {
        try await CustodyWorld.open { world in
            let url = try #require(world.house.url)
            let rows = try await events(world)
            let flag = Flag()
            try await world.database.asSuperuser { writer in
                try await writer.executeScript("begin; \(Self.note)", name: "write")
                async let taken = BackupHouse.withPool(url, "test", size: 2) { pool in
                    let moment = try await PgBackRestMoment.take(pool)
                    await flag.raise()
                    return moment
                }
                try await waitUntil("it wants the tables") {
                    try await world.text(
                        "select count(*) from pg_stat_activity where query like '%hold_writes%' and wait_event_type = 'Lock' and datname = current_database()"
                    ) == "1"
                }
                #expect(await !flag.isRaised, "nobody is passed over")
                try await writer.executeScript("commit", name: "write")
                let manifest: Manifest = try await taken.manifest.decoded()
                #expect(manifest.tables.first { $0.name == "event" }?.rows == rows + 1)
            }
            #expect(
                try await world.text(
                    "select count(*) from pg_locks where mode = 'ShareLock' and locktype = 'relation' and granted"
                )
                    == "0",
                "whoever writes may go on"
            )
        }
    }

    @Test("It gives way to a transaction that does not end, keeps no writer waiting for a second, and names its table")
    func patience() async throws {
        try await CustodyWorld.open { world in
            let url = try #require(world.house.url)
            try await world.database.asSuperuser { writer in
                try await writer.executeScript("begin; \(Self.note)", name: "write")
                try await BackupHouse.withPool(url, "test", size: 1) { pool in
                    let began = ContinuousClock.now
                    let kept = try await pool.withTransaction(TransactionOptions(outcome: .rollBack)) {
                        try await $0.query(PgBackRestStatements.holdWrites, "event", 300).first?
                            .get("kept", as: String?.self)
                    }
                    #expect(kept == "event")
                    #expect(ContinuousClock.now - began < .milliseconds(950))
                    let other = try await pool.withTransaction(TransactionOptions(outcome: .rollBack)) {
                        try await $0.query(PgBackRestStatements.holdWrites, nil as String?, 300).first?
                            .get("kept", as: String?.self)
                    }
                    #expect(["audit_entry", "event"].contains(other), "found on the way, after a moment")
                    await #expect(throws: PostgresError.self) {
                        try await pool.withTransaction(TransactionOptions(outcome: .rollBack)) {
                            try await $0.query(PgBackRestStatements.holdWrites, nil as String?, 5_000)
                        }
                    }
                }
                try await writer.executeScript("rollback", name: "write")
            }
        }
    }

    @Test("The login of backups may hold writers back, and write nothing itself; nobody else may")
    func rights() async throws {
        try await CustodyWorld.open { world in
            for role in ["bursar_app", "bursar_engine", "bursar_ops", "bursar_scan", "bursar_client", "bursar_purge"] {
                let may = try await world.text(
                    "select has_function_privilege('\(role)', 'bursar.hold_writes(text, integer)', 'execute')"
                )
                #expect(may == "false", "\(role)")
            }
            let own = try await world.text(
                "select has_function_privilege('bursar_backup', 'bursar.hold_writes(text, integer)', 'execute')"
            )
            #expect(own == "true")
            #expect(
                try await world.text("select has_table_privilege('bursar_backup', 'bursar.event', 'insert')") == "false"
            )
        }
    }

    @Test("A row is of its engine: a dump has its keys and no label, a backup by pgBackRest all that a restore needs")
    func rows() async throws {
        try await CustodyWorld.open { world in
            try await world.backUp()
            let before = try await world.text("select count(*) from bursar.backup")
            let columns =
                "name, host, directory, taken_at, as_of, seconds, files, plain_bytes, sealed_bytes, index_sha256, manifest"
            let values = "'host', '/x', now(), now(), 1, 1, 1, 1, repeat('0', 64), '{}'"
            for (more, with) in [
                ("engine", "'pgbackrest'"), ("engine, key_id, recovery_id", "'pgbackrest', 'a', 'b'"),
                ("label", "'20261124-154947F'"),
                ("engine, key_id, recovery_id, label", "'dump', 'a', 'b', '20261124-154947F'"),
            ] {
                await #expect(throws: PostgresError.self, "\(more)") {
                    try await world.database.setUp(
                        "insert into bursar.backup (\(columns), \(more)) values ('x', \(values), \(with))"
                    )
                }
            }
            #expect(try await world.text("select count(*) from bursar.backup") == before)
        }
    }

    @Test("The way down takes them out of the book, and leaves the dumps as they were")
    func wayDown() async throws {
        try await CustodyWorld.open { world in
            let name = try await world.backUp()
            try await world.database.setUp(physicalRow("one", "now()"))
            let migration = try #require(CustodyMigrations.all.first { $0.number == 36 })
            try await world.database.setUp("begin; \(migration.down); commit")
            #expect(try await world.text("select string_agg(name, ' ') from bursar.backup") == name)
            await #expect(throws: PostgresError.self) { try await world.database.setUp("delete from bursar.backup") }
            #expect(
                try await world.text("select to_regprocedure('bursar.hold_writes(text, integer)') is null") == "true"
            )
            try await world.database.setUp("begin; \(migration.up); commit")
            #expect(try await world.backups().map(\.engine) == ["dump"])
        }
    }

    @Test("A fresh dump does not hide that the backups by pgBackRest have stopped, once a schedule asks for them")
    func alarms() async throws {
        try await CustodyWorld.open { world in
            let house = world.house
            try await world.backUp()
            try await world.database.setUp(physicalRow("old", "clock_timestamp() - interval '30 hours'"))
            func settled() async throws -> String {
                try await BackupAlarms.settle(house, in: world.pool)
                return try await world.text(
                    "select string_agg(key, ' ' order by key) from bursar.alarm where cleared_at is null"
                )
            }
            #expect(try await settled() == "", "nobody has asked for more of them")
            try await world.database.setUp(
                """
                insert into bursar.schedule (name, job, definition, enabled, high_water) select 'physical', 'backup',
                    jsonb_build_object('environments', jsonb_build_array(i.environment), 'parameters', '{"engine": "pgbackrest"}'::jsonb),
                    true, now() from bursar.installation i
                """
            )
            #expect(try await settled() == "backup:age/pgbackrest")
            #expect(try await BackupStanding.read(in: world.pool).backupAge ?? 1e9 < 3600)
            #expect(try await BackupStanding.wanted(.pgBackRest, in: world.pool)?.backupAge ?? 0 > 100_000)
            try await world.database.setUp("update bursar.schedule set enabled = false")
            #expect(try await settled() == "")
        }
    }

    private actor Flag {
        private(set) var isRaised = false
        func raise() { isRaised = true }
    }

    private func events(_ world: CustodyWorld) async throws -> Int64 {
        Int64(try await world.text("select count(*) from bursar.event")) ?? -1
    }

    private func physicalRow(_ name: String, _ taken: String) -> String {
        """
        insert into bursar.backup (name, engine, host, directory, taken_at, as_of, seconds, files, plain_bytes, sealed_bytes, index_sha256,
            manifest, stanza, label, kind, moment, wal_first, wal_last, database, server_version, database_bytes)
        values ('\(name)', 'pgbackrest', 'host', '/etc/pgbackrest.conf', \(taken), \(taken), 1, 1, 1, 1, repeat('0', 64), '{}', 'main',
            '20261124-154947F', 'full', '0/4029B98', '000000010000000000000003', '000000010000000000000003', 'bursar', 15, 1)
        """
    }
}
