import ArgumentParser
import Engine
import FoundationEssentials
import Schedules

/// Whom jobs call, and what keeps calls back.
struct ProvidersCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "providers",
        abstract: "See and limit the providers that jobs call.",
        subcommands: [List.self, Set.self, Close.self],
        defaultSubcommand: List.self
    )

    /// One line a provider.
    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "List the providers with their limits and whether their circuit is open."
        )
        @OptionGroup var options: GlobalOptions

        func run() async throws {
            let settings = try options.settings(needsDatabase: false)
            let answer = try await OperatorClient(settings).perform("providers.list")
            if options.json { return Answer.show(answer, json: true) }
            let providers = try JSONDecoder().decode([Line].self, from: Data(answer))
            guard !providers.isEmpty else { return Terminal.print("none") }
            var table = TextTable([
                "provider", "circuit", "until", "calls/s", "burst", "calls/day", "today", "runs at once", "running",
                "opens after", "rests", "jobs", "last error",
            ])
            for line in providers { table.add(line.cells) }
            Terminal.print(table.text)
        }

        private struct Line: Decodable {
            let name: String
            let circuit: String
            let open_until: String?
            let asked_to_wait_until: String?
            let rate: Double?
            let burst: Double
            let per_day: Int?
            let calls_in_day: Int?
            let at_once: Int?
            let running: Int
            let trip_after: Int
            let rest_seconds: Double
            let jobs: [String]
            let last_error: String?

            var cells: [String] {
                let until = circuit == "closed" ? "" : open_until ?? asked_to_wait_until ?? ""
                return [
                    name, circuit, until, rate.map { "\($0)" } ?? "any", "\(burst)",
                    per_day.map { "\($0)" } ?? "any", per_day == nil ? "" : "\(calls_in_day ?? 0)",
                    at_once.map { "\($0)" } ?? "any", "\(running)", "\(trip_after) failures", "\(rest_seconds) s",
                    jobs.joined(separator: " "),
                    last_error ?? "",
                ]
            }
        }
    }

    /// Limits, for every node from the next call on.
    struct Set: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Set limits of a provider; what is left out stays as it is.",
            discussion:
                "`none` takes a limit away. They hold for every node from the next call on, and through restarts."
        )
        @OptionGroup var options: GlobalOptions
        @Argument(help: "The provider, as the list shows it.") var provider: String
        @Option(help: ArgumentHelp("Calls a second over all nodes, or none.", valueName: "n")) var rate: String?
        @Option(help: ArgumentHelp("Calls that may be saved up, 1 or more.", valueName: "n")) var burst: Double?
        @Option(help: ArgumentHelp("Calls a day over all nodes, or none.", valueName: "n")) var perDay: String?
        @Option(help: ArgumentHelp("Runs that may use it at the same time, or none.", valueName: "n")) var atOnce:
            String?
        @Option(help: ArgumentHelp("Failures in a row that open its circuit.", valueName: "n")) var openAfter: Int?
        @Option(help: ArgumentHelp("How long an open circuit rests, such as 60s or 5m.", valueName: "time")) var rest:
            String?
        @Option(help: ArgumentHelp("Why, for the record.", valueName: "text")) var reason: String

        func run() async throws {
            let wish = ProviderWish(provider: provider, settings: try limits(), reason: reason)
            try await ProvidersCommand.send("providers.set", wish, options)
        }

        private func limits() throws -> ProviderDesk.Settings {
            var limits = ProviderDesk.Settings()
            limits.liftsRate = rate == "none" ? true : nil
            limits.rate = try Self.number(rate, "--rate") { Double($0).flatMap { $0 > 0 && $0.isFinite ? $0 : nil } }
            limits.liftsPerDay = perDay == "none" ? true : nil
            limits.perDay = try Self.number(perDay, "--per-day") {
                Int($0).flatMap { 1...100_000_000 ~= $0 ? $0 : nil }
            }
            limits.liftsAtOnce = atOnce == "none" ? true : nil
            limits.atOnce = try Self.number(atOnce, "--at-once") { Int($0).flatMap { 1...1_000_000 ~= $0 ? $0 : nil } }
            limits.burst = try burst.map { try Self.checked($0 >= 1 && $0.isFinite, $0, "--burst", "1 or more") }
            limits.tripAfter = try openAfter.map {
                try Self.checked(1...1_000_000 ~= $0, $0, "--open-after", "1 or more")
            }
            limits.rest = try rest.map { text in
                guard let length = try? Duration(scheduleText: text), length > .zero else {
                    throw CommandFailure(.usage, "--rest \(text) is no length of time", remedy: "write it as 60s or 5m")
                }
                return "\(length.components.seconds) seconds"
            }
            guard !limits.isEmpty else {
                throw CommandFailure(
                    .usage,
                    "nothing is set",
                    remedy: "pass --rate, --burst, --per-day, --at-once, --open-after or --rest"
                )
            }
            return limits
        }

        private static func number<Value>(
            _ text: String?,
            _ option: String,
            _ read: (String) -> Value?
        ) throws -> Value? {
            guard let text, text != "none" else { return nil }
            guard let value = read(text) else {
                throw CommandFailure(.usage, "\(option) \(text) is no limit", remedy: "write a number above 0, or none")
            }
            return value
        }

        private static func checked<Value>(
            _ isRight: Bool,
            _ value: Value,
            _ option: String,
            _ range: String
        ) throws -> Value {
            guard isRight else { throw CommandFailure(.usage, "\(option) \(value) is not \(range)") }
            return value
        }
    }

    /// For a provider that is known to be well.
    struct Close: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Close the circuit of a provider that is well again, before it has rested."
        )
        @OptionGroup var options: GlobalOptions
        @Argument(help: "The provider, as the list shows it.") var provider: String
        @Option(help: ArgumentHelp("Why, for the record.", valueName: "text")) var reason: String

        func run() async throws {
            let wish = ProviderWish(provider: provider, reason: reason)
            try await ProvidersCommand.send("providers.close", wish, options)
        }
    }

    private static func send(_ command: String, _ wish: some Encodable, _ options: GlobalOptions) async throws {
        let settings = try options.settings(needsDatabase: false)
        let answer = try await OperatorClient(settings).perform(command, Array(JSON.text(of: wish).utf8))
        Answer.show(answer, json: options.json)
    }
}
