import Postgres
import SocketLoop

/// One connection for the length of a command.
enum DatabaseSession {
    static func with<Result>(
        _ configuration: PostgresConfiguration,
        _ body: (PostgresConnection) async throws -> Result
    ) async throws -> Result {
        try await withLoop { loop in
            let connection = try await PostgresConnection.connect(configuration, on: loop)
            do {
                let result = try await body(connection)
                await connection.close()
                return result
            } catch {
                await connection.close()
                throw error
            }
        }
    }

    static func withLoop<Result>(_ body: (SocketLoop) async throws -> Result) async throws -> Result {
        let loop = try SocketLoop(name: "database")
        defer { loop.stop() }
        return try await body(loop)
    }

    /// A migrator over all migrations of this program.
    static func withMigrator<Result>(
        _ settings: Settings,
        mayChange: Bool,
        _ body: (Migrator) async throws -> Result
    ) async throws -> Result {
        try await withLoop { loop in
            let database = settings.database
            let configuration =
                mayChange ? database.migrationConfiguration() : database.configuration(for: "migrate status")
            return try await body(try Migrator(configuration, migrations: Migrations.all, loop: loop))
        }
    }
}
