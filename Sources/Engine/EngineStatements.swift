internal import JobKit
package import Postgres

/// Every statement of the engine, for the test that prepares them all.
package enum EngineStatements {
    package static let all =
        RunStatements.all + RunStore.Statements.all + NodeStore.Statements.all + Timekeeper.Statements.all
        + ScheduleBook.Statements.all + ScheduleDesk.Statements.all + SchedulerScan.Statements.all
        + Lookout.Statements.all
        + NodeStore.FilesStatements.all + NodeStore.QuarantineStatements.all + NodeDesk.Statements.all
        + RunStore.StrayStatements.all + ProviderDesk.Statements.all + RunDesk.Statements.all
        + AttemptLineStore.Statements.all
        + TrialLedger.Statements.all + [RunRequest.statement]
}
