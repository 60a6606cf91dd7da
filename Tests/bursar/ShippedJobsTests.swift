import Engine
import Foundation
import Schedules
import Testing

@testable import bursar

/// What the program ships about its jobs: the schema for editors, the pages for people.
@Suite("The jobs that ship")
struct ShippedJobsTests {
    private static let root = URL(filePath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

    @Test("The JSON Schema that ships is the one rendered from the keys and the jobs")
    func schema() throws {
        let path = Self.root.appending(path: "schedules/schedule.schema.json").path
        let rendered = ScheduleFileSchema.text(for: JobRegistry.shipped.catalogue)
        if ProcessInfo.processInfo.environment["BURSAR_RENDER"] != nil {
            try rendered.write(toFile: path, atomically: true, encoding: .utf8)
        }
        let shipped = try String(contentsOfFile: path, encoding: .utf8)
        #expect(shipped == rendered, "render it anew: BURSAR_RENDER=1 swift test --filter ShippedJobs")
    }

    @Test("The shipped schedule files pass the check against the jobs")
    func files() throws {
        let folder = Self.root.appending(path: "schedules").path
        #expect(try !ScheduleSet.load(paths: [folder], catalogue: JobRegistry.shipped.catalogue).schedules.isEmpty)
    }

    @Test(
        "A backup by an engine, of a kind or with a file that there is not is refused with file, line and column",
        arguments: [
            ("engine: tape", 27, "dump, pgbackrest"), ("engine: pgbackrest, type: half", 45, "full, diff, incr"),
            ("engine: pgbackrest, config: pgbackrest.conf", 47, "begins with /"),
            ("engine: pgbackrest, stanza: ../main", 47, "file's name"), ("engin: dump", 19, "engin"),
        ]
    )
    func backups(_ parameters: String, _ column: Int, _ words: String) throws {
        let text = """
            version: 1
            schedules:
              physical:
                job: backup
                parameters: { \(parameters) }
                cron: "0 0 * * *"
                time_zone: UTC
                dst: { missing: shift, repeated: first }
                misfire: { policy: once, within: 2d }
                overlap: forbid
                start_within: 1h
                deadline: 6h
                jitter: 0s
                retry: { attempts: 3, initial: 15m, max: 1h, jitter: 0.2 }
                enabled: true
                environments: [production]
            """
        let problems = #expect(throws: ScheduleProblems.self) {
            try ScheduleSet.read(text, file: "backups.yaml", catalogue: JobRegistry.shipped.catalogue)
        }
        let told = problems.map { "\($0)" } ?? ""
        #expect(told.contains("backups.yaml:5:\(column): ") && told.contains(words), "\(told)")
    }

    @Test("The page on commands explains every parameter, and every word that one can have")
    func page() throws {
        let page = try String(contentsOf: Self.root.appending(path: "docs/commands.md"), encoding: .utf8)
        let job = try #require(JobRegistry.shipped.catalogue["command"])
        for field in job.fields { #expect(page.contains("`\(field.name)`"), "docs/commands.md lacks `\(field.name)`") }
        for word in ["success", "transient", "permanent", "snooze", "rate_limited", "other", "retry", "stop"] {
            #expect(page.contains("`\(word)`"), "docs/commands.md lacks `\(word)`")
        }
    }

    @Test(
        "Whatever stands in a crontab, the imported file passes the check, and no line is lost without a word",
        arguments: 0..<300
    )
    func anyCrontab(_ seed: Int) throws {
        var generator = CrontabGenerator(seed: UInt64(seed))
        let (text, wanted) = generator.crontab()
        let crontab = Crontab(
            text,
            file: "any",
            options: Crontab.Options(hasUserColumn: seed % 3 == 0, zone: "Asia/Phnom_Penh")
        )
        let set = try ScheduleSet.read(crontab.scheduleFile, file: "any.yaml", catalogue: JobRegistry.shipped.catalogue)
        #expect(set.schedules.count == crontab.entries.count)
        let told = Set(crontab.entries.map(\.line) + crontab.problems.map(\.line))
        #expect(wanted.isSubset(of: told), "lost: \(wanted.subtracting(told)) of\n\(text)")
    }
}

/// Crontabs of likely and unlikely pieces.
private struct CrontabGenerator: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed &* 0x9E37_79B9_7F4A_7C15 &+ 1 }

    mutating func next() -> UInt64 {
        state ^= state << 13
        state ^= state >> 7
        state ^= state << 17
        return state
    }

    private static let times = [
        "0 5 * * *", "*/5 * * * *", "@daily", "@reboot", "1,2 3-4 L * 5", "61 * * * *", "0 0 31 2 *", "* *",
        "-*/5 * * * *",
    ]
    private static let commands = [
        "/usr/bin/backup", "root /bin/true", "echo \"a\tb\" | wc", "mail%a%b\\%", "", " ", "x'y\u{7F}\u{1}é\u{2028}",
        "{ a: b } # c",
        "yes: no", "- list", "'quoted' \\", "\u{FEFF}bom", "nobody %", "very " + String(repeating: "long ", count: 100),
    ]
    private static let others = [
        "# comment", "", "\t", "A=1", "HOME=/srv", "HOME=x", "MAILTO=a: b", "CRON_TZ=UTC", "SHELL=/bin/bash",
        "B = \"x\\y\"",
    ]

    /// A text, and the lines that ask for a run.
    mutating func crontab() -> (text: String, wanted: Set<Int>) {
        var lines: [String] = []
        var wanted: Set<Int> = []
        for number in 1...Int.random(in: 1...20, using: &self) {
            if Bool.random(using: &self) {
                let time = Self.times.randomElement(using: &self) ?? ""
                lines.append("\(time) \(Self.commands.randomElement(using: &self) ?? "")")
                wanted.insert(number)
            } else {
                lines.append(Self.others.randomElement(using: &self) ?? "")
            }
        }
        return (lines.joined(separator: "\n"), wanted)
    }
}
