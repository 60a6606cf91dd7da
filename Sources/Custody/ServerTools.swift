internal import Glibc
internal import Programs
internal import Synchronization

/// The programs of one version of PostgreSQL, by their full path: those in /usr/bin choose a version by themselves.
struct ServerTools: Sendable {
    let folder: String
    let keeper: String

    /// - Throws: where that version's programs are not installed.
    init(version: Int, keeper: String, step: String, needsPrograms: Bool = true) throws(CustodyFailure) {
        folder = "/usr/lib/postgresql/\(version)/bin"
        self.keeper = keeper
        guard !needsPrograms || access("\(folder)/pg_dump", X_OK) == 0 else {
            throw CustodyFailure(
                step,
                "\(folder)/pg_dump is not there; install it with: apt-get install postgresql-client-\(version)"
            )
        }
    }

    /// The programs of a version whose server is to be run.
    ///
    /// - Throws: at `cluster`, where the server is not installed.
    static func ofServer(_ version: Int, _ house: BackupHouse) throws(CustodyFailure) -> ServerTools {
        let tools = try ServerTools(version: version, keeper: house.keeper, step: "cluster")
        guard tools.has("initdb") else {
            throw CustodyFailure(
                "cluster",
                "\(tools.folder)/initdb is not there; install it with: apt-get install postgresql-\(version)"
            )
        }
        return tools
    }

    /// Whether a program of the server itself is there, such as `initdb`.
    func has(_ name: String) -> Bool { access("\(folder)/\(name)", X_OK) == 0 }

    /// Runs a program to its end; where `output` is given it takes the lines of standard output, and none is kept.
    ///
    /// - Returns: what it said on standard output, at most some ten thousand lines.
    /// - Throws: what it said on standard error last, where its exit code is not 0.
    @discardableResult
    func run(
        _ name: String,
        _ arguments: [String],
        environment: [String: String] = [:],
        account: Account? = nil,
        grace: Duration = .seconds(5),
        step: String,
        output: (@Sendable (String) -> Void)? = nil
    ) async throws -> [String] {
        let said = Said()
        var all = ["PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", "HOME": "/"]
        all.merge(environment) { _, new in new }
        let program = Program(
            [name.hasPrefix("/") ? name : "\(folder)/\(name)"] + arguments,
            directory: "/",
            environment: all,
            account: account.flatMap { $0.isOther ? $0 : nil },
            grace: grace
        )
        let ending: ProgramEnding
        do {
            ending = try await ProgramRunner(keeper: keeper).run(program) {
                grace
            } line: { stream, text in
                if stream == .output, let output { output(text) } else { said.keep(text, isError: stream == .errors) }
            }
        } catch {
            throw CustodyFailure(step, error.reason, isPassing: error.isPassing)
        }
        try Task.checkCancellation()
        guard ending == .exited(0) else { throw CustodyFailure(step, "\(name) failed (\(ending)): \(said.lastErrors)") }
        return said.output
    }

    /// What a program said, within bounds.
    private final class Said: Sendable {
        private let lines = Mutex((output: [String](), errors: [String]()))

        func keep(_ text: String, isError: Bool) {
            lines.withLock { lines in
                if isError {
                    if lines.errors.count < 5 { lines.errors.append(text) } else { lines.errors[4] = text }
                } else if lines.output.count < 20_000 {
                    lines.output.append(text)
                }
            }
        }

        var output: [String] { lines.withLock(\.output) }

        var lastErrors: String {
            lines.withLock { $0.errors }.map { $0.trimmed }.filter { !$0.isEmpty }.joined(separator: "; ")
        }
    }
}

extension String {
    fileprivate var trimmed: String {
        String(drop { $0.isWhitespace }.reversed().drop { $0.isWhitespace }.reversed())
    }
}
