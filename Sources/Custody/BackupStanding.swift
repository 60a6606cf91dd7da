package import CivilTime
internal import Engine
internal import JobKit
package import Postgres

/// How backups and drills stand, for status, metrics and alarms.
package struct BackupStanding: Codable, Equatable, Sendable {
    package let lastBackup: String?
    package let lastBackupAt: Instant?
    /// Seconds since the snapshot of the newest backup; nil where there is none.
    package let backupAge: Double?
    /// When a drill has passed last.
    package let verifiedAt: Instant?
    /// Seconds since then; nil where none has.
    package let restoreAge: Double?
    package let bytes: Int64?
    /// The median of the sizes of up to seven backups before the newest.
    package let medianBytes: Double?
    /// How many those were.
    package let compared: Int
    package let drilledAt: Instant?
    package let verdict: String?
    package let told: String?
    /// Of the last drill.
    package let rtoSeconds: Double?
    /// Since when this database exists: what was never done is late from then on.
    package let installedAt: Instant
    package let installedAge: Double

    /// The newest backup's size against the median of those before it.
    package var sizeRatio: Double? {
        guard let bytes, let medianBytes, medianBytes > 0 else { return nil }
        return Double(bytes) / medianBytes
    }

    /// The standing of one engine's backups and drills; those of the other one do not count.
    package static func read(
        _ engine: BackupEngine.Name = .dump,
        in database: PostgresPool
    ) async throws -> BackupStanding {
        try await database.withTransaction(BackupBook.transaction) { transaction in
            guard let row = try await transaction.query(DrillStatements.standing, engine.rawValue).first else {
                throw PostgresError(
                    .decoding,
                    "the standing of backups is missing",
                    statement: DrillStatements.standing.name
                )
            }
            return try BackupStanding(row)
        }
    }

    /// The standing of one engine's backups; nil where no schedule that is on here asks for them and there is none.
    package static func wanted(
        _ engine: BackupEngine.Name,
        in database: PostgresPool
    ) async throws -> BackupStanding? {
        let standing = try await read(engine, in: database)
        if standing.lastBackup != nil { return standing }
        return try await isScheduled(engine, in: database) ? standing : nil
    }

    /// Whether a schedule that is on here takes backups by an engine.
    static func isScheduled(_ engine: BackupEngine.Name, in database: PostgresPool) async throws -> Bool {
        try await database.withTransaction(BackupBook.transaction) { transaction in
            try await transaction.query(DrillStatements.isScheduled, engine.rawValue).first?.get("scheduled") ?? false
        }
    }

    private init(_ row: Row) throws {
        lastBackup = try row.get("last_backup")
        lastBackupAt = try row.get("last_backup_at")
        backupAge = try row.get("backup_age")
        verifiedAt = try row.get("verified_at")
        restoreAge = try row.get("restore_age")
        bytes = try row.get("bytes")
        medianBytes = try row.get("median_bytes")
        compared = try row.get("compared")
        drilledAt = try row.get("drilled_at")
        verdict = try row.get("verdict")
        told = try row.get("told")
        rtoSeconds = try row.get("rto_seconds")
        installedAt = try row.get("installed_at")
        installedAge = try row.get("installed_age")
    }
}

/// The alarms about backups: too old, not verified for too long, of another size than usual, slower to restore than promised.
package enum BackupAlarms {
    /// Makes the alarms be those that hold, of each engine whose backups a schedule takes; of dumps also where they are
    /// configured here.
    ///
    /// A fresh backup of the one says nothing of the other. A node without keys sees the alarms as those do that have them.
    package static func settle(_ house: BackupHouse, in database: PostgresPool) async throws {
        var holding: [Alarm] = []
        for engine in BackupEngine.Name.allCases {
            let isScheduled = try await BackupStanding.isScheduled(engine, in: database)
            guard isScheduled || engine == .dump && house.isConfigured else { continue }
            let suffix = engine == .dump ? "" : "/\(engine.rawValue)"
            holding += try alarms(await BackupStanding.read(engine, in: database), house).map {
                Alarm("\($0.key)\(suffix)", $0.severity, since: $0.since, evidence: $0.evidence)
            }
        }
        try await database.withTransaction(TransactionOptions(role: "bursar_engine")) { transaction in
            try await AlarmBook(in: transaction).settle(["backup"], holding)
        }
    }

    /// Of how many backups before it the newest one's size is judged, and how far it may be from their median.
    private static let fewest = 3
    private static let usual = 0.5...2.0

    /// What holds of a standing.
    static func alarms(_ standing: BackupStanding, _ house: BackupHouse) throws -> [Alarm] {
        var alarms: [Alarm] = []
        if isLate(standing.backupAge, standing, house.oldestBackup) {
            let since = (standing.lastBackupAt ?? standing.installedAt).adding(house.oldestBackup)
            alarms.append(
                Alarm("backup:age", .critical, since: since, evidence: try evidence(["last": standing.lastBackup]))
            )
        }
        if isLate(standing.restoreAge, standing, house.oldestRestore) {
            let since = (standing.verifiedAt ?? standing.installedAt).adding(house.oldestRestore)
            alarms.append(
                Alarm("backup:restore", .critical, since: since, evidence: try evidence(["last_drill": standing.told]))
            )
        } else if standing.verdict == "fail" {
            alarms.append(
                Alarm(
                    "backup:drill",
                    .critical,
                    since: standing.drilledAt,
                    evidence: try evidence(["told": standing.told])
                )
            )
        }
        if let ratio = standing.sizeRatio, standing.compared >= fewest, !usual.contains(ratio) {
            let told = [
                "backup": standing.lastBackup, "bytes": standing.bytes.map { "\($0)" },
                "median": standing.medianBytes.map { "\(Int64($0))" },
            ]
            alarms.append(Alarm("backup:size", .warning, since: standing.lastBackupAt, evidence: try evidence(told)))
        }
        if let target = house.restoreTarget, let took = standing.rtoSeconds, .seconds(took) > target {
            let told = ["seconds": "\(Int(took))", "target": "\(target.components.seconds)"]
            alarms.append(Alarm("backup:rto", .warning, since: standing.drilledAt, evidence: try evidence(told)))
        }
        return alarms
    }

    private static func isLate(
        _ age: Double?,
        _ standing: BackupStanding,
        _ limit: Duration
    ) -> Bool {
        // Never done: a new database has as long for it.
        .seconds(age ?? standing.installedAge) > limit
    }

    private static func evidence(_ facts: [String: String?]) throws -> JSONText {
        try JSONText(encoding: facts.compactMapValues { $0 })
    }
}
