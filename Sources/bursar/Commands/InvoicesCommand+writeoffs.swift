import ArgumentParser
import Billing

extension InvoicesCommand {
    /// What nobody will pay any more.
    struct WriteOff: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "write-off",
            abstract: "Ask that what is open on an invoice be given up; another person approves.",
            discussion: "`--approve NUMBER` approves a request, `--waiting` lists those that wait."
        )

        @Argument(help: "The invoice: its number or its id.")
        var invoice: String?

        @Option(name: .long, help: ArgumentHelp("Approve this request.", valueName: "number"))
        var approve: Int?

        @Flag(name: .long, help: "List the requests that wait for approval.")
        var waiting = false

        @OptionGroup var reason: ReasonOption
        @OptionGroup var options: GlobalOptions

        private struct Asked: Decodable { let writeOff: Int64 }
        private struct Approved: Decodable { let amount: Int64 }
        private struct Entry: Decodable {
            let id: Int64
            let number: String
            let currency: String
            let amount: Int64
            let reason: String
            let requestedBy: String
        }

        func validate() throws {
            if [invoice != nil, approve != nil, waiting].filter(\.self).count != 1 {
                throw ValidationError("Name an invoice, or --approve a request, or list those --waiting.")
            }
        }

        func run() async throws {
            let call = BusinessCall(options: options)
            if let approve {
                let body: [String: ContractValue] = ["write_off": .whole(approve), "reason": reason.value]
                try await call.perform("invoices.approve_write_off", body) { (done: Approved) in
                    "write-off \(approve) is done, \(done.amount) minor units"
                }
            } else if waiting {
                try await call.perform("invoices.write_offs") { (entries: [Entry]) in
                    var table = TextTable(["REQUEST", "INVOICE", "AMOUNT", "ASKED BY", "WHY"])
                    for entry in entries {
                        table.add([
                            "\(entry.id)", entry.number, amountText(entry.amount, entry.currency), entry.requestedBy,
                            entry.reason,
                        ])
                    }
                    return table.text
                }
            } else {
                let body: [String: ContractValue] = ["invoice": .text(invoice), "reason": reason.value]
                try await call.perform("invoices.write_off", body) { (done: Asked) in
                    "request \(done.writeOff) waits for another person: bursar invoices write-off --approve \(done.writeOff)"
                }
            }
        }
    }
}
