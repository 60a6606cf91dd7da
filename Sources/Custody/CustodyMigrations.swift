package import Postgres

/// The migrations of this room: what is purged and on whose word, backups, and the drills that prove them.
package enum CustodyMigrations {
    package static let all: [Migration] = retention + backups

    static let retention: [Migration] = []
    static let backups: [Migration] = []
}
