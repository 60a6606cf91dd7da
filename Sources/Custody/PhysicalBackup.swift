internal import Postgres

/// What is written down of a backup that pgBackRest took, beside what is of every backup.
package struct PhysicalBackup: Codable, Equatable, Sendable {
    /// What pgBackRest calls the cluster.
    package let stanza: String
    /// What it calls the backup: `20261124-154947F`, with the full one before it where it rests on one.
    package let label: String
    /// `full`, `diff` or `incr`.
    package let kind: String
    /// The place in the log where the manifest was taken: what a drill restores to.
    package let moment: String
    /// The pieces of the log that the backup itself needs.
    package let firstLog: String
    package let lastLog: String
    /// Which of the cluster's databases is Bursar's.
    package let database: String
    package let serverVersion: Int
    package let databaseBytes: Int64

    package init(
        stanza: String,
        label: String,
        kind: String,
        moment: String,
        firstLog: String,
        lastLog: String,
        database: String,
        serverVersion: Int,
        databaseBytes: Int64
    ) {
        self.stanza = stanza
        self.label = label
        self.kind = kind
        self.moment = moment
        self.firstLog = firstLog
        self.lastLog = lastLog
        self.database = database
        self.serverVersion = serverVersion
        self.databaseBytes = databaseBytes
    }

    /// Nil for a dump.
    init?(_ row: Row) throws {
        guard let label: String = try row.get("label") else { return nil }
        self.label = label
        stanza = try row.get("stanza")
        kind = try row.get("kind")
        moment = try row.get("moment")
        firstLog = try row.get("wal_first")
        lastLog = try row.get("wal_last")
        database = try row.get("database")
        serverVersion = try row.get("server_version")
        databaseBytes = try row.get("database_bytes")
    }
}
