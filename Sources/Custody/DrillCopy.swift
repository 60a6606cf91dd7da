internal import Billing
internal import CivilTime
internal import JobKit
internal import Postgres

/// The restored copy of a drill: made on the scratch server and looked at there.
struct DrillCopy: Sendable {
    let server: ScratchServer
    let backup: RecordedBackup
    /// What the copy must be equal to; nil for a moment that nothing was counted at.
    let manifest: Manifest?
    /// The copy's moment, in business time.
    let asOf: Instant
    let jobs: Int

    static let withoutManifest = "nothing was counted at this moment: there is no manifest to compare with"

    var canCheckIndexes: Bool { tools.has("pg_amcheck") }

    private var tools: ServerTools { server.tools }
    private var opened: String { server.folder.backup }

    /// Roles first: without them nothing restores whole.
    ///
    /// What the fresh server has already may be refused.
    func globals(of manifest: Manifest) async throws -> (Void, String) {
        try await run(
            "psql",
            ["-X", "-q", "-d", "postgres", "-f", "\(opened)/\(BackupIndex.globals)"],
            step: "globals"
        )
        return try await checkRoles(of: manifest)
    }

    /// Every role of the source is there.
    func checkRoles(of manifest: Manifest) async throws -> (Void, String) {
        let there = try await BackupHouse.withPool(server.url("postgres"), "drill") { pool in
            try await pool.withConnection { connection in
                try await connection.query(DrillStatements.roles).map { try $0.get("name", as: String.self) }
            }
        }
        let missing = manifest.roles.map(\.name).filter { !there.contains($0) }
        guard missing.isEmpty else {
            throw CustodyFailure("globals", "role \(missing.joined(separator: ", ")) is missing")
        }
        return ((), "\(manifest.roles.count) roles")
    }

    func restore(_ manifest: Manifest) async throws -> (Void, String) {
        try await run(
            "pg_restore",
            [
                "--exit-on-error", "--jobs=\(jobs)", "--dbname=\(server.database)",
                "\(opened)/\(BackupIndex.dump)",
            ],
            step: "restore"
        )
        // The copy is asked much right away, by a server that has counted nothing yet.
        try await run(
            "vacuumdb",
            ["--analyze-only", "--quiet", "--jobs=\(jobs)", "--dbname=\(server.database)"],
            step: "restore"
        )
        return ((), "\(manifest.tables.count) tables")
    }

    /// Every index is whole and has every row.
    func checkIndexes() async throws -> (Void, String) {
        try await run(
            "pg_amcheck",
            ["--install-missing", "--heapallindexed", "--jobs=\(jobs)", "-d", server.database],
            step: "amcheck"
        )
        return ((), "every index has every row")
    }

    /// The copy holds what the manifest says, to the last row.
    func checkEquality(with manifest: Manifest) async throws -> (Void, String) {
        let copy = try await read { pool in
            try await pool.withTransaction(TransactionOptions(readOnly: true)) { transaction in
                guard let row = try await transaction.query(BackupStatements.manifest).first else {
                    throw CustodyFailure("equality", "the copy counted nothing")
                }
                return try JSONText(row.get("manifest", as: String.self)).decoded(as: Manifest.self)
            }
        }
        let differences = manifest.differences(in: copy) + manifest.roleDifferences(in: copy)
        guard differences.isEmpty else {
            throw CustodyFailure("equality", differences.prefix(5).joined(separator: "; "))
        }
        return ((), "\(manifest.rows) rows in \(manifest.tables.count) tables")
    }

    /// How many rows of the copy were there when a manifest was taken, by table: those whose keys its highest ones cover.
    func rowsStaying(since earlier: Manifest) async throws -> [String: Int64] {
        let tables = try JSONText(encoding: earlier.tables.filter(\.kept))
        return try await read { pool in
            let rows = try await pool.withTransaction(TransactionOptions(readOnly: true)) {
                try await $0.query(DrillStatements.rowsStaying, tables)
            }
            let counted = try rows.map { row in
                (try row.get("name", as: String.self), try row.get("staying", as: Int64.self))
            }
            return Dictionary(counted) { first, _ in first }
        }
    }

    /// The books of the copy are in order, as of the snapshot.
    func check(_ invariants: [Invariant], asOf: Instant) async throws -> (Void, String) {
        let broken = try await read { pool in
            try await pool.withTransaction(Invariant.transaction) { transaction in
                var broken: [String] = []
                for invariant in invariants {
                    let check = try await invariant.check(asOf: asOf, in: transaction)
                    if !check.held {
                        broken.append("\(check.id) is broken \(check.violations) times: \(check.examples.first ?? "")")
                    }
                }
                return broken
            }
        }
        guard broken.isEmpty else { throw CustodyFailure("invariants", broken.joined(separator: "; ")) }
        return ((), "\(invariants.count) invariants hold as of \(asOf)")
    }

    /// The copy takes writes, and would renew.
    func rehearse(_ rehearsal: DrillRehearsal, asOf: Instant) async throws -> String {
        try await read { pool in
            let written = try await pool.withTransaction { try await $0.execute(DrillStatements.probe) }
            guard written == 1 else {
                throw CustodyFailure(
                    "rehearsal",
                    "the copy does not say what it is: bursar.installation has \(written) rows"
                )
            }
        }
        return try await rehearsal(server.url(), asOf)
    }

    private func read<Answer: Sendable>(_ body: (PostgresPool) async throws -> Answer) async throws -> Answer {
        try await BackupHouse.withPool(server.url(), "drill", body)
    }

    private func run(_ program: String, _ arguments: [String], step: String) async throws {
        try await tools.run(
            program,
            arguments,
            environment: server.environment,
            account: server.folder.account,
            step: step
        )
    }
}
