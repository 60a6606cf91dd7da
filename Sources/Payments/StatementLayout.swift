package import CivilTime

/// How the statement files of a bank are laid out: which column holds what, and how amounts and times are written.
///
/// Declared in the file that the setting `payments.statements` names; docs/reconciliation.md explains every key.
package struct StatementLayout: Equatable, Sendable {
    /// A column, by its heading or by its number from 1.
    package enum Column: Hashable, Sendable {
        case named(String)
        case number(Int)
    }

    /// What a column may hold.
    package enum Part: String, CaseIterable, Hashable, Sendable {
        /// Money in where it is positive, money out where it is negative.
        case amount
        /// Money in, and money out, in columns of their own; nothing or zero is neither.
        case credit, debit
        case currency
        /// The QR's md5, 32 hex digits.
        case md5
        /// The provider's own id of the transaction, Bakong's hash.
        case hash
        case billNumber = "bill_number"
        /// The bank's id of the line: it makes the line one, whatever file tells of it.
        case bankReference = "bank_reference"
        case payer
    }

    /// A bill number inside a text, such as a remark.
    package struct BillPattern: Equatable, Sendable {
        package var column: Column
        /// A regular expression; its first group, or all of it where it has none.
        package var pattern: String
    }

    /// When money moved.
    package struct Time: Equatable, Sendable {
        /// Their texts, joined with a space.
        package var columns: [Column]
        /// `rfc3339`, or texts with `%Y %m %d %H %M %S`; the first that fits counts.
        package var formats: [String]
        /// Of formats without an offset.
        package var zone: Zone
        package var zoneName: String

        package static func == (left: Time, right: Time) -> Bool {
            (left.columns, left.formats, left.zoneName) == (right.columns, right.formats, right.zoneName)
        }
    }

    package var name: String
    package var delimiter = UInt8(ascii: ",")
    /// Whether the first record names the columns.
    package var hasHeader = true
    /// Records before the header, or before the first row, that are no rows.
    package var skip = 0
    package var columns: [Part: Column] = [:]
    package var time: Time
    package var billPattern: BillPattern?
    /// Of every row, where no column tells it.
    package var currency: String?
    /// What separates thousands; nil where nothing does.
    package var thousands: Character?
    package var decimal: Character = "."

    /// What observations of this layout come from.
    package var source: String { "statement:\(name)" }

    package init(name: String, time: Time) {
        self.name = name
        self.time = time
    }
}

/// One thing wrong with the file of layouts: where, what, and what to do.
package struct LayoutProblem: Error, Hashable, Sendable, CustomStringConvertible {
    package let file: String
    /// From 1; 0 where the file as a whole is meant.
    package let line: Int
    package let column: Int
    package let message: String
    package let remedy: String

    package var description: String {
        let place = line == 0 ? file : "\(file):\(line):\(column)"
        return "\(place): \(message)" + (remedy.isEmpty ? "" : "; \(remedy)")
    }
}

/// Everything that is wrong with the file of layouts, in its order.
package struct LayoutProblems: Error, Hashable, Sendable, CustomStringConvertible {
    package let problems: [LayoutProblem]

    package var description: String { problems.map(\.description).joined(separator: "\n") }
}
