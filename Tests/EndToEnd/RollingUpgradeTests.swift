import Glibc
import Postgres
import Synchronization
import TestSupport
import Testing

@Suite("A rolling upgrade")
struct RollingUpgradeTests {
    @Test(
        "A daemon goes on with the run in its hands, and claims the next, while a newer version's migration adds to every table"
    )
    func migratedUnderneath() async throws {
        try await House.with { house in
            let begun = Moment<Void>()
            let migrated = Mutex(false)
            let proxy = try PostgresProxy(serverDirectory: house.database.cluster.settings.socketDirectory) { message in
                if message.kind == .bind, message.statement == "run.assert_fence" {
                    if message.count == 3 { begun.tell(()) }
                    // However fast the machine, the run goes on; and however slow, not to its end before the migration.
                    for _ in 0..<3000 where message.count >= 3 && !migrated.withLock({ $0 }) { usleep(10_000) }
                }
                return .forward
            }
            defer { proxy.stop() }
            house.schedules("\n  tick: { job: renewals, every: 1s, overlap: forbid }\n")
            let daemon = try house.daemon("a", url: proxy.url(house))
            try await daemon.ready()
            let run = try await house.askForRenewals(chunk: 10)
            try await begun.told("the run is under way")
            try await migrate(house)
            let between = try await house.run(run)
            migrated.withLock { $0 = true }
            #expect(!between.hasEnded, "the migration came after the run: \(between)")
            let row = try await house.ended(run)
            #expect(row.state == "succeeded" && row.attempts == 1, "\(row)\n\(daemon.process.said)")

            let next = try await house.askForRenewals()
            let second = try await house.ended(next)
            #expect(second.state == "succeeded" && second.attempts == 1, "\(second)")
            let now: String = try await house.value("select bursar.business_now()::text")
            try await waitUntil("schedules fire on") {
                try await house.value("select count(*) from bursar.fire where fire_at > '\(now)'", as: Int.self) > 1
            }
            let failed = try await house.list("select error from bursar.attempt where outcome <> 'succeeded'")
            #expect(failed.isEmpty, "\(failed)")
            #expect(!daemon.process.said.contains("cached plan"), "\(daemon.process.said)")
            #expect(daemon.process.ended == nil)
            #expect(await daemon.readiness() == 200)
            // `bursar verify` of this version begins only on its own schema.
            try await house.query("delete from bursar.schema_migration where number = 9999")
            try await Ledger.expectSound(house, run: run)
        }
    }

    @Test(
        "An older version that is started anew on a newer schema refuses with 78, and the node that runs is not disturbed"
    )
    func olderStartsAnew() async throws {
        try await House.with(Portfolio.small) { house in
            let running = try house.daemon("a")
            try await running.ready()
            try await migrate(house)
            let late = try house.daemon("b")
            #expect(try await late.process.end() == .exited(78), "\(late.process.said)")
            let run = try await house.askForRenewals()
            #expect(try await house.ended(run).state == "succeeded")
        }
    }

    /// What an additive migration of a later version does: a column with a default in every table, and its record.
    private func migrate(_ house: House) async throws {
        let tables = try await house.list(
            """
            select c.oid::regclass::text from pg_class c
            where c.relnamespace = 'bursar'::regnamespace and c.relkind in ('r', 'p') and not c.relispartition
                and c.relname <> 'schema_migration'
            order by 1
            """
        )
        #expect(tables.count > 30)
        for table in tables {
            try await house.query("alter table \(table) add column came_later text not null default 'x'")
        }
        try await house.query(
            "insert into bursar.schema_migration (number, name, checksum) values (9999, 'later', 'x')"
        )
    }
}
