import ArgumentParser
import Billing

/// How payers are addressed, and where they are reached.
struct ContactsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "contacts",
        abstract: "How payers are addressed, and where they are reached.",
        subcommands: [List.self, Put.self, Remove.self, Erase.self, Payer.self],
        defaultSubcommand: List.self
    )

    /// One line an address in force.
    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(commandName: "list", abstract: "List addresses in force.")

        @Option(help: "Only those of this tenant: id or ref.") var tenant: String?
        @Option(help: "Only those behind this id: the next page.") var after: Int?
        @Option(help: "How many at most.") var limit = 50
        @OptionGroup var options: GlobalOptions

        private struct Contact: Decodable {
            let id: Int64
            let tenant: String
            let payer: String?
            let locale: String
            let timeZone: String
            let channel: String
            let address: String
            let suppressedFor: String?
        }

        func run() async throws {
            let body: [String: ContractValue] = [
                "tenant": .text(tenant), "after": .whole(after), "limit": .whole(limit),
            ]
            try await BusinessCall(options: options).perform("contacts.list", body) { (contacts: [Contact]) in
                var table = TextTable(["ID", "TENANT", "PAYER", "LOCALE", "ZONE", "CHANNEL", "ADDRESS", "SUPPRESSED"])
                for contact in contacts {
                    table.add([
                        "\(contact.id)", contact.tenant, contact.payer ?? "-", contact.locale, contact.timeZone,
                        contact.channel, contact.address, contact.suppressedFor ?? "-",
                    ])
                }
                return table.text
            }
        }
    }

    /// A new address, or another one.
    struct Put: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "put",
            abstract: "Say where a payer is reached on a channel.",
            discussion:
                "The address before it is kept as replaced. The audit trail names the channel, never the address."
        )

        @Argument(help: "The tenant: id or ref.") var tenant: String
        @Argument(help: "email, telegram, sms or webhook.") var channel: String
        @Argument(help: "An e-mail address, a chat's id, a telephone number with +, an https URL.") var address: String
        @OptionGroup var reason: ReasonOption
        @OptionGroup var options: GlobalOptions

        private struct Answer: Decodable {
            let contact: Int64
            let placed: Bool
        }

        func run() async throws {
            let body: [String: ContractValue] = [
                "tenant": .text(tenant), "channel": .text(channel), "address": .text(address), "reason": reason.value,
            ]
            try await BusinessCall(options: options).perform("contacts.put", body) { (answer: Answer) in
                answer.placed ? "contact \(answer.contact)" : "contact \(answer.contact) is that address already"
            }
        }
    }

    /// An address that is used no more.
    struct Remove: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "remove",
            abstract: "Take an address away; it is kept as removed."
        )

        @Argument(help: "The tenant: id or ref.") var tenant: String
        @Argument(help: "email, telegram, sms or webhook.") var channel: String
        @OptionGroup var reason: ReasonOption
        @OptionGroup var options: GlobalOptions

        private struct Answer: Decodable {
            let removed: Bool
        }

        func run() async throws {
            let body: [String: ContractValue] = [
                "tenant": .text(tenant), "channel": .text(channel), "reason": reason.value,
            ]
            try await BusinessCall(options: options).perform("contacts.remove", body) { (answer: Answer) in
                answer.removed ? "removed" : "there was none"
            }
        }
    }

    /// Addresses whose text must go.
    struct Erase: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "erase",
            abstract: "Erase the text of a payer's addresses, former ones too.",
            discussion: "Their hashes stay, so that an address that is suppressed stays so. This cannot be undone."
        )

        @Argument(help: "The tenant: id or ref.") var tenant: String
        @Option(help: "Only on this channel.") var channel: String?
        @OptionGroup var reason: ReasonOption
        @OptionGroup var options: GlobalOptions

        private struct Answer: Decodable {
            let erased: Int
        }

        func run() async throws {
            let body: [String: ContractValue] = [
                "tenant": .text(tenant), "channel": .text(channel), "reason": reason.value,
            ]
            try await BusinessCall(options: options).perform("contacts.erase", body) { (answer: Answer) in
                answer.erased == 1 ? "1 address erased" : "\(answer.erased) addresses erased"
            }
        }
    }

    /// How a payer is addressed.
    struct Payer: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "payer",
            abstract: "Say how a payer is addressed, in which language and time zone.",
            discussion: "What is left out stays as it is; an empty text takes it away, and the tenant's own counts."
        )

        @Argument(help: "The tenant: id or ref.") var tenant: String
        @Option(help: "Who is addressed.") var name: String?
        @Option(help: "A language tag such as km or en.") var locale: String?
        @Option(name: .customLong("time-zone"), help: "An IANA zone: quiet hours and days are counted there.")
        var timeZone: String?
        @OptionGroup var reason: ReasonOption
        @OptionGroup var options: GlobalOptions

        private struct Answer: Decodable {
            let tenant: Int64
        }

        func run() async throws {
            let body: [String: ContractValue] = [
                "tenant": .text(tenant), "name": .text(name), "locale": .text(locale), "time_zone": .text(timeZone),
                "reason": reason.value,
            ]
            try await BusinessCall(options: options).perform("contacts.payer", body) { (answer: Answer) in
                "the payer of tenant \(answer.tenant) is changed"
            }
        }
    }
}
