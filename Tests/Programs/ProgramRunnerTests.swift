import Glibc
import Programs
import Testing
import TestSupport

@Suite("External programs")
struct ProgramRunnerTests {
    @Test("Its lines come out of both streams, with its exit code")
    func lines() async throws {
        let run = ProgramRun(script: "echo one; echo two >&2; printf three; exit 7")
        #expect(try await run.ending() == .exited(7))
        #expect(run.output == ["one", "three"])
        #expect(run.errors == ["two"])
    }

    @Test("A signal that ended it is told")
    func killed() async throws {
        #expect(try await ProgramRun(script: "kill -9 $$").ending() == .killed(signal: SIGKILL))
    }

    @Test(
        "One that cannot be started is refused with the reason, and nothing of it runs",
        arguments: [
            (["/nonesuch/program"], "/", "is not there"), (["nonesuch-program"], "/", "is not there"),
            (["/etc/passwd"], "/", "cannot be executed"), (["/"], "/", "cannot be executed"),
            (["/bin/true"], "/nonesuch", "directory /nonesuch cannot be entered"),
        ]
    )
    func refused(_ words: [String], _ directory: String, _ reason: String) async throws {
        let program = Program(words, directory: directory, environment: ["PATH": "/usr/bin:/bin"])
        let refusal = await #expect(throws: ProgramRefused.self) { try await ProgramRun(program).ending() }
        #expect(refusal?.reason.contains(reason) == true, "\(String(describing: refusal))")
        #expect(refusal?.isPassing == false)
    }

    @Test("It inherits nothing: no variable, no descriptor, no signal that is ignored, and its input is empty")
    func inheritsNothing() async throws {
        setenv("BURSAR_TEST_LEAK", "leaked", 1)
        let run = ProgramRun(
            Program(
                ["/bin/sh", "-c", "env; ls /proc/self/fd | wc -l; cat; grep SigIgn /proc/self/status; umask; pwd"],
                directory: "/tmp",
                environment: ["PATH": "/usr/bin:/bin", "A": "b c"]
            )
        )
        #expect(try await run.ending() == .exited(0))
        #expect(run.output.contains("A=b c"))
        #expect(!run.output.contains { $0.contains("LEAK") })
        // Its three, and the one by which ls reads the folder.
        #expect(run.output.contains("4"), "\(run.output)")
        let ignored = run.output.first { $0.hasPrefix("SigIgn:") }.flatMap { UInt64($0.suffix(16), radix: 16) }
        // The two that the C library has for itself cannot be changed by anybody else.
        #expect(ignored.map { $0 & ~0x1_8000_0000 } == 0, "\(run.output)")
        #expect(run.output.suffix(2) == ["0022", "/tmp"])
    }

    @Test("What it leaves behind ends with it, in its group and out of it")
    func leavesNothing() async throws {
        let run = ProgramRun(
            script: """
                sleep 1000 & echo group $!
                setsid sh -c 'echo session $$; exec sleep 1000' &
                while ! test -e /proc/$!; do :; done
                exit 3
                """
        )
        #expect(try await run.ending() == .exited(3))
        #expect(!isAlive(try await run.number("group")))
        for text in run.output where text.hasPrefix("session ") {
            #expect(!isAlive(pid_t(text.dropFirst("session ".count)) ?? 0))
        }
    }

    @Test(
        "A cancelled one is ended with its children and theirs, also those that ignore SIGTERM or have left its group"
    )
    func cancelled() async throws {
        let run = ProgramRun(
            script: """
                trap '' TERM
                setsid sh -c "trap '' TERM; sh -c 'echo grandchild \\$\\$; while :; do sleep 1; done' & while :; do sleep 1; done" &
                sleep 1000 & echo child $!
                echo own $$
                while :; do sleep 1; done
                """,
            grace: .milliseconds(300)
        )
        let task = Task { try await run.ending() }
        let processes = [
            try await run.number("own"), try await run.number("child"), try await run.number("grandchild"),
        ]
        #expect(processes.allSatisfy(isAlive))
        let began = ContinuousClock.now
        task.cancel()
        #expect(try await task.value == .killed(signal: SIGKILL))
        #expect(.now - began >= .milliseconds(300))
        #expect(!processes.contains(where: isAlive))
    }

    @Test("A cancelled one that obeys SIGTERM has its grace to tidy up")
    func tidiesUp() async throws {
        let run = ProgramRun(script: "trap 'echo tidied up; exit 9' TERM; echo own $$; while :; do sleep 0.05; done")
        let task = Task { try await run.ending() }
        _ = try await run.number("own")
        task.cancel()
        #expect(try await task.value == .exited(9))
        #expect(run.output.last == "tidied up")
    }

    @Test("One that is cancelled before it began is ended all the same")
    func cancelledAtOnce() async throws {
        let run = ProgramRun(script: "exec sleep 1000")
        let task = Task {
            withUnsafeCurrentTask { $0?.cancel() }
            return try await run.ending()
        }
        #expect(try await task.value == .killed(signal: SIGTERM))
    }

    @Test("A killed keeper takes its program with it, and then nobody says how it ended")
    func keeperKilled() async throws {
        let run = ProgramRun(script: "echo own $$; echo keeper $PPID; while :; do sleep 1; done")
        let task = Task { try await run.ending() }
        let own = try await run.number("own")
        kill(try await run.number("keeper"), SIGKILL)
        #expect(try await task.value == .lost)
        try await waitUntil("the program has ended") { !isAlive(own) }
    }

    @Test("Its private folder is its user's alone, holds secrets and input, and is removed by its keeper")
    func privateFolder() async throws {
        let parent = "/tmp/bursar-test-\(getpid())-private"
        defer { rmdir(parent) }
        var folder = try PrivateFolder("run", in: parent, owner: nil)
        try folder.write(Array("hunter2".utf8), to: "password", owner: nil)
        try folder.writeInput("from the input\n", owner: nil)
        let run = ProgramRun(
            .script(
                "cat \(folder.path)/password; echo; cat; stat -c '%a' \(folder.path) \(folder.path)/password",
                folder: folder
            )
        )
        #expect(try await run.ending() == .exited(0))
        #expect(run.output == ["hunter2", "from the input", "700", "400"])
        #expect(access(folder.path, F_OK) != 0)
    }

    @Test("A folder that others can write to is not trusted with secrets")
    func untrustedFolder() throws {
        let parent = "/tmp/bursar-test-\(getpid())-open"
        mkdir(parent, 0o700)
        chmod(parent, 0o777)
        defer { rmdir(parent) }
        let refusal = #expect(throws: ProgramRefused.self) { _ = try PrivateFolder("run", in: parent, owner: nil) }
        #expect(refusal?.reason.contains("others cannot write to") == true)
    }

    @Test("It runs as the user that was asked for, with that user's groups", .enabled(if: geteuid() == 0))
    func otherUser() async throws {
        let account = try #require(Account.named("nobody"))
        let run = ProgramRun(
            Program(["id", "-nu"], directory: "/", environment: ["PATH": "/usr/bin:/bin"], account: account)
        )
        #expect(try await run.ending() == .exited(0))
        #expect(run.output == ["nobody"])
    }

    @Test("A command line is shown as a shell would take it")
    func commandLine() {
        let program = Program(["/bin/echo", "a b", "it's", "", "x=1"], directory: "/", environment: [:])
        #expect(program.commandLine == #"/bin/echo 'a b' 'it'\''s' '' x=1"#)
    }
}
