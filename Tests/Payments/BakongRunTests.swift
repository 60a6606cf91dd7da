import Engine
import JobKit
import Logging
import Outbound
import Postgres
import TestSupport
import Testing

@testable import Payments

@Suite("Runs that ask Bakong")
struct BakongRunTests {
    /// A run under way, as a node has claimed it.
    private static func run(_ world: BakongWorld, isDryRun: Bool = false) async throws -> JobContext {
        try await world.store(BakongWorld.token())
        let name = isDryRun ? "dry" : "wet"
        let node = NodeDescription(id: name, host: "test", pid: 1, version: "test", jobs: ["asks"], slots: 1)
        try await NodeStore(database: world.pool).register(node, lease: .seconds(60))
        try await world.database.setUp("select bursar.enqueue('asks', dry_run => \(isDryRun))")
        let runs = try await RunStore(database: world.pool).claim(node: name, jobs: ["asks"], limit: 1)
        let run = try #require(runs.first)
        return JobContext(
            run: run.identity,
            checkpoint: run.checkpoint,
            database: world.pool,
            signals: RunSignals(),
            logger: Logger(label: "test")
        )
    }

    @Test("A run's lookups are journalled under its number")
    func journalled() async throws {
        try await BakongWorld.with { world in
            let context = try await Self.run(world)
            let client = try world.client(StubBakong { _, _ in .notFound })
            #expect(try await client.within(context).lookup(md5: md5Like(1)) == .notFound)
            #expect(
                try await world.text(
                    "select (run_id = \(context.run.id))::text || ' ' || actor from bursar.bakong_call"
                )
                    == "true job:asks"
            )
        }
    }

    @Test("A dry run asks nobody, and a run that has lost its lease neither")
    func stopped() async throws {
        try await BakongWorld.with { world in
            let bakong = StubBakong { _, _ in .notFound }
            let client = try world.client(bakong)
            let dry = try await Self.run(world, isDryRun: true)
            let other = try await Self.run(world)
            await #expect { _ = try await client.within(dry).lookup(md5s: [md5Like(1)]) } throws: {
                ($0 as? JobError)?.disposition == .permanent
            }
            try await world.database.setUp("update bursar.run set fence = fence + 1")
            await #expect(throws: LeaseLost.self) { _ = try await client.within(other).lookup(md5s: [md5Like(1)]) }
            #expect(bakong.requests.isEmpty)
            #expect(try await world.text("select count(*)::text from bursar.bakong_call") == "0")
        }
    }
}

@Suite("The migrations of the Bakong client")
struct BakongMigrationTests {
    @Test("They go down to what was there before, with tokens and calls in the tables, and up again")
    func downAndUp() async throws {
        let all = BakongWorld.migrations
        let last = all.map(\.number).filter { $0 < 19 }.max() ?? 0
        let look = Statement(
            "test.objects",
            """
            select string_agg(what, E'\\n' order by what) as what from (
                select pg_get_functiondef(p.oid) || coalesce(p.proacl::text, '') as what from pg_proc p
                where p.pronamespace = 'bursar'::regnamespace and p.prokind in ('f', 'p')
                union all
                select a.attrelid::regclass || '.' || a.attname || ' ' || coalesce(c.relacl::text, '') from pg_attribute a
                join pg_class c on c.oid = a.attrelid and c.relkind in ('r', 'v', 'i')
                where c.relnamespace = 'bursar'::regnamespace and a.attnum > 0 and not a.attisdropped
                    and c.relname <> 'schema_migration'
            ) as objects
            """
        )
        try await TestDatabase.with(migrations: all.filter { $0.number <= last }) { database in
            let before = try await database.asSuperuser { try await $0.query(look).first?.get("what", as: String.self) }
            let configuration = PostgresConfiguration(url: database.url(user: "postgres"), applicationName: "test")
            let migrator = try Migrator(configuration, migrations: all, loop: TestCluster.loop)
            try await migrator.up()
            try await database.withPool { pool in
                let world = BakongWorld(database: database, pool: pool)
                try await world.store(BakongWorld.token())
                _ = try await world.calls(StubBakong { _, _ in .notFound }).lookup(md5: md5Like(1))
            }
            try await migrator.down(to: last)
            let after = try await database.asSuperuser { try await $0.query(look).first?.get("what", as: String.self) }
            #expect(before == after)
            try await migrator.up()
        }
    }

    @Test("Only the engine's role reads the sealed text; operators see the rest, and backups none of it")
    func rights() async throws {
        try await BakongWorld.with { world in
            try await world.store(BakongWorld.token())
            for role in ["bursar_ops", "bursar_scan", "bursar_app", "bursar_purge"] {
                var options = TransactionOptions()
                options.role = role
                options.tenants = [1]
                await #expect(throws: PostgresError.self, "\(role)") {
                    try await world.pool.withTransaction(options) { transaction in
                        _ = try await transaction.query(
                            Statement("test.sealed", "select sealed from bursar.bakong_token")
                        )
                    }
                }
            }
            #expect(
                try await world.text(
                    """
                    select bool_or(has_table_privilege('bursar_backup', 'bursar.bakong_token', 'select'))::text
                        || ' ' || bool_or(has_table_privilege('bursar_client', 'bursar.bakong_call', 'select'))::text
                    """
                ) == "false false"
            )
        }
    }
}
