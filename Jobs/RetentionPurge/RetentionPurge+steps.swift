internal import CivilTime
internal import Custody
internal import JobKit
internal import Logging
internal import Monetary

extension RetentionPurge {
    /// Tells what would go, and answers what may.
    func propose(
        _ ripe: [RetentionPolicy],
        _ parameters: Parameters,
        _ context: JobContext
    ) async throws -> Permission {
        var found: [Retention.Item] = []
        return try await context.propose(
            isBound: true,
            preview: {
                let pairs = try await count(ripe, context)
                found = pairs.map(\.item).filter { $0.count > 0 || $0.held > 0 }
                let rows = found.reduce(0) { $0 + $1.count }
                let told = Preview(count: Int(rows), totals: MoneyTotals(), digest: Retention.digest(found))
                var excess = pairs.compactMap { $0.item.excess(of: $0.policy) }
                if parameters.plan, rows > 0 { excess.insert("a plan was asked for", at: 0) }
                return (told, excess.isEmpty ? nil : excess.joined(separator: "; "))
            },
            items: { _ in
                try found.enumerated().map { ProposalItem(key: Int64($0 + 1), tenant: nil, content: try $1.content) }
            }
        )
    }

    /// Refuses a plan that is not what it was: another policy, or more than a tenth more or fewer rows.
    func check(_ items: [Retention.Item], _ context: JobContext) async throws {
        for item in items {
            _ = try policy(of: item)
            guard context.checkpoint.counters["checked \(item.table)"] == nil else { continue }
            let live = try await context.step(as: "bursar_purge") { transaction, checkpoint in
                let live = try await Retention.live(item, asOf: context.asOf, in: transaction)
                if item.fits(live: live) { checkpoint.count("checked \(item.table)", 1) }
                return live
            }
            guard item.fits(live: live) else {
                throw JobError(
                    .permanent,
                    "\(item.table) has \(live) rows to purge and the plan says \(item.count): more than a tenth apart; nothing was purged, plan again"
                )
            }
        }
    }

    /// Purges what an item says, and nothing beyond it: no later row, and no more of them.
    func purge(_ item: Retention.Item, _ proposal: Int64, _ context: JobContext) async throws {
        let policy = try policy(of: item)
        // Rows that somebody had locked were passed over: once more, now that they have had time.
        for step in [item.table, "\(item.table) again"] {
            while context.checkpoint.purged(item) < item.count {
                let rows = try await batch(item, policy, step, proposal, context)
                if rows == 0 { break }
                try await giveWay(policy, context)
            }
        }
    }

    /// One batch, its receipt and the checkpoint in one transaction; where somebody has locked a partition it is tried again a
    /// few times.
    private func batch(
        _ item: Retention.Item,
        _ policy: RetentionPolicy,
        _ step: String,
        _ proposal: Int64,
        _ context: JobContext
    ) async throws -> Int {
        var tries = 0
        while true {
            do {
                return try await context.step(as: "bursar_purge") { transaction, checkpoint in
                    let purged = try await Retention.purge(
                        item,
                        policy,
                        from: checkpoint.cursor(of: step) ?? item.firstKey,
                        atMost: item.count - checkpoint.purged(item),
                        run: context.run.id,
                        proposal: proposal,
                        in: transaction
                    )
                    guard purged.rows > 0 else { return 0 }
                    checkpoint.count("purged \(item.table)", purged.rows)
                    checkpoint.advance(step, to: purged.lastKey)
                    return purged.rows
                }
            } catch  where Retention.isLockedOut(error) && tries < 5 {
                tries += 1
                context.logger.info("\(item.table) is locked by somebody; the purge steps back and tries again")
                // Waiting: whoever waits behind a purge that waits goes first.
                try await Task.sleep(for: .seconds(1))
            }
        }
    }

    /// Counts every table once more and says how it stands.
    func note(_ chosen: [RetentionPolicy], _ observing: [String: Instant], _ context: JobContext) async throws {
        for (policy, item) in try await count(chosen, context) {
            let until = observing[policy.hash]
            let why = item.count > 0 && until == nil ? "came past its cutoff since the plan, or was locked" : nil
            try await context.step(as: "bursar_engine") { transaction, _ in
                try await Retention.note(item, policy, observingUntil: until, whyLeft: why, in: transaction)
            }
        }
        let all = policies() ?? RetentionPolicies(chosen)
        try await context.step(as: "bursar_engine") { transaction, _ in
            try await Retention.settle(all, in: transaction)
        }
    }

    /// What a dry run says: every table, observed or not.
    func told(_ chosen: [RetentionPolicy], _ context: JobContext) async throws -> String {
        let would = try await count(chosen, context).map { "\($0.item.count) of \($0.item.table)" }
        return would.isEmpty ? "no policy names a table" : "would purge \(would.joined(separator: ", "))"
    }

    /// What the run did, in a line.
    func report(_ items: [Retention.Item], _ observing: [String: Instant], _ checkpoint: Checkpoint) -> String {
        var said = items.map { item in
            "purged \(checkpoint.purged(item)) rows of \(item.table)" + (item.held > 0 ? " (\(item.held) held)" : "")
        }
        if !observing.isEmpty { said.append("still observed: \(observing.count)") }
        return said.isEmpty ? "nothing is past its cutoff" : said.joined(separator: "; ")
    }

    private func count(
        _ policies: [RetentionPolicy],
        _ context: JobContext
    ) async throws -> [(policy: RetentionPolicy, item: Retention.Item)] {
        var counted: [(policy: RetentionPolicy, item: Retention.Item)] = []
        for policy in policies {
            let item = try await context.read { try await Retention.item(policy, asOf: context.asOf, in: $0) }
            counted.append((policy, item))
        }
        return counted
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
