package import CivilTime
internal import Events
package import Postgres

/// The import of a statement file: its rows become observations, and wait for the next reconciliation.
///
/// Rows are written in transactions of some thousand, each with how far the file was read: a broken-off import goes on there
/// when the same bytes are read again. Memory does not depend on the file's length, but for eight bytes a row where the bank
/// gives its rows no reference. Money in counts; money out only where its hash is one of ours, as money that went back.
package struct StatementImport: Sendable {
    /// What is asked for.
    package struct Wish: Codable, Sendable {
        /// Absolute.
        package var file: String
        package var account: String
        package var layout: String
        /// The stretch that the file covers, RFC 3339; from the first to the last row's time where it is not told.
        package var coversFrom: Instant?
        package var coversUntil: Instant?
        package var dryRun: Bool?

        package init(file: String, account: String, layout: String) {
            self.file = file
            self.account = account
            self.layout = layout
        }
    }

    /// What became of it.
    package struct Answer: Codable, Sendable, Equatable {
        /// Nil of a dry run.
        package var statementImport: Int64?
        /// Whether the same bytes were imported before; nothing was done then.
        package var alreadyImported = false
        /// Whether an import that was broken off went on.
        package var wentOn = false
        package var good = 0
        package var bad = 0
        /// Rows that an earlier file had told already.
        package var known = 0
        /// Money out that is none of ours, and rows without money.
        package var other = 0
        package var coversFrom: Instant?
        package var coversUntil: Instant?
        /// The first of the bad rows.
        package var problems: [BadRow] = []

        var rows: Int { good + bad + known + other }
    }

    package struct BadRow: Codable, Sendable, Equatable {
        package let line: Int
        package let problem: String
        let content: String
    }

    let layouts: [StatementLayout]
    let database: PostgresPool
    /// As audit rows name it: `operator:sok`.
    let actor: String
    /// How many rows a transaction writes.
    let batch: Int

    package init(layouts: [StatementLayout], database: PostgresPool, actor: String, batch: Int = 2000) {
        self.layouts = layouts
        self.database = database
        self.actor = actor
        self.batch = batch
    }

    /// Imports a file, or says that its bytes were imported before.
    ///
    /// - Throws: `StatementProblem` for a file, a layout or an account that cannot be used.
    package func run(_ wish: Wish) async throws -> Answer {
        guard let layout = layouts.first(where: { $0.name == wish.layout }) else {
            let known = layouts.map(\.name).joined(separator: ", ")
            throw StatementProblem(
                "there is no layout \(wish.layout)",
                remedy: known.isEmpty
                    ? "declare it in a file, and name the file in payments.statements" : "there are: \(known)"
            )
        }
        if let from = wish.coversFrom, let until = wish.coversUntil, from >= until {
            throw StatementProblem(
                "the file cannot cover \(from) until \(until)",
                remedy: "the second is the end, and later"
            )
        }
        let file = StatementFile(path: wish.file)
        let identity = try await file.identity()
        let account = try await database.withTransaction(reading) {
            try await StatementAccount.named(wish.account, in: $0)
        }
        var answer = Answer()
        if wish.dryRun != true {
            let begun = try await change { transaction in
                try await StatementBook.begin(account, layout, file: wish.file, identity, in: transaction)
            }
            if begun.isFinished {
                var told = begun.answer
                told.alreadyImported = true
                return told
            }
            answer = begun.answer
        }
        let reading = try Reading(layout: layout, account: account, done: answer)
        let read = try await reading.work(file, batch: batch) { rows, before, after in
            guard let id = answer.statementImport else { return after }
            return try await change { try await StatementBook.keep(rows, of: id, account, before, after, in: $0) }
        }
        guard read.identity == identity else {
            throw StatementProblem(
                "\(wish.file) changed while it was read",
                remedy: "wait until it is whole, and import it again; rows that were read are known then"
            )
        }
        answer = read.answer
        answer.coversFrom = wish.coversFrom ?? read.first
        answer.coversUntil = wish.coversUntil ?? read.last.map { $0.adding(.microseconds(1)) }
        guard let from = answer.coversFrom, let until = answer.coversUntil, from < until else {
            throw StatementProblem(
                "no row of \(wish.file) has a time",
                remedy: "tell what it covers: --covers-from and --covers-until"
            )
        }
        if answer.statementImport != nil {
            let finished = answer
            try await change { try await StatementBook.finish(finished, in: $0) }
        }
        return answer
    }

    private var reading: TransactionOptions {
        TransactionOptions(role: "bursar_scan", settings: [("bursar.actor", actor)], readOnly: true)
    }

    private func change<Value: Sendable>(_ body: (Transaction) async throws -> Value) async throws -> Value {
        let options = TransactionOptions(role: "bursar_app", tenants: [0], settings: [("bursar.actor", actor)])
        return try await database.withTransaction(options, body)
    }
}

/// An account that a statement is of.
struct StatementAccount: Sendable {
    let id: Int64
    let issuer: Int64

    static func named(_ name: String, in transaction: Transaction) async throws -> StatementAccount {
        let rows = try await transaction.query(StatementBook.Statements.account, name)
        guard rows.count == 1, let row = rows.first else {
            throw StatementProblem(
                rows.isEmpty ? "there is no receiving account \(name)" : "\(rows.count) accounts are called \(name)",
                remedy: rows.isEmpty
                    ? "`bursar recon status` lists the accounts"
                    : "name it by its number, as `bursar recon status` shows it"
            )
        }
        return StatementAccount(id: try row.get("id"), issuer: try row.get("issuer_id"))
    }
}
