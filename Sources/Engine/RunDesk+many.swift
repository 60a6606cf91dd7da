internal import JobKit
package import Postgres

extension RunDesk {
    /// Which runs that ended badly are meant; every one that was not tried again already.
    package struct Choice: Sendable {
        package let job: String
        /// `dead` or `cancelled`.
        package let state: String
        /// Only those that ended so lately, at most.
        package let limit: Int

        package init(job: String, state: String, limit: Int) {
            self.job = job
            self.state = state
            self.limit = limit
        }
    }

    /// What would be tried again: how many runs, the oldest and newest of them, their errors by number, as JSON.
    package func planRetry(_ choice: Choice) async throws -> JSONText {
        try await one(Statements.planRetry, choice.job, choice.state, choice.limit)
    }

    /// Tries all of them again, in the order in which they ended; none, where one of them cannot be.
    ///
    /// - Parameters:
    ///   - choice: which runs.
    ///   - planned: how many the plan told; where there are others by now nothing is done.
    ///   - reason: why.
    ///   - actor: who.
    /// - Returns: the new runs.
    /// - Throws: `ScheduleRefusal` where there are not as many as planned.
    package func retryAll(_ choice: Choice, planned: Int, reason: String, by actor: String) async throws -> [Int64] {
        try await acting(as: actor) { transaction in
            let runs = try await transaction.query(Statements.chosen, choice.job, choice.state, choice.limit).map {
                try $0.get("id", as: Int64.self)
            }
            guard runs.count == planned else {
                throw ScheduleRefusal(
                    .moved,
                    "it would be \(runs.count) runs by now, not \(planned)",
                    remedy: "look at the plan again, then pass --yes with its number"
                )
            }
            var made: [Int64] = []
            for run in runs {
                try await record(transaction, "retried", run, reason)
                if let again: Int64 = try await transaction.query(Statements.retry, run, reason).first?.get("run") {
                    made.append(again)
                }
            }
            return made
        }
    }
}
