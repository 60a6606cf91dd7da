import Postgres
import TestSupport
import Testing

@Suite("Migrations")
struct MigratorTests {
    private let first = Migration(
        number: 1,
        name: "first",
        up: "create table bursar.a (x int); insert into bursar.a values (1);",
        down: "drop table bursar.a;"
    )
    private let second = Migration(
        number: 2,
        name: "second",
        up: "alter table bursar.a add y int default 7;",
        down: "alter table bursar.a drop y;"
    )

    @Test("Up applies what is missing and down takes it back, step by step")
    func upAndDown() async throws {
        try await TestDatabase.with { database in
            let migrator = try migrator(database, [second, first])
            #expect(try await migrator.compatibility() == .older(missing: [1, 2]))
            #expect(try await migrator.up(to: 1) == [1])
            #expect(try await migrator.compatibility() == .older(missing: [2]))
            #expect(try await migrator.up() == [2])
            #expect(try await migrator.up() == [])
            #expect(try await migrator.compatibility() == .current)
            #expect(try await migrator.status().map(\.name) == ["first", "second"])
            #expect(try await migrator.down(to: 1) == [2])
            #expect(try await migrator.down(to: 0) == [1])
            #expect(try await migrator.status().isEmpty)
            #expect(try await migrator.up() == [1, 2])
        }
    }

    @Test("The last way back may take the whole schema with it")
    func dropsSchema() async throws {
        try await TestDatabase.with { database in
            let all = Migration(
                number: 1,
                name: "all",
                up: "create table bursar.a (x int)",
                down: "drop schema bursar cascade"
            )
            let migrator = try migrator(database, [all])
            try await migrator.up()
            #expect(try await migrator.down(to: 0) == [1])
            #expect(try await migrator.compatibility() == .older(missing: [1]))
            #expect(try await migrator.up() == [1])
        }
    }

    @Test("A migration that fails is rolled back whole, and those before it stay")
    func failure() async throws {
        try await TestDatabase.with { database in
            let broken = Migration(
                number: 2,
                name: "broken",
                up: "create table bursar.b (x int); select 1 / 0;",
                down: ""
            )
            let error = await #expect(throws: MigrationError.self) {
                try await migrator(database, [first, broken]).up()
            }
            #expect(
                error?.description.contains("migration 2 broken failed and was rolled back: division by zero") == true
            )
            let mended = try migrator(database, [first, second])
            #expect(try await mended.compatibility() == .older(missing: [2]))
            #expect(try await mended.up() == [2])
        }
    }

    @Test("A migration that ends its own transaction is refused")
    func ownCommit() async throws {
        try await TestDatabase.with { database in
            let broken = Migration(number: 1, name: "commits", up: "create table bursar.b (x int); commit;", down: "")
            let error = await #expect(throws: MigrationError.self) { try await migrator(database, [broken]).up() }
            #expect(error?.description.contains("take its commit out") == true)
        }
    }

    @Test("A migration that was altered after it was applied is refused, and named")
    func altered() async throws {
        try await TestDatabase.with { database in
            try await migrator(database, [first, second]).up()
            let other = Migration(number: 1, name: "first", up: first.up + " ", down: first.down)
            let migrator = try migrator(database, [other, second])
            #expect(try await migrator.compatibility() == .altered([1]))
            for attempt in [{ try await migrator.requireCurrent() }, { _ = try await migrator.up() }] {
                let error = await #expect(throws: MigrationError.self) { try await attempt() }
                #expect(error?.description.contains("migration 1 differ") == true)
            }
        }
    }

    @Test("An older and a newer schema are refused with the command that mends it")
    func olderAndNewer() async throws {
        try await TestDatabase.with { database in
            let old = try migrator(database, [first])
            let new = try migrator(database, [first, second])
            try await old.up()
            let older = await #expect(throws: MigrationError.self) { try await new.requireCurrent() }
            #expect(older?.description.contains("lacks migration 2; run `bursar migrate up`") == true)
            try await new.up()
            let newer = await #expect(throws: MigrationError.self) { try await old.requireCurrent() }
            #expect(newer?.description.contains("it has migration 2") == true)
            await #expect(throws: MigrationError.self) { try await old.up() }
            await #expect(throws: MigrationError.self) { try await old.down(to: 0) }
        }
    }

    @Test("Two migrators do not work at the same time: the second one says who holds the lock")
    func locked() async throws {
        try await TestDatabase.with { database in
            let slow = Migration(number: 1, name: "slow", up: "select pg_sleep(30)", down: "")
            let task = Task { try await migrator(database, [slow]).up() }
            try await waitUntil("the first one works") {
                let asleep = Statement(
                    "test.asleep",
                    "select 1 from pg_stat_activity where datname = current_database() and wait_event = 'PgSleep'"
                )
                return try await database.asSuperuser { try await !$0.query(asleep).isEmpty }
            }
            let error = await #expect(throws: MigrationError.self) {
                try await migrator(database, [slow], lockWait: .milliseconds(100)).up()
            }
            #expect(error?.description.contains("another migration is running (session ") == true)
            #expect(error?.description.contains("migrator-test") == true)
            task.cancel()
            await #expect(throws: MigrationError.self) { try await task.value }
            #expect(try await migrator(database, [first]).up() == [1])
        }
    }

    @Test("A list with a number twice, a target that is not there, and a pooled connection are refused")
    func misuse() async throws {
        try await TestDatabase.with { database in
            #expect(throws: MigrationError.self) { try migrator(database, [first, first]) }
            await #expect(throws: MigrationError.self) { try await migrator(database, [first]).up(to: 9) }
            var pooled = database.configuration(user: "postgres")
            pooled.pooled = true
            let throughPooler = try Migrator(pooled, migrations: [first], loop: TestCluster.loop)
            let error = await #expect(throws: PostgresError.self) { try await throughPooler.up() }
            #expect(error?.code == .misuse)
        }
    }

    @Test(
        "Every statement of this room can be prepared",
        arguments: TransactionStatements.all + MigrationStatements.all
    )
    func prepares(_ statement: Statement) async throws {
        try await TestDatabase.with(migrations: [first]) { database in
            try await database.asSuperuser { try await $0.prepare(statement) }
        }
    }

    @Test("The checksum is SHA-256 of the way up")
    func checksum() {
        let migration = Migration(number: 1, name: "x", up: "abc", down: "")
        #expect(migration.checksum == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
    }

    private func migrator(
        _ database: TestDatabase,
        _ migrations: [Migration],
        lockWait: Duration = .seconds(10)
    ) throws -> Migrator {
        var configuration = database.configuration(user: "postgres")
        configuration.applicationName = "migrator-test"
        return try Migrator(configuration, migrations: migrations, loop: TestCluster.loop, lockWait: lockWait)
    }
}
