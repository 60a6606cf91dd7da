import ArgumentParser
import Billing
import FoundationEssentials
import Monetary

/// A command of the business on its way to the daemon: what `POST /v1/<command>` takes, and its answer for people.
struct BusinessCall {
    let options: GlobalOptions

    /// Sends the command and prints the answer: as JSON where that was asked for, else in words.
    func perform<Answer: Decodable>(
        _ command: String,
        _ body: [String: ContractValue] = [:],
        _ words: (Answer) throws -> String
    ) async throws {
        let bytes = try await OperatorClient(try options.settings()).perform(
            command,
            Array(ContractValue.object(body).json.utf8)
        )
        if options.json {
            Terminal.print(String(decoding: bytes, as: UTF8.self))
            return
        }
        Terminal.print(try words(try Self.decoded(bytes, of: command)))
    }

    private static func decoded<Answer: Decodable>(_ bytes: [UInt8], of command: String) throws -> Answer {
        guard bytes != Array("null".utf8) else {
            let things = command.prefix { $0 != "." }
            throw CommandFailure(
                .badData,
                "there is no such \(things.last == "s" ? things.dropLast() : things)",
                remedy: "list them with: bursar \(things) list"
            )
        }
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        do {
            return try decoder.decode(Answer.self, from: Data(bytes))
        } catch {
            throw CommandFailure(
                .internal,
                "the daemon's answer to \(command) cannot be read",
                remedy: "the daemon may be of another version: compare `bursar --version` with `bursar status`"
            )
        }
    }
}

/// Why, for the audit trail.
struct ReasonOption: ParsableArguments {
    @Option(name: .long, help: ArgumentHelp("Why: it stands in the audit trail.", valueName: "text"))
    var reason: String?

    var value: ContractValue { .text(reason) }
}

/// An amount as the database gives it, for a reader; a currency that this build does not know is shown as it came.
func amountText(_ minorUnits: Int64, _ currency: String) -> String {
    guard let known = Currency(code: currency) else { return "\(currency) \(minorUnits)" }
    return Money(minorUnits: minorUnits, currency: known).description
}

/// Items as they are given on the command line, `seat=3` or just `seat`.
func itemsArgument(_ texts: [String]) throws -> ContractValue {
    .list(
        try texts.map { text in
            let parts = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard let price = parts.first, !price.isEmpty else { throw itemFailure(text) }
            guard parts.count == 2 else { return .object(["price": .text(String(price))]) }
            guard let quantity = Int64(parts[1]), quantity >= 0 else { throw itemFailure(text) }
            return .object(["price": .text(String(price)), "quantity": .whole(quantity)])
        }
    )
}

private func itemFailure(_ text: String) -> CommandFailure {
    CommandFailure(.usage, "'\(text)' is not an item", remedy: "write the price's code and a quantity, as seat=3")
}
