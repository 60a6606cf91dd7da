import Glibc
import Programs
import Synchronization
import Testing
import TestSupport

/// One program that a test runs: what it says, as it says it.
final class ProgramRun: Sendable {
    private let lines = Mutex<[(stream: ProgramStream, text: String)]>([])
    private let program: Program
    private let graceWhenCancelled: Duration

    init(_ program: Program, graceWhenCancelled: Duration? = nil) {
        self.program = program
        self.graceWhenCancelled = graceWhenCancelled ?? program.grace
    }

    /// A shell script with the environment that finds the usual programs.
    convenience init(script: String, grace: Duration = .seconds(5), graceWhenCancelled: Duration? = nil) {
        self.init(.script(script, grace: grace), graceWhenCancelled: graceWhenCancelled)
    }

    var output: [String] { said(.output) }
    var errors: [String] { said(.errors) }

    func ending() async throws -> ProgramEnding {
        let grace = graceWhenCancelled
        return try await ProgramRunner(keeper: BuiltProgram.path).run(program) {
            grace
        } line: { stream, text in
            self.lines.withLock { $0.append((stream, text)) }
        }
    }

    /// Waits for a line `NAME NUMBER`, and answers the number.
    func number(_ name: String) async throws -> pid_t {
        try await waitUntil("it says \(name)") { !self.numbers(name).isEmpty }
        return try #require(numbers(name).first)
    }

    private func numbers(_ name: String) -> [pid_t] {
        output.filter { $0.hasPrefix("\(name) ") }.compactMap { pid_t($0.dropFirst(name.count + 1)) }
    }

    private func said(_ stream: ProgramStream) -> [String] {
        lines.withLock { lines in lines.filter { $0.stream == stream }.map(\.text) }
    }
}

extension Program {
    static func script(_ text: String, grace: Duration = .seconds(5), folder: PrivateFolder? = nil) -> Program {
        Program(
            ["/bin/sh", "-c", text],
            directory: "/",
            environment: ["PATH": "/usr/bin:/bin"],
            grace: grace,
            folder: folder
        )
    }
}

/// The program that the same build has made.
enum BuiltProgram {
    static let path: String = {
        if let named = getenv("BURSAR_TEST_PROGRAM") { return String(cString: named) }
        var bytes = [CChar](repeating: 0, count: 4096)
        let count = readlink("/proc/self/exe", &bytes, bytes.count)
        let own = String(decoding: bytes.prefix(max(count, 0)).map { UInt8(bitPattern: $0) }, as: UTF8.self)
        return own.split(separator: "/").dropLast().reduce("") { "\($0)/\($1)" } + "/bursar"
    }()
}

/// Whether a process is there; one that ended and was not waited for is not.
func isAlive(_ process: pid_t) -> Bool {
    guard let file = fopen("/proc/\(process)/stat", "r") else { return false }
    defer { fclose(file) }
    var text = [CChar](repeating: 0, count: 512)
    guard fgets(&text, 511, file) != nil else { return false }
    let line = String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    return line.split(separator: ")").last?.split(separator: " ").first != "Z"
}
