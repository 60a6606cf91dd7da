package import Postgres

/// The migrations of this room.
package enum BillingMigrations {
    package static let all = [
        Migration(
            number: 5,
            name: "billing",
            up: String(decoding: PackageResources.m0005_billing_up_sql, as: UTF8.self),
            down: String(decoding: PackageResources.m0005_billing_down_sql, as: UTF8.self)
        ),
        Migration(
            number: 6,
            name: "contract",
            up: String(decoding: PackageResources.m0006_contract_up_sql, as: UTF8.self),
            down: String(decoding: PackageResources.m0006_contract_down_sql, as: UTF8.self)
        ),
        Migration(
            number: 7,
            name: "renewals",
            up: String(decoding: PackageResources.m0007_renewals_up_sql, as: UTF8.self),
            down: String(decoding: PackageResources.m0007_renewals_down_sql, as: UTF8.self)
        ),
        Migration(
            number: 8,
            name: "subscriptions",
            up: String(decoding: PackageResources.m0008_subscriptions_up_sql, as: UTF8.self),
            down: String(decoding: PackageResources.m0008_subscriptions_down_sql, as: UTF8.self)
        ),
        Migration(
            number: 9,
            name: "views",
            up: String(decoding: PackageResources.m0009_views_up_sql, as: UTF8.self),
            down: String(decoding: PackageResources.m0009_views_down_sql, as: UTF8.self)
        ),
        Migration(
            number: 13,
            name: "issuing",
            up: String(decoding: PackageResources.m0013_issuing_up_sql, as: UTF8.self),
            down: String(decoding: PackageResources.m0013_issuing_down_sql, as: UTF8.self)
        ),
        Migration(
            number: 17,
            name: "allocations",
            up: String(decoding: PackageResources.m0017_allocations_up_sql, as: UTF8.self),
            down: String(decoding: PackageResources.m0017_allocations_down_sql, as: UTF8.self)
        ),
    ]
}
