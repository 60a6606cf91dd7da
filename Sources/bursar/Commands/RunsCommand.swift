import ArgumentParser
import FoundationEssentials
import JobKit

/// What happened, and what waits for a person.
struct RunsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "runs",
        abstract: "See runs, end them, try them again, let them go on.",
        subcommands: [List.self, Show.self, Cancel.self, Retry.self, Approve.self]
    )

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "The newest runs, those that can still change first.")
        @OptionGroup var options: GlobalOptions
        @Option(help: "Only this job.") var job: String?
        @Option(help: "Only this state, such as needs_approval or dead.") var state: String?
        @Option(help: "At most so many.") var limit = 30

        func run() async throws {
            let answer = try await RunsCommand.send(
                "runs.list",
                RunListWish(job: job, state: state, limit: limit),
                options
            )
            if options.json { return Answer.show(answer, json: true) }
            var table = TextTable(["run", "job", "state", "attempts", "asked by", "totals", "outcome"])
            for run in try JSONDecoder().decode([Line].self, from: Data(answer)) {
                table.add([
                    "\(run.id)", run.job, run.state, "\(run.attempts)", run.requested_by, "\(run.checkpoint.totals)",
                    run.outcome ?? "",
                ])
            }
            Terminal.print(table.text)
        }

        private struct Line: Decodable {
            let id: Int64
            let job: String
            let state: String
            let attempts: Int
            let requested_by: String
            let outcome: String?
            let checkpoint: Checkpoint
        }
    }

    struct Show: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "A run with its attempts, what was said in them, its checkpoint and proposal."
        )
        @OptionGroup var options: GlobalOptions
        @Argument(help: "The run's number.") var run: Int64

        func run() async throws {
            let answer = try await RunsCommand.send("runs.show", RunReference(run: run), options)
            guard answer != Array("null".utf8) else {
                throw CommandFailure(.badData, "there is no run \(run)", remedy: "list the runs with: bursar runs list")
            }
            guard !options.json, let tree = JSONTree(answer) else { return Answer.show(answer, json: options.json) }
            Terminal.print(RunText.text(of: tree))
        }
    }

    struct Cancel: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "End a run: one that waits at once, one that runs after its chunk."
        )
        @OptionGroup var options: GlobalOptions
        @Argument(help: "The run's number.") var run: Int64
        @Option(help: "Why, for the record.") var reason: String?

        func run() async throws {
            let wish = RunReference(run: run, reason: reason)
            Answer.show(try await RunsCommand.send("runs.cancel", wish, options), json: options.json)
        }
    }

    struct Retry: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Try again now: a run that waits for its retry, or new runs for those that died.",
            discussion: """
                With --job all of a job's dead runs are meant that were not tried again yet: first it shows how many and \
                why they died, and with --yes and that number it does it, all or none.
                """
        )
        @OptionGroup var options: GlobalOptions
        @Argument(help: "The run's number.") var run: Int64?
        @Option(help: "All runs of this job that ended so.") var job: String?
        @Option(help: "With --job: dead or cancelled.") var state = "dead"
        @Option(help: "With --job: at most so many, the newest.") var limit = 1_000
        @Option(help: ArgumentHelp("With --job: do it, to as many as the plan showed.", valueName: "n")) var yes: Int?
        @Option(help: "Why, for the record.") var reason: String?

        func validate() throws {
            guard (run == nil) != (job == nil) else { throw ValidationError("give either a run's number or --job") }
            guard yes == nil || reason != nil else { throw ValidationError("many at once need a --reason") }
        }

        func run() async throws {
            guard let run else { return try await many() }
            let wish = RunReference(run: run, reason: reason)
            Answer.show(try await RunsCommand.send("runs.retry", wish, options), json: options.json)
        }

        private func many() async throws {
            var wish = RetryWish(job: job ?? "", state: state, limit: limit, reason: reason)
            guard let yes else {
                let plan = try await RunsCommand.send("runs.retry_plan", wish, options)
                Answer.show(plan, json: options.json)
                return
            }
            wish.planned = yes
            Answer.show(try await RunsCommand.send("runs.retry_all", wish, options), json: options.json)
        }
    }

    struct Approve: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Let a run that stopped over its limit apply the items of its proposal, and nothing else."
        )
        @OptionGroup var options: GlobalOptions
        @Argument(help: "The run's number.") var run: Int64
        @Option(help: "Why, for the record.") var reason: String

        func run() async throws {
            let wish = RunReference(run: run, reason: reason)
            Answer.show(try await RunsCommand.send("runs.approve", wish, options), json: options.json)
        }
    }

    private static func send(
        _ command: String,
        _ body: some Encodable,
        _ options: GlobalOptions
    ) async throws -> [UInt8] {
        let settings = try options.settings(needsDatabase: false)
        return try await OperatorClient(settings).perform(command, Array(JSON.text(of: body).utf8))
    }
}
