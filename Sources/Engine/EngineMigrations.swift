package import Postgres

/// The migrations of this room.
package enum EngineMigrations {
    package static let all = [
        Migration(
            number: 2,
            name: "engine",
            up: String(decoding: PackageResources.m0002_engine_up_sql, as: UTF8.self),
            down: String(decoding: PackageResources.m0002_engine_down_sql, as: UTF8.self)
        ),
        Migration(
            number: 10,
            name: "attempt_records",
            up: String(decoding: PackageResources.m0010_attempt_records_up_sql, as: UTF8.self),
            down: String(decoding: PackageResources.m0010_attempt_records_down_sql, as: UTF8.self)
        ),
        Migration(
            number: 11,
            name: "schedules",
            up: String(decoding: PackageResources.m0011_schedules_up_sql, as: UTF8.self),
            down: String(decoding: PackageResources.m0011_schedules_down_sql, as: UTF8.self)
        ),
        Migration(
            number: 12,
            name: "claims",
            up: String(decoding: PackageResources.m0012_claims_up_sql, as: UTF8.self),
            down: String(decoding: PackageResources.m0012_claims_down_sql, as: UTF8.self)
        ),
        Migration(
            number: 14,
            name: "quarantine",
            up: String(decoding: PackageResources.m0014_quarantine_up_sql, as: UTF8.self),
            down: String(decoding: PackageResources.m0014_quarantine_down_sql, as: UTF8.self)
        ),
        Migration(
            number: 15,
            name: "requests",
            up: String(decoding: PackageResources.m0015_requests_up_sql, as: UTF8.self),
            down: String(decoding: PackageResources.m0015_requests_down_sql, as: UTF8.self)
        ),
        Migration(
            number: 16,
            name: "request_plans",
            up: String(decoding: PackageResources.m0016_request_plans_up_sql, as: UTF8.self),
            down: String(decoding: PackageResources.m0016_request_plans_down_sql, as: UTF8.self)
        ),
        Migration(
            number: 25,
            name: "provider_quota",
            up: String(decoding: PackageResources.m0025_provider_quota_up_sql, as: UTF8.self),
            down: String(decoding: PackageResources.m0025_provider_quota_down_sql, as: UTF8.self)
        ),
    ]
}
