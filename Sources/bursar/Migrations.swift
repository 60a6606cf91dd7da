import Billing
import Custody
import Engine
import Events
import Notices
import Payments
import Postgres
import Standing
import Tenancy
import Webhooks

/// The schema of this program: the migrations of all rooms, in one sequence of numbers.
enum Migrations {
    static let all: [Migration] =
        TenancyMigrations.all + EngineMigrations.all + EventsMigrations.all + BillingMigrations.all
        + PaymentsMigrations.all + WebhooksMigrations.all + NoticesMigrations.all
        + StandingMigrations.all + CustodyMigrations.all
}
