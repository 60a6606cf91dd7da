package import CivilTime
package import Postgres

/// A backup as the database knows it.
package struct RecordedBackup: Codable, Equatable, Sendable {
    package let name: String
    /// What took it: `dump` or `pgbackrest`.
    package let engine: String
    package let run: Int64?
    package let host: String
    package let directory: String
    package let takenAt: Instant
    package let asOf: Instant
    package let seconds: Double
    package let files: Int
    package let plainBytes: Int64
    package let sealedBytes: Int64
    package let indexSHA256: String
    /// Of a dump: whom it is sealed for.
    package let keyID: String?
    package let recoveryID: String?
    /// Of one that pgBackRest took: what it is called there, and the moment of its manifest.
    package let physical: PhysicalBackup?
    package let removedAt: Instant?
    /// When a drill of it has passed last.
    package let verifiedAt: Instant?

    init(_ row: Row) throws {
        name = try row.get("name")
        engine = try row.get("engine")
        physical = try PhysicalBackup(row)
        run = try row.get("run_id")
        host = try row.get("host")
        directory = try row.get("directory")
        takenAt = try row.get("taken_at")
        asOf = try row.get("as_of")
        seconds = try row.get("seconds")
        files = try row.get("files")
        plainBytes = try row.get("plain_bytes")
        sealedBytes = try row.get("sealed_bytes")
        indexSHA256 = try row.get("index_sha256")
        keyID = try row.get("key_id")
        recoveryID = try row.get("recovery_id")
        removedAt = try row.get("removed_at")
        verifiedAt = try row.get("verified_at")
    }
}

/// The backups that the database knows of.
package enum BackupBook {
    /// How a transaction begins that only reads backups and drills.
    package static let transaction = TransactionOptions(role: "bursar_ops", readOnly: true)

    /// The newest first; of one engine, or of all.
    package static func list(
        of engine: BackupEngine.Name? = nil,
        withRemoved: Bool = false,
        limit: Int = 1_000,
        in transaction: Transaction
    ) async throws -> [RecordedBackup] {
        try await transaction.query(BackupStatements.list, withRemoved, limit, engine?.rawValue).map(
            RecordedBackup.init
        )
    }

    /// Writes a whole backup down; one that is known already stays as it is.
    static func record(
        _ index: BackupIndex,
        sha256: String,
        _ manifest: JSONText,
        run: Int64?,
        directory: String,
        in transaction: Transaction
    ) async throws {
        _ = try await transaction.execute(
            BackupStatements.record,
            index.name,
            run,
            index.host,
            directory,
            index.takenAt,
            index.asOf,
            index.seconds,
            index.files.count,
            index.plainBytes,
            index.sealedBytes,
            sha256,
            index.keyID,
            index.recoveryID,
            manifest
        )
    }
}
