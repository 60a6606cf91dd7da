import ArgumentParser
import Billing

/// What was issued.
struct InvoicesCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "invoices",
        abstract: "Issued invoices.",
        subcommands: [List.self, Show.self, WriteOff.self],
        defaultSubcommand: List.self
    )

    /// One line an invoice.
    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(commandName: "list", abstract: "List invoices, newest first.")

        @Option(name: .long, help: "Only those of this tenant: id or ref.")
        var tenant: String?

        @Option(name: .long, help: "Only those of this subscription: id or ref.")
        var subscription: String?

        @Option(name: .long, help: "Only those in this state: open or settled.")
        var state: String?

        @Flag(name: .long, help: "Only overdue ones.")
        var overdue = false

        @Option(name: .long, help: "Only those before this id: the next page.")
        var before: Int?

        @Option(name: .long, help: "How many at most.")
        var limit = 50

        @OptionGroup var options: GlobalOptions

        private struct Entry: Decodable {
            let id: Int64
            let number: String
            let tenantId: Int64
            let issueDate: String
            let dueDate: String
            let currency: String
            let total: Int64
            let openAmount: Int64?
            let isOverdue: Bool?
        }

        func run() async throws {
            let body: [String: ContractValue] = [
                "tenant": .text(tenant), "subscription": .text(subscription), "state": .text(state),
                "overdue": .flag(overdue), "before": .whole(before), "limit": .whole(limit),
            ]
            try await BusinessCall(options: options).perform("invoices.list", body) { (entries: [Entry]) in
                var table = TextTable(["ID", "NUMBER", "TENANT", "ISSUED", "DUE", "TOTAL", "OPEN"])
                for entry in entries {
                    let open = entry.openAmount ?? 0
                    table.add([
                        "\(entry.id)", entry.number, "\(entry.tenantId)", entry.issueDate, entry.dueDate,
                        amountText(entry.total, entry.currency),
                        open == 0
                            ? "-" : amountText(open, entry.currency) + (entry.isOverdue == true ? ", overdue" : ""),
                    ])
                }
                return table.text
            }
        }
    }

    /// One invoice, as it was issued.
    struct Show: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "show",
            abstract: "Show an invoice with its lines, and what is open of it.",
            discussion: "Days and times are those of the issuer's zone."
        )

        @Argument(help: "The invoice: its number or its id.")
        var invoice: String

        @OptionGroup var options: GlobalOptions

        func run() async throws {
            let body = ["invoice": ContractValue.text(invoice)]
            try await BusinessCall(options: options).perform("invoices.show", body) { (shown: ShownInvoice) in
                shown.text
            }
        }
    }
}

/// An invoice as `invoices show` tells of it.
private struct ShownInvoice: Decodable {
    struct Party: Decodable {
        let name: String
        let legalName: String?
        let taxId: String?
        let timeZone: String?

        var line: String { (legalName ?? name) + (taxId.map { ", tax id \($0)" } ?? "") }
    }

    struct Line: Decodable {
        let line: Int
        let description: String
        let quantity: Int64
        let unitAmount: Int64
        let days: Int
        let ofDays: Int
        let amount: Int64
        let tax: Int64
    }

    let number: String
    let issuer: Party
    let tenant: Party
    let tenantId: Int64
    let subscriptionId: Int64
    let issuedAtLocal: String
    let issueDate: String
    let dueDate: String
    let graceEnd: String
    let periodFrom: String
    let periodUntil: String
    let currency: String
    let subtotal: Int64
    let tax: Int64
    let taxRateBasisPoints: Int
    let total: Int64
    let khrTotal: Int64
    let exchangeRate: String?
    let rateSource: String?
    let rateDate: String?
    let openAmount: Int64?
    let state: String?
    let lines: [Line]

    var text: String {
        var table = TextTable(["LINE", "WHAT", "QUANTITY", "EACH", "AMOUNT", "TAX"])
        for line in lines {
            let part = line.days == line.ofDays ? "" : " (\(line.days) of \(line.ofDays) days)"
            table.add([
                "\(line.line)", line.description + part, "\(line.quantity)", amount(line.unitAmount),
                amount(line.amount),
                amount(line.tax),
            ])
        }
        return (head + ["", table.text, ""] + sums).joined(separator: "\n")
    }

    private var head: [String] {
        let zone = issuer.timeZone.map { " (\($0))" } ?? ""
        return [
            "invoice \(number) of \(issueDate), issued \(issuedAtLocal.map { $0 == "T" ? " " : String($0) }.joined())\(zone)",
            "from: \(issuer.line)",
            "to: \(tenant.line) (tenant \(tenantId))",
            "for: \(periodFrom) until \(periodUntil), subscription \(subscriptionId)",
            "due: \(dueDate), grace until \(graceEnd)",
        ]
    }

    private var sums: [String] {
        var sums = [
            "subtotal: \(amount(subtotal))",
            "tax \(taxRateBasisPoints / 100).\(taxRateBasisPoints % 100 / 10)\(taxRateBasisPoints % 10) %: \(amount(tax))",
            "total: \(amount(total))",
        ]
        if let exchangeRate, let rateSource, let rateDate {
            sums.append("in riel: \(amountText(khrTotal, "KHR")) at \(exchangeRate) (\(rateSource), \(rateDate))")
        }
        let open = openAmount ?? 0
        sums.append(open == 0 ? "settled" : "open: \(amount(open))")
        return sums
    }

    private func amount(_ minorUnits: Int64) -> String { amountText(minorUnits, currency) }
}
