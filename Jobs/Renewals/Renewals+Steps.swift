internal import Billing
internal import JobKit
internal import Monetary

extension Renewals {
    /// Tells what would be issued, and answers what may be.
    func propose(_ context: JobContext) async throws -> Permission {
        let asOf = context.asOf
        return try await context.propose(
            preview: {
                let shares = try await context.read(inParts: Renewal.Forecast.parts) { transaction, part in
                    try await Renewal.forecast(asOf: asOf, part: part, in: transaction)
                }
                let forecast = try Renewal.Forecast(of: shares)
                let told = Preview(count: forecast.invoices, totals: forecast.totals, digest: forecast.digest)
                return (told, forecast.excess)
            },
            items: { try await Renewal.proposalItems(asOf: context.asOf, in: $0) }
        )
    }

    /// Issues what is due, or of that what a person has approved.
    func issue(
        _ step: String,
        _ permission: Permission,
        _ parameters: Parameters,
        _ context: JobContext
    ) async throws {
        switch permission {
        case .everything: try await issueEverything(step, parameters, context)
        case .items(let proposal): try await issueApproved(step, proposal, parameters, context)
        }
    }

    private func issueEverything(_ step: String, _ parameters: Parameters, _ context: JobContext) async throws {
        var count = 0
        repeat {
            count = try await context.chunk { transaction, checkpoint in
                try await Renewal.due(
                    asOf: context.asOf,
                    after: checkpoint.cursor(of: step),
                    limit: parameters.chunk,
                    in: transaction
                )
            } tenant: {
                $0.tenant
            } apply: { transaction, due, checkpoint in
                try checkpoint.record(await Renewal.issue(due, act(context), in: transaction))
                checkpoint.advance(step, past: due)
            }
        } while count > 0
    }

    private func issueApproved(
        _ step: String,
        _ proposal: Int64,
        _ parameters: Parameters,
        _ context: JobContext
    ) async throws {
        var count = 0
        repeat {
            count = try await context.chunk { transaction, checkpoint in
                try await context.approvedItems(
                    of: proposal,
                    after: checkpoint.cursor(of: step),
                    limit: parameters.chunk,
                    in: transaction
                )
            } tenant: {
                $0.tenant ?? 0
            } apply: { transaction, approved, checkpoint in
                let due = try await Renewal.unchanged(approved, asOf: context.asOf, in: transaction)
                try checkpoint.record(await Renewal.issue(due, act(context), in: transaction))
                checkpoint.count("changed_since_approval", approved.count - due.count)
                if let last = approved.last { checkpoint.advance(step, to: last.key) }
            }
        } while count > 0
    }

    /// Makes the turns of a step for all subscriptions that are due for one.
    func turn(
        _ step: String,
        _ turns: [Renewal.Turn],
        _ parameters: Parameters,
        _ context: JobContext
    ) async throws {
        var count = 0
        repeat {
            count = try await context.chunk { transaction, checkpoint in
                try await Renewal.turning(
                    turns,
                    asOf: context.asOf,
                    after: checkpoint.cursor(of: step),
                    limit: parameters.chunk,
                    in: transaction
                )
            } tenant: {
                $0.tenant
            } apply: { transaction, due, checkpoint in
                checkpoint.count(step, try await Renewal.turn(due, turns, act(context), in: transaction))
                checkpoint.advance(step, past: due)
            }
        } while count > 0
    }

    /// What the run did, in a line.
    func report(_ checkpoint: Checkpoint) -> String {
        let counters = checkpoint.counters
        var said = ["issued \(counters["invoices", default: 0]) invoices, \(checkpoint.totals)"]
        for (name, words) in [
            ("parked", "parked"), ("changed_since_approval", "changed since the approval and left out"),
            ("begin", "begun"), ("overdue", "past due"), ("cancel", "canceled"),
        ] {
            if let count = counters[name], count > 0 { said.append("\(count) \(words)") }
        }
        return said.joined(separator: "; ")
    }

    private func act(_ context: JobContext) -> Renewal.Act {
        Renewal.Act(asOf: context.asOf, run: context.run.id)
    }
}

extension Checkpoint {
    /// Adds what came of a chunk.
    fileprivate mutating func record(_ issued: Renewal.Issued) throws(MoneyError) {
        count("invoices", issued.invoices)
        count("parked", issued.parked)
        count("left_locked", issued.leftLocked)
        try add(issued.totals)
    }

    /// Everything up to the last of these is done.
    fileprivate mutating func advance(_ step: String, past due: [Renewal.Due]) {
        if let last = due.last { advance(step, to: last.subscription) }
    }
}
