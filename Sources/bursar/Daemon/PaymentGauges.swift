import Metrics
import Payments
import Postgres
import Telemetry

/// The gauges of payments, read from the database when somebody scrapes.
enum PaymentGauges {
    static let descriptions = [
        MetricDescription("bursar_payment_lookups_open", "Attempts that may still be paid and are asked about."),
        MetricDescription("bursar_payment_lookup_lag_seconds", "How long the oldest lookup is overdue."),
        MetricDescription(
            "bursar_payment_verification_lag_seconds",
            "How long the oldest payment waits that a callback tells of."
        ),
        MetricDescription("bursar_payment_observations_unplaced", "Money that was seen and has no place yet."),
        MetricDescription("bursar_suspense_items", "Pieces of money in suspense, by currency."),
        MetricDescription("bursar_suspense_minor_units", "Money in suspense, in minor units of its currency."),
        MetricDescription("bursar_suspense_oldest_age_seconds", "How long the oldest of it has lain there."),
        MetricDescription("bursar_bank_data_age_seconds", "How old the watermark of an account is."),
    ]

    /// Asks the database once; where it is away the old values stay.
    static func refresh(from database: PostgresPool) async {
        guard let standing = try? await PaymentStanding.read(in: database) else { return }
        Gauge(label: "bursar_payment_lookups_open").record(standing.openLookups)
        Gauge(label: "bursar_payment_lookup_lag_seconds").record(standing.lookupLag)
        Gauge(label: "bursar_payment_verification_lag_seconds").record(standing.verificationLag)
        Gauge(label: "bursar_payment_observations_unplaced").record(standing.unplaced)
        for currency in ["KHR", "USD"] {
            let labels = [("currency", currency)]
            let money = standing.suspense.first { $0.currency == currency }
            Gauge(label: "bursar_suspense_items", dimensions: labels).record(money?.items ?? 0)
            Gauge(label: "bursar_suspense_minor_units", dimensions: labels).record(money?.amount ?? 0)
            Gauge(label: "bursar_suspense_oldest_age_seconds", dimensions: labels).record(money?.oldestSeconds ?? 0)
        }
        for account in standing.accounts {
            guard let seconds = account.watermarkSeconds else { continue }
            Gauge(label: "bursar_bank_data_age_seconds", dimensions: [("account", account.account)]).record(seconds)
        }
    }
}
