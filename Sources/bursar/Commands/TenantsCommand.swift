import ArgumentParser
import Billing

/// The customers of an issuer.
struct TenantsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "tenants",
        abstract: "The customers of an issuer.",
        subcommands: [List.self, Create.self, Change.self],
        defaultSubcommand: List.self
    )

    /// One line a tenant.
    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(commandName: "list", abstract: "List tenants, oldest first.")

        @Option(name: .long, help: "Only those of this issuer: id or ref.")
        var issuer: String?

        @Option(name: .long, help: "Only those with this in their name, or with this ref.")
        var search: String?

        @Option(name: .long, help: "Only those behind this id: the next page.")
        var after: Int?

        @Option(name: .long, help: "How many at most.")
        var limit = 50

        @OptionGroup var options: GlobalOptions

        private struct Tenant: Decodable {
            let id: Int64
            let externalRef: String?
            let name: String
            let taxId: String?
            let locale: String
        }

        func run() async throws {
            let body: [String: ContractValue] = [
                "issuer": .text(issuer), "search": .text(search), "after": .whole(after), "limit": .whole(limit),
            ]
            try await BusinessCall(options: options).perform("tenants.list", body) { (tenants: [Tenant]) in
                var table = TextTable(["ID", "REF", "NAME", "TAX ID", "LOCALE"])
                for tenant in tenants {
                    table.add([
                        "\(tenant.id)", tenant.externalRef ?? "-", tenant.name, tenant.taxId ?? "-", tenant.locale,
                    ])
                }
                return table.text
            }
        }
    }

    private struct Answer: Decodable {
        let tenant: Int64
    }

    /// A new tenant.
    struct Create: AsyncParsableCommand {
        static let configuration = CommandConfiguration(commandName: "create", abstract: "Make a tenant.")

        @Argument(help: "The name, as it stands on invoices.")
        var name: String

        @Option(name: .long, help: "The issuer: id or ref; the only one where there is one.")
        var issuer: String?

        @Option(name: .long, help: "Your own id of the tenant; the same call again answers with the same tenant.")
        var ref: String?

        @Option(name: .customLong("tax-id"), help: "The tenant's tax identification number.")
        var taxID: String?

        @Option(name: .long, help: "The language of what is sent to the tenant.")
        var locale = "km"

        @OptionGroup var reason: ReasonOption
        @OptionGroup var options: GlobalOptions

        func run() async throws {
            let body: [String: ContractValue] = [
                "issuer": .text(issuer), "name": .text(name), "external_ref": .text(ref), "tax_id": .text(taxID),
                "locale": .text(locale), "reason": reason.value,
            ]
            try await BusinessCall(options: options).perform("tenants.create", body) { (answer: Answer) in
                "tenant \(answer.tenant): \(name)"
            }
        }
    }

    /// Other words for a tenant.
    struct Change: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "change",
            abstract: "Change what invoices to come say of a tenant."
        )

        @Argument(help: "The tenant: id or ref.")
        var tenant: String

        @Option(name: .long, help: "The name, as it stands on invoices.")
        var name: String?

        @Option(name: .customLong("tax-id"), help: "The tax identification number; empty takes it away.")
        var taxID: String?

        @Option(name: .long, help: "The language of what is sent to the tenant.")
        var locale: String?

        @OptionGroup var reason: ReasonOption
        @OptionGroup var options: GlobalOptions

        func run() async throws {
            let body: [String: ContractValue] = [
                "tenant": .text(tenant), "name": .text(name), "tax_id": .text(taxID), "locale": .text(locale),
                "reason": reason.value,
            ]
            try await BusinessCall(options: options).perform("tenants.change", body) { (answer: Answer) in
                "tenant \(answer.tenant): changed"
            }
        }
    }
}
