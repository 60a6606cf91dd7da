import Glibc
import Postgres
import TestSupport
import Testing

@Suite("Backups and drills by hand")
struct DrillCommandTests {
    @Test("A slip of the pen is refused before anything is asked for, and leaves no drill that failed")
    func slips() async throws {
        try await Strongroom.with { room in
            try await House.with(Portfolio.empty) { house in
                let settings = room.settings(house)
                for (words, status) in [
                    ("drill run --here --backup nosuch", 65), ("drill run --here --backup=", 64),
                    ("drill run --here --source random --backup x", 64),
                    ("drill run --here --at 2026-01-01T00:00:00Z", 64),
                    ("drill run --here --stanza main", 64), ("backup run --here --type diff", 64),
                    ("backup run --here --engine tape", 65),
                ] {
                    let refused = try await house.bursar(
                        words.split(separator: " ").map(String.init),
                        settings: settings
                    )
                    #expect(refused.status == Int32(status), "\(words): \(refused)")
                }
                let odd = try await house.bursar(
                    ["run", "backup-verification", "--here", "--param", "backup="],
                    settings: settings
                )
                #expect(odd.status == 64 || odd.status == 65, "\(odd)")
                #expect(try await house.value("select count(*) from bursar.drill") == Int64(0))
                #expect(try await house.value("select count(*) from bursar.run where job like 'backup%'") == Int64(0))
            }
        }
    }

    @Test("Ctrl-C ends a backup in this process: nothing is left of it, and no daemon goes on with it")
    func interrupted() async throws {
        try await Strongroom.with { room in
            try await House.with(Portfolio.empty) { house in
                try await house.database.asSuperuser { lock in
                    // The dump waits for this table.
                    try await lock.executeScript(
                        "begin; lock table bursar.invoice in access exclusive mode",
                        name: "hold"
                    )
                    let process = try house.command(["backup", "run", "--here"], settings: room.settings(house))
                    try await waitUntil("the dump waits") { room.processes.contains { $0.contains("/pg_dump ") } }
                    process.signal(SIGINT)
                    #expect(try await process.end() == .exited(1), "\(process.said)")
                    #expect(process.answered.contains("cancelled"), "\(process.answered)")
                    try await lock.executeScript("rollback", name: "hold")
                }
                #expect(Strongroom.entries(room.backups) == [] && room.processes == [])
                #expect(
                    try await house.list("select state from bursar.run_history where job = 'backup'") == ["cancelled"]
                )
            }
        }
    }
}
