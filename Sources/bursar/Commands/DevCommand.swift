import ArgumentParser
import Postgres
import Schedules

/// The private PostgreSQL server of a developer.
struct DevCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "dev",
        abstract: "A private PostgreSQL server for development, with the schema in it.",
        discussion: "Refused in production, and where a database is configured.",
        subcommands: [Run.self, Up.self, Down.self, Reset.self]
    )

    fileprivate struct Answer: Encodable {
        let directory: String
        let url: String
        let migrations: [Int]
    }

    /// Starts the server and brings the schema up.
    struct Up: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "up",
            abstract: "Create the server where it is missing, start it, and bring the schema up."
        )

        @OptionGroup var options: GlobalOptions

        func run() async throws {
            let settings = try options.settings()
            let cluster = try DevCommand.cluster(settings, "bursar dev up")
            try await DevCommand.up(cluster, settings, options)
        }
    }

    /// Stops the server.
    struct Down: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "down",
            abstract: "Stop the server; its data stay."
        )

        @OptionGroup var options: GlobalOptions

        func run() async throws {
            try await DevCommand.cluster(try options.settings(), "bursar dev down").stop()
            options.show(["server": "stopped"]) { _ in "the private server is stopped" }
        }
    }

    /// Throws everything away and begins anew.
    struct Reset: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "reset",
            abstract: "Remove the server with all its data, and make a new one."
        )

        @OptionGroup var options: GlobalOptions

        func run() async throws {
            let settings = try options.settings()
            let cluster = try DevCommand.cluster(settings, "bursar dev reset")
            try await cluster.destroy()
            try await DevCommand.up(cluster, settings, options)
        }
    }

    static func cluster(_ settings: Settings, _ command: String) throws -> PrivateCluster {
        guard settings.environment != .production else { throw CommandFailure.refusedInProduction(command) }
        guard let cluster = settings.database.cluster else {
            let origin = settings.values[.databaseURL].map { "\($0.origin)" } ?? "the configuration"
            throw CommandFailure(
                .notPermitted,
                "a database is configured (\(origin)), and `\(command)` works on its own private server only",
                remedy: "take database.url out of the configuration, or migrate that database: `bursar migrate up`"
            )
        }
        return try PrivateCluster(cluster)
    }

    /// Starts the private server where there is one to start, with the database in it; used by `bursar serve` too.
    static func start(_ cluster: PrivateCluster) async throws {
        try await cluster.start()
        let administration = PostgresConfiguration(url: cluster.url(), applicationName: "bursar dev")
        try await DatabaseSession.with(administration) { connection in
            let found = try await connection.query(DevelopmentStatements.databaseExists, DatabaseSettings.name)
            guard found.isEmpty else { return }
            try await connection.executeScript("create database bursar", name: "bursar.create_database")
        }
    }

    fileprivate static func up(_ cluster: PrivateCluster, _ settings: Settings, _ options: GlobalOptions) async throws {
        let progress = options.progress()
        progress.show("starting the private server …")
        try await start(cluster)
        progress.show("bringing the schema up …")
        let applied = try await MigrateCommand.up(settings)
        progress.clear()
        let answer = Answer(
            directory: cluster.settings.directory,
            url: settings.database.url,
            migrations: applied
        )
        options.show(answer) { answer in
            let schema = applied.isEmpty ? "the schema is up to date" : "\(applied.count) migrations applied"
            return "the private server runs in \(answer.directory); \(schema)\n\(answer.url)"
        }
    }
}

enum DevelopmentStatements {
    static let databaseExists = Statement("bursar.database_exists", "select 1 from pg_database where datname = $1")
    static let all = [databaseExists]
}
