package import Postgres

extension JobContext {
    /// One transaction under the fence with a role of the job's choosing, for work on rows that are not the tenants'.
    ///
    /// The checkpoint that the body leaves is committed with its effects, or neither is. A dry run rolls back, and keeps the
    /// checkpoint in memory. Work for tenants goes through ``chunk(select:tenant:apply:)``, which walls them.
    ///
    /// With a limit no statement of it takes longer, locks that it waits for included, and it says nothing for no longer: else
    /// the server ends it.
    ///
    /// - Throws: ``LeaseLost`` where the fence is no longer in force; what the body throws.
    package func step<Answer: Sendable>(
        as role: String,
        within limit: Duration? = nil,
        _ body: (Transaction, inout Checkpoint) async throws -> Answer
    ) async throws -> Answer {
        let before = progress.current
        let (answer, after) = try await fenced(role: role, within: limit, rollBack: run.isDryRun) { transaction in
            var checkpoint = before
            let answer = try await body(transaction, &checkpoint)
            if checkpoint != before, !run.isDryRun { try await save(checkpoint, after: before, in: transaction) }
            return (answer, checkpoint)
        }
        progress.current = after
        return answer
    }
}
