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

    /// Asks the database once; where it is away, and of what there is none, the old values stay.
    static func refresh(from database: PostgresPool) async {
        guard let standing = try? await BackupStanding.read(in: database) else { return }
        if let age = standing.backupAge { Gauge(label: "bursar_backup_age_seconds").record(age) }
        if let bytes = standing.bytes { Gauge(label: "bursar_backup_bytes").record(bytes) }
        if let ratio = standing.sizeRatio { Gauge(label: "bursar_backup_size_ratio").record(ratio) }
        if let age = standing.restoreAge { Gauge(label: "bursar_verified_restore_age_seconds").record(age) }
        if let seconds = standing.rtoSeconds { Gauge(label: "bursar_restore_seconds").record(seconds) }
    }
}
