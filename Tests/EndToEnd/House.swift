import Glibc
import Outbound
import Postgres
import Synchronization
import TestSupport

/// A database with everything a daemon needs around it: a folder for its socket, its schedules and its log.
///
/// Whatever a test starts here is killed when its body ends.
final class House: Sendable {
    let database: TestDatabase
    /// The test's own view of the database, as the superuser.
    let books: PostgresPool
    let folder: String
    private let children = Mutex<[ChildProcess]>([])

    private static let lastNumber = Atomic<Int>(0)

    /// Copies a prepared database and runs the body in its house.
    static func with<Result>(
        _ recipe: DatabaseRecipe = Portfolio.renewable,
        _ body: (House) async throws -> Result
    ) async throws -> Result {
        try await TestDatabase.with(recipe) { try await with($0, body) }
    }

    /// Runs the body in a house round a database.
    static func with<Result>(_ database: TestDatabase, _ body: (House) async throws -> Result) async throws -> Result {
        let configuration = PostgresConfiguration(url: database.url(user: "postgres"), applicationName: "observer")
        let house = House(database, PostgresPool(configuration, size: 2, loop: try TestCluster.loop))
        do {
            let result = try await body(house)
            await house.close()
            return result
        } catch {
            await house.close()
            throw error
        }
    }

    private init(_ database: TestDatabase, _ books: PostgresPool) {
        self.database = database
        self.books = books
        folder = "\(Orphans.folder)/\(Self.lastNumber.add(1, ordering: .relaxed).newValue)"
        mkdir(folder, 0o755)
        mkdir("\(folder)/schedules", 0o755)
        schedules("{}")
        write("# nothing is set here\n", to: "\(folder)/bursar.yaml")
    }

    private func close() async {
        for child in children.withLock({ $0 }) {
            child.signal(SIGKILL)
            _ = try? await child.end()
        }
        await books.close()
    }

    /// Writes the schedule file: the entries of `schedules`.
    func schedules(_ entries: String) {
        write("version: 1\nschedules: \(entries)\n", to: "\(folder)/schedules/test.yaml")
    }

    // MARK: Processes

    /// Starts a daemon, which is not waited for.
    ///
    /// The name is that of the node, its socket and its log; the URL leads through a proxy, say.
    func daemon(_ name: String, url: String? = nil, settings: [String: String] = [:]) throws -> Daemon {
        var environment = self.settings(node: name).merging(settings) { $1 }
        if let url { environment["BURSAR_DATABASE_URL"] = url }
        let process = try start(Program.path, ["serve"], environment, as: name)
        return Daemon(name: name, process: process, socket: "\(folder)/\(name).sock")
    }

    /// Runs a command of the program to its end; `node` is the daemon that it speaks to.
    func bursar(
        _ arguments: String...,
        node: String = "a",
        settings: [String: String] = [:],
        within limit: Duration = .seconds(60)
    ) async throws -> CommandResult {
        try await bursar(arguments, node: node, settings: settings, within: limit)
    }

    /// Runs a command of the program to its end.
    func bursar(
        _ arguments: [String],
        node: String = "a",
        settings: [String: String] = [:],
        within limit: Duration = .seconds(60)
    ) async throws -> CommandResult {
        let process = try command(arguments, node: node, settings: settings)
        guard case .exited(let status) = try await process.end(within: limit) else {
            return CommandResult(status: -1, output: process.answered, errors: process.said)
        }
        return CommandResult(status: status, output: process.answered, errors: process.said)
    }

    /// Starts a command of the program.
    func command(_ arguments: [String], node: String = "a", settings: [String: String] = [:]) throws -> ChildProcess {
        let number = Self.lastNumber.add(1, ordering: .relaxed).newValue
        let environment = self.settings(node: node).merging(settings) { $1 }.filter { $1 != "" }
        return try start(Program.path, arguments, environment, as: "command-\(number)")
    }

    /// Starts any program, with its output under a name in the house's folder.
    func start(
        _ program: String,
        _ arguments: [String],
        _ environment: [String: String],
        as name: String
    ) throws -> ChildProcess {
        let process = try ChildProcess(
            program,
            arguments,
            environment: environment,
            folder: folder,
            output: "\(folder)/\(name).out",
            errors: "\(folder)/\(name).log"
        )
        children.withLock { $0.append(process) }
        return process
    }

    /// What everything that was started here has said so far.
    var logs: [String] { children.withLock { $0 }.map(\.said) }

    private func settings(node: String) -> [String: String] {
        Program.environment.merging(
            [
                "BURSAR_CONFIG": "\(folder)/bursar.yaml",
                "BURSAR_DATABASE_URL": database.url(),
                "BURSAR_ENVIRONMENT": "development",
                "BURSAR_NODE_LEASE": "2s",
                "BURSAR_NODE_NAME": node,
                "BURSAR_OPERATOR_SOCKET": "\(folder)/\(node).sock",
                "BURSAR_SCHEDULES": "\(folder)/schedules",
                "BURSAR_LOG_FORMAT": "human",
            ]
        ) { $1 }
    }
}

/// What a command did.
struct CommandResult: Sendable, CustomStringConvertible {
    /// Its exit code; -1 where a signal ended it.
    let status: Int32
    let output: String
    let errors: String

    var description: String { "exit \(status)\n\(output)\(errors)" }
}

/// A running `bursar serve`.
struct Daemon: Sendable {
    let name: String
    let process: ChildProcess
    let socket: String

    /// Asks the operator socket.
    func get(_ path: String) async throws -> HTTPResponse {
        let client = HTTPClient()
        defer { client.close() }
        return try await client.send(
            HTTPRequest(url: "http://bursar\(path)", timeout: .seconds(10), unixSocketPath: socket)
        )
    }

    /// A page as text.
    func text(_ path: String) async throws -> String { String(decoding: try await get(path).body, as: UTF8.self) }

    /// The status code of `/readyz`; nil while nothing answers.
    func readiness() async -> Int? { try? await get("/readyz").status }

    /// Waits until it can be sent work.
    func ready(within limit: Duration = .seconds(30)) async throws {
        try await waitUntil("\(name) is ready: \(process.said.suffix(1000))", within: limit) {
            if let ended = process.ended { throw DaemonEnded(ending: ended, said: process.said) }
            return await readiness() == 200
        }
    }
}

/// A daemon is gone that should serve.
struct DaemonEnded: Error {
    let ending: ChildProcess.Ending
    let said: String
}

/// The program under test.
enum Program {
    /// Beside the test program, which the same build has made.
    static let path: String = {
        if let named = getenv("BURSAR_TEST_PROGRAM") { return String(cString: named) }
        return "\(folder)/bursar"
    }()

    /// Where the project's files are.
    static let project: String = String(#filePath.split(separator: "/").dropLast(3).reduce("") { "\($0)/\($1)" })

    /// The environment of this process without its own settings.
    static let environment: [String: String] = {
        var found: [String: String] = [:]
        for name in ["PATH", "HOME", "LANG", "LD_LIBRARY_PATH"] {
            if let value = getenv(name) { found[name] = String(cString: value) }
        }
        found["TZ"] = "Europe/Berlin"  // nobody's business zone: nothing may depend on it
        return found
    }()

    private static let folder: String = {
        var bytes = [CChar](repeating: 0, count: 4096)
        let count = readlink("/proc/self/exe", &bytes, bytes.count)
        let path = String(decoding: bytes.prefix(max(count, 0)).map { UInt8(bitPattern: $0) }, as: UTF8.self)
        return path.split(separator: "/").dropLast().reduce("") { "\($0)/\($1)" }
    }()
}
