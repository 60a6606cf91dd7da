import Glibc
import Postgres
import TestSupport
import Testing

/// Whatever ends a run ends its program, with all that it started.
@Suite("The end of an external program")
struct CommandEndTests {
    /// Says who is there, its child in another session too, and goes on until it is killed.
    private static func stubborn(_ desk: String) -> String {
        """
        trap '' TERM
        echo $$ > \(desk)/own
        setsid sh -c "trap '' TERM; echo \\$\\$ > \(desk)/grandchild; while :; do sleep 1; done" &
        sleep 1000 & echo $! > \(desk)/child
        while :; do sleep 1; done
        """
    }

    @Test(
        "The deadline ends its whole group, also what ignores SIGTERM or has left the group, before the attempt is over"
    )
    func deadline() async throws {
        try await House.with(Portfolio.empty) { house in
            _ = try await house.commandDaemon()
            let run = try await house.askForScript(
                Self.stubborn(house.desk),
                more: #""grace": "1s""#,
                deadline: "1 second"
            )
            let processes = try await house.processes("own", "child", "grandchild")
            let row = try await house.ended(run)
            #expect(
                row.state == "dead" && row.outcome?.contains("the deadline of 1.0 seconds passed") == true,
                "\(row)"
            )
            #expect(!processes.contains(where: isAlive))
            #expect(try await house.effects(of: run) == ["stopped"])
        }
    }

    @Test(
        "A cancelled run's program is ended, and has its grace to tidy up; that it then exits with 0 does not make it done"
    )
    func cancelled() async throws {
        try await House.with(Portfolio.empty) { house in
            _ = try await house.commandDaemon()
            let run = try await house.askForScript(
                "trap 'echo tidied; exit 0' TERM; echo $$ > \(house.desk)/own; sleep 1000 & echo $! > \(house.desk)/child; while :; do sleep 0.05; done"
            )
            let processes = try await house.processes("own", "child")
            let answer = try await house.bursar("runs", "cancel", "\(run)", "--reason", "enough")
            #expect(answer.output.contains("asked"), "\(answer)")
            let row = try await house.ended(run)
            #expect(row.state == "cancelled", "\(row)")
            #expect(!processes.contains(where: isAlive))
            let kept = try await house.kept(of: run)
            #expect(kept.contains("stdout tidied"), "\(kept)")
            #expect(try await house.effects(of: run) == ["stopped"])
        }
    }

    @Test("A daemon that drains ends its programs and hands their runs back, and no attempt is spent")
    func drained() async throws {
        try await House.with(Portfolio.empty) { house in
            let daemon = try await house.commandDaemon()
            let run = try await house.askForScript(Self.stubborn(house.desk), more: #""grace": "1s""#)
            let processes = try await house.processes("own", "child", "grandchild")
            daemon.process.signal(SIGTERM)
            #expect(try await daemon.process.end(within: .seconds(20)) == .exited(0))
            #expect(!processes.contains(where: isAlive))
            let row = try await house.run(run)
            #expect(row.state == "ready" && row.failures == 0, "\(row)")
            #expect(try await house.effects(of: run) == ["stopped"])
        }
    }

    @Test(
        "A daemon that is killed leaves no process and no secret behind, and the next attempt knows that nobody knows"
    )
    func daemonKilled() async throws {
        try await House.with(Portfolio.empty) { house in
            let daemon = try await house.commandDaemon()
            write("hunter2", to: "\(house.folder)/secrets/api-key")
            let secrets = #""secrets": ["api-key"]"#
            let run = try await house.askForScript(
                "if [ $BURSAR_ATTEMPT = 2 ]; then echo again $BURSAR_IDEMPOTENCY_KEY; exit 0; fi\n\(Self.stubborn(house.desk))",
                more: secrets,
                attempts: 3
            )
            let careful = try await house.askForScript(
                "echo $$ > \(house.desk)/careful; while :; do sleep 1; done",
                more: "\(secrets), \"after_unknown\": \"stop\"",
                attempts: 3
            )
            let processes = try await house.processes("own", "child", "grandchild", "careful")
            // Should they be left behind, then not by this test.
            defer { for process in processes where isAlive(process) { kill(process, SIGKILL) } }
            #expect(house.privateFolders.count == 2)
            daemon.process.signal(SIGKILL)
            try await waitUntil("nothing of it is left") { !processes.contains(where: isAlive) }
            try await waitUntil("no secret is left") { house.privateFolders.isEmpty }

            _ = try await house.commandDaemon("b")
            let row = try await house.ended(run)
            #expect(row.state == "succeeded" && row.attempts == 2, "\(row)")
            #expect(try await house.effects(of: run) == ["unknown", "done"])
            #expect(try await house.kept(of: run).last == "stdout again run/\(run)")
            let stopped = try await house.ended(careful)
            #expect(
                stopped.state == "dead" && stopped.outcome?.contains("nobody knows how it ended") == true,
                "\(stopped)"
            )
            #expect(try await house.effects(of: careful) == ["unknown", "failed"])
        }
    }

    @Test("A node that lost its lease ends its programs, and says nothing about a run that is another's")
    func leaseLost() async throws {
        try await House.with(Portfolio.empty) { house in
            let daemon = try await house.commandDaemon()
            let run = try await house.askForScript(
                "if [ $BURSAR_ATTEMPT = 2 ]; then exit 0; fi\n\(Self.stubborn(house.desk))",
                more: #""grace": "20s""#,
                attempts: 3
            )
            let processes = try await house.processes("own", "child", "grandchild")
            try await house.query("update bursar.node set lease_until = clock_timestamp() - interval '1 second'")
            try await waitUntil("the node gives up") { daemon.process.said.contains("its work is abandoned") }
            // Not the grace of twenty seconds: another node may begin any moment.
            try await waitUntil("nothing of it is left", within: .seconds(10)) { !processes.contains(where: isAlive) }
            let row = try await house.ended(run)
            #expect(row.state == "succeeded" && row.attempts == 2, "\(row)")
            #expect(try await house.effects(of: run) == ["unknown", "done"])
        }
    }

    @Test("A program whose keeper is killed dies with it, and the attempt is tried again")
    func keeperKilled() async throws {
        try await House.with(Portfolio.empty) { house in
            _ = try await house.commandDaemon()
            let run = try await house.askForScript(
                "if [ $BURSAR_ATTEMPT = 2 ]; then exit 0; fi; echo $$ > \(house.desk)/own; echo $PPID > \(house.desk)/keeper; while :; do sleep 1; done",
                attempts: 2
            )
            let processes = try await house.processes("own", "keeper")
            kill(processes[1], SIGKILL)
            let row = try await house.ended(run)
            #expect(row.state == "succeeded" && row.attempts == 2, "\(row)")
            #expect(!isAlive(processes[0]))
            let effects = try await house.effects(of: run)
            #expect(effects == ["unknown", "done"], "\(effects)")
        }
    }

    @Test(
        "A connection that breaks while the end is written down does not start the program again",
        arguments: [("run.conclude", PostgresProxy.Verdict.drop), ("run.conclude", .dropAnswer), ("run.intend", .drop)]
    )
    func connectionBroken(_ statement: String, _ verdict: PostgresProxy.Verdict) async throws {
        try await House.with(Portfolio.empty) { house in
            mkdir(house.desk, 0o755)
            let trap = Trap(Strike(statement: statement, occurrence: 1, moment: .before), signal: 0, verdict: verdict)
            let proxy = try PostgresProxy(house, trap)
            defer { proxy.stop() }
            let daemon = try house.daemon("a", url: proxy.url(house))
            trap.aim(at: daemon.process)
            try await daemon.ready()
            let run = try await house.askForScript("echo started >> \(house.desk)/started", attempts: 3)
            _ = try await trap.sprung.told("the daemon said \(statement)")
            let row = try await house.ended(run)
            #expect(row.state == "succeeded", "\(row)")
            #expect(contents(of: "\(house.desk)/started") == "started\n")
            #expect(try await house.effects(of: run) == ["done"])
        }
    }
}
