package import Postgres

/// The migrations of this room: notices, messages, addresses, suppression and consent.
package enum NoticesMigrations {
    package static let all = [
        Migration(
            number: 27,
            name: "notices",
            up: String(decoding: PackageResources.m0027_notices_up_sql, as: UTF8.self),
            down: String(decoding: PackageResources.m0027_notices_down_sql, as: UTF8.self)
        ),
        Migration(
            number: 28,
            name: "ladders",
            up: String(decoding: PackageResources.m0028_ladders_up_sql, as: UTF8.self),
            down: String(decoding: PackageResources.m0028_ladders_down_sql, as: UTF8.self)
        ),
        Migration(
            number: 29,
            name: "returns",
            up: String(decoding: PackageResources.m0029_returns_up_sql, as: UTF8.self),
            down: String(decoding: PackageResources.m0029_returns_down_sql, as: UTF8.self)
        ),
        Migration(
            number: 30,
            name: "endpoints",
            up: String(decoding: PackageResources.m0030_endpoints_up_sql, as: UTF8.self),
            down: String(decoding: PackageResources.m0030_endpoints_down_sql, as: UTF8.self)
        ),
    ]
}
