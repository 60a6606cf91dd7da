internal import Glibc
internal import Subprocess
internal import SystemPackage

/// Where a program's line came from.
package enum ProgramStream: Sendable {
    case output, errors
}

/// Runs external programs, each under a keeper.
///
/// Nothing that a program starts outlives its run: not when it ends, not when the task is cancelled, not when this process
/// is killed.
package struct ProgramRunner: Sendable {
    /// This program, or in tests the one to be tested.
    private let keeper: String

    package init(keeper: String = "/proc/self/exe") { self.keeper = keeper }

    /// Runs a program to its end, and hands out its lines as they come.
    ///
    /// A cancellation ends it: SIGTERM, then SIGKILL after the grace, to everything that it started. It returns when nothing
    /// is left.
    ///
    /// - Parameters:
    ///   - program: what is run, and how.
    ///   - graceWhenCancelled: how long it may take to end then; asked at that moment.
    ///   - line: called for every line, of both streams in turns; it must not block.
    /// - Returns: how it ended.
    /// - Throws: `ProgramRefused` where nothing of it ran.
    package func run(
        _ program: Program,
        graceWhenCancelled: @escaping @Sendable () -> Duration,
        line: @escaping @Sendable (ProgramStream, String) -> Void
    ) async throws(ProgramRefused) -> ProgramEnding {
        let (socket, theirs) = try KeeperSocket.pair()
        let work = Task { await keep(program, theirs, line) }
        // The task of the keeper is not cancelled with this one: it must see the program's end.
        let failure = await withTaskCancellationHandler {
            await work.value
        } onCancel: {
            socket.stop(within: graceWhenCancelled())
        }
        return try Self.ending(program, socket.reports(), failure)
    }

    /// Starts the keeper and reads until it has ended.
    /// - Returns: why it could not be started; nil where it was.
    private func keep(
        _ program: Program,
        _ control: Int32,
        _ line: @escaping @Sendable (ProgramStream, String) -> Void
    ) async -> (any Error)? {
        var options = PlatformOptions()
        options.createSession = true
        let environment = program.environment.map { (Environment.Key(stringLiteral: $0.key), $0.value) }
        do {
            _ = try await Subprocess.run(
                .path(FilePath(keeper)),
                arguments: Arguments(executablePathOverride: "bursar", remainingValues: Keeper.words(for: program)),
                environment: .custom(Dictionary(environment) { _, last in last }),
                workingDirectory: "/",
                platformOptions: options,
                input: .fileDescriptor(FileDescriptor(rawValue: control), closeAfterSpawningProcess: true),
                output: .sequence,
                error: .sequence
            ) { execution in
                async let errors: Void = Self.read(execution.standardError) { line(.errors, $0) }
                await Self.read(execution.standardOutput) { line(.output, $0) }
                await errors
            }
            return nil
        } catch {
            return error
        }
    }

    /// A stream that cannot be read any more has ended: what counts is told by the keeper.
    private static func read(_ stream: SubprocessOutputSequence, _ line: (String) -> Void) async {
        var splitter = LineSplitter()
        do {
            for try await buffer in stream {
                buffer.withUnsafeBytes { bytes in splitter.add(bytes).forEach(line) }
            }
        } catch {}
        splitter.finish().map(line)
    }

    private static func ending(
        _ program: Program,
        _ reports: [KeeperReport],
        _ failure: (any Error)?
    ) throws(ProgramRefused) -> ProgramEnding {
        var group: Int32?
        for report in reports {
            switch report {
            case .ended(let ending): return ending
            case .refused(let step, let error): throw refusal(program, step: step, error: error)
            case .started(let process): group = process
            case .starting: break
            }
        }
        guard !reports.isEmpty else {
            throw ProgramRefused(
                "the keeper of \(program.words.first ?? "") could not be started: \(failure.map { "\($0)" } ?? "it ended at once")",
                isPassing: true
            )
        }
        // The keeper was killed, and with it the program: its group is what can still be reached.
        if let group { kill(-group, SIGKILL) }
        return .lost
    }

    /// The steps are numbered in keeper.c.
    private static func refusal(_ program: Program, step: Int32, error: Int32) -> ProgramRefused {
        let name = program.words.first ?? ""
        let said = String(cString: strerror(error))
        let isPassing = [EAGAIN, ENOMEM, EMFILE, ENFILE, ETXTBSY, EIO, EINTR, ESTALE].contains(error)
        let what =
            switch step {
            case 1: "its standard input cannot be opened"
            case 2, 3:
                "it cannot run as \(program.account?.name ?? "another user"); only root may start programs as another"
            case 4: "its directory \(program.directory) cannot be entered"
            case 5 where error == ENOENT: "\(name) is not there, or its interpreter is not"
            case 5 where error == EACCES: "\(name) cannot be executed"
            case 5 where error == ENOEXEC: "\(name) is no program: it has no #! line"
            case 5: "\(name) cannot be executed"
            default: "no process can be made for it"
            }
        return ProgramRefused("\(name) was not started: \(what) (\(said))", isPassing: isPassing)
    }
}
