import ArgumentParser
import Billing
import Monetary

/// An amount as a person writes it, with its currency.
struct AmountOptions: ParsableArguments {
    @Option(name: .long, help: ArgumentHelp("The amount, as 12.50 or 44000.", valueName: "decimal"))
    var amount: String

    @Option(name: .long, help: "KHR or USD.")
    var currency: String

    /// - Throws: an amount or currency that is none, with the remedy.
    func money() throws -> Money {
        guard let known = Currency(code: currency.uppercased()) else {
            throw CommandFailure(.usage, "\(currency) is not a currency that is billed here", remedy: "use KHR or USD")
        }
        do {
            return try Money(parsing: amount, currency: known)
        } catch {
            throw CommandFailure(
                .usage,
                "'\(amount)' is not an amount in \(known): \(error)",
                remedy: "write it as 12.50, riel without decimals"
            )
        }
    }
}

extension PaymentsCommand {
    /// Money that a person has seen.
    struct Record: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "record",
            abstract: "Record cash or a bank slip for an invoice, with its evidence.",
            discussion: """
                The receipt's or slip's number makes it one payment: recording it again changes nothing. Cash in riel is taken in \
                notes that exist, and the rounding is a line of its own.
                """
        )

        @Option(name: .long, help: "The invoice: its number or its id.")
        var invoice: String

        @Option(name: .long, help: "cash or bank_slip.")
        var method: String

        @OptionGroup var amount: AmountOptions

        @Option(name: .long, help: "The number of the receipt or slip.")
        var reference: String

        @Option(name: .long, help: "Where the paper is.")
        var evidence: String

        @Option(name: .long, help: "When it was received, RFC 3339; now by default.")
        var receivedAt: String?

        @Option(name: .long, help: "The receiving account; the first for the method by default.")
        var account: String?

        @OptionGroup var reason: ReasonOption
        @OptionGroup var options: GlobalOptions

        private struct Done: Decodable {
            let observation: Int64
            let result: String
            let openAmount: Int64
            let rounding: Int64
        }

        func run() async throws {
            let money = try amount.money()
            let currency = money.currency.code
            let body: [String: ContractValue] = [
                "invoice": .text(invoice), "method": .text(method), "amount": .whole(money.minorUnits),
                "currency": .text(currency), "reference": .text(reference), "evidence": .text(evidence),
                "received_at": .text(receivedAt), "account": .text(account), "reason": reason.value,
            ]
            try await BusinessCall(options: options).perform("payments.record", body) { (done: Done) in
                let rounding = done.rounding == 0 ? "" : ", rounded by \(amountText(done.rounding, currency))"
                return "recorded as observation \(done.observation): \(done.result)\(rounding); "
                    + "\(amountText(done.openAmount, currency)) of the invoice is open"
            }
        }
    }

    /// Money that was given back.
    struct Refund: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "refund",
            abstract: "Record that money of a payment was given back; what it had paid is open again.",
            discussion: "Make the transfer first: nothing is sent from here."
        )

        @Argument(help: "The payment's number, as `payments list` shows it.")
        var payment: Int

        @OptionGroup var amount: AmountOptions

        @Option(name: .long, help: "The bank's reference of the transfer.")
        var reference: String

        @OptionGroup var reason: ReasonOption
        @OptionGroup var options: GlobalOptions

        private struct Done: Decodable {
            let refund: Int64
            let leftOf: Int64
        }

        func run() async throws {
            let money = try amount.money()
            let body: [String: ContractValue] = [
                "payment": .whole(payment), "amount": .whole(money.minorUnits), "reference": .text(reference),
                "reason": reason.value,
            ]
            try await BusinessCall(options: options).perform("payments.refund", body) { (done: Done) in
                "recorded as refund \(done.refund); \(amountText(done.leftOf, money.currency.code)) of the payment is left"
            }
        }
    }

    /// A match that was wrong.
    struct Release: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "release",
            abstract: "Take a wrong match apart: its invoice is open again, its money goes to suspense."
        )

        @Argument(help: "The payment's number, as `payments list` shows it.")
        var payment: Int

        @OptionGroup var reason: ReasonOption
        @OptionGroup var options: GlobalOptions

        private struct Done: Decodable { let suspense: Int64 }

        func run() async throws {
            let body: [String: ContractValue] = ["payment": .whole(payment), "reason": reason.value]
            try await BusinessCall(options: options).perform("payments.release", body) { (done: Done) in
                "its money is suspense \(done.suspense): assign it with `bursar recon assign \(done.suspense)`"
            }
        }
    }

    /// What a tenant has paid too much.
    struct Credit: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "credit",
            abstract: "Use a tenant's credit for what it owes, oldest debt first."
        )

        @Argument(help: "The tenant: id or ref.")
        var tenant: String

        @Option(name: .long, help: "KHR or USD.")
        var currency: String

        @OptionGroup var reason: ReasonOption
        @OptionGroup var options: GlobalOptions

        private struct Done: Decodable { let used: Int64 }

        func run() async throws {
            let body: [String: ContractValue] = [
                "tenant": .text(tenant), "currency": .text(currency.uppercased()), "reason": reason.value,
            ]
            try await BusinessCall(options: options).perform("payments.credit", body) { (done: Done) in
                "paid \(amountText(done.used, currency.uppercased())) with it"
            }
        }
    }
}
