import Custody
import Glibc
import Postgres
import TestSupport
import Testing

@Suite("Backups and drills that are killed", .serialized)
struct KillTests {
    @Test("Killed in the middle of a dump, no half backup is listed, no dump goes on, and the next backup clears it")
    func backup() async throws {
        try await CustodyWorld.open { world in
            try await world.database.asSuperuser { lock in
                // The dump waits for this table until it is killed.
                try await lock.executeScript("begin; lock table bursar.invoice in access exclusive mode", name: "hold")
                let process = try KilledProgram.start(world, "backup run --here")
                try await waitUntil("the dump waits") {
                    KilledProgram.processes(naming: world.house.directory).contains {
                        KilledProgram.words(of: $0).contains("/pg_dump\0")
                    }
                }
                kill(process, SIGKILL)
                try await waitUntil("nothing goes on") {
                    KilledProgram.processes(naming: world.house.directory).isEmpty
                }
                try await lock.executeScript("rollback", name: "hold")
            }
            #expect(CustodyWorld.entries(world.house.directory).allSatisfy { $0.hasSuffix(".partial") })
            #expect(try await world.backups() == [])
            let name = try await world.backUp()
            #expect(CustodyWorld.entries(world.house.directory) == [name])
        }
    }

    @Test("Killed in the middle of a drill, no cluster is left running, and the next drill clears its files and passes")
    func drill() async throws {
        try await CustodyWorld.open { world in
            try await world.backUp()
            let process = try KilledProgram.start(world, "drill run --here")
            try await waitUntil("the scratch server runs") {
                CustodyWorld.entries(world.house.scratch).contains {
                    access("\(world.house.scratch)/\($0)/data/postmaster.pid", F_OK) == 0
                }
            }
            kill(process, SIGKILL)
            try await waitUntil("no server is left") { KilledProgram.processes(naming: world.house.scratch).isEmpty }
            #expect(CustodyWorld.entries(world.house.scratch).count == 1, "files are left, since nobody was there")
            let drill = try await world.drill()
            #expect(drill.receipt.verdict == .pass, "\(drill.receipt.told)")
        }
    }
}
