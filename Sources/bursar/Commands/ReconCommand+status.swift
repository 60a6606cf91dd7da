import ArgumentParser
import Billing
import FoundationEssentials
import Schedules

extension ReconCommand {
    /// How complete bank data is, and what is not placed.
    struct Status: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "status",
            abstract: "Show each account's watermark and what it waits for, suspense, and drift.",
            discussion: "Exit code 1 when control totals drift, or with --max-age when a watermark is older than that."
        )

        @Option(help: ArgumentHelp("The oldest that a watermark may be, as 2h.", valueName: "duration")) var maxAge:
            String?
        @OptionGroup var options: GlobalOptions

        func run() async throws {
            let limit = try maxAge.map { text in
                guard let limit = try? Duration(scheduleText: text) else {
                    throw CommandFailure(.usage, "\(text) is no duration", remedy: "write it as 30m, 2h or 1d")
                }
                return limit.components.seconds
            }
            let bytes = try await OperatorClient(try options.settings()).perform("recon.status")
            let decoder = JSONDecoder()
            decoder.keyDecodingStrategy = .convertFromSnakeCase
            let standing = try decoder.decode(ReconStanding.self, from: Data(bytes))
            Terminal.print(options.json ? String(decoding: bytes, as: UTF8.self) : standing.text)
            let late = standing.accounts.filter { $0.isOlder(than: limit) }
            for account in late where !options.json {
                Terminal.complain("bank data of \(account.account) is too old: \(account.age)")
            }
            if !standing.drift.isEmpty || !late.isEmpty { throw ExitCode(ExitStatus.finding.rawValue) }
        }
    }

    /// Where the money of each day lies.
    struct Totals: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "totals",
            abstract: "Show control totals by day: seen, settled, in suspense, unplaced, and the drift.",
            discussion: "The last seven days unless told. Exit code 1 when something drifts."
        )

        @Option(help: "The first day, YYYY-MM-DD.") var from: String?
        @Option(help: "The last day.") var to: String?
        @OptionGroup var options: GlobalOptions

        func run() async throws {
            let body = ["from": ContractValue.text(from), "to": .text(to)]
            var drifts = false
            let bytes = try await OperatorClient(try options.settings()).perform(
                "recon.totals",
                Array(ContractValue.object(body).json.utf8)
            )
            let decoder = JSONDecoder()
            decoder.keyDecodingStrategy = .convertFromSnakeCase
            let totals = try decoder.decode([ReconTotal].self, from: Data(bytes))
            var table = TextTable(["DAY", "ACCOUNT", "SEEN", "SETTLED", "SUSPENSE", "UNPLACED", "WENT BACK", "DRIFT"])
            for total in totals {
                drifts = drifts || total.drift != 0
                table.add(total.cells)
            }
            Terminal.print(options.json ? String(decoding: bytes, as: UTF8.self) : table.text)
            if drifts { throw ExitCode(ExitStatus.finding.rawValue) }
        }
    }
}

/// A day of an account.
struct ReconTotal: Decodable {
    let day: String
    let account: String
    let currency: String
    let seen: Int64
    let settled: Int64
    let suspense: Int64
    let unplaced: Int64
    let wentBack: Int64
    let drift: Int64

    var cells: [String] {
        let amounts = [seen, settled, suspense, unplaced, wentBack].map { amountText($0, currency) }
        return [day, account] + amounts + [drift == 0 ? "-" : amountText(drift, currency)]
    }
}

/// What `recon.status` answers.
struct ReconStanding: Decodable {
    struct Account: Decodable {
        let id: Int64
        let account: String
        let provider: String
        let watermark: String?
        let isWatched: Bool
        let waitsFor: String?
        let ageSeconds: Int64?
        let statementsUntil: String?
        let openLookups: Int64

        var age: String { ageSeconds.map { ageText($0) } ?? "never reconciled" }

        func isOlder(than limit: Int64?) -> Bool {
            guard let limit, isWatched else { return false }
            return ageSeconds.map { $0 > limit } ?? true
        }
    }

    struct Unplaced: Decodable {
        let currency: String?
        let count: Int64
        let amount: Int64?
    }

    struct Waiting: Decodable {
        let reason: String
        let isMoney: Bool
        let currency: String?
        let count: Int64
        let amount: Int64?
        let ageSeconds: Int64
    }

    let accounts: [Account]
    let unplaced: [Unplaced]
    let claimsWaiting: Int64
    let suspense: [Waiting]
    let drift: [ReconTotal]

    var text: String {
        var table = TextTable(["ID", "ACCOUNT", "PROVIDER", "COMPLETE UNTIL", "AGE", "WAITS FOR", "OPEN LOOKUPS"])
        for account in accounts {
            let complete = account.isWatched ? account.watermark ?? "never" : "not watched"
            table.add([
                "\(account.id)", account.account, account.provider, complete, account.isWatched ? account.age : "-",
                account.waitsFor ?? "-", "\(account.openLookups)",
            ])
        }
        var lines = [table.text, ""]
        for waiting in unplaced {
            lines.append("unplaced: \(waiting.count) of \(money(waiting.amount, waiting.currency))")
        }
        if claimsWaiting > 0 { lines.append("claims of callbacks that wait: \(claimsWaiting)") }
        for waiting in suspense {
            let what = waiting.isMoney ? "suspense" : "claims unproved"
            lines.append(
                "\(what): \(waiting.count) \(waiting.reason), \(money(waiting.amount, waiting.currency)), oldest \(ageText(waiting.ageSeconds))"
            )
        }
        if suspense.isEmpty { lines.append("nothing is in suspense") }
        lines += drift.map { "DRIFT: \($0.day) \($0.account): \(amountText($0.drift, $0.currency))" }
        if drift.isEmpty { lines.append("control totals of the last eight days add up") }
        return lines.joined(separator: "\n")
    }

    private func money(_ amount: Int64?, _ currency: String?) -> String {
        guard let amount, let currency else { return "an unknown amount" }
        return amountText(amount, currency)
    }
}

/// Seconds for a reader: the largest unit, and the next.
func ageText(_ seconds: Int64) -> String {
    let units = [(seconds / 86_400, "d"), (seconds / 3_600 % 24, "h"), (seconds / 60 % 60, "m"), (seconds % 60, "s")]
    let shown = units.drop { $0.0 == 0 }.prefix(2).filter { $0.0 != 0 }
    return shown.isEmpty ? "0s" : shown.map { "\($0.0)\($0.1)" }.joined()
}
