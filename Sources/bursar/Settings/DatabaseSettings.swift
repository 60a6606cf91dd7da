import Glibc
import Postgres

/// How the database is reached: a server that the configuration names, or the private one of `bursar dev`.
struct DatabaseSettings: Sendable {
    /// As the login `bursar`, through pgbouncer where `isPooled`.
    let url: String
    let isPooled: Bool
    /// Never through pgbouncer; null where that is the only way.
    let directURL: String?
    /// As a login that may change the schema.
    let migrationURL: String
    let connections: Int
    /// As the login `bursar_listener`, or as `bursar` where that login is not used.
    let listenerURL: String
    /// Absolute; where the private server lies.
    let developmentDirectory: String
    /// The private server, where no other is configured.
    let cluster: PrivateCluster.Settings?

    static let name = "bursar"

    init(_ reader: inout SettingsReader) throws(CommandFailure) {
        developmentDirectory = Self.absolute(try reader.text(.developmentDirectory, preset: ".bursar"))
        isPooled = try reader.boolean(.databasePooled, preset: false)
        connections = try reader.number(.databaseConnections, preset: 16, in: 2...200)
        let direct = try reader.optionalText(.databaseDirectURL)
        let migration = try reader.optionalText(.databaseMigrationURL)
        let listener = try reader.optionalText(.databaseListenerURL)
        if let named = try reader.optionalText(.databaseURL) {
            cluster = nil
            url = named
            directURL = direct ?? (isPooled ? nil : named)
            migrationURL = migration ?? direct ?? named
            listenerURL = listener ?? named
        } else {
            let settings = PrivateCluster.settings(preferring: developmentDirectory)
            cluster = settings
            url = Self.url(settings, user: "bursar")
            directURL = url
            migrationURL = Self.url(settings, user: "postgres")
            listenerURL = Self.url(settings, user: "bursar_listener")
        }
    }

    /// For work as the login `bursar`.
    func configuration(for purpose: String) -> PostgresConfiguration {
        PostgresConfiguration(url: url, pooled: isPooled, applicationName: "bursar \(purpose)")
    }

    /// For listening, which needs a way round pgbouncer; nil where there is none.
    func watchConfiguration() -> PostgresConfiguration? {
        directURL.map {
            var configuration = PostgresConfiguration(url: $0, applicationName: "bursar watch")
            // Its only statements are LISTEN and a sign of life.
            configuration.statementTimeout = .seconds(5)
            return configuration
        }
    }

    /// For storing webhooks, where a sender waits: what does not go through soon has failed.
    func listenerConfiguration() -> PostgresConfiguration {
        var configuration = PostgresConfiguration(
            url: listenerURL,
            pooled: isPooled,
            applicationName: "bursar webhooks"
        )
        configuration.statementTimeout = .seconds(5)
        configuration.answerGrace = .seconds(2)
        configuration.connectTimeout = .seconds(3)
        configuration.poolWait = .seconds(2)
        return configuration
    }

    /// For changing the schema.
    func migrationConfiguration() -> PostgresConfiguration {
        PostgresConfiguration(url: migrationURL, applicationName: "bursar migrate")
    }

    /// The private server as another login; nil where a server is configured.
    func privateURL(user: String) -> String? { cluster.map { Self.url($0, user: user) } }

    private static func url(_ cluster: PrivateCluster.Settings, user: String) -> String {
        "postgresql://\(user)@/\(name)?host=\(cluster.socketDirectory)&port=\(cluster.port)"
    }

    private static func absolute(_ path: String) -> String {
        guard !path.hasPrefix("/"), let current = getcwd(nil, 0) else { return path }
        defer { free(current) }
        return String(cString: current) + "/" + path
    }
}
