package import Postgres

/// The migrations of this room: the inbox of webhooks.
package enum WebhooksMigrations {
    package static let all = [
        Migration(
            number: 18,
            name: "webhooks",
            up: String(decoding: PackageResources.m0018_webhooks_up_sql, as: UTF8.self),
            down: String(decoding: PackageResources.m0018_webhooks_down_sql, as: UTF8.self)
        ),
        Migration(
            number: 26,
            name: "open_payments",
            up: String(decoding: PackageResources.m0026_open_payments_up_sql, as: UTF8.self),
            down: String(decoding: PackageResources.m0026_open_payments_down_sql, as: UTF8.self)
        ),
    ]
}
