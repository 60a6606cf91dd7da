import ArgumentParser
import Billing
import CivilTime

/// How many riel a dollar is, as a source gives it for a day.
struct RatesCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rates",
        abstract: "Exchange rates: how many riel a dollar is, as a source gives it for a day.",
        subcommands: [Set.self, Import.self, List.self]
    )

    /// What happened to rates.
    struct Answer: Decodable {
        let added: Int
        let replaced: Int
        let unchanged: Int

        var words: String { "\(added) added, \(replaced) replaced, \(unchanged) unchanged" }
    }

    /// How a rate is set.
    struct Manner: ParsableArguments {
        @Option(name: .long, help: "Who gives the rate: the policy's rate_source.")
        var source = "nbc"

        @Flag(name: .long, help: "Correct rates that are there already; those that invoices were issued by stay.")
        var replace = false

        @OptionGroup var reason: ReasonOption

        var body: [String: ContractValue] {
            ["source": .text(source), "replace": .flag(replace), "reason": reason.value]
        }
    }

    /// One rate.
    struct Set: AsyncParsableCommand {
        static let configuration = CommandConfiguration(commandName: "set", abstract: "Set the rate of a day.")

        @Argument(help: "Riel per dollar, as 4013 or 4013.50.")
        var rate: String

        @Option(name: .long, help: "The day the source gives it for, YYYY-MM-DD.")
        var date: String

        @OptionGroup var manner: Manner
        @OptionGroup var options: GlobalOptions

        func run() async throws {
            let body = manner.body.merging(["rate": .text(rate), "date": .text(date)]) { $1 }
            try await BusinessCall(options: options).perform("rates.set", body) { (answer: Answer) in answer.words }
        }
    }

    /// Many rates.
    struct Import: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "import",
            abstract: "Set the rates of a CSV file, all or none.",
            discussion:
                "Its lines are date,rate as 2026-01-02,4013.00; a first line of words is skipped. - is standard input."
        )

        @Argument(help: "The CSV file.")
        var file: String

        @OptionGroup var manner: Manner
        @OptionGroup var options: GlobalOptions

        func run() async throws {
            let isInput = file == "-"
            let text = try TextFile.read(isInput ? "/dev/stdin" : file) ?? ""
            let name = isInput ? "standard input" : file
            let body = manner.body.merging(["rates": .list(try RateFile.rates(in: text, of: name))]) { $1 }
            try await BusinessCall(options: options).perform("rates.import", body) { (answer: Answer) in answer.words }
        }
    }

    /// One line a rate.
    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(commandName: "list", abstract: "List rates, newest first.")

        @Option(name: .long, help: "Only those of this source.")
        var source: String?

        @Option(name: .long, help: "How many at most.")
        var limit = 30

        @OptionGroup var options: GlobalOptions

        private struct Rate: Decodable {
            let source: String
            let rateDate: String
            let rate: String
        }

        func run() async throws {
            let body: [String: ContractValue] = ["source": .text(source), "limit": .whole(limit)]
            try await BusinessCall(options: options).perform("rates.list", body) { (rates: [Rate]) in
                var table = TextTable(["DAY", "SOURCE", "RIEL PER DOLLAR"])
                for rate in rates { table.add([rate.rateDate, rate.source, rate.rate]) }
                return table.text
            }
        }
    }
}

/// A CSV file of rates.
enum RateFile {
    /// - Throws: `CommandFailure` 65 with every line that cannot be read.
    static func rates(in text: String, of file: String) throws(CommandFailure) -> [ContractValue] {
        var rates: [ContractValue] = []
        var faults: [String] = []
        let lines = text.split(omittingEmptySubsequences: false) { $0.isNewline }
        for (index, line) in lines.enumerated() {
            let fields = line.split(separator: ",", omittingEmptySubsequences: false).map(trimmed)
            if fields.count == 1, fields[0].isEmpty { continue }
            if index == 0, fields.first?.first?.isNumber != true { continue }
            guard fields.count == 2, CivilDate(fields[0]) != nil, Double(fields[1]) != nil else {
                faults.append("\(file):\(index + 1): expected date,rate as 2026-01-02,4013.00; found \(line)")
                continue
            }
            rates.append(.object(["date": .text(fields[0]), "rate": .text(fields[1])]))
        }
        guard faults.isEmpty else {
            throw CommandFailure(
                .badData,
                "\(file) cannot be imported",
                remedy: "mend the lines above; nothing was changed",
                details: faults
            )
        }
        return rates
    }

    private static func trimmed(_ field: Substring) -> String {
        let inner = field.drop { $0 == " " || $0 == "\"" || $0 == "\u{FEFF}" }
        return String(inner.reversed().drop { $0 == " " || $0 == "\"" }.reversed())
    }
}
