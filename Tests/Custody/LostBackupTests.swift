import Backup
import Custody
import Glibc
import JobKit
import Postgres
import TestSupport
import Testing

/// Backups whose files are away: for a while, or for good.
@Suite("Backups that are not where they were made", .serialized)
struct LostBackupTests {
    @Test(
        "Where none of the backups of a folder is there, no other one is made in it, until somebody says that they are gone"
    )
    func unmounted() async throws {
        try await CustodyWorld.open { world in
            let first = try await world.backUp()
            let place = world.house.directory
            #expect(rename(place, "\(place).away") == 0)
            let refused = await #expect(throws: JobError.self) { try await world.backUp() }
            #expect(refused?.reason.hasPrefix("folder: none of the 1 backups") == true, "\(refused?.reason ?? "")")
            #expect(refused?.reason.contains("bursar backup forget") == true)
            #expect(CustodyWorld.entries(place) == [], "nothing was made")
            #expect(try await world.backups().map(\.name) == [first], "and none is off the list")

            #expect(rename("\(place).away", place) == 0)
            let second = try await world.backUp()
            #expect(CustodyWorld.entries(place) == [second], "the first one of the day has gone")

            #expect(system("rm -rf '\(place)'") == 0)
            try await world.database.setUp(
                "set role bursar_ops; select bursar.forget_backup('\(second)', 'the disk is broken')"
            )
            let third = try await world.backUp()
            #expect(try await world.backups().map(\.name) == [third])
            #expect(
                try await world.text("select count(*) from bursar.audit_entry where action = 'backup.forgotten'") == "1"
            )
        }
    }

    @Test(
        "A backup that is missing beside others stays on the list; taken off it and back with its disk, it is not removed"
    )
    func cameBack() async throws {
        try await CustodyWorld.open { world in
            let verified = try await world.backUp()
            #expect(try await world.drill().receipt.verdict == .pass)
            let second = try await world.backUp()
            let place = world.house.directory
            #expect(rename("\(place)/\(verified)", "\(place).away") == 0)
            let third = try await world.backUp()
            #expect(try await world.backups().map(\.name).contains(verified), "a disk may come back")
            try await world.database.setUp(
                "set role bursar_ops; select bursar.forget_backup('\(verified)', 'a disk that nobody finds')"
            )
            #expect(rename("\(place).away", "\(place)/\(verified)") == 0)
            var strict = world
            strict.house.keep = BackupKeep(days: 1, weeks: 0)
            let fourth = try await strict.backUp()
            #expect(CustodyWorld.entries(place) == [verified, fourth].sorted(), "it is the one that was verified last")
            #expect(try await world.backups().map(\.name) == [fourth])
            #expect(![second, third].contains(fourth))
        }
    }

    @Test("Two installations that share a folder and keys neither list nor remove each other's backups")
    func shared() async throws {
        try await CustodyWorld.open { one in
            try await CustodyWorld.open { other in
                try await other.database.setUp(
                    "update bursar.installation set created_at = created_at + interval '1 second'"
                )
                var (one, other) = (one, other)
                one.house.keep = BackupKeep(days: 1, weeks: 0)
                other.house = one.house
                other.house.url = other.database.url(user: "bursar_backup")
                let first = try await one.backUp()
                let second = try await other.backUp()
                let third = try await one.backUp()
                let fourth = try await other.backUp()
                #expect(CustodyWorld.entries(one.house.directory) == [third, fourth].sorted())
                #expect(try await one.backups().map(\.name) == [third])
                #expect(try await other.backups().map(\.name) == [fourth])
                #expect(Set([first, second, third, fourth]).count == 4)
            }
        }
    }

    @Test("An act on a backup wants a reason and a backup that there is, and is taken once")
    func acts() async throws {
        try await CustodyWorld.open { world in
            let name = try await world.backUp()
            for act in ["forget", "accept"] {
                for arguments in ["'\(name)', ' '", "'none', 'x'"] {
                    await #expect(throws: PostgresError.self) {
                        try await world.database.setUp("set role bursar_ops; select bursar.\(act)_backup(\(arguments))")
                    }
                }
                let once = "set role bursar_ops; select bursar.\(act)_backup('\(name)', 'x')"
                try await world.database.setUp(once)
                await #expect(throws: PostgresError.self) { try await world.database.setUp(once) }
            }
        }
    }

    @Test("A drill refuses a scratch folder of another user, or one where others may write")
    func foreignScratch() async throws {
        try await CustodyWorld.open { world in
            try await world.backUp()
            mkdir(world.house.scratch, 0o711)
            chmod(world.house.scratch, 0o733)
            let drill = try await world.drill()
            #expect(drill.receipt.verdict == .fail)
            #expect(
                drill.receipt.told.contains("set backup.scratch to a folder of Bursar's own"),
                "\(drill.receipt.told)"
            )
            chmod(world.house.scratch, 0o711)
            #expect(try await world.drill().receipt.verdict == .pass)
        }
    }

    @Test("While the place is away that backups are pushed to, each is there and the folder is rotated all the same")
    func pushAway() async throws {
        try await CustodyWorld.open { world in
            var world = world
            world.house.keep = BackupKeep(days: 1, weeks: 0)
            world.house.push = ["/bin/false"]
            for _ in 1...3 {
                let failed = await #expect(throws: JobError.self) { try await world.backUp() }
                #expect(failed?.reason.hasPrefix("push: ") == true, "\(failed?.reason ?? "")")
            }
            let names = try await world.backups().map(\.name)
            #expect(names.count == 1 && CustodyWorld.entries(world.house.directory) == names)
        }
    }
}
