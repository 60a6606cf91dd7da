import ArgumentParser
import Billing

/// What is purged, and what was.
struct RetentionCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "retention",
        abstract: "What is purged: plan it, apply exactly that, and see what was.",
        subcommands: [Plan.self, Apply.self, Receipts.self]
    )

    /// What would go, as a proposal with an id.
    struct Plan: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "plan",
            abstract: "Propose a purge: counts, oldest and newest, per tenant, held back. Nothing goes.",
            discussion:
                "Exit code 0 where nothing may go, 75 where the plan waits for `bursar retention apply`."
        )

        @Option(help: "Only this table.") var table: String?
        @OptionGroup var options: GlobalOptions

        private struct Answer: Decodable {
            let proposal: Int64
            let state: String
            let why: String
            let count: Int64
            let items: [Item]
            let observed: [Observed]
        }

        private struct Observed: Decodable {
            let table: String
            let until: String
            let count: Int64
            let held: Int64

            var text: String {
                "\(table) is only counted until \(until): a purge would take \(count) rows"
                    + (held > 0 ? ", and \(held) are held" : "")
            }
        }

        private struct Item: Decodable {
            let table: String
            let policy: String
            let cutoff: String
            let count: Int64
            let held: Int64
            let total: Int64
            let oldest: String?
            let newest: String?
            let perTenant: [String: Int64]
        }

        func run() async throws {
            let settings = try options.settings()
            let door = SocketRunDoor(client: OperatorClient(settings))
            let wish = RunWish(
                job: "retention-purge",
                parameters: ["plan=true"] + (table.map { ["table=\($0)"] } ?? []),
                tenant: nil,
                asOf: nil,
                dryRun: false,
                reason: "a plan was asked for"
            )
            _ = try wish.request(.shipped)
            let run = try await door.ask(wish).run
            var facts = try await door.look(run)
            while !facts.hasEnded, facts.state != "needs_approval" {
                // Waiting: the run is the daemon's, and it is asked again and again.
                try await Task.sleep(for: .milliseconds(200))
                facts = try await door.look(run)
            }
            guard facts.state != "dead" else {
                throw CommandFailure(.finding, "run \(run) is dead: \(facts.outcome ?? "nothing to say")")
            }
            try await BusinessCall(options: options).perform("retention.proposal", ["run": .whole(Int(run))]) {
                (answer: Answer) in Self.text(answer)
            }
            if facts.state == "needs_approval" { throw ExitCode(ExitStatus.tryAgain.rawValue) }
        }

        private static func text(_ answer: Answer) -> String {
            let observed = answer.observed.map(\.text).joined(separator: "\n")
            guard !answer.items.isEmpty else {
                return observed.isEmpty
                    ? "nothing is past its cutoff" : "nothing is past its cutoff that may go yet\n\(observed)"
            }
            var table = TextTable(["TABLE", "ROWS", "OF", "HELD", "CUTOFF", "OLDEST", "NEWEST", "PER TENANT", "POLICY"])
            for item in answer.items {
                let tenants = item.perTenant.sorted { $0.key < $1.key }.map {
                    "\($0.key == "0" ? "none" : $0.key): \($0.value)"
                }
                table.add([
                    item.table, "\(item.count)", "\(item.total)", "\(item.held)", item.cutoff, item.oldest ?? "-",
                    item.newest ?? "-", tenants.joined(separator: ", "), String(item.policy.prefix(12)),
                ])
            }
            let next =
                answer.state == "open" ? "\napply it with: bursar retention apply \(answer.proposal) --reason TEXT" : ""
            return "plan \(answer.proposal), \(answer.state): \(answer.why)\n\(table.text)\(next)"
                + (observed.isEmpty ? "" : "\n\(observed)")
        }
    }

    /// Exactly what was planned.
    struct Apply: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "apply",
            abstract: "Purge exactly what a plan proposes.",
            discussion: """
                Nothing goes where the rows that are there now are more than a tenth more or fewer, or where the policy is \
                another one.
                """
        )

        @Argument(help: "The plan.") var proposal: Int
        @OptionGroup var reason: ReasonOption
        @OptionGroup var options: GlobalOptions

        private struct Answer: Decodable {
            let run: Int64
        }

        func run() async throws {
            let body: [String: ContractValue] = ["proposal": .whole(proposal), "reason": reason.value]
            try await BusinessCall(options: options).perform("retention.apply", body) { (answer: Answer) in
                "run \(answer.run) goes on; see it with: bursar runs show \(answer.run)"
            }
        }
    }

    /// What was purged.
    struct Receipts: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "receipts",
            abstract: "What was purged, by run and table, newest first."
        )

        @Option(name: .customLong("run"), help: "Only of this run.") var ofRun: Int?
        @Option(help: "Only of this table.") var table: String?
        @OptionGroup var options: GlobalOptions

        private struct Row: Decodable {
            let run: Int64
            let table: String
            let policy: String
            let cutoff: String
            let batches: Int64
            let rows: Int64
            let lastAt: String
            /// Of tenants whose rows went by another cutoff.
            let ownCutoffs: [String: String]?
        }

        func run() async throws {
            let body: [String: ContractValue] = ["run": .whole(ofRun), "table": .text(table)]
            try await BusinessCall(options: options).perform("retention.receipts", body) { (rows: [Row]) in
                var table = TextTable(["RUN", "TABLE", "ROWS", "BATCHES", "CUTOFF", "TENANTS' OWN", "LAST", "POLICY"])
                for row in rows {
                    let own = (row.ownCutoffs ?? [:]).sorted { $0.key < $1.key }.map { "\($0.key): \($0.value)" }
                    table.add([
                        "\(row.run)", row.table, "\(row.rows)", "\(row.batches)", row.cutoff,
                        own.isEmpty ? "-" : own.joined(separator: ", "), row.lastAt, String(row.policy.prefix(12)),
                    ])
                }
                return table.text
            }
        }
    }
}
