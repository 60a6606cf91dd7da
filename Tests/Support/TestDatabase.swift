internal import Glibc
package import Postgres
internal import Synchronization

/// A database of a test's own, made from a template that has the migrations applied, and dropped afterwards.
package struct TestDatabase: Sendable {
    package let cluster: PrivateCluster
    package let name: String

    /// Makes a database, runs the body with it and drops it, whatever is still connected.
    package static func with<Result>(
        migrations: [Migration] = [],
        _ body: (TestDatabase) async throws -> Result
    ) async throws -> Result {
        try await with(templateName: { try await Templates.shared.template(migrations, in: $0) }, body)
    }

    static func with<Result>(
        templateName: (PrivateCluster) async throws -> String,
        _ body: (TestDatabase) async throws -> Result
    ) async throws -> Result {
        let cluster = try await TestCluster.shared
        let template = try await templateName(cluster)
        let database = TestDatabase(cluster: cluster, name: "test_\(Templates.nextNumber())")
        try await database.administer("create database \(database.name) template \(template)")
        do {
            let result = try await body(database)
            try await database.drop()
            return result
        } catch {
            try? await database.drop()
            throw error
        }
    }

    /// The database's URL for a login.
    ///
    /// `postgres` is the superuser and for setting up only; everything that is under test connects as `bursar`, the
    /// login of production.
    package func url(user: String = "bursar") -> String { cluster.url(database: name, user: user) }

    /// A configuration whose connections make sure that they neither are a superuser's nor bypass row-level security.
    package func configuration(user: String = "bursar") -> PostgresConfiguration {
        var configuration = PostgresConfiguration(url: url(user: user), applicationName: "test")
        if user != "postgres" { configuration.checkoutAssertions = Self.assertions }
        return configuration
    }

    /// A pool that is closed after the body.
    package func withPool<Result>(
        user: String = "bursar",
        size: Int = 4,
        configure: (inout PostgresConfiguration) -> Void = { _ in },
        _ body: (PostgresPool) async throws -> Result
    ) async throws -> Result {
        var configuration = configuration(user: user)
        configure(&configuration)
        let pool = PostgresPool(configuration, size: size, loop: try TestCluster.loop)
        do {
            let result = try await body(pool)
            await pool.close()
            return result
        } catch {
            await pool.close()
            throw error
        }
    }

    /// Runs SQL as the superuser, for setting up and for looking behind the wall.
    @discardableResult
    package func asSuperuser<Result>(_ body: (PostgresConnection) async throws -> Result) async throws -> Result {
        try await Self.connected(url(user: "postgres"), body)
    }

    /// The same database in a copy of its cluster.
    package func on(_ cluster: PrivateCluster) -> TestDatabase { TestDatabase(cluster: cluster, name: name) }

    /// Runs a script as the superuser.
    package func setUp(_ sql: String) async throws {
        try await asSuperuser { try await $0.executeScript(sql, name: "set-up") }
    }

    /// What every connection of a test or a bench proves at its start.
    package static let assertions = [
        Statement(
            "test.no_superuser",
            "select not rolsuper and not rolbypassrls from pg_roles where rolname = current_user"
        ),
        Statement("test.row_security_on", "select current_setting('row_security') = 'on'"),
    ]

    private func drop() async throws { try await administer("drop database \(name) with (force)") }

    func administer(_ sql: String) async throws {
        try await Self.connected(cluster.url()) { try await $0.executeScript(sql, name: "administration") }
    }

    private static func connected<Result>(
        _ url: String,
        _ body: (PostgresConnection) async throws -> Result
    ) async throws -> Result {
        let connection = try await PostgresConnection.connect(PostgresConfiguration(url: url), on: TestCluster.loop)
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

/// The migrated databases that tests copy: one for each list of migrations. They are made one after another, since roles
/// belong to the whole cluster.
actor Templates {
    static let shared = Templates()
    private static let lastNumber = Atomic<Int>(0)

    private var templates: [[String]: Task<String, any Error>] = [:]
    private var last: Task<String, any Error>?

    nonisolated static func nextNumber() -> Int { lastNumber.add(1, ordering: .relaxed).newValue }

    func template(_ migrations: [Migration], in cluster: PrivateCluster) async throws -> String {
        let key = migrations.sorted { $0.number < $1.number }.map(\.checksum)
        if key.isEmpty { return "template0" }
        if let known = templates[key] { return try await known.value }
        let previous = last
        let task = Task {
            _ = await previous?.result
            return try await Self.make(migrations, in: cluster)
        }
        templates[key] = task
        last = task
        return try await task.value
    }

    private static func make(_ migrations: [Migration], in cluster: PrivateCluster) async throws -> String {
        let template = TestDatabase(cluster: cluster, name: "template_\(nextNumber())")
        try await template.administer("create database \(template.name)")
        let configuration = PostgresConfiguration(url: template.url(user: "postgres"), applicationName: "template")
        try await Migrator(configuration, migrations: migrations, loop: TestCluster.loop).up()
        return template.name
    }
}
