package import Postgres

/// The migrations of this room: suspensions with the gates that they passed, and reactivation.
package enum StandingMigrations {
    package static let all = [
        Migration(
            number: 31,
            name: "standing",
            up: String(decoding: PackageResources.m0031_standing_up_sql, as: UTF8.self),
            down: String(decoding: PackageResources.m0031_standing_down_sql, as: UTF8.self)
        ),
        Migration(
            number: 32,
            name: "reactivation",
            up: String(decoding: PackageResources.m0032_reactivation_up_sql, as: UTF8.self),
            down: String(decoding: PackageResources.m0032_reactivation_down_sql, as: UTF8.self)
        ),
    ]
}
