package import Postgres

/// The migrations of this room: the event and audit tables, which every change writes to in its own transaction.
package enum EventsMigrations {
    package static let all = [
        Migration(
            number: 3,
            name: "events",
            up: String(decoding: PackageResources.m0003_events_up_sql, as: UTF8.self),
            down: String(decoding: PackageResources.m0003_events_down_sql, as: UTF8.self)
        )
    ]
}
