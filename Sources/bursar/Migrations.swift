import Billing
import Engine
import Events
import Postgres
import Tenancy

/// The schema of this program: the migrations of all rooms, in one sequence of numbers.
enum Migrations {
    static let all: [Migration] =
        TenancyMigrations.all + EngineMigrations.all + EventsMigrations.all + BillingMigrations.all
}
