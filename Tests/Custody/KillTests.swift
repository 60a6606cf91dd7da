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
                let process = try start(world, "backup run --here")
                try await waitUntil("the dump waits") {
                    processes(naming: world.house.directory).contains { words(of: $0).contains("/pg_dump\0") }
                }
                kill(process, SIGKILL)
                try await waitUntil("nothing goes on") { processes(naming: world.house.directory).isEmpty }
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
            let process = try start(world, "drill run --here")
            try await waitUntil("the scratch server runs") {
                CustodyWorld.entries(world.house.scratch).contains {
                    access("\(world.house.scratch)/\($0)/data/postmaster.pid", F_OK) == 0
                }
            }
            kill(process, SIGKILL)
            try await waitUntil("no server is left") { processes(naming: world.house.scratch).isEmpty }
            #expect(CustodyWorld.entries(world.house.scratch).count == 1, "files are left, since nobody was there")
            let drill = try await world.drill()
            #expect(drill.receipt.verdict == .pass, "\(drill.receipt.told)")
        }
    }

    /// Starts the program with the world's configuration.
    private func start(_ world: CustodyWorld, _ words: String) throws -> pid_t {
        let settings = [
            "BURSAR_ENVIRONMENT": "development", "BURSAR_DATABASE_URL": world.database.url(),
            "BURSAR_BACKUP_DATABASE_URL": world.database.url(user: "bursar_backup"),
            "BURSAR_BACKUP_DIRECTORY": world.house.directory, "BURSAR_BACKUP_SCRATCH": world.house.scratch,
            "BURSAR_BACKUP_KEY_FILE": world.house.keyFile ?? "",
            "BURSAR_BACKUP_RECOVERY_KEY_FILE": world.house.recoveryKeyFile ?? "",
        ]
        let environment = settings.map { "\($0.key)='\($0.value)'" }.joined(separator: " ")
        let command =
            "cd '\(Bench.project)'; env \(environment) '\(CustodyWorld.builtProgram)' \(words) >/dev/null 2>&1 & echo $!"
        let pipe = try #require(popen(command, "r"))
        defer { pclose(pipe) }
        var process: pid_t = 0
        withUnsafeMutablePointer(to: &process) { place in
            withVaList([place]) { _ = vfscanf(pipe, "%d", $0) }
        }
        try #require(process > 1)
        return process
    }

    /// The processes whose words name a path.
    private func processes(naming path: String) -> [pid_t] {
        CustodyWorld.entries("/proc").compactMap { pid_t($0) }.filter { process in
            words(of: process).contains(path)
        }
    }

    private func words(of process: pid_t) -> String {
        guard let file = fopen("/proc/\(process)/cmdline", "r") else { return "" }
        defer { fclose(file) }
        var bytes = [UInt8](repeating: 0, count: 32 << 10)
        let count = fread(&bytes, 1, bytes.count, file)
        return String(decoding: bytes.prefix(count), as: UTF8.self)
    }
}
