internal import Billing
internal import Engine
internal import Events
internal import Postgres
internal import Subprocess
internal import Tenancy
internal import TestSupport

/// The whole schema, as the executable has it.
let wholeSchema = TenancyMigrations.all + EngineMigrations.all + EventsMigrations.all + BillingMigrations.all

/// `psql` as another program would use it: its own login, one script, one transaction a statement unless the script says
/// otherwise.
struct Psql {
    let database: TestDatabase
    var user = "bursar_client"

    /// What a script did.
    struct Answer {
        /// One line a row, columns separated by `|`.
        let rows: [String]
        /// What psql complained of, with SQLSTATE and hint.
        let complaint: String

        var value: String { rows.first ?? "" }
    }

    /// Runs a script to its first error.
    func run(_ script: String) async throws -> Answer {
        let result = try await Subprocess.run(
            .name("psql"),
            arguments: Arguments([
                "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-v", "VERBOSITY=verbose", "-v", "SHOW_CONTEXT=never",
                "-d", database.url(user: user), "-f", "-",
            ]),
            input: .string(script),
            output: .string(limit: 1 << 20),
            error: .string(limit: 1 << 20)
        )
        return Answer(
            rows: result.standardOutput.split(separator: "\n").map(String.init),
            complaint: result.standardError
        )
    }

    /// Runs a script that must go through.
    func value(_ script: String) async throws -> String {
        let answer = try await run(script)
        guard answer.complaint.isEmpty else { throw PsqlComplaint(text: answer.complaint) }
        return answer.rows.joined(separator: "\n")
    }

    /// Moves business time, as an operator of a test installation does.
    func setBusinessTime(_ instant: String) async throws {
        try await database.setUp(
            "update bursar.installation set business_offset = timestamptz '\(instant)' - clock_timestamp()"
        )
    }

    /// Plays a renewals run that billed every subscription up to a day, as far as the contract can see.
    func pretendBilled(through day: String, k: Int) async throws {
        try await database.setUp(
            """
            update bursar.subscription set next_k = \(k), next_from = '\(day)', issue_on = '\(day)', charged_through = '\(day)'
            """
        )
    }
}

struct PsqlComplaint: Error, CustomStringConvertible {
    let text: String

    var description: String { text }
}

/// A database with nothing but the schema.
func withEmptySchema<Result>(_ body: (Psql) async throws -> Result) async throws -> Result {
    try await TestDatabase.with(migrations: wholeSchema) { database in try await body(Psql(database: database)) }
}

/// A database with an issuer, three plans and a tenant, at noon of 31 January 2026 in Phnom Penh.
func withBusiness<Result>(_ body: (Psql) async throws -> Result) async throws -> Result {
    try await withEmptySchema { client in
        try await client.setBusinessTime("2026-01-31 12:00+07")
        _ = try await client.value(
            """
            select bursar.create_issuer('Angkor Cloud', 'Angkor Cloud Co., Ltd.', external_ref => 'angkor', invoice_prefix => 'ANG');
            select bursar.create_plan_version(1, 'basic', '[{"code": "seat", "description": "Seat", "unit_amount": 1250}]', 'USD');
            select bursar.create_plan_version(1, 'yearly', '[{"code": "seat", "description": "Seat", "unit_amount": 12000}]', 'USD', unit => 'year');
            select bursar.create_plan_version(1, 'riel', '[{"code": "seat", "description": "Seat", "unit_amount": 50000}]', 'KHR');
            select bursar.create_tenant(1, 'customer-1', 'Sok Trading');
            """
        )
        return try await body(client)
    }
}
