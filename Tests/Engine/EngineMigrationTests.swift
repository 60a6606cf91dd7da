import Engine
import Postgres
import Tenancy
import Testing
import TestSupport

@Suite("The engine's migrations")
struct EngineMigrationTests {
    @Test("Each has a way down and up again, also with schedules, fires, waiting runs and alarms in the tables")
    func downAndUp() async throws {
        try await EngineWorld.with { world in
            let entries =
                EngineWorld.entry("tick", "every: 1h, misfire: { policy: each }")
                + EngineWorld.entry("other", "every: 1h, misfire: { policy: skip }")
            try await world.apply(entries, at: "2026-03-01T00:30:00Z")
            try await world.tick(at: "2026-03-01T04:30:00Z")
            let configuration = PostgresConfiguration(
                url: world.database.url(user: "postgres"),
                applicationName: "test"
            )
            let all = TenancyMigrations.all.filter { $0.number == 1 } + EngineMigrations.all
            let migrator = try Migrator(configuration, migrations: all, loop: TestCluster.loop)
            try await migrator.down(to: 2)
            #expect(try await world.text("select count(*)::text from bursar.run where run_at < 'infinity'") == "4")
            try await migrator.up()
            #expect(try await world.text("select count(*)::text from bursar.fire") == "4")
            try await world.lookout.look()
            #expect(try await world.raisedAlarms() == ["missed:other"])
        }
    }
}
