import ArgumentParser
import Payments
import Postgres

extension ExplainCommand {
    /// Everything that decides whether an invoice is paid.
    struct Invoice: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "invoice",
            abstract: "What is open, what took off it, which QRs were shown and what was found, and what comes next.",
            discussion: "Reads the database directly and changes nothing."
        )

        @Argument(help: "The invoice: its number or its id.")
        var invoice: String

        @OptionGroup var options: GlobalOptions

        func run() async throws {
            let settings = try options.settings()
            let told = try await DatabaseSession.transaction(
                settings.database.configuration(for: "explain"),
                settings.database,
                ExplainedInvoice.transaction
            ) { try await ExplainedInvoice.read(invoice, in: $0) }
            options.show(told) { $0.lines.joined(separator: "\n") }
        }
    }
}

extension ExplainedInvoice {
    /// For people: what matters first, then what it follows from.
    var lines: [String] {
        var lines = [
            "invoice \(number) of \(tenant), subscription \(subscription) (\(subscriptionState))",
            "open: \(amountText(openAmount, currency)) of \(amountText(total, currency))"
                + (isOverdue ? ", overdue since \(dueDate)" : ", due \(dueDate)") + ", payment grace until \(graceEnd)",
            "payment: \(payment ?? "nobody was asked to pay yet")",
            "next:",
        ]
        lines += nextSteps.map { "  \($0)" }
        if credit != 0 { lines.append("credit of the tenant: \(amountText(credit, currency))") }
        lines += ["", "WHAT TOOK OFF IT", allocationTable, "", "WHO WAS ASKED", attemptTable]
        return lines
    }

    private var allocationTable: String {
        guard !allocations.isEmpty else { return "nothing" }
        var table = TextTable(["WHEN", "WHAT", "AMOUNT", "SEEN BY", "BY"])
        for part in allocations {
            table.add([part.at, part.kind, amountText(part.amount, currency), part.source ?? "-", part.actor])
        }
        return table.text
    }

    private var attemptTable: String {
        guard !attempts.isEmpty else { return "nobody" }
        var table = TextTable([
            "ATTEMPT", "ACCOUNT", "ASKED", "STATE", "SHOWN", "UNTIL", "NEXT LOOKUP", "BANK DATA UP TO",
        ])
        for attempt in attempts {
            table.add([
                "\(attempt.id)", attempt.account, amountText(attempt.amount, currency), attempt.state,
                attempt.presentedAt ?? "-",
                attempt.expiresAt ?? "-", attempt.nextLookup ?? "-", attempt.watermark ?? "-",
            ])
        }
        return table.text
    }
}
