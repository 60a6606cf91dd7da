import CivilTime
import Postgres
import Schedules

extension Checkup {
    /// What the database is, who we are there, and whether the schema fits.
    func database() async -> [Finding] {
        do {
            try settings.requireDatabase()
            return try await DatabaseSession.with(settings.database.configuration(for: "doctor")) { connection in
                var findings = try await server(connection)
                findings.append(await schema())
                if let installation = await installation(connection) { findings.append(installation) }
                return findings + [pooling()]
            }
        } catch {
            let failure = describe(error)
            return [Finding(check: "database", state: .fails, detail: failure.message, remedy: failure.remedy)]
        }
    }

    private func server(_ connection: PostgresConnection) async throws -> [Finding] {
        guard let row = try await connection.query(CheckupStatements.server).first else { return [] }
        let version: Int = try row.get("version")
        let login: String = try row.get("login")
        var findings = [
            Finding(
                check: "database",
                state: version >= 150_000 ? .holds : .fails,
                detail:
                    "PostgreSQL \(version / 10_000).\(version % 10_000), database \(try row.get("name", as: String.self)),"
                    + " login \(login)",
                remedy: version >= 150_000 ? nil : "Bursar needs PostgreSQL 15 or newer"
            )
        ]
        let sees = try row.get("sees_everything", as: Bool.self)
        findings.append(
            Finding(
                check: "tenant wall",
                state: sees ? .fails : .holds,
                detail: sees ? "\(login) bypasses row-level security" : "row-level security holds for \(login)",
                remedy: sees ? "let database.url name the login bursar" : nil
            )
        )
        let skew: Double = try row.get("seconds") - Self.secondsNow
        findings.append(
            Finding(
                check: "clock",
                state: abs(skew) < 5 ? .holds : .warns,
                detail: "this machine and the database differ by \(Int(abs(skew) * 1000)) ms",
                remedy: abs(skew) < 5 ? nil : "set both clocks by NTP; Bursar itself goes by the database's"
            )
        )
        return findings
    }

    private func schema() async -> Finding {
        do {
            try await DatabaseSession.withMigrator(settings, mayChange: false) { try await $0.requireCurrent() }
            return Finding(check: "schema", state: .holds, detail: "\(Migrations.all.count) migrations, all applied")
        } catch {
            let failure = describe(error)
            return Finding(check: "schema", state: .fails, detail: failure.message, remedy: failure.remedy)
        }
    }

    /// Null before the first migration, which the schema's check tells.
    private func installation(_ connection: PostgresConnection) async -> Finding? {
        guard let found = try? await Installation.read(connection) else { return nil }
        let fits = found.environment == settings.environment
        return Finding(
            check: "installation",
            state: fits ? .holds : .fails,
            detail: fits
                ? "the database is \(found.environment.rawValue)" + (found.isDemo ? ", with demo data" : "")
                : "the database is \(found.environment.rawValue), the configuration says \(settings.environment.rawValue)",
            remedy: fits ? nil : "correct `environment`, or database.url"
        )
    }

    private func pooling() -> Finding {
        let lacksDirect = settings.database.isPooled && settings.database.directURL == nil
        return Finding(
            check: "notifications",
            state: lacksDirect ? .warns : .holds,
            detail: lacksDirect ? "pooled, without a direct URL: new work is found by polling" : "LISTEN is possible",
            remedy: lacksDirect ? "set database.direct_url_file to a URL that goes round pgbouncer" : nil
        )
    }

    private static var secondsNow: Double {
        Double(Instant.now.microsecondsSinceEpoch) / 1e6
    }
}

enum CheckupStatements {
    static let server = Statement(
        "bursar.checkup_server",
        """
        select
            current_setting('server_version_num')::int as version,
            current_database()::text as name,
            session_user::text as login,
            (select rolsuper or rolbypassrls from pg_roles where rolname = session_user) as sees_everything,
            extract(epoch from clock_timestamp())::float8 as seconds
        """
    )
    static let all = [server]
}
