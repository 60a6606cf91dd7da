import ArgumentParser
import CivilTime
import Engine
import Schedules

/// What the schedule files declare, and when it is due.
struct SchedulesCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "schedules",
        abstract: "Look at schedules, pause one, answer for missed fires.",
        subcommands: [List.self, Next.self, Pause.self, Resume.self, Asked.self, Decide.self]
    )

    /// One line a schedule.
    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "list",
            abstract: "List the schedules of the files, with the next fire of each."
        )

        @OptionGroup var options: GlobalOptions

        private struct Entry: Encodable {
            let name: String
            let job: String
            let when: String
            let timeZone: String
            let active: Bool
            let next: String?
            let nextLocal: String?
            let description: String?
        }

        func run() async throws {
            let settings = try options.settings(needsDatabase: false)
            let now = Instant.now
            let entries = try SchedulesCommand.load(settings).schedules.map { schedule in
                let isActive = schedule.isActive(in: settings.environment)
                let next = isActive ? schedule.nextFire(after: now) : nil
                return Entry(
                    name: schedule.name,
                    job: schedule.job,
                    when: schedule.timing.words,
                    timeZone: schedule.timeZone,
                    active: isActive,
                    next: next?.description,
                    nextLocal: next.map { schedule.zone.localText(at: $0) },
                    description: schedule.description
                )
            }
            options.show(entries) { entries in
                var table = TextTable(["NAME", "JOB", "WHEN", "ZONE", "NEXT"])
                for entry in entries {
                    let next = entry.nextLocal ?? (entry.active ? "never" : "not in \(settings.environment.rawValue)")
                    table.add([entry.name, entry.job, entry.when, entry.timeZone, next])
                }
                return table.text
            }
        }
    }

    /// The next fires, in the schedule's zone and in UTC.
    struct Next: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "next",
            abstract: "Show when schedules are due, in their own zone and in UTC.",
            discussion: "Fires are shown before jitter, whether or not the schedule is enabled here."
        )

        @Argument(help: ArgumentHelp("Names of schedules; all when none is given.", valueName: "name"))
        var names: [String] = []

        @Option(name: .long, help: "How many fires of each.")
        var count = 5

        @Option(
            name: .long,
            help: ArgumentHelp("Count from this instant (RFC 3339); now when not given.", valueName: "t")
        )
        var after: String?

        @OptionGroup var options: GlobalOptions

        private struct Fire: Encodable {
            let schedule: String
            let at: String
            let local: String
        }

        func validate() throws {
            guard (1...1000).contains(count) else { throw ValidationError("--count must be from 1 to 1000") }
        }

        func run() async throws {
            let set = try SchedulesCommand.load(try options.settings(needsDatabase: false))
            let start = try Instant.argument(after, named: "--after") ?? .now
            for name in names where set[name] == nil {
                let known = set.schedules.map(\.name).joined(separator: ", ")
                throw CommandFailure(.badData, "there is no schedule '\(name)'", remedy: "one of: \(known)")
            }
            let chosen = names.isEmpty ? set.schedules : names.compactMap { set[$0] }
            let fires = chosen.flatMap { schedule in
                schedule.fires(after: start, count: count).map { fire in
                    Fire(schedule: schedule.name, at: fire.description, local: schedule.zone.localText(at: fire))
                }
            }
            options.show(fires) { fires in
                var table = TextTable(["SCHEDULE", "LOCAL", "UTC"])
                for fire in fires { table.add([fire.schedule, fire.local, fire.at]) }
                return table.text
            }
        }
    }

    fileprivate static func load(_ settings: Settings) throws -> ScheduleSet {
        try ScheduleSet.load(paths: [settings.schedules], catalogue: JobRegistry.shipped.catalogue)
    }
}

extension ScheduleTiming {
    /// As the file writes it.
    fileprivate var words: String {
        switch self {
        case .cron(let cron): cron.expression
        case .every(let interval): "every \(interval.scheduleText)"
        case .once(let instant): "once \(instant)"
        }
    }
}
