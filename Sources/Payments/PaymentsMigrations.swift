package import Postgres

/// The migrations of this room: payment intents and attempts, money seen, matching and suspense.
package enum PaymentsMigrations {
    package static let all = [
        Migration(
            number: 17,
            name: "payments",
            up: String(decoding: PackageResources.m0017_payments_up_sql, as: UTF8.self),
            down: String(decoding: PackageResources.m0017_payments_down_sql, as: UTF8.self)
        ),
        Migration(
            number: 19,
            name: "bakong",
            up: String(decoding: PackageResources.m0019_bakong_up_sql, as: UTF8.self),
            down: String(decoding: PackageResources.m0019_bakong_down_sql, as: UTF8.self)
        ),
    ]
}
