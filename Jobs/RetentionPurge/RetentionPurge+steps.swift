internal import CivilTime
internal import Custody
internal import JobKit
internal import Logging
internal import Monetary

extension RetentionPurge {
    /// Tells what would go, and answers what may.
    func propose(
        _ chosen: [RetentionPolicy],
        _ observing: Retention.Observation,
        _ parameters: Parameters,
        _ context: JobContext
    ) async throws -> Permission {
        var found: [Retention.Item] = []
        return try await context.propose(
            isBound: true,
            about: parameters.table,
            preview: {
                let ripe = chosen.filter { observing.until($0) == nil }
                let pairs = try await count(ripe, context)
                found = pairs.map(\.item).filter { $0.count > 0 || $0.held > 0 }
                let rows = found.reduce(0) { $0 + $1.count }
                let told = Preview(count: Int(rows), totals: MoneyTotals(), digest: Retention.digest(found))
                var excess = pairs.compactMap { $0.item.excess(of: $0.policy) }
                if parameters.plan, rows > 0 { excess.insert("a plan was asked for", at: 0) }
                let why = excess.isEmpty ? nil : excess.joined(separator: "; ")
                try await begin(pairs, observing, why, context)
                // Whoever asks for a plan is told what the others would take too.
                let others = parameters.plan ? chosen.filter { observing.until($0) != nil } : []
                try await begin(try await count(others, context), observing, nil, context)
                return (told, why)
            },
            items: { _ in
                try found.enumerated().map { ProposalItem(key: Int64($0 + 1), tenant: nil, content: try $1.content) }
            }
        )
    }

    /// Says how tables stand before the first row goes: a run that never ends leaves them so.
    private func begin(
        _ counted: [(policy: RetentionPolicy, item: Retention.Item)],
        _ observing: Retention.Observation,
        _ excess: String?,
        _ context: JobContext
    ) async throws {
        guard !counted.isEmpty, !context.run.isDryRun else { return }
        let doing = excess.map { "waits for a person: \($0)" } ?? "run \(context.run.id) was to purge it"
        try await context.step(as: "bursar_engine") { transaction, _ in
            for (policy, item) in counted {
                let why = item.count > 0 && observing.until(policy) == nil ? doing : nil
                try await Retention.note(item, policy, observing, whyLeft: why, in: transaction)
            }
        }
    }

    /// Refuses a plan that is not what it was: another policy, or more than a tenth more or fewer rows.
    func check(_ items: [Retention.Item], _ context: JobContext) async throws {
        for item in items {
            _ = try policy(of: item)
            guard context.checkpoint.counters["checked \(item.table)"] == nil else { continue }
            let live = try await live(item, context)
            guard item.fits(live: live) else {
                throw JobError(
                    .permanent,
                    "\(item.table) has \(live) rows to purge and the plan says \(item.count): more than a tenth apart; nothing was purged, plan again"
                )
            }
            try await context.step(as: "bursar_purge") { _, checkpoint in checkpoint.count("checked \(item.table)", 1) }
        }
    }

    /// Purges what an item says, and nothing beyond it: no later row, and no more of them.
    func purge(_ item: Retention.Item, _ proposal: Int64, _ context: JobContext) async throws {
        let policy = try policy(of: item)
        var pace = PurgePace(policy)
        // Rows that somebody had locked were passed over: once more, now that they have had time.
        for step in [item.table, "\(item.table) again"] {
            var isDone = false
            while !isDone, context.checkpoint.purged(item) < item.count {
                isDone = try await batch(item, policy, &pace, step, proposal, context)
                try await giveWay(policy, context)
            }
        }
    }

    /// One batch, its receipt and the checkpoint in one transaction; where somebody has locked what it needs, or it takes too long,
    /// it gives way and is tried again a few times, smaller.
    ///
    /// - Returns: whether all has been looked at.
    private func batch(
        _ item: Retention.Item,
        _ policy: RetentionPolicy,
        _ pace: inout PurgePace,
        _ step: String,
        _ proposal: Int64,
        _ context: JobContext
    ) async throws -> Bool {
        while true {
            let now = pace
            let began = ContinuousClock.now
            do {
                let limit = policy.table.action == .dropPartition ? nil : PurgePace.limit
                let isDone = try await context.step(as: "bursar_purge", within: limit) { transaction, checkpoint in
                    let purged = try await Retention.purge(
                        item,
                        policy,
                        from: checkpoint.cursor(of: step) ?? item.firstKey,
                        atMost: item.count - checkpoint.purged(item),
                        now,
                        run: context.run.id,
                        proposal: proposal,
                        in: transaction
                    )
                    checkpoint.count("purged \(item.table)", purged.rows)
                    if let next = purged.next { checkpoint.advance(step, to: next) }
                    return purged.next == nil
                }
                pace.took(ContinuousClock.now - began)
                return isDone
            } catch  where Retention.wasCutOff(error) && pace.cutOff < 5 {
                pace.wasCutOff()
                context.logger.info(
                    "a batch of \(item.table) was cut off; the purge steps back and tries again: \(error)"
                )
                // Waiting: whoever waits behind a purge that waits goes first.
                try await Task.sleep(for: .seconds(1))
            }
        }
    }

    /// Counts every table once more and says how it stands.
    ///
    /// - Returns: how many rows stand where nothing is ever dropped.
    func note(
        _ chosen: [RetentionPolicy],
        _ observing: Retention.Observation,
        _ context: JobContext
    ) async throws -> Int64 {
        var stuck: Int64 = 0
        for (policy, item) in try await count(chosen, context) {
            let isLeft = item.count > 0 && observing.until(policy) == nil
            var why = isLeft ? ["came past its cutoff since the plan, or was locked"] : []
            if let rows = item.stuck, rows > 0 {
                stuck += rows
                why.append("\(rows) rows stand in the default partition, which is never dropped")
            }
            let told = why.isEmpty ? nil : why.joined(separator: "; ")
            try await context.step(as: "bursar_engine") { transaction, _ in
                try await Retention.note(item, policy, observing, whyLeft: told, in: transaction)
            }
        }
        let all = policies() ?? RetentionPolicies(chosen)
        try await context.step(as: "bursar_engine") { transaction, _ in
            try await Retention.settle(all, in: transaction)
        }
        return stuck
    }

    /// What a dry run says: every table, observed or not.
    func told(_ chosen: [RetentionPolicy], _ context: JobContext) async throws -> String {
        let would = try await count(chosen, context).map { "\($0.item.count) of \($0.item.table)" }
        return would.isEmpty ? "no policy names a table" : "would purge \(would.joined(separator: ", "))"
    }

    /// What the run did, in a line.
    func report(
        _ items: [Retention.Item],
        _ observing: Retention.Observation,
        _ stuck: Int64,
        _ checkpoint: Checkpoint
    ) -> String {
        var said = items.map { item in
            "purged \(checkpoint.purged(item)) rows of \(item.table)" + (item.held > 0 ? " (\(item.held) held)" : "")
        }
        if observing.count > 0 { said.append("still observed: \(observing.count)") }
        if stuck > 0 { said.append("\(stuck) rows stand in a default partition and do not go") }
        return said.isEmpty ? "nothing is past its cutoff" : said.joined(separator: "; ")
    }

    private func count(
        _ policies: [RetentionPolicy],
        _ context: JobContext
    ) async throws -> [(policy: RetentionPolicy, item: Retention.Item)] {
        var counted: [(policy: RetentionPolicy, item: Retention.Item)] = []
        for policy in policies {
            let tally = try await context.read { try await RetentionTally(policy, asOf: context.asOf, in: $0) }
            counted.append((policy, try await complete(tally, policy.pause, context).item))
        }
        return counted
    }

    /// How many rows of an item are there now that may go.
    func live(_ item: Retention.Item, _ context: JobContext) async throws -> Int64 {
        let pause = policies()?[table: item.table]?.pause ?? .zero
        return try await complete(RetentionTally(again: item, asOf: context.asOf), pause, context).count
    }

    /// Counts window by window, and rests as long as each has taken, but no longer than between two batches.
    private func complete(
        _ tally: RetentionTally,
        _ pause: Duration,
        _ context: JobContext
    ) async throws -> RetentionTally {
        var tally = tally
        while !tally.isComplete {
            let began = ContinuousClock.now
            let before = tally
            tally = try await context.read { transaction in
                var tally = before
                try await tally.look(in: transaction)
                return tally
            }
            if tally.isComplete { break }
            // Waiting: a large table is not counted at the expense of the others.
            try await Task.sleep(for: min(pause, ContinuousClock.now - began))
        }
        return tally
    }

    private func policy(of item: Retention.Item) throws -> RetentionPolicy {
        guard let policy = policies()?[table: item.table], policy.hash == item.policy else {
            throw JobError(.permanent, "the policy of \(item.table) is not the one that was planned with; plan again")
        }
        return policy
    }

    /// Rests between two batches, and longer while runs wait that should have begun; never for ever.
    private func giveWay(_ policy: RetentionPolicy, _ context: JobContext) async throws {
        // Waiting: what a purge does not take of the disk is there for the others.
        try await Task.sleep(for: policy.pause)
        for _ in 0..<20 {
            guard try await context.read({ try await Retention.queueIsLoaded(in: $0) }) else { return }
            // Waiting: the queue is looked at again and again.
            try await Task.sleep(for: .milliseconds(250))
        }
    }
}

extension Checkpoint {
    /// How many rows of an item the run has purged.
    func purged(_ item: Retention.Item) -> Int64 { counters["purged \(item.table)", default: 0] }
}
