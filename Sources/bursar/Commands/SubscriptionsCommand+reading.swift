import ArgumentParser
import Billing

extension SubscriptionsCommand {
    /// One line a subscription.
    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "list",
            abstract: "List subscriptions, oldest first."
        )

        @Option(name: .long, help: "Only those of this tenant: id or ref.")
        var tenant: String?

        @Option(name: .long, help: "Only those in this state.")
        var state: String?

        @Flag(name: .long, help: "Only parked ones.")
        var parked = false

        @Option(name: .long, help: "Only those behind this id: the next page.")
        var after: Int?

        @Option(name: .long, help: "How many at most.")
        var limit = 50

        @OptionGroup var options: GlobalOptions

        private struct Entry: Decodable {
            let id: Int64
            let externalRef: String?
            let tenantId: Int64
            let plan: String
            let planVersion: Int
            let currency: String
            let state: String
            let isParked: Bool
            let nextInvoiceOn: String?
            let openAmount: Int64
        }

        func run() async throws {
            let body: [String: ContractValue] = [
                "tenant": .text(tenant), "state": .text(state), "parked": .flag(parked), "after": .whole(after),
                "limit": .whole(limit),
            ]
            try await BusinessCall(options: options).perform("subscriptions.list", body) { (entries: [Entry]) in
                var table = TextTable(["ID", "REF", "TENANT", "PLAN", "STATE", "NEXT INVOICE", "OWED"])
                for entry in entries {
                    table.add([
                        "\(entry.id)", entry.externalRef ?? "-", "\(entry.tenantId)",
                        "\(entry.plan) v\(entry.planVersion)", entry.isParked ? "\(entry.state), parked" : entry.state,
                        entry.nextInvoiceOn ?? "-", amountText(entry.openAmount, entry.currency),
                    ])
                }
                return table.text
            }
        }
    }

    /// Everything about one.
    struct Show: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "show",
            abstract: "Show a subscription: items, holds, changes of state, invoices.",
            discussion: "Days are the issuer's. Why something is not billed yet: bursar explain subscription."
        )

        @OptionGroup var target: Target
        @OptionGroup var options: GlobalOptions

        func run() async throws {
            let body = ["subscription": target.value]
            try await BusinessCall(options: options).perform("subscriptions.show", body) { (shown: ShownSubscription) in
                shown.lines.joined(separator: "\n")
            }
        }
    }
}

/// A subscription as `subscriptions show` tells of it.
private struct ShownSubscription: Decodable {
    struct Item: Decodable {
        let price: String
        let quantity: Int64
        let unitAmount: Int64
        let validFrom: String
        let validUntil: String?
    }

    struct Hold: Decodable {
        let source: String
        let reason: String
        let validUntil: String?
        let stopsBilling: Bool
    }

    struct Gap: Decodable {
        let from: String
        let until: String
        let cause: String
    }

    struct Transition: Decodable {
        let from: String
        let to: String
        let cause: String
        let on: String
        let actor: String
    }

    struct Invoice: Decodable {
        let number: String
        let issueDate: String
        let dueDate: String
        let currency: String
        let total: Int64
        let openAmount: Int64?
        let state: String?
    }

    let id: Int64
    let externalRef: String?
    let tenant: String
    let tenantId: Int64
    let plan: String
    let planVersion: Int
    let unit: String
    let count: Int
    let currency: String
    let state: String
    let startsOn: String
    let trialEnd: String?
    let cancelOn: String?
    let pausedUntil: String?
    let parkedReason: String?
    let nextInvoiceOn: String?
    let chargedThrough: String
    let nextPlan: String?
    let nextPlanVersion: Int?
    let changesOn: String?
    let openAmount: Int64
    let items: [Item]
    let holds: [Hold]
    let gaps: [Gap]
    let transitions: [Transition]
    let invoices: [Invoice]

    var lines: [String] { facts + itemLines + holdLines + gapLines + transitionLines + invoiceLines }

    private var facts: [String] {
        let change = nextPlan.map { "\($0) v\(nextPlanVersion ?? 0) on \(changesOn ?? "-")" }
        let known: [(String, String?)] = [
            ("subscription", "\(id)" + (externalRef.map { " (\($0))" } ?? "")),
            ("tenant", "\(tenantId) \(tenant)"),
            ("plan", "\(plan) v\(planVersion), every \(periodText(count, unit)), \(currency)"),
            ("state", state), ("parked", parkedReason), ("started", startsOn), ("trial until", trialEnd),
            ("paused until", pausedUntil), ("ends on", cancelOn), ("changes to", change),
            ("charged through", chargedThrough), ("next invoice", nextInvoiceOn),
            ("owed", amountText(openAmount, currency)),
        ]
        return known.compactMap { name, value in value.map { "\(name): \($0)" } }
    }

    private var itemLines: [String] {
        ["items:"]
            + items.map { item in
                "  \(item.quantity) x \(item.price) at \(amountText(item.unitAmount, currency)),"
                    + " from \(item.validFrom)" + (item.validUntil.map { " until \($0)" } ?? "")
            }
    }

    private var holdLines: [String] {
        section("holds") {
            holds.map { hold in
                "  \(hold.source)\(hold.validUntil.map { " until \($0)" } ?? ""): \(hold.reason)"
                    + (hold.stopsBilling ? ", nothing is issued" : "")
            }
        }
    }

    private var gapLines: [String] {
        section("not charged") { gaps.map { "  \($0.from) until \($0.until): \($0.cause)" } }
    }

    private var transitionLines: [String] {
        section("changes of state") {
            transitions.map { "  \($0.on) \($0.from) to \($0.to): \($0.cause), by \($0.actor)" }
        }
    }

    private var invoiceLines: [String] {
        section("newest invoices") {
            invoices.map { invoice in
                let owed = invoice.openAmount ?? 0
                return "  \(invoice.number) of \(invoice.issueDate), due \(invoice.dueDate),"
                    + " \(amountText(invoice.total, invoice.currency))"
                    + (owed > 0 ? ", \(amountText(owed, invoice.currency)) open" : ", settled")
            }
        }
    }

    private func section(_ title: String, _ lines: () -> [String]) -> [String] {
        let lines = lines()
        return lines.isEmpty ? [] : ["\(title):"] + lines
    }
}
