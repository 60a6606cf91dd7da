import ArgumentParser
import Billing
import Monetary

/// Payments: the QRs that were shown, what came of them, and what a person records by hand.
struct PaymentsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "payments",
        abstract: "What was asked for, what came, and what is recorded by hand.",
        subcommands: [
            List.self, Show.self, Present.self, Record.self, Refund.self, Release.self, Credit.self, Accounts.self,
            Account.self,
        ],
        defaultSubcommand: List.self
    )

    /// One line an attempt.
    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "list",
            abstract: "List the QRs and other attempts, newest first, with what was paid."
        )

        @Option(name: .long, help: "Only those of this tenant: id or ref.")
        var tenant: String?

        @Option(name: .long, help: "Only those of this invoice: number or id.")
        var invoice: String?

        @Option(name: .long, help: "Only those in this state, such as presented, confirmed or mismatched.")
        var state: String?

        @Option(name: .long, help: "Only those before this id: the next page.")
        var before: Int?

        @Option(name: .long, help: "How many at most.")
        var limit = 50

        @OptionGroup var options: GlobalOptions

        private struct Entry: Decodable {
            let id: Int64
            let invoiceNumber: String
            let state: String
            let paymentState: String
            let currency: String
            let amount: Int64
            let account: String
            let payment: Int64?
            let paid: Int64?
        }

        func run() async throws {
            let body: [String: ContractValue] = [
                "tenant": .text(tenant), "invoice": .text(invoice), "state": .text(state), "before": .whole(before),
                "limit": .whole(limit),
            ]
            try await BusinessCall(options: options).perform("payments.list", body) { (entries: [Entry]) in
                var table = TextTable([
                    "ATTEMPT", "INVOICE", "ACCOUNT", "ASKED", "STATE", "PAYMENT", "PAID", "OF THE INVOICE",
                ])
                for entry in entries {
                    table.add([
                        "\(entry.id)", entry.invoiceNumber, entry.account, amountText(entry.amount, entry.currency),
                        entry.state,
                        entry.payment.map { "\($0)" } ?? "-", entry.paid.map { amountText($0, entry.currency) } ?? "-",
                        entry.paymentState,
                    ])
                }
                return table.text
            }
        }
    }

    /// One attempt with all that happened to it.
    struct Show: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "show",
            abstract: "Show an attempt: its QR, every change of state, and who has seen its money."
        )

        @Argument(help: "The attempt's number.")
        var attempt: Int

        @OptionGroup var options: GlobalOptions

        private struct Entry: Decodable {
            let id: Int64
            let invoiceNumber: String
            let state: String
            let paymentState: String
            let currency: String
            let amount: Int64
            let account: String
            let md5: String?
            let expiresAt: String?
            let events: [Event]
            let seen: [Seen]

            struct Event: Decodable {
                let machine: String
                let from: String
                let to: String
                let cause: String
                let source: String
                let actor: String
                let at: String
            }

            struct Seen: Decodable {
                let payment: Int64
                let role: String
                let result: String
                let source: String
                let key: String
                let amount: Int64
                let currency: String
                let at: String
            }
        }

        func run() async throws {
            try await BusinessCall(options: options).perform("payments.show", ["attempt": .whole(attempt)]) {
                (entry: Entry) in
                var lines = [
                    "attempt \(entry.id) of invoice \(entry.invoiceNumber): \(entry.state), the invoice's payment is \(entry.paymentState)",
                    "asked for \(amountText(entry.amount, entry.currency)) on \(entry.account)"
                        + (entry.expiresAt.map { ", until \($0)" } ?? ""),
                ]
                if let md5 = entry.md5 { lines.append("md5 \(md5)") }
                var events = TextTable(["WHEN", "OF", "FROM", "TO", "WHY", "TOLD BY", "BY"])
                for event in entry.events {
                    events.add([event.at, event.machine, event.from, event.to, event.cause, event.source, event.actor])
                }
                var seen = TextTable(["PAYMENT", "WHEN", "AMOUNT", "ROLE", "RESULT", "SEEN BY", "KEY"])
                for money in entry.seen {
                    seen.add([
                        "\(money.payment)", money.at, amountText(money.amount, money.currency), money.role,
                        money.result,
                        money.source, money.key,
                    ])
                }
                lines += ["", events.text]
                if !entry.seen.isEmpty { lines += ["", seen.text] }
                return lines.joined(separator: "\n")
            }
        }
    }
}
