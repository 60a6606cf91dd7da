import Billing
import CivilTime
import Engine
import Events
import JobKit
import Logging
import Notices
import Payments
import Postgres
import Renewals
import Standing
import Suspensions
import Tenancy
import TestSupport
import Webhooks

/// An issuer whose tenants did not pay: subscription n of tenant n owes invoice n, 44,000 riel, due on 2026-01-12, grace until
/// 2026-01-19.
///
/// It is 10:00 on Tuesday, 2026-01-20 in Phnom Penh, and every gate has passed.
struct Arrears {
    let database: TestDatabase
    let pool: PostgresPool

    static let migrations =
        TenancyMigrations.all + EngineMigrations.all + EventsMigrations.all + BillingMigrations.all
        + PaymentsMigrations.all + WebhooksMigrations.all + NoticesMigrations.all + StandingMigrations.all

    /// The preset rules with the switch on.
    static let rules: StandingRules = {
        var house = SuspensionRules()
        house.suspends = true
        return StandingRules(house: house)
    }()

    static func open(tenants: Int = 1, _ body: (Arrears) async throws -> Void) async throws {
        try await TestDatabase.with(recipe(tenants)) { database in
            try await database.withPool(size: 6) { pool in
                let arrears = Arrears(database: database, pool: pool)
                // A recipe's clock goes on while others are tested.
                try await arrears.set("2026-01-20 10:00")
                try await body(arrears)
            }
        }
    }

    private static func recipe(_ tenants: Int) -> DatabaseRecipe {
        DatabaseRecipe("arrears-\(tenants)", migrations: migrations) { database in
            try await database.withPool { pool in
                let arrears = Arrears(database: database, pool: pool)
                try await arrears.set("2026-01-05 10:00")
                try await database.setUp(
                    """
                    select bursar.create_issuer('Mekong', 'Mekong Co., Ltd.', policy => '{"tax_rate_basis_points": 1000}');
                    insert into bursar.receiving_account (issuer_id, provider, account, name)
                    values (1, 'bakong', 'shop@bank', 'Shop'), (1, 'cash', 'box', 'Cash box');
                    insert into bursar.dunning_policy (version, content) values ('0123456789abcdef', '{}');
                    select bursar.create_plan_version(1, 'basic', '[{"code": "a", "description": "A", "unit_amount": 40000}]', 'KHR');
                    select bursar.create_tenant(1, 'T' || n, 'Tenant ' || n) from generate_series(1, \(tenants)) as n;
                    select bursar.subscribe(n, 'S' || n, 'basic', '[{"price": "a"}]') from generate_series(1, \(tenants)) as n;
                    """
                )
                try await arrears.run(Renewals(), Renewals.Parameters())
                try await arrears.set("2026-01-13 10:00")
                try await arrears.run(Renewals(), Renewals.Parameters())
                try await database.setUp(
                    """
                    \(notice)
                    update bursar.receiving_account set watermark = '2026-01-20 00:30+07' where provider = 'bakong';
                    """
                )
                try await arrears.operate("bursar.record_drill_pass('{\"drill\": 1}')")
            }
        }
    }

    /// A final notice to every payer, accepted by the mail server on 2026-01-15 at 10:00.
    private static let notice = """
        insert into bursar.message (tenant_id, issuer_id, channel, class, local_day, message_id, guarantee, not_before, valid_until,
            state, accepted_at)
        select t.id, 1, 'email', 'mandatory', '2026-01-15', 'm' || t.id || '@example.com', 'at_least_once', '2026-01-15 10:00+07',
            '2026-01-17 10:00+07', 'accepted', '2026-01-15 10:00+07' from bursar.tenant t;
        insert into bursar.notice (tenant_id, issuer_id, kind, category, class, template, guarantee, ladder, channel, invoice_id,
            subscription_id, step, policy_version, after_due, planned_for, not_before, valid_until, state, message_id)
        select i.tenant_id, 1, 'dunning', 'final', 'mandatory', 'final', 'at_least_once', '{email}', 'email', i.id, i.subscription_id,
            'final', '0123456789abcdef', true, '2026-01-15 10:00+07', '2026-01-15 10:00+07', '2026-01-17 10:00+07', 'accepted', m.id
        from bursar.invoice i join bursar.message m on m.tenant_id = i.tenant_id;
        """

    /// Sets business time, given as local time in Phnom Penh.
    func set(_ local: String) async throws {
        try await change(
            "update bursar.installation set business_offset = timestamptz '\(local)+07' - clock_timestamp()"
        )
    }

    /// What a run came to.
    struct Ran {
        let id: Int64
        let outcome: Outcome
        let kept: Postcondition
        let checkpoint: Checkpoint

        var report: String { if case .succeeded(let text) = outcome { text } else { "\(outcome)" } }
    }

    /// Runs a job once, as a node would under a fence.
    @discardableResult
    func run<Work: Job>(
        _ job: Work,
        _ parameters: Work.Parameters,
        dryRun: Bool = false,
        again: Int64? = nil
    ) async throws -> Ran {
        let id = if let again { again } else { try await newRun("\(Work.name)") }
        let asOf = try await pool.withTransaction(TransactionOptions(role: "bursar_ops")) {
            try await Invariant.businessNow(in: $0)
        }
        let context = JobContext(
            run: RunIdentity(
                id: id,
                job: "\(Work.name)",
                schedule: nil,
                attempt: 1,
                fence: 7,
                asOf: asOf,
                isDryRun: dryRun
            ),
            checkpoint: Checkpoint(),
            database: pool,
            signals: RunSignals(),
            logger: Logger(label: "test")
        )
        let outcome = try await job.run(parameters, in: context)
        let kept = try await job.postcondition(parameters, in: context)
        return Ran(id: id, outcome: outcome, kept: kept, checkpoint: context.checkpoint)
    }

    func newRun(_ job: String) async throws -> Int64 {
        let id = try await one(
            """
            insert into bursar.run (job, state, as_of, requested_by, max_attempts, retry_initial, retry_max, retry_jitter,
                attempts, fence, node_id)
            values ('\(job)', 'running', bursar.business_now(), 'test', 8, interval '1 s', interval '1 s', 0, 1, 7, 'test')
            returning id
            """
        )
        guard let id = Int64(id) else { throw JobError(.permanent, "no run was made") }
        return id
    }

    /// Runs suspensions once.
    @discardableResult
    func suspend(
        _ rules: StandingRules = Arrears.rules,
        expireAfter: Int? = nil,
        dryRun: Bool = false,
        again: Int64? = nil
    ) async throws -> Ran {
        try await run(
            Suspensions(rules: { rules }),
            Suspensions.Parameters(chunk: 3, expireAfter: expireAfter),
            dryRun: dryRun,
            again: again
        )
    }

    /// What `bursar explain subscription` says of its standing.
    func explain(_ subscription: Int64 = 1, _ rules: StandingRules = Arrears.rules) async throws -> ExplainedStanding {
        try await pool.withTransaction(ExplainedSubscription.transaction) { transaction in
            let told = try await ExplainedSubscription.read("\(subscription)", in: transaction)
            return try await ExplainedStanding.read(
                subscription,
                state: told.state,
                rules: rules,
                asOf: told.asOf,
                in: transaction
            )
        }
    }

    /// Pays an invoice at the desk, in the transaction that an operator's command makes.
    func pay(_ invoice: Int64 = 1, amount: Int64 = 44000, reference: String = "R-1") async throws {
        try await operate(
            "bursar.record_payment(\(invoice), 'cash', \(amount), 'KHR', '\(reference)', 'box 7', reason => 'paid at the desk')"
        )
    }

    /// Shows a QR for an invoice.
    func present(_ invoice: Int64) async throws {
        try await operate("bursar.present_payment(\(invoice), 'shop@bank', 'QR of \(invoice)')")
    }

    /// Calls a function of the contract as an operator.
    @discardableResult
    func operate(_ sql: String) async throws -> String {
        let options = TransactionOptions(role: "bursar_ops", settings: [("bursar.actor", "operator:sok")])
        return try await pool.withTransaction(options) { transaction in
            let rows = try await transaction.query(
                Statement("test.operate_\(sql.hashValue)", "select (\(sql))::text as answer")
            )
            return try rows.first?.get("answer", as: String?.self) ?? "null"
        }
    }

    func state(_ subscription: Int64 = 1) async throws -> String {
        try await one("select state from bursar.subscription where id = \(subscription)")
    }

    /// The changes of state of a subscription since it was made.
    func turns(_ subscription: Int64 = 1) async throws -> [String] {
        try await list(
            """
            select from_state || ' ' || to_state || ' ' || cause from bursar.subscription_transition
            where subscription_id = \(subscription) and seq > 1 order by seq
            """
        )
    }

    /// The invariants that are broken, of those that this room may not break.
    func broken() async throws -> [String] {
        try await pool.withTransaction(Invariant.transaction) { transaction in
            let now = try await Invariant.businessNow(in: transaction)
            var broken: [String] = []
            for invariant in Invariant.all + Invariant.payments + Invariant.standing {
                let check = try await invariant.check(asOf: now, in: transaction)
                if !check.held { broken.append("\(invariant.id): \(check.examples)") }
            }
            return broken
        }
    }

    /// Rows of a query as the superuser, each as its columns with bars between.
    func list(_ sql: String) async throws -> [String] {
        let rows = try await database.asSuperuser { connection in
            try await connection.pipeline([BoundStatement(Statement("test.\(sql.hashValue)", sql))])[0]
        }
        return try rows.map { row in
            try rows.columns.indices.map { try row.get($0, as: String?.self) ?? "-" }.joined(separator: "|")
        }
    }

    func one(_ sql: String) async throws -> String { try await list(sql).first ?? "nothing" }

    func change(_ sql: String) async throws { try await database.setUp(sql) }
}
