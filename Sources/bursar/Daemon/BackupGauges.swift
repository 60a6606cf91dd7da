import Custody
import Metrics
import Postgres
import Telemetry

/// The gauges of backups and drills, read from the database when somebody scrapes.
enum BackupGauges {
    static let descriptions = [
        MetricDescription("bursar_backup_age_seconds", "How old the newest backup is."),
        MetricDescription("bursar_backup_bytes", "How many bytes the newest backup has."),
        MetricDescription("bursar_backup_size_ratio", "Its size against the median of up to seven before it."),
        MetricDescription("bursar_verified_restore_age_seconds", "How long ago a drill has passed last."),
        MetricDescription("bursar_restore_seconds", "How long the last drill took until its copy was proven."),
    ]

    /// Asks the database; where it is away, and of what there is none, the old values stay.
    ///
    /// Each engine has its own: a fresh backup of the one says nothing of the other.
    static func refresh(from database: PostgresPool) async {
        if let standing = try? await BackupStanding.read(in: database) { record(standing, "dump") }
        if let standing = try? await BackupStanding.wanted(.pgBackRest, in: database) { record(standing, "pgbackrest") }
    }

    private static func record(_ standing: BackupStanding, _ engine: String) {
        let engine = [("engine", engine)]
        if let age = standing.backupAge { Gauge(label: "bursar_backup_age_seconds", dimensions: engine).record(age) }
        if let bytes = standing.bytes { Gauge(label: "bursar_backup_bytes", dimensions: engine).record(bytes) }
        if let ratio = standing.sizeRatio { Gauge(label: "bursar_backup_size_ratio", dimensions: engine).record(ratio) }
        if let age = standing.restoreAge {
            Gauge(label: "bursar_verified_restore_age_seconds", dimensions: engine).record(age)
        }
        if let seconds = standing.rtoSeconds {
            Gauge(label: "bursar_restore_seconds", dimensions: engine).record(seconds)
        }
    }
}
