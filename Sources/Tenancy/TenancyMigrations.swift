package import Postgres

/// The migrations of this room: the roles and the wall between tenants, and the tables of issuers and tenants.
package enum TenancyMigrations {
    package static let all = [
        Migration(
            number: 1,
            name: "foundation",
            up: String(decoding: PackageResources.m0001_foundation_up_sql, as: UTF8.self),
            down: String(decoding: PackageResources.m0001_foundation_down_sql, as: UTF8.self)
        ),
        Migration(
            number: 4,
            name: "tenancy",
            up: String(decoding: PackageResources.m0004_tenancy_up_sql, as: UTF8.self),
            down: String(decoding: PackageResources.m0004_tenancy_down_sql, as: UTF8.self)
        ),
    ]
}
