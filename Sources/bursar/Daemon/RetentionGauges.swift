import Custody
import Metrics
import Postgres
import Telemetry

/// The gauges of retention, read from the database when somebody scrapes.
enum RetentionGauges {
    static let descriptions = [
        MetricDescription(
            "bursar_retention_lag_seconds",
            "How long the oldest row of a table is past its cutoff, as the last run left it."
        ),
        MetricDescription("bursar_retention_rows_due", "Rows that were past their cutoff when they were last counted."),
        MetricDescription(
            "bursar_retention_rows_dead",
            "Rows of a table that is purged that are gone and not cleaned up yet."
        ),
    ]

    /// Asks the database once; where it is away the old values stay.
    static func refresh(from database: PostgresPool) async {
        guard let standing = try? await RetentionStanding.read(in: database) else { return }
        for table in standing {
            let labels = [("policy", table.table)]
            Gauge(label: "bursar_retention_lag_seconds", dimensions: labels).record(table.lagSeconds)
            Gauge(label: "bursar_retention_rows_due", dimensions: labels).record(table.rowsDue)
            Gauge(label: "bursar_retention_rows_dead", dimensions: labels).record(table.rowsDead)
        }
    }
}
