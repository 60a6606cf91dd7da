package import Postgres

/// The migrations of this room: what is purged and on whose word, backups, and the drills that prove them.
package enum CustodyMigrations {
    package static let all: [Migration] = retention + backups + kept + bounds + floors + lost

    static let retention = [
        Migration(
            number: 33,
            name: "retention",
            up: String(decoding: PackageResources.m0033_retention_up_sql, as: UTF8.self),
            down: String(decoding: PackageResources.m0033_retention_down_sql, as: UTF8.self)
        )
    ]
    static let backups: [Migration] = [
        Migration(
            number: 34,
            name: "backups",
            up: String(decoding: PackageResources.m0034_backups_up_sql, as: UTF8.self),
            down: String(decoding: PackageResources.m0034_backups_down_sql, as: UTF8.self)
        ),
        Migration(
            number: 35,
            name: "drills",
            up: String(decoding: PackageResources.m0035_drills_up_sql, as: UTF8.self),
            down: String(decoding: PackageResources.m0035_drills_down_sql, as: UTF8.self)
        ),
        Migration(
            number: 36,
            name: "pgbackrest",
            up: String(decoding: PackageResources.m0036_pgbackrest_up_sql, as: UTF8.self),
            down: String(decoding: PackageResources.m0036_pgbackrest_down_sql, as: UTF8.self)
        ),
    ]
    static let kept = [
        Migration(
            number: 37,
            name: "kept attempts",
            up: String(decoding: PackageResources.m0037_kept_attempts_up_sql, as: UTF8.self),
            down: String(decoding: PackageResources.m0037_kept_attempts_down_sql, as: UTF8.self)
        )
    ]
    static let bounds = [
        Migration(
            number: 38,
            name: "bounded_purges",
            up: String(decoding: PackageResources.m0038_bounded_purges_up_sql, as: UTF8.self),
            down: String(decoding: PackageResources.m0038_bounded_purges_down_sql, as: UTF8.self)
        )
    ]
    static let floors = [
        Migration(
            number: 39,
            name: "floors_and_lateness",
            up: String(decoding: PackageResources.m0039_floors_and_lateness_up_sql, as: UTF8.self),
            down: String(decoding: PackageResources.m0039_floors_and_lateness_down_sql, as: UTF8.self)
        )
    ]
    static let lost = [
        Migration(
            number: 40,
            name: "lost_backups",
            up: String(decoding: PackageResources.m0040_lost_backups_up_sql, as: UTF8.self),
            down: String(decoding: PackageResources.m0040_lost_backups_down_sql, as: UTF8.self)
        )
    ]
}
