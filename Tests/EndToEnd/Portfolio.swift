import Billing
import Custody
import Engine
import Events
import Notices
import Payments
import Postgres
import Standing
import Tenancy
import TestSupport
import Testing
import Webhooks

/// The databases that the tests of whole daemons begin with.
enum Portfolio {
    static let migrations =
        TenancyMigrations.all + EngineMigrations.all + EventsMigrations.all + BillingMigrations.all
        + PaymentsMigrations.all + WebhooksMigrations.all + NoticesMigrations.all + StandingMigrations.all
        + CustodyMigrations.all

    /// A database with the schema and nothing in it.
    static let empty = DatabaseRecipe("empty", migrations: migrations) { _ in }

    /// Some 400 due invoices and everything else that renewals meet: trials and pauses that end, cancellations, invoices
    /// that went past due, weekly subscriptions over the catch-up cap, and one row that the database refuses.
    static let renewable = lived(tenants: 200, subscriptions: 500)

    /// The same with about 2,000 due.
    static let large = lived(tenants: 800, subscriptions: 2500)

    /// About a hundred due, nothing else that happened before.
    static let small = DatabaseRecipe("small", migrations: migrations) { database in
        try await database.setUp(noon(daysAgo: 0))
        try await load(DemoPortfolio.due(count: 100, tenants: 20), into: database)
    }

    /// Some 200 open invoices, at the machine's own time.
    static let owed = issued(200)

    /// About a thousand open invoices.
    static let manyOwed = issued(1050)

    private static func issued(_ count: Int) -> DatabaseRecipe {
        DatabaseRecipe("owed-\(count)", migrations: migrations) { database in
            try await load(DemoPortfolio.due(count: count, tenants: 20), into: database)
            try await House.with(database) { house in
                let first = try await house.bursar("run", "renewals", "--here")
                #expect(first.status == 0, "\(first)")
            }
        }
    }

    /// Loaded forty days ago, renewed once then, and left alone since.
    private static func lived(tenants: Int, subscriptions: Int) -> DatabaseRecipe {
        DatabaseRecipe("lived-\(subscriptions)", migrations: migrations) { database in
            try await database.setUp(noon(daysAgo: 40))
            try await load(DemoPortfolio(tenants: tenants, subscriptions: subscriptions, seed: 1), into: database)
            try await House.with(database) { house in
                let first = try await house.bursar("run", "renewals", "--here")
                #expect(first.status == 0, "\(first)")
            }
            try await database.setUp(noon(daysAgo: 0) + poison)
        }
    }

    /// Puts business time to noon of the issuer's zone, so that no test sees midnight pass.
    private static func noon(daysAgo days: Int) -> String {
        """
        update bursar.installation set business_offset =
            date_trunc('day', clock_timestamp(), 'Asia/Phnom_Penh') + interval '12 hours' - interval '\(days) days' - clock_timestamp();
        """
    }

    /// A recent rate, and a subscription whose invoice the database refuses, whatever the reason.
    private static let poison = """
        insert into bursar.exchange_rate (source, base, quote, rate_date, rate)
        values ('nbc', 'USD', 'KHR', (bursar.business_now() at time zone 'Asia/Phnom_Penh')::date, 4015)
        on conflict do nothing;
        create function public.refuse_line() returns trigger language plpgsql as
            $$ begin raise exception 'this line cannot be written'; end $$;
        do $$
        declare
            victim bigint := (
                select subscription_id from bursar.renewals_due(bursar.business_now())
                where not held and not waits_for_rate and currency = 'USD'
                order by subscription_id offset 60 limit 1
            );
        begin
            execute format('create trigger refuse_line before insert on bursar.invoice_line for each row '
                'when (new.subscription_id = %s) execute function public.refuse_line()', victim);
        end $$;
        """

    private static func load(_ portfolio: DemoPortfolio, into database: TestDatabase) async throws {
        try await database.withPool(user: "postgres", size: 1) { pool in
            _ = try await pool.withTransaction(DemoPortfolio.transaction) { try await portfolio.load(in: $0) }
        }
    }
}
