internal import CivilTime
internal import Postgres

/// One dump with its manifest, in one snapshot, still in the clear.
struct BackupDump: Sendable {
    /// Whose words they are, and of what moment.
    struct Moment: Sendable {
        let login: String
        let seesAll: Bool
        let snapshot: String
        let takenAt: Instant
        let asOf: Instant
        let version: Int
        let bytes: Int64
        let database: String
        let keptOut: [String]
        let installation: Instant
        let others: [String]

        init(_ row: Row) throws {
            login = try row.get("login")
            seesAll = try row.get("sees_all")
            snapshot = try row.get("snapshot")
            takenAt = try row.get("taken_at")
            asOf = try row.get("as_of")
            version = try row.get("version")
            bytes = try row.get("bytes")
            database = try row.get("database")
            keptOut = try row.get("kept_out")
            installation = try row.get("installation")
            others = try row.get("others")
        }
    }

    let moment: Moment
    let manifest: JSONText

    /// Dumps into a folder: `dump/`, `globals.sql` and `manifest.json`.
    static func take(into folder: String, _ house: BackupHouse) async throws -> BackupDump {
        guard let url = house.url else {
            throw CustodyFailure(
                "role",
                "no database is configured for backups; set backup.database_url to one of the login bursar_backup"
            )
        }
        return try await BackupHouse.withPool(url, "backup") { pool in
            let environment = try pool.configuration.programEnvironment()
            let options = TransactionOptions(isolation: .repeatableRead, readOnly: true, retries: 0, outcome: .rollBack)
            return try await pool.withTransaction(options) { transaction in
                guard let row = try await transaction.query(BackupStatements.snapshot).first else {
                    throw CustodyFailure("role", "the login of backup.database_url is no role")
                }
                let moment = try Moment(row)
                guard moment.seesAll else {
                    throw CustodyFailure(
                        "role",
                        "\(moment.login) does not bypass row-level security, so its dump would lack every tenant;"
                            + " as a superuser: alter role \(moment.login) bypassrls"
                    )
                }
                let tools = try ServerTools(version: moment.version, keeper: house.keeper, step: "dump")
                // Side by side: the count and the roles take what the dump leaves of the processors.
                async let dumped: Void = dump(moment, into: folder, tools, environment, house.jobs)
                async let described: Void = describe(moment, into: folder, tools, environment)
                let counted = try await count(transaction)
                try await dumped
                try await described
                return BackupDump(moment: moment, manifest: counted)
            }
        }
    }

    private static func count(_ transaction: Transaction) async throws -> JSONText {
        guard let row = try await transaction.query(BackupStatements.manifest).first else {
            throw CustodyFailure("manifest", "the database counted nothing")
        }
        return JSONText(try row.get("manifest", as: String.self))
    }

    private static func dump(
        _ moment: Moment,
        into folder: String,
        _ tools: ServerTools,
        _ environment: [String: String],
        _ jobs: Int
    ) async throws {
        let keptOut = moment.keptOut.map { "--exclude-table-data=bursar.\(quoted($0))" }
        let others = moment.others.map { "--exclude-schema=\(quoted($0))" }
        try await tools.run(
            "pg_dump",
            // What is put on the disk is what comes of the seal: these files are gone then.
            [
                "--format=directory", "--jobs=\(jobs)", "--snapshot=\(moment.snapshot)", "--no-sync",
                "--file=\(folder)/\(BackupIndex.dump)",
            ]
                + keptOut + others,
            environment: environment,
            step: "dump"
        )
    }

    /// The cluster's roles, as they are while the dump goes on.
    private static func describe(
        _ moment: Moment,
        into folder: String,
        _ tools: ServerTools,
        _ environment: [String: String]
    ) async throws {
        try await tools.run(
            "pg_dumpall",
            [
                "--globals-only", "--no-role-passwords", "--no-sync", "--database=\(moment.database)",
                "--file=\(folder)/\(BackupIndex.globals)",
            ],
            environment: environment,
            step: "globals"
        )
    }

    /// A name in a pattern of pg_dump, taken as it is.
    private static func quoted(_ name: String) -> String { "\"\(name.replacing("\"", with: "\"\""))\"" }
}
