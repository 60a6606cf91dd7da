package import Billing
package import CivilTime
package import Custody
package import JobKit
package import Schedules

/// Proves that a backup restores: a drill, with a receipt.
package struct BackupVerification: Job {
    package struct Parameters: JobParameters {
        package var source: String
        package var backup: String?
        package var at: Instant?
        package var engine: BackupEngineParameters

        package init(
            source: String = "latest",
            backup: String? = nil,
            at: Instant? = nil,
            engine: BackupEngineParameters = BackupEngineParameters()
        ) {
            self.source = source
            self.backup = backup
            self.at = at
            self.engine = engine
        }

        private enum CodingKeys: String, CodingKey { case source, backup, at }

        package init(from decoder: any Decoder) throws {
            engine = try BackupEngineParameters(from: decoder)
            let values = try decoder.container(keyedBy: CodingKeys.self)
            source = try values.decodeIfPresent(String.self, forKey: .source) ?? "latest"
            backup = try values.decodeIfPresent(String.self, forKey: .backup)
            at = try values.decodeIfPresent(Instant.self, forKey: .at)
        }

        package func encode(to encoder: any Encoder) throws {
            try engine.encode(to: encoder)
            var values = encoder.container(keyedBy: CodingKeys.self)
            try values.encode(source, forKey: .source)
            try values.encodeIfPresent(backup, forKey: .backup)
            try values.encodeIfPresent(at, forKey: .at)
        }

        package static let fields =
            [
                ParameterField(
                    "source",
                    .choice(["latest", "random"]),
                    default: "latest",
                    help: "which backup is restored: the latest, or an older one by chance"
                ),
                ParameterField("backup", .shaped(.fileName), help: "this backup by its name, instead"),
                ParameterField(
                    "at",
                    .instant,
                    help:
                        "of pgBackRest: go to this moment instead, from the newest backup before it; proves no equality"
                ),
            ] + BackupEngineParameters.fields

        var drillSource: DrillSource {
            if let at { return .at(at) }
            if let backup { return .named(backup) }
            return source == "random" ? .random : .latest
        }
    }

    package static let name: JobName = "backup-verification"
    package static let summary = "Prove that a backup restores"
    package static let limits = JobLimits(atOnce: 1)

    private let house: @Sendable () -> BackupHouse?
    private let invariants: [Invariant]
    private let rehearsal: DrillRehearsal?

    /// - Parameters:
    ///   - house: what drills find on this machine; nil where they are not configured.
    ///   - invariants: what must hold on the restored copy.
    ///   - rehearsal: the renewals of the next day on the copy, without effect.
    package init(
        _ house: @escaping @Sendable () -> BackupHouse?,
        invariants: [Invariant],
        rehearsal: DrillRehearsal?
    ) {
        self.house = house
        self.invariants = invariants
        self.rehearsal = rehearsal
    }

    package func run(_ parameters: Parameters, in context: JobContext) async throws -> Outcome {
        guard let house = house() else { throw JobError(.permanent, "backups are not configured on this node") }
        guard parameters.at == nil || parameters.engine.name == .pgBackRest else {
            throw JobError(.permanent, "a dump is of one moment alone; at goes with engine: pgbackrest")
        }
        let source = parameters.drillSource
        guard !context.run.isDryRun else {
            return .succeeded("would restore a backup by \(parameters.engine.name.rawValue)")
        }
        let receipt = try await DrillWork(
            house,
            parameters.engine.engine(),
            invariants: invariants,
            rehearsal: rehearsal
        )
        .run(source, in: context)
        guard receipt.verdict != .fail else { throw JobError(.permanent, receipt.told) }
        return .succeeded("\(receipt.told), proven in \(Int((receipt.rto_seconds ?? 0).rounded())) s")
    }

    /// The receipt has said it.
    package func postcondition(_ parameters: Parameters, in context: JobContext) async throws -> Postcondition { .held }
}
