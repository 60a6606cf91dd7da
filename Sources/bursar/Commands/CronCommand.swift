import ArgumentParser
import CivilTime
import Schedules

/// Cron expressions, asked directly.
struct CronCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "cron",
        abstract: "Ask cron expressions.",
        subcommands: [Next.self]
    )

    /// The next fires of an expression.
    struct Next: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "next",
            abstract: "Show when a cron expression is due.",
            discussion: """
                With --jsonl one question a line comes from standard input, {"expr", "zone", "after"}, and one answer \
                a line goes out in the same order: {"fires": [8 instants in UTC]} or {"error": …}.
                """
        )

        @Argument(help: ArgumentHelp("The expression, in quotes.", valueName: "expr"))
        var expression: String?

        @Option(name: .long, help: "The time zone.")
        var zone = "UTC"

        @Option(
            name: .long,
            help: ArgumentHelp("Count from this instant (RFC 3339); now when not given.", valueName: "t")
        )
        var after: String?

        @Option(name: .long, help: "How many fires.")
        var count = 5

        @Flag(name: .long, help: "Answer the questions on standard input.")
        var jsonl = false

        @OptionGroup var options: GlobalOptions

        private struct Answer: Encodable {
            let fires: [String]
        }

        func validate() throws {
            guard jsonl == (expression == nil) else {
                throw ValidationError(jsonl ? "--jsonl takes no expression" : "give an expression, or --jsonl")
            }
            guard (1...100_000).contains(count) else { throw ValidationError("--count must be from 1 to 100000") }
        }

        func run() async throws {
            guard let expression else { return answerLines() }
            let cron = try Cron(parsing: expression)
            let zone = try Zone(named: zone)
            let start = try Instant.argument(after, named: "--after") ?? .now
            let fires = cron.fires(after: start, in: zone, count: count)
            options.show(Answer(fires: fires.map(\.description))) { _ in
                var table = TextTable(["LOCAL", "UTC"])
                for fire in fires { table.add([zone.localText(at: fire), fire.description]) }
                return table.text
            }
        }

        private func answerLines() {
            var answers = ""
            while let line = readLine() {
                answers += cronNextJSONLine(line) + "\n"
                guard answers.utf8.count > 60_000 else { continue }
                Terminal.write(answers, to: 1)
                answers = ""
            }
            Terminal.write(answers, to: 1)
        }
    }
}
