package import Postgres

/// A fact about the books that always holds, with the SQL that looks for its violations.
///
/// The same statements run in `bursar verify`, after renewals, and inside a restore drill. Each reads whole tables
/// set-based as a role that sees every tenant, and returns at most ``exampleLimit`` rows: `violations` (how many there are
/// in all, the same on every row) and `example` (one of them in words). No row means that the invariant holds.
package struct Invariant: Sendable {
    /// "I1" and so on, by the list of the billing invariants in docs; "C1" compares runs with the ledger.
    package let id: String

    /// What always holds, in plain words.
    package let title: String

    /// Finds the violations.
    ///
    /// When ``takesInstant`` is set its only parameter is the instant as of which to judge.
    package let statement: Statement

    /// Whether the answer depends on an instant.
    package let takesInstant: Bool

    /// What would break it; for proving, on a scratch copy, that ``statement`` notices.
    package let breaker: Breaker

    /// How many violations a statement describes in words.
    package static let exampleLimit = 20

    package init(_ id: String, _ title: String, _ statement: Statement, takesInstant: Bool = false, breaker: Breaker) {
        self.id = id
        self.title = title
        self.statement = statement
        self.takesInstant = takesInstant
        self.breaker = breaker
    }
}

extension Invariant {
    /// SQL that breaks exactly one invariant, for scratch copies only.
    ///
    /// It is run by a superuser with triggers and foreign keys switched off (`session_replication_role = replica`), since in
    /// a whole database the schema refuses all of this. Constraints that would refuse it still are dropped first by it.
    package struct Breaker: Sendable {
        /// What it does, in words.
        package let deed: String

        /// Statements, separated by semicolons.
        package let script: String

        package init(_ deed: String, _ script: String) {
            self.deed = deed
            self.script = script
        }
    }
}

extension Invariant {
    /// Every invariant of the books, in the order of its number.
    package static let all: [Invariant] = periods + money + documents + states + tenancy + ledger
}

extension [Invariant] {
    /// Those with these names, in their order; every one where no name is given.
    ///
    /// Case does not matter.
    ///
    /// - Throws: a name that none of them has, with those there are.
    package func named(_ names: [String]) throws(UnknownInvariant) -> [Invariant] {
        let wanted = Set(names.map { $0.uppercased() })
        if let unknown = names.first(where: { name in !contains { $0.id == name.uppercased() } }) {
            throw UnknownInvariant(name: unknown, known: map(\.id))
        }
        return wanted.isEmpty ? self : filter { wanted.contains($0.id) }
    }
}

/// A name that no invariant has.
package struct UnknownInvariant: Error, CustomStringConvertible {
    package let name: String
    package let known: [String]

    package var description: String {
        "there is no invariant \"\(name)\"; there are \(known.joined(separator: ", "))"
    }
}
