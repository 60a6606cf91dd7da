package import JobKit
package import Postgres

/// The ledger of trial runs: a row for every effect, so that one too many or too few is seen.
package struct TrialLedger: TrialEffect {
    package init() {}

    package func write(_ number: Int64, of run: RunIdentity, in transaction: Transaction) async throws {
        await transaction.setRole("bursar_engine")
        try await transaction.execute(Statements.write, run.id, number, run.fence)
    }

    package enum Statements {
        static let write = Statement(
            "engine.write_trial_entry",
            "insert into bursar.trial_entry (run_id, number, fence) values ($1, $2, $3)"
        )

        package static let all = [write]
    }
}
