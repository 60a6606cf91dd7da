import Glibc
import Synchronization
import TestSupport

/// A process that a test started: it can be signalled, and is waited for with a deadline.
final class ChildProcess: Sendable {
    /// How a process ended.
    enum Ending: Equatable, Sendable, CustomStringConvertible {
        case exited(Int32)
        case killed(signal: Int32)

        var description: String {
            switch self {
            case .exited(let status): "exited with \(status)"
            case .killed(let signal): "killed by signal \(signal)"
            }
        }
    }

    let pid: pid_t
    /// What it wrote to standard output.
    let output: String
    /// What it wrote to standard error.
    let errors: String
    private let ending = Mutex<Ending?>(nil)

    /// Starts a program, with no descriptors but its three and no signals blocked.
    ///
    /// - Throws: `SpawnFailed` when the system refuses.
    init(
        _ program: String,
        _ arguments: [String],
        environment: [String: String],
        folder: String,
        output: String,
        errors: String
    ) throws(SpawnFailed) {
        self.output = output
        self.errors = errors
        pid = try spawn([program] + arguments, environment.map { "\($0)=\($1)" }, folder, output, errors)
        Orphans.note(pid)
    }

    /// Sends a signal, unless the process has ended.
    func signal(_ number: Int32) {
        ending.withLock { ending in
            if reap(&ending) == nil { _ = kill(pid, number) }
        }
    }

    /// How it ended; nil while it runs.
    var ended: Ending? { ending.withLock { reap(&$0) } }

    /// Waits for its end.
    ///
    /// - Throws: `WaitedInVain` with what it said last, when it has not ended in time.
    @discardableResult
    func end(within limit: Duration = .seconds(30)) async throws -> Ending {
        try await waitUntil("process \(pid) ended; it said:\n\(said.suffix(2000))", within: limit) { self.ended != nil }
        return ended ?? .exited(-1)
    }

    /// Everything it said so far, on standard error.
    var said: String { contents(of: errors) }

    /// Everything it answered so far, on standard output.
    var answered: String { contents(of: output) }

    private func reap(_ ending: inout Ending?) -> Ending? {
        if ending != nil { return ending }
        var status: Int32 = 0
        guard waitpid(pid, &status, WNOHANG) == pid else { return nil }
        ending = status & 0x7f == 0 ? .exited(status >> 8 & 0xff) : .killed(signal: status & 0x7f)
        return ending
    }
}

/// The system would not start a process.
struct SpawnFailed: Error {
    let program: String
    let reason: String
}

private func spawn(
    _ arguments: [String],
    _ environment: [String],
    _ folder: String,
    _ output: String,
    _ errors: String
) throws(SpawnFailed) -> pid_t {
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    let append = O_WRONLY | O_CREAT | O_APPEND
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
    posix_spawn_file_actions_addopen(&actions, 1, output, append, 0o644)
    posix_spawn_file_actions_addopen(&actions, 2, errors, append, 0o644)
    for descriptor in Int32(3)..<512 { posix_spawn_file_actions_addclose(&actions, descriptor) }

    // Threads of the test process block signals, and a child would inherit that.
    var attributes = posix_spawnattr_t()
    posix_spawnattr_init(&attributes)
    defer { posix_spawnattr_destroy(&attributes) }
    var signals = sigset_t()
    sigemptyset(&signals)
    posix_spawnattr_setsigmask(&attributes, &signals)
    sigfillset(&signals)
    posix_spawnattr_setsigdefault(&attributes, &signals)
    posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF))

    // env becomes the program, under the same id.
    let words = (["env", "-C", folder] + arguments).map { strdup($0) } + [nil]
    let settings = environment.map { strdup($0) } + [nil]
    defer { for word in words + settings { free(word) } }
    var pid: pid_t = 0
    let failure = posix_spawnp(&pid, "env", &actions, &attributes, words, settings)
    guard failure == 0 else { throw SpawnFailed(program: arguments[0], reason: String(cString: strerror(failure))) }
    return pid
}

/// A file's text, as far as it has come.
func contents(of path: String) -> String {
    guard let file = fopen(path, "r") else { return "" }
    defer { fclose(file) }
    var bytes: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 1 << 16)
    while true {
        let count = fread(&buffer, 1, buffer.count, file)
        guard count > 0 else { return String(decoding: bytes, as: UTF8.self) }
        bytes += buffer[..<count]
    }
}

/// Writes a file anew.
func write(_ text: String, to path: String) {
    guard let file = fopen(path, "w") else { return }
    defer { fclose(file) }
    fputs(text, file)
}

/// The files of a folder and of those in it, in order of their paths.
func files(in folder: String, ending suffix: String) -> [String] {
    guard let directory = opendir(folder) else { return [] }
    defer { closedir(directory) }
    var found: [String] = []
    while let entry = readdir(directory) {
        let name = withUnsafeBytes(of: entry.pointee.d_name) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
        if name.hasPrefix(".") { continue }
        if name.hasSuffix(suffix) {
            found.append("\(folder)/\(name)")
        } else if entry.pointee.d_type == UInt8(DT_DIR) {
            found += files(in: "\(folder)/\(name)", ending: suffix)
        }
    }
    return found.sorted()
}

/// Ends what a test process that died has left behind: a watcher outlives it, ends the processes that it noted, by their
/// ids and only if they are still ours, and removes its folder.
enum Orphans {
    /// Holds everything that the tests of this process write; part of the environment of every process they start.
    static let folder: String = {
        let folder = "/tmp/be-\(getpid())"
        mkdir(folder, 0o755)
        write("", to: list(folder))
        let script = """
            while kill -0 \(getpid()) 2>/dev/null; do sleep 0.5; done
            for pid in $(cat \(list(folder))); do
                tr '\\0' '\\n' <"/proc/$pid/environ" 2>/dev/null | grep -q '=\(folder)/' && kill -9 "$pid"
            done
            rm -rf \(folder)
            """
        _ = try? spawn(["setsid", "sh", "-c", script], ["PATH=/usr/bin:/bin"], "/", "/dev/null", "/dev/null")
        return folder
    }()

    static func note(_ pid: pid_t) {
        guard let file = fopen(list(folder), "a") else { return }
        defer { fclose(file) }
        fputs("\(pid)\n", file)
    }

    private static func list(_ folder: String) -> String { "\(folder)/processes" }
}
