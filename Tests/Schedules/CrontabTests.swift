import Schedules
import Testing

@Suite("A crontab becomes schedules")
struct CrontabTests {
    @Test(
        "A command is an argument list where no shell is needed, and one for the shell where it is",
        arguments: [
            ("/usr/bin/backup --all", ["/usr/bin/backup", "--all"]), ("backup\t-v  now", ["backup", "-v", "now"]),
            ("cd /srv && ./run", ["/bin/sh", "-c", "cd /srv && ./run"]), ("A=1 run", ["/bin/sh", "-c", "A=1 run"]),
            ("run 'a b'", ["/bin/sh", "-c", "run 'a b'"]), ("run > /dev/null", ["/bin/sh", "-c", "run > /dev/null"]),
            ("run *.log", ["/bin/sh", "-c", "run *.log"]), ("run $HOME", ["/bin/sh", "-c", "run $HOME"]),
            ("exit 0", ["/bin/sh", "-c", "exit 0"]), ("run a=b -x=y", ["run", "a=b", "-x=y"]),
            (". /etc/profile", ["/bin/sh", "-c", ". /etc/profile"]),
            ("run # not a comment", ["/bin/sh", "-c", "run # not a comment"]),
        ]
    )
    func words(_ command: String, _ words: [String]) {
        #expect(Self.read("0 5 * * * \(command)").entries.map(\.command.words) == [words])
    }

    @Test(
        "Per cent signs and backslashes mean what they mean to Debian's cron",
        arguments: [
            (#"date +\%F"#, "date +%F", nil), (#"mail me%hello%world"#, "mail me", "hello\nworld\n"),
            (#"mail me%"#, "mail me", nil), (#"mail me%%"#, "mail me", "\n"), (#"cat%100\%%"#, "cat", "100%\n"),
            (#"sed s/a\\b/"#, #"sed s/a\b/"#, nil), (#"sed s/\n/ /"#, #"sed s/\n/ /"#, nil),
            (#"cat%a\\b\n"#, "cat", "a\\\\b\\n\n"), (#"echo \"#, #"echo \"#, nil),
        ] as [(String, String, String?)]
    )
    func perCent(_ text: String, _ command: String, _ input: String?) throws {
        let entry = try #require(Self.read("0 5 * * * \(text)").entries.first)
        #expect(entry.command.words.last == command || entry.command.words.joined(separator: " ") == command)
        #expect(entry.command.input == input)
    }

    @Test("Variables count for the lines below them, and those with a meaning of their own keep it")
    func variables() throws {
        let crontab = Self.read(
            """
            0 1 * * * first
            SHELL=/bin/bash
            MAILTO = "ops@example.com"
            PATH='/opt/bin:/usr/bin'
              SPACED  =  a b\u{20}
            HOME=/srv/app
            CRON_TZ=Asia/Phnom_Penh
            RANDOM_DELAY=15
            0 2 * * * second | third
            MAILTO=""
            """
        )
        #expect(crontab.problems.isEmpty)
        let first = try #require(crontab.entries.first)
        #expect(first.environment.isEmpty && first.owner == nil && first.zone == "Europe/Berlin")
        let second = try #require(crontab.entries.last)
        #expect(second.line == 9 && second.owner == "ops@example.com" && second.zone == "Asia/Phnom_Penh")
        #expect(second.delayMinutes == 15 && second.directory == "/srv/app")
        #expect(second.command.words == ["/bin/bash", "-c", "second | third"])
        #expect(
            second.environment
                == ["SHELL": "/bin/bash", "PATH": "/opt/bin:/usr/bin", "SPACED": "a b", "HOME": "/srv/app"]
        )
    }

    @Test("A system's crontab has a user in every line; another is a user's own")
    func users() {
        let line = "17 * * * * root cd / && run-parts --report /etc/cron.hourly"
        #expect(Self.read(line, system: true).entries.map(\.user) == ["root"])
        #expect(
            Self.read(line, system: true).entries.first?.command.words.last
                == "cd / && run-parts --report /etc/cron.hourly"
        )
        #expect(Self.read("@daily /bin/true", user: "app").entries.map(\.user) == ["app"])
    }

    @Test(
        "What cannot be imported is listed with its line and place, and what to do",
        arguments: [
            BadFile("@reboot /bin/true", "1:1", "@reboot is no time", "systemd unit"),
            BadFile("# fine\n\n  61 * * * * run", "3:3", "minute 61 is out of range", "0 to 59"),
            BadFile("0 5 * * *", "1:1", "has no command"), BadFile("0 5 * *", "1:1", "there are 4 fields"),
            BadFile("0 5 * * * %input", "1:1", "has no command"),
            BadFile("CRON_TZ=Mars/Base", "1:1", "no time zone \"Mars/Base\"", "read in Europe/Berlin"),
            BadFile("HOME=here\n0 5 * * * run", "2:1", "HOME is set to \"here\"", "begins with /"),
            BadFile("a-b=c", "1:1", "\"a-b\" cannot be a variable"),
            BadFile("BURSAR_X=c", "1:1", "cannot be a variable"),
            BadFile("@fortnightly run", "1:1", "no name of a time"), BadFile("0~9 5 * * * run", "1:1", "0~9"),
            BadFile("0 0 30 2 * run", "1:1", "never fires"),
        ]
    )
    func problems(_ row: BadFile) throws {
        let crontab = Self.read(row.text)
        let problem = try #require(crontab.problems.first)
        #expect("\(problem)".hasPrefix("crontab:\(row.place): "), "\(problem)")
        for word in row.words { #expect("\(problem)".contains(word), "\(problem)") }
        #expect(crontab.entries.isEmpty)
    }

    @Test("A line without a user is refused where the crontab is a system's")
    func noUser() {
        #expect(Self.read("@daily", system: true).problems.map(\.message) == ["the line has no user"])
        #expect(Self.read("@daily /bin/true", system: true).problems.map(\.message) == ["the line has no user"])
    }

    @Test(
        "A schedule is named after the program that the line is about",
        arguments: [
            ("/usr/local/bin/backup.sh --all", "backup"), ("cd /srv/app && php artisan schedule:run", "php"),
            ("test -x /usr/sbin/anacron || run-parts /etc/cron.daily", "run-parts"),
            ("sudo -u app nice -n 10 /opt/Rotate_Logs", "app"), ("FOO=1 \"/opt/my tool\"", "my"),
            ("[ -e /x ] && make-report", "make-report"),
            ("/opt/7zip a", "command-7zip"), ("/opt/données", "donn-es"), ("{ :; }", "command"),
            ("/bin/.hidden", "hidden"),
        ]
    )
    func names(_ command: String, _ name: String) {
        #expect(
            Self.read("0 5 * * * \(command)").scheduleFile.contains("\n  \(name):\n"),
            "\(Self.read("0 5 * * * \(command)").scheduleFile)"
        )
    }

    @Test("Names are unique, however many lines are about one program")
    func uniqueNames() {
        let file = Self.read(String(repeating: "0 5 * * * /bin/backup\n", count: 3)).scheduleFile
        for name in ["backup", "backup-2", "backup-3"] { #expect(file.contains("\n  \(name):\n")) }
    }

    @Test("A crontab with nothing in it is a file with no schedules", arguments: ["", "# nothing\n", "\r\n\r\n"])
    func empty(_ text: String) throws {
        #expect(try ScheduleSet.read(Self.read(text).scheduleFile, file: "a.yaml").schedules.isEmpty)
    }

    private static func read(_ text: String, system: Bool = false, user: String? = nil) -> Crontab {
        Crontab(
            text,
            file: "crontab",
            options: Crontab.Options(hasUserColumn: system, user: user, zone: "Europe/Berlin")
        )
    }
}
