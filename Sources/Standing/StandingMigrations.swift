package import Postgres

/// The migrations of this room: suspensions with the gates that they passed, and reactivation.
package enum StandingMigrations {
    package static let all: [Migration] = []
}
