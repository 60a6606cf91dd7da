import ArgumentParser
import FoundationEssentials

/// What is wrong, and since when.
struct AlarmsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "alarms",
        abstract: "The alarms that are raised.",
        subcommands: [List.self, Clear.self],
        defaultSubcommand: List.self
    )

    /// One line an alarm, the newest first.
    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "List the alarms, the newest first.")
        @OptionGroup var options: GlobalOptions
        @Flag(help: "Those that were cleared too.") var cleared = false

        func run() async throws {
            let settings = try options.settings(needsDatabase: false)
            let body = Array(JSON.text(of: AlarmListWish(cleared: cleared)).utf8)
            let answer = try await OperatorClient(settings).perform("alarms.list", body)
            if options.json { return Answer.show(answer, json: true) }
            let alarms = try JSONDecoder().decode([Line].self, from: Data(answer))
            guard !alarms.isEmpty else { return Terminal.print("none") }
            var table = TextTable(["since", "severity", "alarm", "cleared", "evidence"])
            for alarm in alarms {
                table.add([alarm.since, alarm.severity, alarm.key, alarm.cleared_at ?? "", alarm.evidence.words])
            }
            Terminal.print(table.text)
        }

        private struct Line: Decodable {
            let since: String
            let severity: String
            let key: String
            let cleared_at: String?
            let evidence: JSONTree
        }
    }

    /// For alarms that nothing else clears.
    struct Clear: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Clear an alarm that somebody has taken note of; one that still holds is raised again."
        )
        @OptionGroup var options: GlobalOptions
        @Argument(help: "The alarm, as the list shows it.") var alarm: String
        @Option(help: ArgumentHelp("Why, for the record.", valueName: "text")) var reason: String

        func run() async throws {
            let settings = try options.settings(needsDatabase: false)
            let body = Array(JSON.text(of: AlarmClearWish(alarm: alarm, reason: reason)).utf8)
            Answer.show(try await OperatorClient(settings).perform("alarms.clear", body), json: options.json)
        }
    }
}

extension JSONTree {
    /// An object's members in one line: `count 3, schedule tick`.
    fileprivate var words: String {
        switch self {
        case .object(let members):
            members.sorted { $0.key < $1.key }.filter { $0.value != .null }
                .map { "\($0.key) \($0.value.words)" }.joined(separator: ", ")
        case .list(let elements): "[\(elements.map(\.words).joined(separator: "; "))]"
        default: lines().joined()
        }
    }
}
