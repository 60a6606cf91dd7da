import Glibc
import Postgres
import TestSupport
import Testing

@Suite("A schedule runs an external program")
struct CommandJobTests {
    @Test("It starts when it is due, with a small environment of its own, and its output is shown with the run")
    func scheduled() async throws {
        try await House.with(Portfolio.empty) { house in
            house.schedules(
                """

                  report:
                    job: command
                    every: 1s
                    overlap: forbid
                    retry: { attempts: 1 }
                    parameters:
                      command: ["/bin/sh", "-c", "env | sort; pwd; echo to errors >&2; cat", "name with blanks"]
                      directory: /tmp
                      environment: { GREETING: hello, PATH: /bin }
                      input: "from the input\\n"
                """
            )
            _ = try await house.commandDaemon()
            let run: Int64 = try await house.firstEnded("report")
            let lines = try await house.kept(of: run)
            let fire = try await house.list(
                "select schedule || '/' || to_char(fire_at at time zone 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"') from bursar.run_history where id = \(run)"
            )
            for line in [
                "stdout BURSAR_IDEMPOTENCY_KEY=\(fire[0])", "stdout BURSAR_RUN=\(run)", "stdout BURSAR_ATTEMPT=1",
                "stdout BURSAR_SCHEDULE=report", "stdout GREETING=hello", "stdout PATH=/bin", "stdout /tmp",
                "stdout from the input", "stderr to errors",
            ] {
                #expect(lines.contains(line), "\(line) in \(lines)")
            }
            let names = lines.compactMap { $0.split(separator: "=").first?.split(separator: " ").last }
            #expect(!names.contains { $0.hasPrefix("BURSAR_DATABASE") || $0 == "TZ" }, "\(lines)")

            let shown = try await house.bursar("runs", "show", "\(run)")
            #expect(shown.status == 0 && shown.output.contains("attempt 1:\n"), "\(shown)")
            #expect(shown.output.contains("  stdout   GREETING=hello\n"), "\(shown)")
            let json = try await house.bursar("runs", "show", "\(run)", "--json")
            #expect(
                json.output.contains(#""text": "to errors""#) || json.output.contains(#""text":"to errors""#),
                "\(json)"
            )
        }
    }

    @Test("Its exit code says what becomes of the run")
    func exitCodes() async throws {
        try await House.with(Portfolio.empty) { house in
            _ = try await house.commandDaemon()
            let codes =
                #""exit_codes": {"3": "success", "4": "permanent", "5": "snooze", "6": "rate_limited", "7": "transient", "other": "permanent"}"#
            let expected: [(code: Int, state: String, attempts: Int, outcome: String)] = [
                (0, "succeeded", 1, "exit code 0"), (3, "succeeded", 1, "exit code 3"), (4, "dead", 1, "exit code 4"),
                (5, "snoozed", 1, "snoozed by the job"), (6, "snoozed", 1, "exit code 6"),
                (7, "dead", 2, "failed 2 times, at last: exit code 7"),
                (75, "dead", 2, "failed 2 times, at last: exit code 75"), (99, "dead", 1, "exit code 99"),
            ]
            var runs: [Int64] = []
            for row in expected {
                runs.append(try await house.askForScript("exit \(row.code)", more: codes, attempts: 2))
            }
            for (run, row) in zip(runs, expected) {
                try await waitUntil("run \(run) is \(row.state)") { try await house.run(run).state == row.state }
                let told = try await house.run(run)
                #expect(told.attempts == row.attempts && told.outcome == row.outcome, "\(row): \(told)")
            }
            let killed = try await house.ended(try await house.askForScript("kill -9 $$"))
            #expect(killed.outcome == "failed 1 times, at last: ended by signal 9", "\(killed)")
        }
    }

    @Test(
        "What cannot be started is dead at once, and says what was wrong",
        arguments: [
            (#"["/nonesuch/program"]"#, "", "is not there"), (#"["/etc/passwd"]"#, "", "cannot be executed"),
            (#"["true"]"#, #""directory": "/nonesuch""#, "directory /nonesuch cannot be entered"),
            (#"["true"]"#, #""user": "nobody-at-all""#, "there is no user nobody-at-all"),
            (#"["true"]"#, #""secrets": ["missing"]"#, "there is no secret missing in "),
            (#"["true"]"#, #""secrets": ["database-url"]"#, "the daemon's own"),
            (#"["true"]"#, #""grace": "1h""#, "grace must be a duration of at most 25s"),
        ]
    )
    func cannotStart(_ words: String, _ more: String, _ reason: String) async throws {
        try await House.with(Portfolio.empty) { house in
            _ = try await house.commandDaemon()
            let run = try await house.ended(try await house.askForCommand(words, more: more, attempts: 5))
            #expect(run.state == "dead" && run.attempts == 1, "\(run)")
            #expect(run.outcome?.contains(reason) == true, "\(run)")
        }
    }

    @Test("Secrets are files for this run alone, and gone when it has ended")
    func secrets() async throws {
        try await House.with(Portfolio.empty) { house in
            _ = try await house.commandDaemon()
            write("hunter2", to: "\(house.folder)/secrets/api-key")
            let run = try await house.askForScript(
                "cat $BURSAR_SECRETS_DIRECTORY/api-key; echo; stat -c %a $BURSAR_SECRETS_DIRECTORY; echo $BURSAR_SECRETS_DIRECTORY; env | grep -c hunter2",
                more: #""secrets": ["api-key"]"#
            )
            try await house.ended(run)
            let lines = try await house.kept(of: run)
            #expect(
                lines.first == "stdout hunter2" && lines.dropFirst().first == "stdout 700" && lines.last == "stdout 0"
            )
            #expect(lines.count == 4 && lines[2].hasPrefix("stdout \(house.folder)/private/\(run)-1-"), "\(lines)")
            #expect(house.privateFolders.isEmpty)
        }
    }

    @Test(
        "Of a flood of output the beginning and the end are kept, the rest is counted, and what is no text is shown as such"
    )
    func output() async throws {
        try await House.with(Portfolio.empty) { house in
            _ = try await house.commandDaemon()
            let flood = try await house.askForScript(
                #"printf 'b\377ytes\n'; i=0; while [ $i -lt 30000 ]; do echo "line $i"; i=$((i+1)); done"#,
                more: #""output_lines": 20"#
            )
            #expect(try await house.ended(flood).state == "succeeded")
            let lines = try await house.kept(of: flood)
            #expect(
                lines.count == 21 && lines.first == "stdout b\u{FFFD}ytes" && lines.last == "stdout line 29999",
                "\(lines)"
            )
            #expect(lines.contains { $0.hasPrefix("log … 29981 lines (") }, "\(lines)")
        }
    }

    @Test("A dry run starts nothing, and says what it would start")
    func dryRun() async throws {
        try await House.with(Portfolio.empty) { house in
            _ = try await house.commandDaemon()
            let asked = try await house.bursar(
                "run",
                "command",
                "--dry-run",
                "--wait",
                "--param",
                #"command=["/bin/sh","-c","touch \#(house.desk)/touched"]"#,
                "--param",
                "environment=A=secret-looking"
            )
            #expect(asked.status == 0, "\(asked)")
            #expect(
                asked.output.contains("dry run: would start /bin/sh -c 'touch \(house.desk)/touched' in "),
                "\(asked)"
            )
            #expect(asked.output.contains("environment A HOME LANG LOGNAME PATH SHELL USER"), "\(asked)")
            #expect(!asked.output.contains("secret-looking"), "\(asked)")
            #expect(access("\(house.desk)/touched", F_OK) != 0)
            #expect(try await house.list("select what from bursar.outside_effect").isEmpty)
            let missing = try await house.bursar(
                "run",
                "command",
                "--dry-run",
                "--wait",
                "--param",
                "command=/nonesuch"
            )
            #expect(missing.status == 1 && missing.output.contains("is not there or cannot be executed"), "\(missing)")
        }
    }

    @Test(
        "Outside of development nobody can have a program started that no schedule file declares, the web application neither"
    )
    func undeclared() async throws {
        try await House.with(Portfolio.empty) { house in
            house.schedules(
                """

                  by-hand:
                    job: command
                    once: 2020-01-01T00:00:00Z
                    enabled: false
                    parameters: { command: ["/bin/sh", "-c", "echo declared"] }
                """
            )
            _ = try await house.commandDaemon(settings: ["BURSAR_ENVIRONMENT": "staging"])
            let other = try await house.ended(try await house.askForScript("touch \(house.desk)/touched", attempts: 5))
            #expect(other.state == "dead" && other.attempts == 1, "\(other)")
            #expect(other.outcome?.contains("no schedule file in force declares this command") == true, "\(other)")
            #expect(access("\(house.desk)/touched", F_OK) != 0)
            let declared = try await house.askForScript("echo declared")
            #expect(try await house.ended(declared).state == "succeeded")
            #expect(try await house.kept(of: declared) == ["stdout declared"])
        }
    }

    @Test("Without a daemon it runs in the process that asks for it")
    func here() async throws {
        try await House.with(Portfolio.empty) { house in
            let asked = try await house.bursar(
                "run",
                "command",
                "--here",
                "--param",
                #"command=["/bin/sh","-c","echo hello, there; exit 3"]"#,
                "--param",
                "exit_codes=3=success"
            )
            #expect(asked.status == 0 && asked.output.contains("succeeded: exit code 3"), "\(asked)")
            #expect(try await house.list("select text from bursar.attempt_line") == ["hello, there"])
        }
    }

    @Test("It runs as the user that the schedule names, with that user's secrets", .enabled(if: geteuid() == 0))
    func otherUser() async throws {
        try await House.with(Portfolio.empty) { house in
            _ = try await house.commandDaemon()
            write("hunter2", to: "\(house.folder)/secrets/api-key")
            let run = try await house.askForScript(
                "id -un; echo $USER; cat $BURSAR_SECRETS_DIRECTORY/api-key",
                more: #""user": "nobody", "directory": "/", "secrets": ["api-key"]"#
            )
            #expect(try await house.ended(run).state == "succeeded")
            #expect(try await house.kept(of: run) == ["stdout nobody", "stdout nobody", "stdout hunter2"])
        }
    }
}

extension House {
    /// The first run of a schedule that has ended.
    fileprivate func firstEnded(_ schedule: String) async throws -> Int64 {
        let sql = "select coalesce(min(id), 0) from bursar.run_history where schedule = '\(schedule)'"
        try await waitUntil("a run of \(schedule) has ended") { try await value(sql, as: Int64.self) > 0 }
        return try await value(sql)
    }
}
