import Custody
import Postgres
import TestSupport
import Testing

/// Each alarm just below its threshold, just above it, and afterwards.
@Suite("Alarms of backups and drills")
struct BackupAlarmTests {
    @Test("A last backup of 26 hours is no alarm; one older is, since those 26 hours were over; the next one clears it")
    func age() async throws {
        try await open { world in
            try await world.backup(age: "25 hours 59 minutes 30 seconds")
            try await world.backup("verified", age: "2 days")
            try await world.drill("pass", age: "1 hour")
            #expect(try await world.raised() == [])
            try await world.change("update bursar.backup set taken_at = taken_at - interval '1 minute'")
            #expect(try await world.raised() == ["backup:age critical"])
            #expect(
                try await world.isTrue(
                    "select a.since = (select max(taken_at) from bursar.backup) + interval '26 hours' from bursar.alarm a"
                ),
                "it is told since when"
            )
            try await world.backup("new", age: "1 minute")
            #expect(try await world.raised() == [])
            #expect(try await world.isTrue("select bool_and(cleared_at is not null) from bursar.alarm"))
        }
    }

    @Test("What was never done is late only once the database has existed for as long")
    func never() async throws {
        try await open { world in
            try await world.change(
                "update bursar.installation set created_at = clock_timestamp() - interval '25 hours 59 minutes 30 seconds'"
            )
            #expect(try await world.raised() == [])
            try await world.change("update bursar.installation set created_at = created_at - interval '1 minute'")
            #expect(try await world.raised() == ["backup:age critical"])
            try await world.change(
                "update bursar.installation set created_at = clock_timestamp() - interval '8 days 1 second'"
            )
            #expect(try await world.raised() == ["backup:age critical", "backup:restore critical"])
        }
    }

    @Test("No restore verified for eight days is an alarm, and failed drills do not clear it; a pass does")
    func restore() async throws {
        try await open { world in
            try await world.backup(age: "1 hour")
            try await world.drill("pass", age: "7 days 23 hours 59 minutes 30 seconds")
            #expect(try await world.raised() == [])
            try await world.change("update bursar.drill set recorded_at = recorded_at - interval '1 minute'")
            #expect(try await world.raised() == ["backup:restore critical"])
            #expect(
                try await world.isTrue(
                    "select a.since = (select max(recorded_at) from bursar.drill) + interval '8 days' from bursar.alarm a"
                )
            )
            try await world.drill("fail", age: "1 minute")
            #expect(try await world.raised() == ["backup:restore critical"])
            try await world.drill("partial", age: "30 seconds")
            #expect(try await world.raised() == ["backup:restore critical"])
            try await world.drill("pass", age: "0 seconds")
            #expect(try await world.raised() == [])
        }
    }

    @Test("A last drill that failed is an alarm since then, until the next one passes")
    func failedDrill() async throws {
        try await open { world in
            try await world.backup(age: "1 hour")
            try await world.drill("pass", age: "1 day")
            #expect(try await world.raised() == [])
            try await world.drill("fail", age: "1 minute")
            #expect(try await world.raised() == ["backup:drill critical"])
            #expect(
                try await world.isTrue(
                    "select a.since = (select max(recorded_at) from bursar.drill) from bursar.alarm a"
                )
            )
            try await world.drill("pass", age: "0 seconds")
            #expect(try await world.raised() == [])
        }
    }

    @Test(
        "Half and twice the median of the seven before are usual; a byte less or more is an alarm; older ones do not count"
    )
    func size() async throws {
        try await open { world in
            try await world.drill("pass", age: "1 hour")
            // An eighth that would move the median.
            for day in 9...11 { try await world.backup("old-\(day)", age: "\(day) days", bytes: 9_000_000) }
            for (place, bytes) in [700, 800, 900, 1000, 1100, 1200, 1300].enumerated() {
                try await world.backup("b-\(place)", age: "\(place + 2) days", bytes: bytes)
            }
            try await world.backup("newest", age: "1 hour", bytes: 1000)
            for (bytes, expected) in [
                (500, []), (499, ["backup:size warning"]), (2000, []), (2001, ["backup:size warning"]), (1000, []),
            ] {
                try await world.change("update bursar.backup set sealed_bytes = \(bytes) where name = 'newest'")
                #expect(try await world.raised() == expected, "\(bytes) bytes beside a median of 1000")
            }
        }
    }

    @Test("Two backups before are too few to say that a size is unusual; three are enough")
    func fewBackups() async throws {
        try await open { world in
            try await world.drill("pass", age: "1 hour")
            for day in 2...3 { try await world.backup("b-\(day)", age: "\(day) days", bytes: 1000) }
            try await world.backup("newest", age: "1 hour", bytes: 1)
            #expect(try await world.raised() == [])
            try await world.backup("b-4", age: "4 days", bytes: 1000)
            #expect(try await world.raised() == ["backup:size warning"])
        }
    }

    @Test("A restore as long as its target is none, a longer one is; without a target there is no alarm")
    func restoreTime() async throws {
        try await open { world in
            try await world.backup(age: "1 hour")
            for (seconds, target, expected) in [
                (60.0, 60, []), (60.5, 60, ["backup:rto warning"]), (60.5, nil, []),
                (9_000, 60, ["backup:rto warning"]),
                (1, 60, []),
            ] as [(Double, Int?, [String])] {
                var world = world
                world.house.restoreTarget = target.map { .seconds($0) }
                try await world.drill("pass", age: "0 seconds", rto: seconds)
                #expect(try await world.raised() == expected, "\(seconds) s, target \(target ?? 0)")
            }
        }
    }

    @Test("Where backups are not configured there is no alarm, and what was raised is cleared")
    func notConfigured() async throws {
        try await open { world in
            try await world.change("update bursar.installation set created_at = created_at - interval '30 days'")
            #expect(try await world.raised().count == 2)
            var world = world
            world.house.url = nil
            #expect(try await world.raised() == [])
        }
    }

    private struct World {
        let database: TestDatabase
        let pool: PostgresPool
        var house: BackupHouse

        /// Settles the alarms as the daemon does, and answers with those that are raised.
        func raised() async throws -> [String] {
            try await BackupAlarms.settle(house, in: pool)
            let statement = Statement(
                "test.raised",
                "select key || ' ' || severity as told from bursar.alarm where cleared_at is null order by key"
            )
            return try await database.asSuperuser { try await $0.query(statement).map { try $0.get("told") } }
        }

        func backup(_ name: String = "only", age: String, bytes: Int = 1000) async throws {
            try await change(
                """
                insert into bursar.backup (name, host, directory, taken_at, as_of, seconds, files, plain_bytes, sealed_bytes, index_sha256,
                    key_id, recovery_id, manifest)
                values ('\(name)', 'h', '/d', clock_timestamp() - interval '\(age)', now(), 1, 1, 1, \(bytes), repeat('0', 64), 'own',
                    'recovery', '{}')
                """
            )
        }

        func drill(_ verdict: String, age: String, rto: Double = 10) async throws {
            try await change(
                """
                insert into bursar.drill (backup, source, host, began_at, recorded_at, verdict, failed_phase, told, rto_seconds)
                values ('only', 'latest', 'h', now(), clock_timestamp() - interval '\(age)', '\(verdict)',
                    case when '\(verdict)' = 'fail' then 'hash' end, 'told', \(rto))
                """
            )
        }

        func change(_ sql: String) async throws {
            try await database.setUp("set session_replication_role = replica; \(sql); reset session_replication_role")
        }

        func isTrue(_ sql: String) async throws -> Bool {
            let statement = Statement("test.true_\(sql.hashValue)", "select (\(sql)) as answer")
            return try await database.asSuperuser { try await $0.query(statement).first?.get("answer") ?? false }
        }
    }

    private func open(_ body: (World) async throws -> Void) async throws {
        try await TestDatabase.with(migrations: CustodyWorld.migrations) { database in
            try await database.withPool(size: 2) { pool in
                var house = BackupHouse(directory: "/d", scratch: "/s")
                (house.url, house.keyFile, house.recoveryKeyFile) = ("postgresql://nobody", "/k", "/r")
                try await body(World(database: database, pool: pool, house: house))
            }
        }
    }
}
