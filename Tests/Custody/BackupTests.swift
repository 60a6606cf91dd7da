import Backup
import Custody
import Glibc
import JobKit
import Postgres
import TestSupport
import Testing

@Suite("Backups", .serialized)
struct BackupTests {
    @Test("A backup is one folder of sealed files, with its row, its manifest and nothing in the clear")
    func whole() async throws {
        try await CustodyWorld.open { world in
            let name = try await world.backUp()
            let backup = try #require(try await world.backups().first)
            #expect(backup.keyID == "own" && backup.recoveryID == "recovery")
            let files = CustodyWorld.entries("\(world.house.directory)/\(name)")
            #expect(files == ["backup.json", "dump", "globals.sql.sealed", "manifest.json.sealed"])
            let dumped = CustodyWorld.entries("\(world.house.directory)/\(name)/dump")
            #expect(dumped.count == backup.files - 2 && dumped.allSatisfy { $0.hasSuffix(".sealed") })
            let rows =
                "select t ->> 'rows' from bursar.backup b, jsonb_array_elements(b.manifest -> 'tables') t where t ->> 'name' = 'invoice'"
            #expect(try await world.text("(\(rows))") == "10")
            let kept =
                "select count(*) from bursar.backup b, jsonb_array_elements(b.manifest -> 'tables') t where t ->> 'name' = 'bakong_token'"
            #expect(try await world.text("(\(kept))") == "0", "no dump holds a provider's token")
        }
    }

    @Test("A role that does not bypass row-level security is refused at role, and nothing is left")
    func blindRole() async throws {
        try await CustodyWorld.open { world in
            let role = "blind_\(getpid())"
            try await world.database.setUp("create role \(role) login in role bursar_backup")
            var blind = world
            blind.house.url = world.database.url(user: role)
            let error = await #expect(throws: JobError.self) { try await blind.backUp() }
            #expect(
                error?.reason.hasPrefix("role: \(role) does not bypass row-level security") == true,
                "\(error?.reason ?? "")"
            )
            #expect(CustodyWorld.entries(world.house.directory) == [])
            #expect(try await world.backups() == [])
            try await world.database.setUp("drop role \(role)")
        }
    }

    @Test("A dump without rows where the manifest has some is no backup")
    func emptyDump() throws {
        let folder = "/tmp/bursar-empty-\(getpid())"
        defer { _ = system("rm -rf \(folder)") }
        let made = system(
            #"mkdir -p \#(folder); printf '\\.\n\n\n' | gzip > \#(folder)/11.dat.gz; printf '1\n\\.\n\n\n' | gzip > \#(folder)/12.dat.gz"#
        )
        #expect(made == 0)
        let contents = [
            ";", "11; 0 17256 TABLE DATA bursar invoice bursar_owner",
            "12; 0 17257 TABLE DATA bursar period bursar_owner",
        ]
        let tables = ["invoice", "period", "tenant"].map {
            Manifest.Table(name: $0, rows: 1, sums: [:], maxima: [:], kept: true, purged: 0)
        }
        let empty = Manifest.Table(name: "node", rows: 0, sums: [:], maxima: [:], kept: false, purged: 0)
        let manifest = Manifest(tables: tables + [empty], series: [], roles: [])
        #expect(
            DumpCheck.empty(contents, in: folder, but: manifest)
                == ["invoice has 1 rows and none in the dump", "tenant has 1 rows and is not in the dump"]
        )
    }

    @Test("Keys that are missing, or the same twice, are told at keys")
    func badKeys() async throws {
        try await CustodyWorld.open { world in
            var none = world
            none.house.recoveryKeyFile = nil
            let missing = await #expect(throws: JobError.self) { try await none.backUp() }
            #expect(missing?.reason.contains("backup.recovery_key_file") == true)
            none.house.recoveryKeyFile = world.house.keyFile
            let same = await #expect(throws: JobError.self) { try await none.backUp() }
            #expect(same?.reason.hasPrefix("keys: the recovery key is the same") == true)
        }
    }

    @Test("What a killed process left half done is cleared and never listed; what another one works on stays")
    func halves() async throws {
        try await CustodyWorld.open { world in
            try await world.backUp()
            let host = try String(decoding: gethostnameBytes(), as: UTF8.self)
            let dead = #"{"boot":"another","host":"\#(host)","process":1,"started":1}"#
            let elsewhere = #"{"boot":"another","host":"another.example","process":1,"started":1}"#
            for (name, mark) in [("a.partial", dead), ("b.partial", elsewhere)] {
                mkdir("\(world.house.directory)/\(name)", 0o700)
                try CustodyWorld.write(mark, "\(world.house.directory)/\(name)/owner.json")
            }
            mkdir("\(world.house.directory)/c.removing", 0o700)
            mkdir("\(world.house.directory)/d.partial", 0o700)
            let second = try await world.backUp()
            let left = CustodyWorld.entries(world.house.directory)
            #expect(left.filter { $0.contains(".") } == ["b.partial"])
            #expect(left.contains(second))
        }
    }

    @Test("A whole backup that the database does not know is written down by the next run")
    func adopted() async throws {
        try await CustodyWorld.open { world in
            let first = try await world.backUp()
            try await world.database.setUp("set session_replication_role = replica; delete from bursar.backup")
            let second = try await world.backUp()
            let known = try await world.text("(select string_agg(name, ' ' order by taken_at) from bursar.backup)")
            #expect(known == "\(first) \(second)")
        }
    }

    @Test(
        "Files of a backup that the list says is removed, left by a run that was killed in between, go with the next one"
    )
    func halfRotated() async throws {
        try await CustodyWorld.open { world in
            let first = try await world.backUp()
            try await world.database.setUp("update bursar.backup set removed_at = clock_timestamp()")
            #expect(CustodyWorld.entries(world.house.directory) == [first])
            let second = try await world.backUp()
            #expect(CustodyWorld.entries(world.house.directory) == [second])
            #expect(try await world.backups().map(\.name) == [second])
        }
    }

    @Test("What need not be kept is removed, from the folder and from the list; what was verified last stays")
    func rotated() async throws {
        try await CustodyWorld.open { world in
            var world = world
            world.house.keep = BackupKeep(days: 1, weeks: 0)
            let first = try await world.backUp()
            let receipt = try await world.drill()
            #expect(receipt.receipt.verdict == .pass, "\(receipt.receipt.told)")
            let second = try await world.backUp()
            let third = try await world.backUp()
            #expect(CustodyWorld.entries(world.house.directory) == [first, third].sorted())
            #expect(try await world.backups().map(\.name) == [third, first])
            #expect(
                try await world.text(
                    "select count(*) from bursar.backup where name = '\(second)' and removed_at is not null"
                ) == "1"
            )
        }
    }

    @Test("A backup's row and a drill's verdict never change")
    func evidence() async throws {
        try await CustodyWorld.open { world in
            try await world.backUp()
            for sql in [
                "update bursar.backup set sealed_bytes = 1", "delete from bursar.backup", "delete from bursar.drill",
                "update bursar.drill_phase set outcome = 'passed'",
            ] {
                await #expect(throws: PostgresError.self, "\(sql)") { try await world.database.setUp(sql) }
            }
            let lie =
                #"{"phases":[{"name":"pick","outcome":"failed","seconds":1,"detail":"x"}],"verdict":"pass","told":"x","host":"h","source":"latest","began_at":"2026-01-01T00:00:00Z"}"#
            await #expect(throws: PostgresError.self) {
                try await world.database.setUp("select bursar.record_drill('\(lie)')")
            }
        }
    }

    private func gethostnameBytes() throws -> [UInt8] {
        var bytes = [CChar](repeating: 0, count: 256)
        #expect(gethostname(&bytes, 255) == 0)
        return bytes.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }
    }
}
