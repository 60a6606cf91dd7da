import Backup
import BackupVerification
import CivilTime
import Custody
import Glibc
import JobKit
import Postgres
import TestSupport
import Testing

@Suite("Backups by pgBackRest", .serialized, .enabled(if: getenv("BURSAR_REAL") != nil))
struct PgBackRestRealTests {
    @Test("Taken while others write without a pause, and more after it, it comes back exactly as it was counted")
    func exact() async throws {
        try await PhysicalWorld.open { world in
            try await world.custody.database.setUp("create table public.stop ()")
            let writing = """
                do $w$ begin loop perform \(CustodyWorld.note); commit;
                exit when exists (select from public.stop); end loop; end $w$
                """
            async let one: Void = world.custody.database.setUp(writing)
            async let other: Void = world.custody.database.setUp(writing)
            let name = try await world.backUp()
            try await world.custody.database.setUp("insert into public.stop default values")
            _ = try await (one, other)
            let backup = try #require(try await world.custody.backups().first)
            #expect(backup.name == name && backup.engine == "pgbackrest" && backup.keyID == nil)
            let counted = try await rows("event", in: name, world)
            let there = Int64(try await world.custody.text("select count(*) from bursar.event")) ?? 0
            #expect(counted > 10 && there > counted, "others wrote before and after: \(counted) of \(there)")

            let drill = try await world.drill()
            #expect(drill.receipt.verdict == .pass, "\(drill.receipt.told)")
            #expect(Set(drill.receipt.phases.map(\.name)) == Set(DrillReceipt.phaseNames))
            #expect(drill.receipt.engine == "pgbackrest" && drill.receipt.backup == name)
            #expect((drill.receipt.rto_seconds ?? 0) > 0)
            let archived = Set(world.files(below: "archive/main", beginning: "0"))
            #expect(
                !archived.isEmpty && !archived.contains { $0.hasSuffix(".history") },
                "the copy wrote to the archive"
            )
            #expect(try await world.custody.backups().first?.verifiedAt != nil)
            #expect(
                try await world.custody.text(
                    "select count(*) from bursar.standing_receipt where evidence ->> 'backup' = '\(name)'"
                ) == "1",
                "the gate of suspensions is open"
            )

            // What was added after a full one comes back with it.
            let second = try await world.backUp(.diff)
            let again = try await world.drill()
            #expect(again.receipt.verdict == .pass && again.receipt.backup == second, "\(again.receipt.told)")
            try await moment(world)
        }
    }

    /// Goes to a moment between a backup and now: what was committed by then is there, and it is no proof.
    private func moment(_ world: PhysicalWorld) async throws {
        try await world.custody.database.setUp("select \(CustodyWorld.note)")
        let rows = try await world.custody.text("select max(id) from bursar.event")
        let at = try await world.custody.database.asSuperuser { connection in
            try await connection.query(Statement("test.now", "select clock_timestamp() as now")).first?
                .get("now", as: Instant.self)
        }
        try await world.custody.database.setUp("select pg_sleep(0.05); select \(CustodyWorld.note)")
        #expect(world.pgbackrest("check") == 0)
        let seen = Seen()
        let house = world.house
        let parameters = BackupVerification.Parameters(
            at: at,
            engine: world.engine
        )
        let job = BackupVerification({ house }, invariants: CustodyWorld.invariants) { url, _ in
            let connection = try await PostgresConnection.connect(
                PostgresConfiguration(url: url, applicationName: "test"),
                on: TestCluster.loop
            )
            let row = try await connection.query(Statement("test.rows", "select max(id)::text as id from bursar.event"))
            await seen.keep(try row.first?.get("id") ?? "")
            await connection.close()
            return "looked"
        }
        _ = try await CustodyWorld.work(job, parameters, in: world.custody.pool, world.custody.database)
        #expect(await seen.text == rows, "the copy ends at the moment")
        let drills = try await world.custody.pool.withTransaction(BackupBook.transaction) {
            try await DrillBook.list(in: $0)
        }
        let drill = try #require(drills.first)
        #expect(drill.receipt.verdict == .partial, "\(drill.receipt.told)")
        let skipped = drill.receipt.phases.filter { $0.outcome == .skipped }.map(\.name)
        #expect(skipped == ["globals", "equality", "continuity"])
        let cluster = drill.receipt.phases.first { $0.name == "cluster" }
        #expect(cluster?.detail.contains("newest change 20") == true, "\(cluster?.detail ?? "")")
        let words = "drill run --here --engine pgbackrest --pgbackrest-config '\(world.configuration)'"
        #expect(KilledProgram.status(world.custody, "\(words) --at \(try #require(at))") == 1, "it is no pass")
        #expect(KilledProgram.status(world.custody, words) == 0)
    }

    private actor Seen {
        private(set) var text = ""
        func keep(_ text: String) { self.text = text }
    }

    @Test(
        "A lost piece of the log, a damaged file, a changed list and rows deleted at the source each fail at their phase"
    )
    func faults() async throws {
        try await PhysicalWorld.open { world in
            let name = try await world.backUp()
            let label = try #require(try await world.custody.backups().first?.physical?.label)

            let log = try await world.custody.text(
                "select pg_walfile_name(moment) from bursar.backup where name = '\(name)'"
            )
            let piece = try #require(world.files(below: "archive/main", beginning: log).first { $0.hasSuffix(".gz") })
            try await without(piece, world) {
                let drill = try await world.drill()
                #expect(drill.failedPhase == "cluster", "\(drill.receipt.told)")
                #expect(drill.receipt.told.contains("recovery ended before"), "\(drill.receipt.told)")
            }

            let file = try #require(
                world.files(below: "backup/main/\(label)/pg_data/global", beginning: "pg_filenode").first
            )
            try await damaged(file) {
                let drill = try await world.drill()
                #expect(drill.failedPhase == "restore", "\(drill.receipt.told)")
            }

            try await world.custody.database.setUp(
                "set session_replication_role = replica; update bursar.backup set index_sha256 = repeat('0', 64)"
            )
            let changed = try await world.drill()
            #expect(changed.failedPhase == "hash", "\(changed.receipt.told)")

            try await world.custody.database.setUp(
                "set session_replication_role = replica; delete from bursar.event where id in (select id from bursar.event order by id limit 15)"
            )
            try await world.backUp(.incr)
            let lost = try await world.drill()
            #expect(lost.failedPhase == "continuity", "\(lost.receipt.told)")
        }
    }

    @Test("What was verified last is never expired; what pgBackRest no longer has is no longer listed")
    func kept() async throws {
        try await PhysicalWorld.open { world in
            let first = try await world.backUp()
            let drill = try await world.drill()
            #expect(drill.receipt.verdict == .pass, "\(drill.receipt.told)")
            let second = try await world.backUp()
            #expect(try await world.custody.backups().map(\.name) == [second, first], "one is to be kept, and two are")
            let again = try await world.drill()
            #expect(again.receipt.verdict == .pass && again.receipt.backup == second, "\(again.receipt.told)")
            let third = try await world.backUp(.incr)
            #expect(try await world.custody.backups().map(\.name) == [third, second], "now the first may go")

            // Somebody else removes one.
            #expect(world.pgbackrest("backup --type=full --no-expire-auto") == 0)
            let label = try #require(try await world.custody.backups().first?.physical?.label)
            #expect(world.pgbackrest("expire --set=\(label)") == 0)
            let missing = try await world.drill()
            #expect(missing.failedPhase == "pick" && missing.receipt.told.contains(third), "\(missing.receipt.told)")
        }
    }

    @Test("Killed in the middle of a drill, no cluster is left running, and the next drill clears its files and passes")
    func killed() async throws {
        try await PhysicalWorld.open { world in
            try await world.backUp()
            let words = "drill run --here --engine pgbackrest --stanza main --pgbackrest-config \(world.configuration)"
            let process = try KilledProgram.start(world.custody, words)
            try await waitUntil("the scratch server runs", within: .seconds(60)) {
                CustodyWorld.entries(world.house.scratch).contains {
                    access("\(world.house.scratch)/\($0)/data/postmaster.pid", F_OK) == 0
                }
            }
            kill(process, SIGKILL)
            try await waitUntil("nothing goes on") { KilledProgram.processes(naming: world.house.scratch).isEmpty }
            #expect(CustodyWorld.entries(world.house.scratch).count == 1, "files are left, since nobody was there")
            let drill = try await world.drill()
            #expect(drill.receipt.verdict == .pass, "\(drill.receipt.told)")
        }
    }

    @Test("Killed in the middle of a backup, none is listed, and the next one goes through")
    func killedBackup() async throws {
        try await PhysicalWorld.open { world in
            let words = "backup run --here --engine pgbackrest --stanza main --pgbackrest-config \(world.configuration)"
            let process = try KilledProgram.start(world.custody, words)
            try await waitUntil("pgBackRest copies", within: .seconds(60)) {
                !world.files(below: "backup/main", beginning: "PG_VERSION").isEmpty
            }
            kill(process, SIGKILL)
            try await waitUntil("nothing goes on") { KilledProgram.processes(naming: "--type=full").isEmpty }
            #expect(try await world.custody.backups() == [])
            let name = try await world.backUp()
            #expect(try await world.custody.backups().map(\.name) == [name])
        }
    }

    @Test(
        "A stanza that is missing, or of another cluster, is refused at stanza; an archive that takes nothing at archive"
    )
    func refused() async throws {
        try await PhysicalWorld.open { world in
            let missing = await #expect(throws: JobError.self) {
                try await world.custody.backUp(
                    Backup.Parameters(
                        engine: BackupEngineParameters(.pgBackRest, stanza: "none", configuration: world.configuration)
                    )
                )
            }
            #expect(missing?.reason.hasPrefix("stanza: ") == true, "\(missing?.reason ?? "")")
            try await TestDatabase.with(CustodyWorld.recipe) { other in
                var elsewhere = world.custody
                elsewhere.house.url = other.url(user: "bursar_backup")
                let house = elsewhere.house
                let error = await #expect(throws: JobError.self) {
                    _ = try await CustodyWorld.work(
                        Backup { house },
                        Backup.Parameters(engine: world.engine),
                        in: world.custody.pool,
                        world.custody.database
                    )
                }
                #expect(error?.reason.contains("is of another cluster") == true, "\(error?.reason ?? "")")
            }
            try await world.custody.database.setUp("alter system set archive_command = '/bin/false'")
            try await world.custody.database.setUp("select pg_reload_conf()")
            let deaf = await #expect(throws: JobError.self) { try await world.backUp() }
            #expect(deaf?.reason.hasPrefix("archive: ") == true, "\(deaf?.reason ?? "")")
            #expect(try await world.custody.backups() == [])
        }
    }

    private func rows(_ table: String, in name: String, _ world: PhysicalWorld) async throws -> Int64 {
        let sql =
            "(select t ->> 'rows' from bursar.backup b, jsonb_array_elements(b.manifest -> 'tables') t where t ->> 'name' = '\(table)' and b.name = '\(name)')"
        return Int64(try await world.custody.text(sql)) ?? -1
    }

    /// Works while a file is not there.
    private func without(_ path: String, _ world: PhysicalWorld, _ body: () async throws -> Void) async throws {
        let aside = "\(world.folder)/aside"
        #expect(rename(path, aside) == 0)
        try await body()
        #expect(rename(aside, path) == 0)
    }

    /// Works while one byte in the middle of a file is another.
    private func damaged(_ path: String, _ body: () async throws -> Void) async throws {
        func flip() throws {
            let file = try #require(fopen(path, "r+"))
            defer { fclose(file) }
            fseek(file, 0, SEEK_END)
            let middle = ftell(file) / 2
            fseek(file, middle, SEEK_SET)
            let byte = fgetc(file)
            fseek(file, middle, SEEK_SET)
            fputc(byte ^ 0x40, file)
        }
        try flip()
        try await body()
        try flip()
    }
}
