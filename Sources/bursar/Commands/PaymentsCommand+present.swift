import ArgumentParser
import Billing
import KHQR
import Monetary

extension PaymentsCommand {
    /// A QR for an invoice.
    struct Present: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "present",
            abstract: "Make a fresh QR for what is open on an invoice, and record it as shown to the payer.",
            discussion: "Each QR is made anew and is asked about until it is paid or has run out."
        )

        @Argument(help: "The invoice: its number or its id.")
        var invoice: String

        @Option(name: .long, help: "The receiving account; the issuer's first Bakong account by default.")
        var account: String?

        @Option(
            name: .long,
            help: ArgumentHelp("A part of what is open, as 12.50; needs --currency.", valueName: "decimal")
        )
        var amount: String?

        @Option(name: .long, help: "KHR or USD, of --amount.")
        var currency: String?

        @Option(name: .long, help: ArgumentHelp("Write the picture here, as SVG.", valueName: "file"))
        var svg: String?

        @Option(name: .long, help: ArgumentHelp("Write the picture here, as PNG.", valueName: "file"))
        var png: String?

        @Flag(name: .long, help: "Replace a picture that is there.")
        var force = false

        @OptionGroup var reason: ReasonOption
        @OptionGroup var options: GlobalOptions

        private struct Shown: Decodable {
            let id: Int64
            let qr: String
            let md5: String
            let amount: Int64
            let currency: String
            let expiresAt: String
        }

        func validate() throws {
            if (amount == nil) != (currency == nil) { throw ValidationError("--amount and --currency go together.") }
        }

        func run() async throws {
            var body: [String: ContractValue] = [
                "invoice": .text(invoice), "account": .text(account), "reason": reason.value,
            ]
            if let amount, let currency {
                var given = AmountOptions()
                (given.amount, given.currency) = (amount, currency)
                body["amount"] = .whole(try given.money().minorUnits)
            }
            let (svg, png, force) = (svg, png, force)
            try await BusinessCall(options: options).perform("payments.present", body) { (shown: Shown) in
                let picture = try QRPicture(of: shown.qr)
                if let svg { try NewFile.write(picture.svg(), to: svg, force: force) }
                if let png { try NewFile.write(picture.png(), to: png, force: force) }
                return """
                    attempt \(shown.id): \(amountText(shown.amount, shown.currency)), until \(shown.expiresAt)
                    md5 \(shown.md5)
                    \(shown.qr)
                    """
            }
        }
    }
}
