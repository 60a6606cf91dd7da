package import Postgres

/// The migrations of this room: payment intents and attempts, money seen, matching and suspense.
package enum PaymentsMigrations {
    package static let all = [
        Migration(
            number: 19,
            name: "bakong",
            up: String(decoding: PackageResources.m0019_bakong_up_sql, as: UTF8.self),
            down: String(decoding: PackageResources.m0019_bakong_down_sql, as: UTF8.self)
        ),
        Migration(
            number: 20,
            name: "payments",
            up: String(decoding: PackageResources.m0020_payments_up_sql, as: UTF8.self),
            down: String(decoding: PackageResources.m0020_payments_down_sql, as: UTF8.self)
        ),
        Migration(
            number: 21,
            name: "settling",
            up: String(decoding: PackageResources.m0021_settling_up_sql, as: UTF8.self),
            down: String(decoding: PackageResources.m0021_settling_down_sql, as: UTF8.self)
        ),
        Migration(
            number: 22,
            name: "payment_acts",
            up: String(decoding: PackageResources.m0022_payment_acts_up_sql, as: UTF8.self),
            down: String(decoding: PackageResources.m0022_payment_acts_down_sql, as: UTF8.self)
        ),
        Migration(
            number: 23,
            name: "reconciliation",
            up: String(decoding: PackageResources.m0023_reconciliation_up_sql, as: UTF8.self),
            down: String(decoding: PackageResources.m0023_reconciliation_down_sql, as: UTF8.self)
        ),
    ]
}
