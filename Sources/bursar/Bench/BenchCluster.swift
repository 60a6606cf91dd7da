import Billing
import Glibc
import Postgres
import Schedules
import SocketLoop

/// A private server for one bench, with databases that are copied from a template, so that every run begins alike.
///
/// It is as durable as the one in production: fsync, full pages and synchronous commits are on. What comes at times of its
/// own (checkpoints, vacuum) is kept out of all runs in the same way.
struct BenchCluster: Sendable {
    /// Its private database is the one that each run works in.
    let settings: Settings
    private let cluster: PrivateCluster

    /// The template of every run: a migrated database with the portfolio.
    private static let portfolio = "portfolio"

    /// - Throws: `CommandFailure` in production.
    init(_ command: String, like settings: Settings) throws {
        guard settings.environment != .production else { throw CommandFailure.refusedInProduction(command) }
        let folder = settings.database.developmentDirectory + "-bench"
        self.settings = try Settings(flags: ["dev.directory=\(folder)", "environment=development", "log.level=warning"])
        guard var wanted = self.settings.database.cluster else {
            let origin = self.settings.values[.databaseURL].map { "\($0.origin)" } ?? "the configuration"
            throw CommandFailure(
                .notPermitted,
                "a database is configured (\(origin)), and `\(command)` measures a private server of its own",
                remedy: "take database.url out of the configuration for this command"
            )
        }
        wanted.parameters = [
            "shared_buffers": "512MB", "max_connections": "50", "max_wal_size": "8GB", "checkpoint_timeout": "1h",
            "autovacuum": "off", "fsync": "on", "synchronous_commit": "on", "full_page_writes": "on",
        ]
        cluster = try PrivateCluster(wanted)
    }

    /// Makes the server anew, runs the body, and removes the server again, also after an interruption.
    func whileUp<Answer: Sendable>(_ body: @Sendable (BenchCluster) async throws -> Answer) async throws -> Answer {
        try await cluster.destroy()
        let answer: Answer
        do {
            try await cluster.start()
            try makeScheduleFolder()
            answer = try await body(self)
        } catch {
            await remove()
            throw error
        }
        await remove()
        return answer
    }

    /// Daemons of a bench have no schedules of their own.
    private func makeScheduleFolder() throws(CommandFailure) {
        let folder = "\(settings.database.developmentDirectory)/schedules"
        mkdir(settings.database.developmentDirectory, 0o755)
        mkdir(folder, 0o755)
        try NewFile.write("version: 1\nschedules: {}\n", to: "\(folder)/none.yaml", force: true)
    }

    /// In a task of its own: the programs that do it would not even start in a cancelled one.
    private func remove() async {
        let cluster = cluster
        do {
            try await Task { try await cluster.destroy() }.value
        } catch {
            Terminal.complain("the server of the bench is left in \(cluster.settings.directory): \(error)")
        }
    }

    var version: String {
        get async throws {
            let rows = try await asSuperuser("postgres") { try await $0.query(BenchStatements.version) }
            return try rows.first?.get("version") ?? "unknown"
        }
    }

    // MARK: Databases

    /// Makes the template: migrated, with the portfolio, analysed.
    func makePortfolio(_ portfolio: DemoPortfolio) async throws {
        for name in [Self.portfolio, DatabaseSettings.name] { try await administer("drop database if exists \(name)") }
        try await administer("create database \(DatabaseSettings.name)")
        _ = try await MigrateCommand.up(settings)
        try await DatabaseSession.withLoop { loop in
            let pool = PostgresPool(settings.database.migrationConfiguration(), size: 1, loop: loop)
            _ = try await pool.withTransaction(DemoPortfolio.transaction) { try await portfolio.load(in: $0) }
            await pool.close()
        }
        try await script("vacuum (analyze)")
        try await rename(DatabaseSettings.name, to: Self.portfolio)
    }

    /// Makes a template with the schema and nothing in it but what a script adds.
    func makeEmpty(_ template: String, extra: String) async throws {
        for name in [template, DatabaseSettings.name] { try await administer("drop database if exists \(name)") }
        try await administer("create database \(DatabaseSettings.name)")
        _ = try await MigrateCommand.up(settings)
        try await script(extra)
        try await script("vacuum (analyze)")
        try await rename(DatabaseSettings.name, to: template)
    }

    /// A fresh copy of the template as the database that the daemon works in.
    func copyPortfolio() async throws { try await copy(Self.portfolio) }

    /// A fresh copy of any database as the one that the daemon works in, with everything on disk.
    func copy(_ template: String) async throws {
        try await administer("drop database if exists \(DatabaseSettings.name)")
        try await administer("create database \(DatabaseSettings.name) template \(template) strategy file_copy")
        try await administer("checkpoint")
    }

    func rename(_ database: String, to name: String) async throws {
        try await administer("alter database \(database) rename to \(name)")
    }

    /// Runs SQL as the superuser in the database of the runs.
    func script(_ sql: String) async throws {
        try await asSuperuser { try await $0.executeScript(sql, name: "bench.script") }
    }

    func asSuperuser<Answer>(
        _ database: String = DatabaseSettings.name,
        _ body: (PostgresConnection) async throws -> Answer
    ) async throws -> Answer {
        try await DatabaseSession.with(superuser(database), body)
    }

    /// The login that no wall stops, with no limit for a statement.
    func superuser(_ database: String = DatabaseSettings.name) -> PostgresConfiguration {
        var configuration = PostgresConfiguration(url: cluster.url(database: database), applicationName: "bursar bench")
        configuration.statementTimeout = nil
        return configuration
    }

    /// The web application's login.
    func client() -> PostgresConfiguration {
        PostgresConfiguration(
            url: cluster.url(database: DatabaseSettings.name, user: "bursar_client"),
            applicationName: "bursar bench"
        )
    }

    /// One statement at a time: databases are not made inside transactions.
    private func administer(_ sql: String) async throws {
        try await asSuperuser("postgres") { connection in
            for statement in sql.split(separator: ";") {
                try await connection.executeScript(String(statement), name: "bench.administer")
            }
        }
    }
}

enum BenchStatements {
    static let version = Statement("bench.version", "select current_setting('server_version') as version")

    /// What every connection that works a run for a bench proves first: that the walls stand in its way too.
    static let assertions = [
        Statement(
            "bench.no_superuser",
            """
            select not bool_or(rolsuper or rolbypassrls) from pg_roles
            where rolname = session_user or pg_has_role(session_user, oid, 'member')
            """
        ),
        Statement(
            "bench.row_security",
            "select current_setting('row_security') = 'on' and row_security_active('bursar.invoice'::regclass)"
        ),
    ]

    static let all = [version] + assertions
}
