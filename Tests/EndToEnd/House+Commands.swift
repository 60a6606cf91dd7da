import Glibc
import Postgres
import TestSupport
import Testing

/// External programs that the daemons of a house run.
extension House {
    /// Where scripts of the test put what they have to tell.
    var desk: String { "\(folder)/desk" }

    /// A daemon that has secrets and a place for private folders.
    func commandDaemon(_ name: String = "a", settings: [String: String] = [:]) async throws -> Daemon {
        mkdir(desk, 0o777)
        mkdir("\(folder)/secrets", 0o700)
        let places = [
            "BURSAR_COMMANDS_SECRETS": "\(folder)/secrets", "BURSAR_COMMANDS_DIRECTORY": "\(folder)/private",
        ]
        let daemon = try daemon(name, settings: places.merging(settings) { $1 })
        try await daemon.ready()
        return daemon
    }

    /// Asks for a run of a shell script; `more` are further parameters as JSON members.
    func askForScript(
        _ script: String,
        more: String = "",
        attempts: Int = 1,
        deadline: String? = nil,
        dryRun: Bool = false
    ) async throws -> Int64 {
        let quoted = script.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"").replacing("\n", with: "\\n")
        return try await askForCommand(
            "[\"/bin/sh\", \"-c\", \"\(quoted)\"]",
            more: more,
            attempts: attempts,
            deadline: deadline,
            dryRun: dryRun
        )
    }

    /// Asks for a run of a command, given as a JSON list of words.
    func askForCommand(
        _ words: String,
        more: String = "",
        attempts: Int = 1,
        deadline: String? = nil,
        dryRun: Bool = false
    ) async throws -> Int64 {
        let members = more.isEmpty ? "" : ", \(more)"
        let limit = deadline.map { ", \"deadline\": \"\($0)\"" } ?? ""
        let retry = "{\"attempts\": \(attempts), \"initial\": \"100 milliseconds\", \"jitter\": 0\(limit)}"
        return try await value(
            """
            select run_id from bursar.enqueue('command', $json${"command": \(words)\(members)}$json$,
                dry_run => \(dryRun), retry => '\(retry)')
            """
        )
    }

    /// Waits for a file of the desk with something in it, and answers its text without the last line break.
    func told(_ name: String) async throws -> String {
        try await waitUntil("the program tells \(name)") { contents(of: "\(desk)/\(name)").hasSuffix("\n") }
        return String(contents(of: "\(desk)/\(name)").dropLast())
    }

    /// The processes that a program has told, one a file.
    func processes(_ names: String...) async throws -> [pid_t] {
        var found: [pid_t] = []
        for name in names { found.append(try #require(pid_t(try await told(name)))) }
        return found
    }

    /// What was kept of a run's attempts, as `source text`.
    func kept(of run: Int64) async throws -> [String] {
        try await list(
            "select source || ' ' || text from bursar.attempt_line where run_id = \(run) order by attempt, place"
        )
    }

    /// The outcomes of a run's effects, in the order of its attempts.
    func effects(of run: Int64) async throws -> [String] {
        try await list(
            "select coalesce(outcome, 'none') from bursar.outside_effect where run_id = \(run) order by attempt"
        )
    }

    /// What is left in the private folders.
    var privateFolders: [String] {
        guard let directory = opendir("\(folder)/private") else { return [] }
        defer { closedir(directory) }
        var names: [String] = []
        while let entry = readdir(directory) {
            let name = withUnsafeBytes(of: entry.pointee.d_name) {
                String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
            }
            if name != ".", name != ".." { names.append(name) }
        }
        return names
    }
}

/// Whether a process is there; one that ended and was not waited for is not.
func isAlive(_ process: pid_t) -> Bool {
    let line = contents(of: "/proc/\(process)/stat")
    guard let state = line.split(separator: ")").last?.split(separator: " ").first else { return false }
    return state != "Z" && state != "X"
}
