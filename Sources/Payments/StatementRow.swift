internal import COpenSSL
package import CivilTime
internal import Monetary

/// The columns of a layout at their places in one file.
package struct StatementColumns: Sendable {
    fileprivate let places: [StatementLayout.Part: Int]
    fileprivate let time: [Int]
    fileprivate let bill: Int?
    /// How many columns a row must have at least.
    let needed: Int

    /// - Throws: `StatementProblem` where a heading is missing, with those that are there.
    init(_ layout: StatementLayout, header: [String]) throws(StatementProblem) {
        var missing: [String] = []
        func place(_ column: StatementLayout.Column) -> Int {
            switch column {
            case .number(let number): return number - 1
            case .named(let name):
                let wanted = Self.folded(name)
                if let place = header.firstIndex(where: { Self.folded($0) == wanted }) { return place }
                missing.append(name)
                return 0
            }
        }
        let places = layout.columns.mapValues { place($0) }
        let time = layout.time.columns.map { place($0) }
        let bill = layout.billPattern.map { place($0.column) }
        guard missing.isEmpty else {
            func quoted(_ names: [String]) -> String { names.map { "\"\($0)\"" }.joined(separator: ", ") }
            throw StatementProblem(
                "the file has no column \(quoted(Array(Set(missing)).sorted()))",
                remedy: "its columns are: \(quoted(header)); choose another layout, or change it"
            )
        }
        self.places = places
        self.time = time
        self.bill = bill
        needed = (Array(places.values) + time + (bill.map { [$0] } ?? [])).reduce(0) { max($0, $1 + 1) }
    }

    /// Case and spaces at the ends make no other heading.
    private static func folded(_ heading: String) -> String { heading.trimmed.lowercased() }
}

/// Why a statement file, or a row of it, cannot be read.
package struct StatementProblem: Error, Hashable, Sendable {
    package let message: String
    package let remedy: String

    package init(_ message: String, remedy: String = "") {
        self.message = message
        self.remedy = remedy
    }
}

/// A row of a statement, read.
package struct StatementRow: Equatable, Sendable {
    package enum Way: Sendable {
        case moneyIn
        case moneyOut
        /// No money moved: an opening balance, say.
        case none
    }

    package var way: Way
    package var currency: String?
    /// Minor units, above zero; 0 where no money moved.
    package var amount: Int64
    package var occurredAt: Instant
    package var md5: String?
    package var hash: String?
    package var billNumber: String?
    package var bankReference: String?
    package var payer: String?
    /// SHA-256 of the row's texts, which make it one where the bank gives it no reference.
    package var digest: String
}

/// Reads the records of one file by its layout.
///
/// Not sendable: a regular expression is not.
struct StatementRowReader {
    private let layout: StatementLayout
    private let columns: StatementColumns
    private let bill: Regex<AnyRegexOutput>?

    init(_ layout: StatementLayout, _ columns: StatementColumns) throws {
        self.layout = layout
        self.columns = columns
        bill = try layout.billPattern.map { try Regex($0.pattern) }
    }

    /// - Throws: `StatementProblem`, which says what of the row cannot be read.
    func read(_ fields: [String]) throws(StatementProblem) -> StatementRow {
        guard fields.count >= columns.needed else {
            throw StatementProblem("it has \(fields.count) columns, and \(columns.needed) are needed")
        }
        let timeText = columns.time.map { fields[$0].trimmed }.joined(separator: " ")
        guard let occurredAt = StatementTime.instant(timeText, layout.time) else {
            throw StatementProblem("\"\(timeText)\" is no time by \(layout.time.formats.joined(separator: " or "))")
        }
        let code = text(.currency, fields)?.uppercased() ?? layout.currency ?? ""
        let (way, amount) = try money(fields, code)
        let md5 = text(.md5, fields)?.lowercased()
        return StatementRow(
            way: way,
            currency: code,
            amount: amount,
            occurredAt: occurredAt,
            md5: md5,
            hash: text(.hash, fields),
            billNumber: billNumber(fields),
            bankReference: text(.bankReference, fields),
            payer: text(.payer, fields),
            digest: Self.digest(of: fields)
        )
    }

    private func text(_ part: StatementLayout.Part, _ fields: [String]) -> String? {
        guard let place = columns.places[part] else { return nil }
        let text = fields[place].trimmed
        return text.isEmpty ? nil : text
    }

    private func billNumber(_ fields: [String]) -> String? {
        guard let bill, let place = columns.bill else { return text(.billNumber, fields) }
        guard let match = try? bill.firstMatch(in: fields[place]) else { return nil }
        let found = match.output.count > 1 ? match.output[1].substring : match.output[0].substring
        return found.flatMap { $0.isEmpty ? nil : String($0) }
    }

    private func money(_ fields: [String], _ code: String) throws(StatementProblem) -> (StatementRow.Way, Int64) {
        guard let currency = Currency(code: code) else {
            throw StatementProblem("\"\(code)\" is no currency that is billed in")
        }
        if columns.places[.amount] != nil {
            let amount = try minorUnits(text(.amount, fields), currency) ?? 0
            return (amount > 0 ? .moneyIn : amount < 0 ? .moneyOut : .none, Int64(clamping: amount.magnitude))
        }
        let credit = try minorUnits(text(.credit, fields), currency) ?? 0
        let debit = try minorUnits(text(.debit, fields), currency) ?? 0
        switch (credit, debit) {
        case (0, 0): return (.none, 0)
        case (1..., 0): return (.moneyIn, credit)
        case (0, _): return (.moneyOut, Int64(clamping: debit.magnitude))
        case (..<0, _): throw StatementProblem("money in is below zero: \(credit)")
        default: throw StatementProblem("it has money in and money out")
        }
    }

    /// Zeros behind the last decimal place make an amount no more exact: `44,000.00` riel are 44000.
    private func minorUnits(_ text: String?, _ currency: Currency) throws(StatementProblem) -> Int64? {
        guard let text else { return nil }
        var plain = text.hasPrefix("+") ? text.dropFirst() : text[...]
        if let thousands = layout.thousands { plain.removeAll { $0 == thousands } }
        if layout.decimal != "." {
            guard !plain.contains(".") else { throw StatementProblem("\"\(text)\" is no amount by this layout") }
            plain = Substring(String(plain.map { $0 == layout.decimal ? "." : $0 }))
        }
        if plain.contains(".") {
            while plain.last == "0" { plain.removeLast() }
            if plain.last == "." { plain.removeLast() }
        }
        do throws(MoneyError) {
            return try Money(parsing: plain, currency: currency).minorUnits
        } catch {
            throw StatementProblem("\"\(text)\" is no amount in \(currency)")
        }
    }

    private static func digest(of fields: [String]) -> String {
        let content = Array(fields.map(\.trimmed).joined(separator: "\u{1F}").utf8)
        var digest = [UInt8](repeating: 0, count: Int(SHA256_DIGEST_LENGTH))
        _ = SHA256(content, content.count, &digest)
        return digest.hexadecimal
    }
}

extension Sequence<UInt8> {
    var hexadecimal: String { reduce(into: "") { $0 += ($1 < 16 ? "0" : "") + String($1, radix: 16) } }
}
