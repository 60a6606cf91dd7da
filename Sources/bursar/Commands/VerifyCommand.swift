import ArgumentParser
import Billing
import CivilTime
import Payments
import Postgres
import Standing

/// The invariants of the books, looked at now.
struct VerifyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "verify",
        abstract: "Prove that the books are in order: every invariant, or those that are named.",
        discussion: """
            Reads the database directly, through the wall between tenants, and changes nothing. All of it sees one moment. \
            Exit code 1 when an invariant is broken.

            \(Invariant.shipped.map { "\($0.id)\(String(repeating: " ", count: 5 - $0.id.count))\($0.title)" }.joined(separator: "\n"))
            """
    )

    @Argument(help: ArgumentHelp("Invariants by name, such as I6; all where none is named.", valueName: "invariant"))
    var names: [String] = []

    @Option(
        name: .long,
        help: ArgumentHelp(
            "Judge what was due at this instant, RFC 3339; business time now by default.",
            valueName: "instant"
        )
    )
    var asOf: String?

    @OptionGroup var options: GlobalOptions

    /// What was looked at, and when.
    private struct Report: Encodable {
        let asOf: Instant
        let held: Bool
        let invariants: [Entry]
    }

    private struct Entry: Encodable {
        let id: String
        let title: String
        let held: Bool
        let violations: Int
        let examples: [String]
        let milliseconds: Int64

        init(_ check: InvariantCheck) {
            id = check.id
            title = check.title
            held = check.held
            violations = check.violations
            examples = check.examples
            milliseconds = Int64(check.took / .milliseconds(1))
        }
    }

    func run() async throws {
        let invariants = try Self.invariants(names)
        let given = try Instant.argument(asOf, named: "--as-of")
        let settings = try options.settings()
        let progress = options.progress()
        let report = try await DatabaseSession.transaction(
            settings.database.configuration(for: "verify"),
            settings.database,
            Invariant.transaction
        ) { transaction in
            let moment = if let given { given } else { try await Invariant.businessNow(in: transaction) }
            var entries: [Entry] = []
            for invariant in invariants {
                progress.show("\(invariant.id): \(invariant.title) …")
                entries.append(Entry(try await invariant.check(asOf: moment, in: transaction)))
            }
            return Report(asOf: moment, held: entries.allSatisfy(\.held), invariants: entries)
        }
        progress.clear()
        options.show(report, Self.text)
        guard report.held else { throw ExitCode(ExitStatus.finding.rawValue) }
    }

    private static func invariants(_ names: [String]) throws -> [Invariant] {
        do {
            return try Invariant.shipped.named(names)
        } catch {
            throw CommandFailure(.usage, error.description, remedy: "`bursar verify --help` says what each of them is")
        }
    }

    private static func text(_ report: Report) -> String {
        var table = TextTable(["STATE", "NAME", "MS", "WHAT"])
        for entry in report.invariants {
            table.add([entry.held ? "held" : "BROKEN", entry.id, "\(entry.milliseconds)", entry.title])
        }
        var lines = [table.text]
        for entry in report.invariants where !entry.held {
            lines.append("\(entry.id) is broken \(entry.violations == 1 ? "once" : "\(entry.violations) times"):")
            lines += entry.examples.map { "  \($0)" }
            if entry.violations > entry.examples.count {
                lines.append("  … and \(entry.violations - entry.examples.count) more")
            }
        }
        return lines.joined(separator: "\n")
    }
}

extension Invariant {
    /// Every invariant that this program proves: of the books, of payments, and of suspensions.
    static let shipped: [Invariant] = all + payments + standing
}
