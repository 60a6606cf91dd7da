package import Custody
package import JobKit
package import Schedules

/// Takes a backup by one of two engines: with its manifest, written down when it is whole, and what is old removed.
package struct Backup: Job {
    /// Where dumps go and with which keys is configured, and no matter of a run.
    package struct Parameters: JobParameters {
        package let engine: String
        package let stanza: String
        package let config: String
        package let type: String

        package init(
            engine: String = "dump",
            stanza: String = "main",
            config: String = "/etc/pgbackrest.conf",
            type: String = "full"
        ) {
            self.engine = engine
            self.stanza = stanza
            self.config = config
            self.type = type
        }

        package init(from decoder: any Decoder) throws {
            let values = try decoder.container(keyedBy: CodingKeys.self)
            let preset = Parameters()
            engine = try values.decodeIfPresent(String.self, forKey: .engine) ?? preset.engine
            stanza = try values.decodeIfPresent(String.self, forKey: .stanza) ?? preset.stanza
            config = try values.decodeIfPresent(String.self, forKey: .config) ?? preset.config
            type = try values.decodeIfPresent(String.self, forKey: .type) ?? preset.type
        }

        package static let fields = [
            ParameterField(
                "engine",
                .choice(["dump", "pgbackrest"]),
                default: "dump",
                help: "dump: Bursar's schema, sealed; pgbackrest: the whole cluster, and its log for every moment since"
            ),
            ParameterField(
                "stanza",
                .shaped(.fileName),
                default: "main",
                help: "of pgBackRest: its name for the cluster"
            ),
            ParameterField(
                "config",
                .shaped(.absolutePath),
                default: "/etc/pgbackrest.conf",
                help: "of pgBackRest: its configuration file"
            ),
            ParameterField(
                "type",
                .choice(PgBackRestPlace.Kind.allCases.map(\.rawValue)),
                default: "full",
                help: "of pgBackRest: all, what has changed since the last full backup, or since the last one"
            ),
        ]

        var backupEngine: BackupEngine {
            guard engine == "pgbackrest" else { return .dump }
            let kind = PgBackRestPlace.Kind(rawValue: type) ?? .full
            return .pgBackRest(PgBackRestPlace(stanza: stanza, configuration: config, kind: kind))
        }
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
            return .succeeded(try await BackupWork(house, parameters.backupEngine).run(in: context))
        } catch let failure as CustodyFailure {
            throw JobError(failure.isPassing ? .transient : .permanent, failure.description)
        }
    }

    /// A backup that is whole has its name and its row, or the run has failed.
    package func postcondition(_ parameters: Parameters, in context: JobContext) async throws -> Postcondition { .held }
}
