import Billing
import CivilTime
import Engine
import Events
import JobKit
import Logging
import Monetary
import Postgres
import Renewals
import Tenancy
import TestSupport

/// The books of one issuer in a database of the test's own, and renewals run on them as the production login and roles.
struct Books {
    let database: TestDatabase
    let pool: PostgresPool

    static let migrations =
        TenancyMigrations.all + EngineMigrations.all + EventsMigrations.all + BillingMigrations.all

    /// Opens books with one issuer (1), its policy (1) with these columns set, and three tenants (1 to 3).
    static func open(
        policy: [String: String] = [:],
        zone: String = "Asia/Phnom_Penh",
        _ body: (Books) async throws -> Void
    ) async throws {
        try await TestDatabase.with(migrations: migrations) { database in
            let columns = (["issuer_id": "1", "version": "1"].merging(policy) { $1 }).sorted { $0.key < $1.key }
            try await database.setUp(
                """
                insert into bursar.issuer (name, legal_name, time_zone) values ('Mekong', 'Mekong Co., Ltd.', '\(zone)');
                insert into bursar.policy (\(columns.map(\.key).joined(separator: ", ")))
                values (\(columns.map(\.value).joined(separator: ", ")));
                update bursar.issuer set policy_id = 1;
                insert into bursar.tenant (issuer_id, name) select 1, 'Tenant ' || n from generate_series(1, 3) as n;
                \(subscribing)
                """
            )
            try await database.withPool { try await body(Books(database: database, pool: $0)) }
        }
    }

    /// A subscription whose first period begins at its anchor, after the trial where there is one.
    func subscribe(
        tenant: Int64 = 1,
        anchor: String,
        unit: String = "month",
        count: Int = 1,
        dayPolicy: String = "same_day_clamped",
        currency: String = "KHR",
        amounts: [Int64] = [40_000],
        quantities: [Int64]? = nil,
        trialFrom start: String? = nil,
        state: String = "active"
    ) async throws -> Renewal.Due {
        let rows = try await query(
            "select test.subscribe($1, $2::date, $3, $4, $5, $6, $7, $8, $9::date, $10) as id",
            [
                tenant, anchor, unit, count, dayPolicy, currency, amounts, quantities ?? amounts.map { _ in 1 }, start,
                state,
            ]
        )
        return Renewal.Due(tenant: tenant, subscription: try rows[0].get("id"))
    }

    /// What a run of renewals came to.
    struct Run {
        let id: Int64
        let outcome: Outcome
        let postcondition: Postcondition
        let checkpoint: Checkpoint

        var kept: Bool { postcondition == .held }
        var totals: String { checkpoint.totals.description }
        var invoices: Int64 { checkpoint.counters["invoices", default: 0] }
        var parked: Int64 { checkpoint.counters["parked", default: 0] }
    }

    /// Runs renewals once, as a node would under a fence.
    func renew(asOf: String, chunk: Int = 500, dryRun: Bool = false) async throws -> Run {
        try await resume(try await newRun(asOf: asOf), asOf: asOf, chunk: chunk, dryRun: dryRun)
    }

    /// Makes the row of a run that is under way, with fence 7.
    func newRun(asOf: String) async throws -> Int64 {
        try await query(
            """
            insert into bursar.run (job, state, as_of, requested_by, max_attempts, retry_initial, retry_max, retry_jitter,
                attempts, fence, node_id)
            values ('renewals', 'running', $1, 'test', 8, interval '1 s', interval '1 s', 0, 1, 7, 'test')
            returning id
            """,
            [asOf]
        )[0].get("id")
    }

    /// Runs renewals for a run that has its row.
    func resume(_ id: Int64, asOf: String, chunk: Int = 500, dryRun: Bool = false) async throws -> Run {
        guard let instant = Instant(asOf) else { throw JobError(.permanent, "\(asOf) is no instant") }
        let context = JobContext(
            run: RunIdentity(
                id: id,
                job: "renewals",
                schedule: nil,
                attempt: 1,
                fence: 7,
                asOf: instant,
                isDryRun: dryRun
            ),
            checkpoint: Checkpoint(),
            database: pool,
            signals: RunSignals(),
            logger: Logger(label: "test")
        )
        let parameters = Renewals.Parameters(chunk: chunk)
        let outcome = try await Renewals().run(parameters, in: context)
        return Run(
            id: id,
            outcome: outcome,
            postcondition: try await Renewals().postcondition(parameters, in: context),
            checkpoint: context.checkpoint
        )
    }

    /// Rows of a query as the superuser, each as its columns with bars between: what really stands in the books.
    func list(_ sql: String) async throws -> [String] {
        let rows = try await query(sql, [])
        return try rows.map { row in
            try rows.columns.indices.map { try row.get($0, as: String?.self) ?? "-" }.joined(separator: "|")
        }
    }

    /// Runs SQL as the superuser.
    func change(_ sql: String) async throws { try await database.setUp(sql) }

    private func query(_ sql: String, _ parameters: [any PostgresEncodable]) async throws -> Rows {
        try await database.asSuperuser { connection in
            try await connection.pipeline([BoundStatement(Statement("test.\(sql.hashValue)", sql), parameters)])[0]
        }
    }

    private static let subscribing = """
        create schema test;
        create function test.subscribe(
            tenant bigint, anchor date, unit text, count integer, day_policy text, currency text, amounts bigint[],
            quantities bigint[], trial_from date, state text
        ) returns bigint language plpgsql as $$
        declare
            version bigint;
            made    bigint;
            plan    bigint;
        begin
            insert into bursar.plan (issuer_id, code, name) values (1, gen_random_uuid(), 'Plan') returning id into plan;
            insert into bursar.plan_version (plan_id, issuer_id, version, unit, count, day_policy, currency)
            values (plan, 1, 1, unit, count, day_policy, currency) returning id into version;
            insert into bursar.price (plan_version_id, currency, code, description, unit_amount)
            select version, currency, 'item-' || n, 'Item ' || n, amount
            from unnest(amounts) with ordinality as given (amount, n);
            insert into bursar.subscription (tenant_id, issuer_id, plan_version_id, currency, state, transitions, starts_on,
                trial_end, next_from, issue_on, charged_through)
            values (tenant, 1, version, currency, state, 1, coalesce(trial_from, anchor),
                case when trial_from is not null then anchor end, anchor, anchor, anchor)
            returning id into made;
            insert into bursar.subscription_transition (tenant_id, subscription_id, seq, from_state, to_state, cause, as_of)
            values (tenant, made, 1, 'new', state, 'created', now());
            insert into bursar.subscription_schedule (tenant_id, subscription_id, version, plan_version_id, anchor_date, unit,
                count, day_policy, valid_from)
            values (tenant, made, 1, version, anchor, unit, count, day_policy, anchor);
            insert into bursar.subscription_item (tenant_id, subscription_id, price_id, quantity, valid_from)
            select tenant, made, p.id, quantities[row_number() over (order by p.id)], anchor
            from bursar.price p where p.plan_version_id = version;
            return made;
        end $$;
        """
}
