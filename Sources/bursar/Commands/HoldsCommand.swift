import ArgumentParser
import Billing
import CivilTime

/// Legal holds: rows that no purge may take.
struct HoldsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "holds",
        abstract: "Legal holds: rows of a tenant, a table or a subject that no purge may take.",
        subcommands: [List.self, Place.self, Release.self],
        defaultSubcommand: List.self
    )

    private struct Answer: Decodable {
        let hold: Int64
    }

    /// One line a hold.
    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "list",
            abstract: "List holds in force, newest first."
        )

        @Flag(help: "Those that are over or released too.") var all = false
        @OptionGroup var options: GlobalOptions

        private struct Row: Decodable {
            let id: Int64
            let tenantId: Int64?
            let table: String?
            let subject: String?
            let reason: String
            let placedBy: String
            let placedAt: String
            let until: String?
            let inForce: Bool
        }

        func run() async throws {
            try await BusinessCall(options: options).perform("holds.list", ["all": .flag(all)]) { (rows: [Row]) in
                var table = TextTable([
                    "ID", "TENANT", "TABLE", "SUBJECT", "SINCE", "UNTIL", "BY", "IN FORCE", "REASON",
                ])
                for row in rows {
                    table.add([
                        "\(row.id)", row.tenantId.map { "\($0)" } ?? "all", row.table ?? "all", row.subject ?? "all",
                        row.placedAt, row.until ?? "-", row.placedBy, row.inForce ? "yes" : "no", row.reason,
                    ])
                }
                return table.text
            }
        }
    }

    /// Rows that must stay.
    struct Place: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "place",
            abstract: "Hold rows back from every purge, from its next batch on.",
            discussion: "Name a tenant, a table, a subject, or several of them: what fits all of them is held."
        )

        @Option(help: "Rows of this tenant: id or ref.") var tenant: String?
        @Option(help: "Rows of this table.") var table: String?
        @Option(
            help: "Rows of this subject: run:7, webhook:7, bakong_call:7, message:7, report:7 or observation:7."
        ) var subject: String?
        @Option(help: ArgumentHelp("When it is over, RFC 3339; never where none is given.", valueName: "instant"))
        var until: String?
        @OptionGroup var reason: ReasonOption
        @OptionGroup var options: GlobalOptions

        /// What no tenant's hold holds.
        private static let beyond = """
            it holds what is known to be the tenant's; bakong_call, attempts of runs for the whole house, and posts and reports \
            that nobody could match belong to no tenant: hold them by table or by subject
            """

        func run() async throws {
            if let until, Instant(until) == nil {
                let remedy = "write it as 2026-03-01T00:00:00+07:00"
                throw CommandFailure(.usage, "\(until) is not an instant", remedy: remedy)
            }
            let body: [String: ContractValue] = [
                "tenant": .text(tenant), "table": .text(table), "subject": .text(subject), "until": .text(until),
                "reason": reason.value,
            ]
            try await BusinessCall(options: options).perform("holds.place", body) { (answer: Answer) in
                "legal hold \(answer.hold)" + (tenant == nil ? "" : "\n\(Self.beyond)")
            }
        }
    }

    /// Rows that may go again.
    struct Release: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "release",
            abstract: "End a legal hold: the next purge goes by what else there is."
        )

        @Argument(help: "The hold.") var hold: Int
        @OptionGroup var reason: ReasonOption
        @OptionGroup var options: GlobalOptions

        func run() async throws {
            let body: [String: ContractValue] = ["hold": .whole(hold), "reason": reason.value]
            try await BusinessCall(options: options).perform("holds.release", body) { (answer: Answer) in
                "legal hold \(answer.hold) is released"
            }
        }
    }
}
