internal import Logging
package import Postgres

extension JobContext {
    /// Tells what the run is about to do, before its first effect, and answers how far it may go.
    ///
    /// Within the limit the proposal is recorded and the run goes on. Over it the items are stored and the run stops; a
    /// newer proposal supersedes an older one of the same schedule, or of the job where there is none. After a person's approval the answer is those items. A run
    /// that resumes is not asked again.
    ///
    /// - Parameters:
    ///   - isBound: whether the items are stored within the limit too: then the run never goes beyond what it told, and an
    ///     attempt that resumes is bound to the same items.
    ///   - part: what part of the job's work the run is about; nil for all of it. A newer proposal supersedes an older one
    ///     that is about the same.
    ///   - preview: what is due now, and why that is over the limit, in words; nil where it is not.
    ///   - items: the items to store where it is.
    /// - Returns: everything, or the items of an approved proposal.
    /// - Throws: ``NeedsApproval`` over the limit.
    package func propose(
        isBound: Bool = false,
        about part: String? = nil,
        preview: () async throws -> (Preview, excess: String?),
        items: (Transaction) async throws -> [ProposalItem]
    ) async throws -> Permission {
        if let decided = try await decidedPermission() { return decided }
        let (told, why) = try await preview()
        logger.info(
            "proposed",
            metadata: ["count": "\(told.count)", "totals": "\(told.totals)", "digest": "\(told.digest)"]
        )
        guard !run.isDryRun else { return .everything }
        let subject = [run.schedule ?? run.job, part].compactMap(\.self).joined(separator: "/")
        if why == nil, !isBound {
            _ = try await fenced(role: "bursar_engine", rollBack: false) { transaction in
                try await store(told, about: subject, state: "applied", why: "within the limit", in: transaction)
            }
            return .everything
        }
        let proposal = try await fenced(role: "bursar_scan", rollBack: false) { transaction in
            let stored = try await items(transaction)
            await transaction.setRole("bursar_engine")
            if why != nil {
                _ = try await transaction.query(RunStatements.supersedeProposals, run.job, subject, run.id)
            }
            let state = why == nil ? "approved" : "open"
            let proposal = try await store(
                told,
                about: subject,
                state: state,
                why: why ?? "within the limit",
                in: transaction
            )
            _ = try await transaction.execute(
                RunStatements.storeProposalItems,
                proposal,
                stored.map(\.key),
                stored.map(\.tenant),
                stored.map(\.content)
            )
            return proposal
        }
        guard let why else { return .items(ofProposal: proposal) }
        throw NeedsApproval(proposal: proposal, why: why)
    }

    /// The approved items after `key`, in order of their keys: inside a chunk's `select`, before it reads.
    package func approvedItems(
        of proposal: Int64,
        after key: Int64?,
        limit: Int,
        in transaction: Transaction
    ) async throws -> [ProposalItem] {
        try await transaction.query(RunStatements.approvedItems, proposal, key ?? 0, limit).map { row in
            ProposalItem(
                key: try row.get("key", as: Int64.self),
                tenant: try row.get("tenant_id", as: Int64?.self),
                content: try row.get("content", as: String.self)
            )
        }
    }

    /// How far the run may go, once that is decided: after its proposal was within the limit, or a person approved it.
    package func decidedPermission() async throws -> Permission? {
        try await read { transaction in
            guard let row = try await transaction.query(RunStatements.decidedProposal, run.id).first else { return nil }
            let id = try row.get("id", as: Int64.self)
            return try row.get("state", as: String.self) == "approved" ? .items(ofProposal: id) : .everything
        }
    }

    private func store(
        _ told: Preview,
        about subject: String,
        state: String,
        why: String,
        in transaction: Transaction
    ) async throws -> Int64 {
        let rows = try await transaction.query(
            RunStatements.storeProposal,
            run.job,
            subject,
            run.id,
            told.count,
            try JSONText(encoding: told.totals),
            told.digest,
            why,
            state
        )
        guard let row = rows.first else { throw JobError(.transient, "the proposal was not stored") }
        return try row.get("id", as: Int64.self)
    }
}
