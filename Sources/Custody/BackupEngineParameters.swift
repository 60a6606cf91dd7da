package import Schedules

/// Which engine a schedule names, and where its repository is: the parameters that backups and drills share.
package struct BackupEngineParameters: Codable, Equatable, Sendable {
    package let name: BackupEngine.Name
    /// Of pgBackRest, its name for the cluster.
    package let stanza: String
    /// Of pgBackRest, its configuration file by its full path.
    package let configuration: String

    package init(
        _ name: BackupEngine.Name = .dump,
        stanza: String = "main",
        configuration: String = "/etc/pgbackrest.conf"
    ) {
        self.name = name
        self.stanza = stanza
        self.configuration = configuration
    }

    package enum CodingKeys: String, CodingKey {
        case name = "engine"
        case stanza
        case configuration = "config"
    }

    package init(from decoder: any Decoder) throws {
        let values = try decoder.container(keyedBy: CodingKeys.self)
        let preset = BackupEngineParameters()
        name = try values.decodeIfPresent(BackupEngine.Name.self, forKey: .name) ?? preset.name
        stanza = try values.decodeIfPresent(String.self, forKey: .stanza) ?? preset.stanza
        configuration = try values.decodeIfPresent(String.self, forKey: .configuration) ?? preset.configuration
    }

    package static let fields = [
        ParameterField(
            "engine",
            .choice(BackupEngine.Name.allCases.map(\.rawValue)),
            default: "dump",
            help: "dump: Bursar's schema, sealed; pgbackrest: the whole cluster, and its log for every moment since"
        ),
        ParameterField("stanza", .shaped(.fileName), default: "main", help: "of pgBackRest: its name for the cluster"),
        ParameterField(
            "config",
            .shaped(.absolutePath),
            default: "/etc/pgbackrest.conf",
            help: "of pgBackRest: its configuration file"
        ),
    ]

    /// The engine itself; of pgBackRest with what the next backup is, which restoring does not ask.
    package func engine(_ kind: PgBackRestPlace.Kind = .full) -> BackupEngine {
        switch name {
        case .dump: .dump
        case .pgBackRest:
            .pgBackRest(PgBackRestPlace(stanza: stanza, configuration: configuration, kind: kind))
        }
    }
}
