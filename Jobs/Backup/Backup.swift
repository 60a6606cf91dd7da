package import Custody
package import JobKit
package import Schedules

/// Takes a backup: dump, manifest, seals, name, and what is old removed.
package struct Backup: Job {
    /// Where it goes and with which keys is configured, and no matter of a run.
    package struct Parameters: JobParameters {
        package static let fields: [ParameterField] = []

        package init() {}
    }

    package static let name: JobName = "backup"
    package static let summary = "Take a backup, sealed and counted"
    package static let limits = JobLimits(atOnce: 1)

    private let house: @Sendable () -> BackupHouse?

    /// - Parameter house: what backups find on this machine; nil where they are not configured.
    package init(_ house: @escaping @Sendable () -> BackupHouse?) { self.house = house }

    package func run(_ parameters: Parameters, in context: JobContext) async throws -> Outcome {
        guard let house = house() else { throw JobError(.permanent, "backups are not configured on this node") }
        do {
            return .succeeded(try await BackupWork(house).run(in: context))
        } catch let failure as CustodyFailure {
            throw JobError(failure.isPassing ? .transient : .permanent, failure.description)
        }
    }

    /// A backup that is whole has its name and its row, or the run has failed.
    package func postcondition(_ parameters: Parameters, in context: JobContext) async throws -> Postcondition { .held }
}
