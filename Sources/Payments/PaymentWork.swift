package import JobKit
internal import Monetary
internal import Postgres

/// Who is asked whether attempts were paid.
package protocol PaymentProvider: Sendable {
    /// Answers every one of these lookups, in any order; what could not be found out is `unknown`.
    ///
    /// - Throws: why the run shall stop, or be put off; an answer that says nothing of a payment is no error.
    func ask(_ lookups: [DueLookup], in context: JobContext) async throws -> [AnsweredLookup]
}

/// The steps that the jobs of payments are made of, each in chunks of a run.
///
/// A step may be broken off at any statement and goes on where it was: what was asked and placed stays so.
package struct PaymentWork: Sendable {
    private let context: JobContext
    private let chunk: Int

    /// A provider is asked about no more at once: what it said is written down before it is asked again.
    private static let mostAsked = 500

    /// A chunk is how many rows one transaction works on.
    package init(_ context: JobContext, chunk: Int) {
        self.context = context
        self.chunk = chunk
    }

    /// Asks a provider about attempts, and writes down what it said.
    ///
    /// A dry run asks nobody.
    package func lookUp(_ which: DueLookup.Which, at provider: any PaymentProvider, step: String) async throws {
        guard !context.run.isDryRun else { return }
        while true {
            let due = try await context.read { transaction in
                try await DueLookup.read(
                    which,
                    asOf: context.asOf,
                    after: context.checkpoint.cursor(of: step),
                    limit: min(chunk, Self.mostAsked),
                    in: transaction
                )
            }
            guard let last = due.lookups.last else { return }
            let answers = try await provider.ask(due.lookups, in: context)
            _ = try await context.chunk { _, _ in
                answers
            } tenant: {
                $0.lookup.tenant
            } apply: { transaction, answers, checkpoint in
                try await AnsweredLookup.record(answers, askedAt: due.readAt, in: transaction)
                checkpoint.count("asked", answers.count)
                checkpoint.count("found", answers.count { $0.finding.money != nil })
                checkpoint.count("unanswered", answers.count { $0.finding.detail != nil })
                checkpoint.advance(step, to: last.attempt)
            }
        }
    }

    /// Places everything that waits and can be placed, until nothing is left.
    package func place(_ what: Placement.Waiting, step: String) async throws {
        var round = 0
        while try await placeOnce(what, step: "\(step) \(round)") > 0, !context.run.isDryRun { round += 1 }
    }

    private func placeOnce(_ what: Placement.Waiting, step: String) async throws -> Int {
        var (placed, count) = (0, 0)
        repeat {
            count = try await context.chunk { transaction, checkpoint in
                try await Placement.waiting(what, after: checkpoint.cursor(of: step), limit: chunk, in: transaction)
            } tenants: {
                $0.tenants
            } apply: { transaction, chosen, checkpoint in
                try checkpoint.record(await Placement.place(chosen, in: transaction))
                if let last = chosen.last { checkpoint.advance(step, to: last.observation) }
            }
            placed += count
        } while count > 0
        return placed
    }

    /// Pays what is owed with what tenants have to their credit.
    package func applyCredit(step: String) async throws {
        var count = 0
        repeat {
            count = try await context.chunk { transaction, checkpoint in
                try await CreditUse.due(after: checkpoint.cursor(of: step), limit: chunk, in: transaction)
            } tenant: {
                $0.tenant
            } apply: { transaction, due, checkpoint in
                checkpoint.count("credit_used", try await CreditUse.apply(due, in: transaction))
                if let last = due.last { checkpoint.advance(step, to: last.tenant) }
            }
        } while count > 0
    }

    /// Moves the watermarks forward, as far as the attempt's instant.
    package func advanceWatermarks(step: String) async throws {
        guard context.checkpoint.cursor(of: step) == nil else { return }
        _ = try await context.chunk { _, _ in
            [Int64(0)]
        } tenant: {
            $0
        } apply: { transaction, _, checkpoint in
            let marks = try await Watermark.advance(asOf: context.asOf, in: transaction)
            checkpoint.count("accounts", marks.count)
            checkpoint.count("accounts_behind", marks.count { $0.waitsFor != nil })
            checkpoint.advance(step, to: 1)
        }
    }

    /// What the run did, in a line.
    package var report: String {
        let counters = context.checkpoint.counters
        var said: [String] = []
        for (name, words) in Self.words {
            if let count = counters[name], count > 0 { said.append("\(count) \(words)") }
        }
        let settled = context.checkpoint.totals.description
        return (said.isEmpty ? ["nothing to do"] : said + (settled.isEmpty ? [] : [settled])).joined(separator: ", ")
    }

    private static let words = [
        ("callbacks", "callbacks read"), ("asked", "asked about"), ("found", "found"), ("unanswered", "not answered"),
        ("settled", "settled"), ("confirmed", "confirmed by a second witness"), ("suspense", "to suspense"),
        ("went_back", "went back"), ("claims_unproved", "claims that nothing bears out"),
        ("credit_used", "paid from credit"), ("accounts_behind", "accounts whose bank data is not complete"),
    ]
}

extension Checkpoint {
    /// Adds what came of placing.
    fileprivate mutating func record(_ tallies: [Placement.Tally]) throws(MoneyError) {
        for tally in tallies {
            count(tally.counter, tally.count)
            guard tally.settles, let amount = tally.amount,
                let currency = tally.currency.flatMap({ Currency(code: $0) })
            else { continue }
            var totals = MoneyTotals()
            try totals.add(Money(minorUnits: amount, currency: currency))
            try add(totals)
        }
    }
}

extension Placement.Tally {
    fileprivate var counter: String {
        switch result {
        case _ where settles: "settled"
        case "same": "confirmed"
        case "reversed", "went_back": "went_back"
        default: isMoney ? "suspense" : "claims_unproved"
        }
    }
}

/// Nobody to ask: what is looked up stays unknown.
package struct NoProvider: PaymentProvider {
    package init() {}

    package func ask(_ lookups: [DueLookup], in context: JobContext) async throws -> [AnsweredLookup] {
        lookups.map { AnsweredLookup($0, .unknown("no provider is configured")) }
    }
}
