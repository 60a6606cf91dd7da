import ArgumentParser
import CivilTime
import FoundationEssentials

extension SchedulesCommand {
    /// Stops one schedule.
    struct Pause: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Stop a schedule from firing until it is resumed.",
            discussion: """
                Runs that have not begun are held; those that have begun go on. What is due meanwhile is never caught up.
                """
        )
        @OptionGroup var options: GlobalOptions
        @Argument(help: "The schedule.") var name: String
        @Option(help: ArgumentHelp("Why, for the record.", valueName: "text")) var reason: String

        func run() async throws {
            try await SchedulesCommand.send("schedules.pause", ScheduleWish(schedule: name, reason: reason), options)
        }
    }

    /// Lets it go on.
    struct Resume: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Let a paused schedule fire again, from now on.")
        @OptionGroup var options: GlobalOptions
        @Argument(help: "The schedule.") var name: String
        @Option(help: ArgumentHelp("Why, for the record.", valueName: "text")) var reason: String?

        func run() async throws {
            try await SchedulesCommand.send("schedules.resume", ScheduleWish(schedule: name, reason: reason), options)
        }
    }

    /// Fires that wait for a person.
    struct Asked: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "List the missed fires that wait for an answer: those of schedules whose misfire policy is ask."
        )
        @OptionGroup var options: GlobalOptions

        func run() async throws {
            let settings = try options.settings(needsDatabase: false)
            let answer = try await OperatorClient(settings).perform("schedules.asked")
            if options.json { return Answer.show(answer, json: true) }
            let fires = try JSONDecoder().decode([Line].self, from: Data(answer))
            guard !fires.isEmpty else { return Terminal.print("none") }
            var table = TextTable(["schedule", "job", "fire", "local", "zone"])
            for fire in fires { table.add([fire.schedule, fire.job, fire.fire, fire.local, fire.time_zone]) }
            Terminal.print(table.text)
        }

        private struct Line: Decodable {
            let schedule: String
            let job: String
            let fire: String
            let local: String
            let time_zone: String
        }
    }

    /// A person's word on them.
    struct Decide: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "answer",
            abstract: "Answer missed fires that wait: run them, one after another, or let them go.",
            discussion: "Give --fire once or more, or --all; and --run or --let-go."
        )
        @OptionGroup var options: GlobalOptions
        @Argument(help: "The schedule.") var name: String
        @Option(help: ArgumentHelp("A fire, as `schedules asked` lists it (RFC 3339).", valueName: "t")) var fire:
            [String] = []
        @Flag(help: "All fires of the schedule that wait.") var all = false
        @Flag(help: "They run, oldest first.") var run = false
        @Flag(help: "They make no run.") var letGo = false
        @Option(help: ArgumentHelp("Why, for the record.", valueName: "text")) var reason: String

        func validate() throws {
            guard run != letGo else { throw ValidationError("give either --run or --let-go") }
            guard fire.isEmpty == all else { throw ValidationError("give either --fire or --all") }
        }

        func run() async throws {
            for text in fire { _ = try Instant.argument(text, named: "--fire") }
            let wish = AnswerWish(schedule: name, fires: all ? nil : fire, run: run, reason: reason)
            try await SchedulesCommand.send("schedules.answer", wish, options)
        }
    }

    private static func send(_ command: String, _ wish: some Encodable, _ options: GlobalOptions) async throws {
        let settings = try options.settings(needsDatabase: false)
        let answer = try await OperatorClient(settings).perform(command, Array(JSON.text(of: wish).utf8))
        Answer.show(answer, json: options.json)
    }
}
