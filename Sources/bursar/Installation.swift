import Postgres
import Schedules

/// What the database says it is: `bursar.installation`, one row.
struct Installation: Sendable {
    var environment: ScheduleEnvironment
    var isDemo: Bool

    /// Null before the first migration.
    static func read(_ connection: PostgresConnection) async throws -> Installation? {
        guard let row = try await connection.query(InstallationStatements.read).first else { return nil }
        let environment: String = try row.get("environment")
        return Installation(
            environment: ScheduleEnvironment(rawValue: environment) ?? .production,
            isDemo: try row.get("demo")
        )
    }

    /// Says what a new database is for; done once, right after its first migration.
    static func settle(_ connection: PostgresConnection, as environment: ScheduleEnvironment) async throws {
        try await connection.query(InstallationStatements.settle, environment.rawValue)
    }
}

enum InstallationStatements {
    static let read = Statement("bursar.installation", "select environment, demo from bursar.installation")
    static let settle = Statement(
        "bursar.installation_settle",
        "update bursar.installation set environment = $1 where environment <> $1"
    )
    static let all = [read, settle]
}
