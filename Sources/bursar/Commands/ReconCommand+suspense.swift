import ArgumentParser
import Billing

extension ReconCommand {
    /// Money that nobody could place.
    struct Suspense: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "suspense",
            abstract: "List what is in suspense, newest first, or show one with its suggestions.",
            discussion: """
                Close it with `bursar recon assign`, `refund` or `write-off`. Suggestions are attempts of the same account, \
                amount and day, and never more than that.
                """
        )

        @Argument(help: "Show this one.") var suspense: Int?
        @Option(help: "Only of this reason, such as orphan.") var why: String?
        @Option(help: "Only of this account.") var account: String?
        @Flag(help: "Those that are closed.") var closed = false
        @Option(help: "Only those before this id: the next page.") var before: Int?
        @Option(help: "How many at most.") var limit = 50
        @OptionGroup var options: GlobalOptions

        private struct Entry: Decodable {
            let suspense: Int64
            let reason: String
            let currency: String?
            let amount: Int64?
            let occurredAt: String
            let account: String?
            let source: String
            let payer: String?
            let billNumber: String?
            let ageSeconds: Int64
            let suggestions: Int
            let resolution: String?
        }

        func run() async throws {
            if let suspense { return try await show(suspense) }
            let body: [String: ContractValue] = [
                "reason": .text(why), "account": .text(account), "closed": .flag(closed), "before": .whole(before),
                "limit": .whole(limit),
            ]
            try await BusinessCall(options: options).perform("recon.suspense", body) { (entries: [Entry]) in
                var table = TextTable(["ID", "REASON", "AMOUNT", "SEEN AT", "AGE", "FROM", "SOURCE", "SUGGESTIONS"])
                for entry in entries {
                    table.add([
                        "\(entry.suspense)", entry.resolution.map { "\(entry.reason), \($0)" } ?? entry.reason,
                        amount(entry.amount, entry.currency), entry.occurredAt, ageText(entry.ageSeconds),
                        entry.payer ?? entry.billNumber ?? "-", entry.source, "\(entry.suggestions)",
                    ])
                }
                return entries.isEmpty ? "nothing" : table.text
            }
        }

        private struct Shown: Decodable {
            struct Suggestion: Decodable {
                let attempt: Int64
                let invoice: Int64
                let number: String?
                let openAmount: Int64?
            }
            let suspense: Int64
            let reason: String
            let currency: String?
            let amount: Int64?
            let occurredAt: String
            let account: String?
            let source: String
            let externalKey: String
            let payer: String?
            let billNumber: String?
            let raw: String?
            let resolution: String?
            let resolvedBy: String?
            let resolveReason: String?
            let suggestions: [Suggestion]
        }

        private func show(_ suspense: Int) async throws {
            try await BusinessCall(options: options).perform("recon.show", ["suspense": .whole(suspense)]) {
                (shown: Shown) in
                var lines = [
                    "suspense \(shown.suspense): \(shown.reason), \(amount(shown.amount, shown.currency)), seen at \(shown.occurredAt)",
                    "told by \(shown.source) as \(shown.externalKey), on account \(shown.account ?? "unknown")",
                ]
                if let payer = shown.payer { lines.append("payer: \(payer)") }
                if let bill = shown.billNumber { lines.append("bill number: \(bill)") }
                if let raw = shown.raw { lines.append("as it was told: \(raw)") }
                for suggestion in shown.suggestions {
                    let open = amount(suggestion.openAmount, shown.currency)
                    lines.append("may be: invoice \(suggestion.number ?? "\(suggestion.invoice)"), open \(open)")
                }
                if let resolution = shown.resolution {
                    lines.append("\(resolution) by \(shown.resolvedBy ?? "-"): \(shown.resolveReason ?? "-")")
                }
                return lines.joined(separator: "\n")
            }
        }

        private func amount(_ minorUnits: Int64?, _ currency: String?) -> String {
            guard let minorUnits, let currency else { return "unknown" }
            return amountText(minorUnits, currency)
        }
    }

    /// Suspense that belongs to an invoice.
    struct Assign: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "assign",
            abstract:
                "Give money in suspense to an invoice; what is too much pays the oldest other debt, or becomes credit."
        )

        @Argument(help: "The suspense.") var suspense: Int
        @Option(help: "The invoice: its number or its id.") var invoice: String
        @Option(help: "Why: it stands in the audit trail.") var reason: String
        @OptionGroup var options: GlobalOptions

        private struct Answer: Decodable {
            let result: String
            let openAmount: Int64
        }

        func run() async throws {
            let body: [String: ContractValue] = [
                "suspense": .whole(suspense), "invoice": .text(invoice), "reason": .text(reason),
            ]
            try await BusinessCall(options: options).perform("recon.assign", body) { (answer: Answer) in
                let rest =
                    answer.openAmount == 0
                    ? "nothing is open on it now" : "\(answer.openAmount) is still open (minor units)"
                return "suspense \(suspense) pays invoice \(invoice) (\(answer.result)); \(rest)"
            }
        }
    }

    /// Suspense that was given back.
    struct Refund: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "refund",
            abstract: "Close suspense whose money was given back: make the transfer first, then tell its reference."
        )

        @Argument(help: "The suspense.") var suspense: Int
        @Option(help: "The bank's reference of the transfer.") var reference: String
        @Option(help: "Why: it stands in the audit trail.") var reason: String
        @OptionGroup var options: GlobalOptions

        private struct Answer: Decodable { let refund: Int64 }

        func run() async throws {
            let body: [String: ContractValue] = [
                "suspense": .whole(suspense), "reference": .text(reference), "reason": .text(reason),
            ]
            try await BusinessCall(options: options).perform("recon.refund", body) { (answer: Answer) in
                "suspense \(suspense) is closed: refund \(answer.refund)"
            }
        }
    }

    /// Suspense that nobody will claim.
    struct WriteOff: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "write-off",
            abstract: "Close suspense that nobody will claim, or a claim that nothing bears out."
        )

        @Argument(help: "The suspense.") var suspense: Int
        @Option(help: "Why: it stands in the audit trail.") var reason: String
        @OptionGroup var options: GlobalOptions

        private struct Answer: Decodable { let writtenOff: Bool }

        func run() async throws {
            let body: [String: ContractValue] = ["suspense": .whole(suspense), "reason": .text(reason)]
            try await BusinessCall(options: options).perform("recon.write-off", body) { (_: Answer) in
                "suspense \(suspense) is written off"
            }
        }
    }

    /// Statement files that were imported.
    struct Imports: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "imports",
            abstract: "List statement files, newest first, or the rows of one that could not be read."
        )

        @Option(help: "Only of this account.") var account: String?
        @Option(help: ArgumentHelp("The rows of this statement that could not be read.", valueName: "statement"))
        var badRows: Int?
        @Option(help: "With --bad-rows: only those after this line, the next page.") var after: Int?
        @Option(help: "How many at most.") var limit: Int?
        @OptionGroup var options: GlobalOptions

        private struct Entry: Decodable {
            let statementImport: Int64
            let account: String
            let layout: String
            let fileName: String
            let good: Int64
            let known: Int64
            let other: Int64
            let bad: Int64
            let coversFrom: String?
            let coversUntil: String?
        }

        private struct BadRow: Decodable {
            let line: Int
            let problem: String
            let content: String
        }

        func run() async throws {
            if let badRows {
                let body: [String: ContractValue] = [
                    "statement_import": .whole(badRows), "after": .whole(after), "limit": .whole(limit),
                ]
                return try await BusinessCall(options: options).perform("recon.bad_rows", body) { (rows: [BadRow]) in
                    rows.isEmpty
                        ? "none" : rows.map { "line \($0.line): \($0.problem): \($0.content)" }.joined(separator: "\n")
                }
            }
            let body: [String: ContractValue] = ["account": .text(account), "limit": .whole(limit)]
            try await BusinessCall(options: options).perform("recon.imports", body) { (entries: [Entry]) in
                var table = TextTable(["ID", "ACCOUNT", "LAYOUT", "FILE", "NEW", "KNOWN", "OTHER", "BAD", "COVERS"])
                for entry in entries {
                    let covers =
                        entry.coversFrom.map { "\($0) until \(entry.coversUntil ?? "-")" }
                        ?? "broken off: import it again"
                    table.add([
                        "\(entry.statementImport)", entry.account, entry.layout, entry.fileName, "\(entry.good)",
                        "\(entry.known)",
                        "\(entry.other)", "\(entry.bad)", covers,
                    ])
                }
                return entries.isEmpty ? "none" : table.text
            }
        }
    }
}
