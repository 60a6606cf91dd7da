import Schedules
import Testing

/// A row of the table: what is in the file, where the problem is reported, and words it must have.
struct BadFile: Sendable, CustomTestStringConvertible {
    let text: String
    let place: String
    let words: [String]

    init(_ text: String, _ place: String, _ words: String...) {
        (self.text, self.place, self.words) = (text, place, words)
    }

    var testDescription: String { String(text.suffix(60)) }
}

@Suite("What is wrong with a schedule file")
struct ScheduleFileProblemTests {
    @Test(
        "A bad line of an entry is reported at its line and column, with what was expected",
        arguments: [
            BadFile("cronn: 1", "7:5", "unknown key \"cronn\" in schedule \"renewals\"", "did you mean \"cron\"?"),
            BadFile("time-zone: UTC", "7:5", "did you mean \"time_zone\"?"),
            BadFile("colour: red", "7:5", "unknown key \"colour\"", "the keys of schedule \"renewals\" are: job,"),
            BadFile("every: 5m", "7:5", "says twice when it is due: cron and every", "two schedules"),
            BadFile("job: renewals", "7:5", "\"job\" stands twice", "first in line 4"),
            BadFile("description:", "7:17", "description must be a text, not nothing"),
            BadFile("owner: [a, b]", "7:12", "owner must be a text, not a list"),
            BadFile("dst: { missing: jump, repeated: first }", "7:21", "one of skip, shift, not \"jump\""),
            BadFile("dst: { missing: shift }", "7:10", "what happens to a repeated time"),
            BadFile("dst: shift", "7:10", "dst must be a mapping, not \"shift\"", "missing, repeated"),
            BadFile("misfire: { within: 2h }", "7:14", "misfire has no policy", "skip, once, each, last, ask"),
            BadFile("misfire: { policy: onec }", "7:24", "not \"onec\"", "did you mean \"once\"?"),
            BadFile("misfire: { policy: once, limits: 3 }", "7:30", "did you mean \"limit\"?"),
            BadFile("misfire: { policy: each, limit: 0 }", "7:37", "a whole number from 1 to 10000"),
            BadFile("misfire: { policy: each, within: 2 }", "7:38", "\"2\" is not a duration", "30s, 15m"),
            BadFile("overlap: forbidden", "7:14", "forbid, queue, allow, cancel_running", "did you mean \"forbid\"?"),
            BadFile("start_within: 30 minutes", "7:19", "start_within: \"30 minutes\" is not a duration"),
            BadFile("deadline: 0s", "7:15", "deadline must be longer than 0s"),
            BadFile("deadline: {}", "7:15", "deadline must be a duration, not a mapping"),
            BadFile("jitter: 5", "7:13", "\"5\" is not a duration"),
            BadFile("retry: { attempts: 0 }", "7:24", "attempts must be a whole number from 1 to 100"),
            BadFile("retry: { attempts: \"3\" }", "7:24", "without quotes"),
            BadFile("retry: { attempts: 010 }", "7:24", "not \"010\""),
            BadFile("retry: { initial: 2h, max: 1h }", "7:32", "max 1h is shorter than initial 2h"),
            BadFile("retry: { jitter: 1.5 }", "7:22", "a number from 0 to 1"),
            BadFile("enabled: yes", "7:14", "enabled must be true or false, not \"yes\""),
            BadFile("enabled: \"true\"", "7:14", "unquoted"),
            BadFile("environments: production", "7:19", "a list of one or more", "[development, staging, production]"),
            BadFile("environments: [prod]", "7:20", "an environment must be one of", "not \"prod\""),
            BadFile("environments: [staging, staging]", "7:29", "stands twice"),
            BadFile("environments: []", "7:19", "a list of one or more"),
            BadFile("parameters: [1]", "7:17", "parameters must be a mapping, not a list"),
            BadFile("parameters: { chunks: 1 }", "7:19", "takes no parameter \"chunks\"", "did you mean \"chunk\"?"),
            BadFile(
                "parameters: { chunk: many }",
                "7:26",
                "\"chunk\"",
                "a whole number from 1 to 10000",
                "not \"many\""
            ),
            BadFile("parameters: { chunk: 0 }", "7:26", "from 1 to 10000", "subscriptions a transaction"),
            BadFile("parameters: { chunk: \"500\" }", "7:26", "a whole number"),
            BadFile("parameters: { dry: yes }", "7:24", "true or false"),
            BadFile("parameters: { since: 2026-02-30 }", "7:26", "a date such as"),
            BadFile("parameters: { pause: 5 }", "7:26", "a duration such as"),
            BadFile("parameters: { at: 2026-01-31 }", "7:23", "an instant such as"),
            BadFile("parameters: { mode: quick }", "7:25", "one of fast, slow"),
            BadFile("parameters: { tenants: [1, x] }", "7:32", "an element of parameter \"tenants\""),
            BadFile("parameters: { label: }", "7:26", "a text, not nothing"),
            BadFile("owner: &me x", "7:12", "anchors and aliases", "write the value out"),
            BadFile("owner: !secret x", "7:12", "the tag !secret is not read"),
            BadFile("owner: \"a\\0b\"", "7:12", "zero byte"),
            BadFile("owner: *me", "7:12", "this is not YAML"),
            BadFile("owner: a: b", "7:13", "this is not YAML", "check indentation, colons and quotes"),
        ]
    )
    func entry(row: BadFile) {
        expect(row, of: ScheduleFileSupport.file(with: row.text))
    }

    @Test(
        "A bad file is reported at its line and column, with what was expected",
        arguments: [
            BadFile("", "1:1", "the file is empty", "begin with version: 1"),
            BadFile("# only a comment\n", "1:1", "the file is empty"),
            BadFile("- 1\n", "1:1", "a schedule file must be a mapping, not a list"),
            BadFile("schedules: {}\n", "1:1", "version of the format", "add version: 1"),
            BadFile("version: 2\nschedules: {}\n", "1:10", "version must be 1, not \"2\""),
            BadFile("version: \"1\"\nschedules: {}\n", "1:10", "version must be 1"),
            BadFile("version: 1\n", "1:1", "has no schedules"),
            BadFile("version: 1\nschedules:\n", "2:11", "a mapping from names to schedules, not nothing"),
            BadFile("version: 1\nschedule: {}\n", "2:1", "unknown key \"schedule\"", "did you mean \"schedules\"?"),
            BadFile("version: 1\nschedules: {}\n---\nversion: 1\n", "3:1", "another document", "one document a file"),
            BadFile("version: 1\nschedules:\n\ta: 1\n", "3:1", "this is not YAML", "indent with spaces"),
            BadFile("version: 1\nschedules:\n  A: {job: renewals, every: 5m}\n", "3:3", "\"A\" is not a name"),
            BadFile("version: 1\nschedules:\n  1a: {job: renewals, every: 5m}\n", "3:3", "a letter first"),
            BadFile("version: 1\nschedules:\n  a_b: {job: renewals, every: 5m}\n", "3:3", "and hyphens"),
            BadFile("version: 1\nschedules:\n  a: renewals\n", "3:6", "schedule \"a\" must be a mapping, not"),
            BadFile("version: 1\nschedules:\n  a: {every: 5m}\n", "3:3", "which job", "renewals, retention-purge"),
            BadFile("version: 1\nschedules:\n  a: {job: renewals}\n", "3:3", "does not say when it is due", "cron:"),
            BadFile(
                "version: 1\nschedules:\n  a: {job: renewal, every: 5m}\n",
                "3:12",
                "there is no job \"renewal\"",
                "did you mean \"renewals\"? the jobs are: renewals, retention-purge"
            ),
            BadFile(
                "version: 1\nschedules:\n  a: {job: retention-purge, every: 5m}\n",
                "3:3",
                "needs the parameter \"table\", a text"
            ),
            BadFile(
                "version: 1\nschedules:\n  a: {job: renewals, cron: \"@daily\"}\n",
                "3:3",
                "no time_zone",
                "add time_zone: Asia/Phnom_Penh"
            ),
            BadFile(
                "version: 1\nschedules:\n  a: {job: renewals, every: 5m, jitter: 5m}\n",
                "3:41",
                "jitter 5m is not shorter than every 5m"
            ),
            BadFile(
                "version: 1\nschedules:\n  a: {job: renewals, every: 5m, dst: {missing: skip, repeated: both}}\n",
                "3:33",
                "dst is for cron expressions"
            ),
            BadFile(
                "version: 1\nschedules:\n  a: {job: renewals, once: 2026-01-31}\n",
                "3:28",
                "an instant with its offset, not \"2026-01-31\""
            ),
            BadFile("version: 1\nschedules:\n  a: {}\n  a: {}\n", "4:3", "\"a\" stands twice", "first in line 3"),
        ]
    )
    func file(row: BadFile) {
        expect(row, of: row.text)
    }

    @Test(
        "A bad cron expression or zone is reported where it stands",
        arguments: [
            BadFile("cron: \"60 0 * * *\"\n    time_zone: UTC", "5:12", "\"60 0 * * *\" is not a cron expression"),
            BadFile("cron: 5 24 * * *\n    time_zone: UTC", "5:13", "\"5 24 * * *\" is not a cron expression"),
            BadFile("cron: \"0 0 30 2 *\"\n    time_zone: UTC", "5:16", "never fires"),
            BadFile("cron: * * * * *\n    time_zone: UTC", "5:12", "not YAML", "in quotes"),
            BadFile("cron: \"@daily\"\n    time_zone: Asia/Phnom_Pehn", "6:16", "no time zone \"Asia/Phnom_Pehn\""),
        ]
    )
    func timing(row: BadFile) {
        expect(row, of: "version: 1\nschedules:\n  renewals:\n    job: renewals\n    \(row.text)\n")
    }

    @Test("All problems of a file are told at once, in order")
    func all() {
        let problems = ScheduleFileSupport.problems(
            of: """
                versoin: 1
                schedules:
                  a:
                    job: nothing
                    cron: "60 0 * * *"
                    time_zone: Mars/Base
                    misfire: { policy: never, within: x }
                  b:
                    every: 0s
                    parameters: 5
                """
        )
        #expect(problems.map(\.line) == [1, 4, 5, 6, 7, 7, 8, 9, 10], "\(ScheduleProblems(problems))")
    }

    @Test("A problem prints like a compiler's, with the remedy after a semicolon")
    func format() {
        let problems = ScheduleFileSupport.problems(of: "version: 3\nschedules: {}\n")
        #expect(
            problems.map(\.description) == [
                "billing.yaml:1:10: version must be 1, not \"3\"; this Bursar reads version: 1 only"
            ]
        )
    }

    private func expect(_ row: BadFile, of text: String) {
        let problems = ScheduleFileSupport.problems(of: text)
        #expect(problems.count == 1, "\(problems)")
        guard let problem = problems.first else { return }
        #expect("\(problem.line):\(problem.column)" == row.place, "\(problem)")
        for words in row.words {
            #expect(problem.description.contains(words), "\(problem)")
        }
    }
}
