import ArgumentParser
import CivilTime
import Notices
import Postgres

extension ExplainCommand {
    /// Everything that decides about a notice.
    struct Notice: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "notice",
            abstract: "What it says to whom, every check with its value, the tries, what comes next and why not yet.",
            discussion: "Reads the database and the policy files of this machine, and changes nothing."
        )

        @Argument(help: "The notice's number; bursar notices list shows it.")
        var notice: Int64

        @OptionGroup var options: GlobalOptions

        func run() async throws {
            let settings = try options.settings()
            let policies = try PolicyFiles.load(folder: settings.noticePolicies, today: Zone.utc.localDate(at: .now))
            let told = try await DatabaseSession.transaction(
                settings.database.configuration(for: "explain"),
                settings.database,
                ExplainedNotice.transaction
            ) { transaction in
                try await ExplainedNotice.read(
                    notice,
                    rules: { DeliveryRules(policies.policy(of: $0.tenantRef)) },
                    in: transaction
                )
            }
            guard let told else {
                throw CommandFailure(
                    .badData,
                    "there is no notice \(notice)",
                    remedy: "list them with: bursar notices list"
                )
            }
            options.show(told) { $0.lines.joined(separator: "\n") }
        }
    }
}

extension ExplainedNotice {
    /// For people: what matters first, then what it follows from.
    var lines: [String] {
        let about = invoice.map { "invoice \($0)" } ?? "an event"
        var lines = [
            "\(category)\(step.map { " (step \($0))" } ?? "") to \(tenant) by \(channel), about \(about)",
            "state: \(state)\(reason.map { ", \($0)" } ?? "")\(supersededBy.map { " (\($0))" } ?? "")",
            "planned for \(plannedFor), worth saying until \(validUntil)",
            "next: \(nextStep)",
        ]
        if let policy { lines.append("by policy \(policy); ladder: \(ladder.joined(separator: ", "))") }
        if !checks.isEmpty {
            var table = TextTable(["CHECK", "", "FOUND"])
            for check in checks { table.add([check.name, check.passed ? "passed" : "NO", check.found]) }
            lines += ["", "WHAT IS LOOKED AT", table.text]
        }
        if let message {
            lines += [
                "", "MESSAGE \(message.id) <\(message.messageId)>: \(message.state), says \(message.notices) notices",
            ]
            if let template = message.template { lines.append("template \(template), \(message.locale ?? "-")") }
        }
        if !attempts.isEmpty {
            var table = TextTable(["TRY", "AT", "BY", "OUTCOME", "PHASE", "REPLY"])
            for attempt in attempts {
                table.add([
                    "\(attempt.attempt)", attempt.startedAt, attempt.transport, attempt.outcome, attempt.phase,
                    attempt.reply ?? "-",
                ])
            }
            lines += ["", "TRIES", table.text]
        }
        if !others.isEmpty {
            lines += ["", "ON OTHER CHANNELS"]
            lines += others.map { "\($0.channel): \($0.state)\($0.reason.map { ", \($0)" } ?? "") (notice \($0.id))" }
        }
        return lines
    }
}
