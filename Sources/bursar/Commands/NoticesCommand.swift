import ArgumentParser
import Billing
import CivilTime
import Notices
import Postgres

/// What was said and what will be.
struct NoticesCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "notices",
        abstract: "Notices: who would be told what on a day, what was said, and stopping all of it.",
        subcommands: [List.self, Show.self, Plan.self, Stops.self, Stop.self, Resume.self]
    )

    /// Who would get what.
    struct Plan: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "plan",
            abstract: "Say who would be told what by the end of a day, with totals per channel; nothing is planned.",
            discussion: """
                Reads the database and the policy files of this machine. What is planned already and waits is part of it. \
                Payments that come until then are not foreseen.
                """
        )

        @Option(help: "The day, YYYY-MM-DD, in the issuer's zone; today by default.") var on: String?
        @Option(help: "How many to list; all of them are counted.") var limit = 50
        @OptionGroup var options: GlobalOptions

        func run() async throws {
            let settings = try options.settings()
            let policies = try PolicyFiles.load(folder: settings.noticePolicies, today: Zone.utc.localDate(at: .now))
            let day = try on.map { text in
                guard let day = CivilDate(text) else {
                    throw CommandFailure(.usage, "--on \(text) is no day", remedy: "write it as YYYY-MM-DD")
                }
                return day
            }
            let own = policies.overrides.sorted { $0.key < $1.key }
            let plans =
                [DunningPlan(policies.standard, exceptTenants: own.map(\.key))]
                + own.map { DunningPlan($0.value, onlyTenants: [$0.key]) }
            let forecast = try await DatabaseSession.transaction(
                settings.database.configuration(for: "notices"),
                settings.database,
                ExplainedNotice.transaction
            ) { transaction in
                let today = try await NoticeForecast.today(in: transaction)
                return try await NoticeForecast.read(plans, on: day ?? today, listing: limit, in: transaction)
            }
            options.show(forecast) { $0.text }
        }
    }

    /// What was planned, newest first.
    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "List notices, newest first.")

        @Option(help: "Only of this state, such as planned or unknown.") var state: String?
        @Option(help: "Only of this category, such as final.") var category: String?
        @Option(help: "Only of this channel.") var channel: String?
        @Option(help: "Only of this tenant.") var tenant: String?
        @Option(help: "Only those before this number: the next page.") var before: Int?
        @Option(help: "How many at most.") var limit = 50
        @OptionGroup var options: GlobalOptions

        private struct Entry: Decodable {
            let notice: Int64
            let tenant: String
            let category: String
            let step: String?
            let channel: String
            let invoice: String?
            let state: String
            let reason: String?
            let plannedFor: String
            let message: Int64?
        }

        func run() async throws {
            let body: [String: ContractValue] = [
                "state": .text(state), "category": .text(category), "channel": .text(channel), "tenant": .text(tenant),
                "before": .whole(before), "limit": .whole(limit),
            ]
            try await BusinessCall(options: options).perform("notices.list", body) { (entries: [Entry]) in
                var table = TextTable([
                    "NOTICE", "TENANT", "WHAT", "CHANNEL", "INVOICE", "STATE", "PLANNED FOR", "MESSAGE",
                ])
                for entry in entries {
                    table.add([
                        "\(entry.notice)", entry.tenant,
                        entry.step.map { "\(entry.category) (\($0))" } ?? entry.category,
                        entry.channel, entry.invoice ?? "-",
                        entry.reason.map { "\(entry.state), \($0)" } ?? entry.state, entry.plannedFor,
                        entry.message.map { "\($0)" } ?? "-",
                    ])
                }
                return entries.isEmpty ? "nothing" : table.text
            }
        }
    }

    /// One message.
    struct Show: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Show a message: what it said, its tries, and the notices that it carries."
        )

        @Argument(help: "The message's number.") var message: Int
        @OptionGroup var options: GlobalOptions

        private struct Try: Decodable {
            let attempt: Int
            let transport: String
            let outcome: String
            let phase: String
            let reply: String?
            let startedAt: String
        }

        private struct Shown: Decodable {
            let message: Int64
            let tenant: String
            let channel: String
            let state: String
            let messageId: String
            let template: String?
            let subject: String?
            let text: String?
            let tries: [Try]
        }

        func run() async throws {
            try await BusinessCall(options: options).perform("notices.show", ["message": .whole(message)]) {
                (shown: Shown?) in
                guard let shown else { return "there is no message \(message)" }
                var lines = [
                    "message \(shown.message) <\(shown.messageId)> to \(shown.tenant) by \(shown.channel): \(shown.state)"
                ]
                if let template = shown.template { lines.append("template \(template)") }
                lines += shown.tries.map {
                    "try \($0.attempt) at \($0.startedAt) by \($0.transport): \($0.outcome) (\($0.phase)) \($0.reply ?? "")"
                }
                lines += ["", shown.subject ?? "", shown.text ?? "(what it said is not kept any more)"]
                return lines.joined(separator: "\n")
            }
        }
    }
}

extension NoticesCommand {
    /// What is stopped.
    struct Stops: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "List what is stopped, and by whom.")
        @OptionGroup var options: GlobalOptions

        private struct Entry: Decodable {
            let what: String
            let by: String
            let since: String
            let reason: String
        }

        func run() async throws {
            try await BusinessCall(options: options).perform("notices.stops", [:]) { (entries: [Entry]) in
                var table = TextTable(["WHAT", "SINCE", "BY", "WHY"])
                for entry in entries { table.add([entry.what, entry.since, entry.by, entry.reason]) }
                return entries.isEmpty ? "nothing is stopped" : table.text
            }
        }
    }

    /// The kill switch.
    struct Stop: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Stop all notices, a channel or a category, at once on every node.",
            discussion: "What is stopped is put off; what is not worth saying any more when it goes on is dropped."
        )

        @Argument(help: "all, channel:email, category:courtesy …") var what: String
        @Option(help: "Why, for the record.") var reason: String
        @OptionGroup var options: GlobalOptions

        private struct Done: Decodable { let stopped: Bool }

        func run() async throws {
            try await BusinessCall(options: options).perform(
                "notices.stop",
                ["what": .text(what), "reason": .text(reason)]
            ) { (done: Done) in done.stopped ? "\(what) is stopped" : "\(what) was stopped already" }
        }
    }

    /// The other way.
    struct Resume: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Let go on what was stopped.")

        @Argument(help: "What was stopped, as it was named.") var what: String
        @Option(help: "Why, for the record.") var reason: String
        @OptionGroup var options: GlobalOptions

        private struct Done: Decodable { let resumed: Bool }

        func run() async throws {
            try await BusinessCall(options: options).perform(
                "notices.resume",
                ["what": .text(what), "reason": .text(reason)]
            ) { (_: Done) in "\(what) goes on" }
        }
    }
}

extension NoticeForecast {
    /// For people.
    var text: String {
        var totals = TextTable(["CHANNEL", "NOTICES", "MESSAGES"])
        for total in self.totals { totals.add([total.channel, "\(total.notices)", "\(total.messages)"]) }
        var table = TextTable(["AT", "TENANT", "PAYER", "WHAT", "INVOICE", "CHANNEL", ""])
        for entry in entries {
            table.add([
                entry.at, entry.tenant, entry.payer, entry.step.map { "\(entry.category) (\($0))" } ?? entry.category,
                entry.invoice ?? "-", entry.channel ?? "none", entry.isPlanned ? "planned" : "",
            ])
        }
        if self.totals.isEmpty { return "nobody would be told anything until \(until)" }
        return "until \(until)\n\(totals.text)\n\n\(table.text)"
    }
}
