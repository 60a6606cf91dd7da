import Custody
import Glibc
import TestSupport
import Testing

/// The program as a process of its own, to be killed in the middle of its work.
enum KilledProgram {
    /// Starts the program with the world's configuration.
    static func start(_ world: CustodyWorld, _ words: String) throws -> pid_t {
        let pipe = try #require(popen("\(command(world, words)) & echo $!", "r"))
        defer { pclose(pipe) }
        var process: pid_t = 0
        withUnsafeMutablePointer(to: &process) { place in
            withVaList([place]) { _ = vfscanf(pipe, "%d", $0) }
        }
        try #require(process > 1)
        return process
    }

    /// Runs the program to its end, and answers with its exit code.
    static func status(_ world: CustodyWorld, _ words: String) -> Int32 {
        system(command(world, words)) >> 8 & 0xff
    }

    private static func command(_ world: CustodyWorld, _ words: String) -> String {
        let settings = [
            "BURSAR_ENVIRONMENT": "development", "BURSAR_DATABASE_URL": world.database.url(),
            "BURSAR_BACKUP_DATABASE_URL": world.database.url(user: "bursar_backup"),
            "BURSAR_BACKUP_DIRECTORY": world.house.directory, "BURSAR_BACKUP_SCRATCH": world.house.scratch,
            "BURSAR_BACKUP_KEY_FILE": world.house.keyFile ?? "",
            "BURSAR_BACKUP_RECOVERY_KEY_FILE": world.house.recoveryKeyFile ?? "",
        ]
        let environment = settings.filter { !$0.value.isEmpty }.map { "\($0.key)='\($0.value)'" }.joined(separator: " ")
        return "cd '\(Bench.project)'; env \(environment) '\(CustodyWorld.builtProgram)' \(words) >/dev/null 2>&1"
    }

    /// The processes whose words name a path.
    static func processes(naming path: String) -> [pid_t] {
        CustodyWorld.entries("/proc").compactMap { pid_t($0) }.filter { process in
            words(of: process).contains(path)
        }
    }

    static func words(of process: pid_t) -> String {
        guard let file = fopen("/proc/\(process)/cmdline", "r") else { return "" }
        defer { fclose(file) }
        var bytes = [UInt8](repeating: 0, count: 32 << 10)
        let count = fread(&bytes, 1, bytes.count, file)
        return String(decoding: bytes.prefix(count), as: UTF8.self)
    }
}
