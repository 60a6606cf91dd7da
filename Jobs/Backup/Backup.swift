package import Custody
package import JobKit
package import Schedules

/// Takes a backup by one of two engines: with its manifest, written down when it is whole, and what is old removed.
package struct Backup: Job {
    /// Where dumps go and with which keys is configured, and no matter of a run.
    package struct Parameters: JobParameters {
        package let engine: BackupEngineParameters
        /// Of pgBackRest, what the backup has of its own.
        package let type: PgBackRestPlace.Kind

        package init(engine: BackupEngineParameters = BackupEngineParameters(), type: PgBackRestPlace.Kind = .full) {
            self.engine = engine
            self.type = type
        }

        private enum CodingKeys: String, CodingKey { case type }

        package init(from decoder: any Decoder) throws {
            engine = try BackupEngineParameters(from: decoder)
            let values = try decoder.container(keyedBy: CodingKeys.self)
            type = try values.decodeIfPresent(PgBackRestPlace.Kind.self, forKey: .type) ?? .full
        }

        package func encode(to encoder: any Encoder) throws {
            try engine.encode(to: encoder)
            var values = encoder.container(keyedBy: CodingKeys.self)
            try values.encode(type, forKey: .type)
        }

        package static let fields =
            BackupEngineParameters.fields + [
                ParameterField(
                    "type",
                    .choice(PgBackRestPlace.Kind.allCases.map(\.rawValue)),
                    default: "full",
                    help: "of pgBackRest: all, what has changed since the last full backup, or since the last one"
                )
            ]
    }

    package static let name: JobName = "backup"
    package static let summary = "Take a backup, counted: a sealed dump, or the whole cluster by pgBackRest"
    package static let limits = JobLimits(atOnce: 1)

    private let house: @Sendable () -> BackupHouse?

    /// - Parameter house: what backups find on this machine; nil where they are not configured.
    package init(_ house: @escaping @Sendable () -> BackupHouse?) { self.house = house }

    package func run(_ parameters: Parameters, in context: JobContext) async throws -> Outcome {
        guard let house = house() else { throw JobError(.permanent, "backups are not configured on this node") }
        do {
            return .succeeded(try await BackupWork(house, parameters.engine.engine(parameters.type)).run(in: context))
        } catch let failure as CustodyFailure {
            throw JobError(failure.isPassing ? .transient : .permanent, failure.description)
        }
    }

    /// A backup that is whole has its name and its row, or the run has failed.
    package func postcondition(_ parameters: Parameters, in context: JobContext) async throws -> Postcondition { .held }
}
