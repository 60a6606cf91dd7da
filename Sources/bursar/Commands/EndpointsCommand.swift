import ArgumentParser
import Billing

/// Where tenants take signed posts.
struct EndpointsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "endpoints",
        abstract: "Where tenants take notices as signed posts.",
        subcommands: [List.self, Put.self, Enable.self, Disable.self, RotateSecret.self],
        defaultSubcommand: List.self
    )

    /// One line an endpoint.
    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "list",
            abstract: "List endpoints: whether they are open, and since when they fail."
        )

        @Option(name: .long, help: "Only those of this tenant: id or ref.")
        var tenant: String?

        @Flag(name: .long, help: "Only those that are disabled.")
        var disabled = false

        @Option(name: .long, help: "How many at most.")
        var limit = 200

        @OptionGroup var options: GlobalOptions

        private struct Endpoint: Decodable {
            let endpoint: Int64
            let tenant: Int64
            let url: String?
            let disabledWhy: String?
            let failingSince: String?
            let failures: Int
            let fingerprint: String
        }

        func run() async throws {
            let body: [String: ContractValue] = [
                "tenant": .text(tenant), "disabled": .flag(disabled), "limit": .whole(limit),
            ]
            try await BusinessCall(options: options).perform("endpoints.list", body) { (endpoints: [Endpoint]) in
                var table = TextTable(["ID", "TENANT", "STATE", "FAILING SINCE", "FAILURES", "SECRET", "URL"])
                for endpoint in endpoints {
                    table.add([
                        "\(endpoint.endpoint)", "\(endpoint.tenant)",
                        endpoint.disabledWhy.map { "disabled: \($0)" } ?? "open", endpoint.failingSince ?? "-",
                        "\(endpoint.failures)", endpoint.fingerprint, endpoint.url ?? "(not in use)",
                    ])
                }
                return table.text
            }
        }
    }

    /// The endpoint of a tenant.
    struct Put: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "put",
            abstract: "Make a URL the endpoint of a tenant; the secret of a new one is shown this once."
        )

        @Argument(help: "The tenant: id or ref.")
        var tenant: String

        @Argument(help: "The URL, https://HOST/…")
        var url: String

        @OptionGroup var reason: ReasonOption
        @OptionGroup var options: GlobalOptions

        private struct Answer: Decodable {
            let endpoint: Int64
            let secret: String?
            let disabled: String?
        }

        func run() async throws {
            let body: [String: ContractValue] = ["tenant": .text(tenant), "url": .text(url), "reason": reason.value]
            try await BusinessCall(options: options).perform("endpoints.put", body) { (answer: Answer) in
                if let secret = answer.secret {
                    return "endpoint \(answer.endpoint): its secret, shown this once: \(secret)"
                }
                let state = answer.disabled.map { ", and disabled (\($0))" } ?? ""
                return "endpoint \(answer.endpoint): it was known\(state), and its secret stays"
            }
        }
    }

    private struct Opened: Decodable {
        let endpoint: Int64
        let was: String?
    }

    /// Posts go there again.
    struct Enable: AsyncParsableCommand {
        static let configuration = CommandConfiguration(commandName: "enable", abstract: "Post to an endpoint again.")

        @Argument(help: "The endpoint's id.")
        var endpoint: Int

        @OptionGroup var reason: ReasonOption
        @OptionGroup var options: GlobalOptions

        func run() async throws {
            let body: [String: ContractValue] = ["endpoint": .whole(endpoint), "reason": reason.value]
            try await BusinessCall(options: options).perform("endpoints.enable", body) { (answer: Opened) in
                answer.was.map { "endpoint \(answer.endpoint): open, it was disabled (\($0))" }
                    ?? "endpoint \(answer.endpoint): it was open"
            }
        }
    }

    /// No post goes there any more.
    struct Disable: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "disable",
            abstract: "Post to an endpoint no more."
        )

        @Argument(help: "The endpoint's id.")
        var endpoint: Int

        @OptionGroup var reason: ReasonOption
        @OptionGroup var options: GlobalOptions

        func run() async throws {
            let body: [String: ContractValue] = ["endpoint": .whole(endpoint), "reason": reason.value]
            try await BusinessCall(options: options).perform("endpoints.disable", body) { (answer: Opened) in
                "endpoint \(answer.endpoint): disabled"
            }
        }
    }

    /// Another secret.
    struct RotateSecret: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "rotate-secret",
            abstract: "Make another secret for an endpoint and show it; the old one signs as well for a while."
        )

        @Argument(help: "The endpoint's id.")
        var endpoint: Int

        @Option(name: .long, help: "How long both secrets sign, as PostgreSQL reads it: '2 days'.")
        var overlap = "24 hours"

        @OptionGroup var reason: ReasonOption
        @OptionGroup var options: GlobalOptions

        private struct Answer: Decodable {
            let endpoint: Int64
            let secret: String
            let overlap: String
        }

        func run() async throws {
            let body: [String: ContractValue] = [
                "endpoint": .whole(endpoint), "overlap": .text(overlap), "reason": reason.value,
            ]
            try await BusinessCall(options: options).perform("endpoints.rotate_secret", body) { (answer: Answer) in
                "endpoint \(answer.endpoint): its new secret, shown this once: \(answer.secret)"
            }
        }
    }
}
