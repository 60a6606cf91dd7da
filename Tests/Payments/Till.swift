import BakongReconciliation
import Billing
import CivilTime
import Engine
import Events
import JobKit
import Logging
import Payments
import Postgres
import Renewals
import Tenancy
import TestSupport
import Webhooks

/// An issuer with a Bakong account, tenants who owe it invoices, and the jobs of payments, as the production login and roles.
struct Till {
    let database: TestDatabase
    let pool: PostgresPool

    static let migrations =
        TenancyMigrations.all + EngineMigrations.all + EventsMigrations.all + BillingMigrations.all
        + PaymentsMigrations.all + WebhooksMigrations.all

    /// The accounts, by number: Bakong (1), a bank with statements (2), the cash box (3).
    static let bakong: Int64 = 1

    /// Opens a till where tenant n has n invoices, each of an amount of its own: 40,000 riel (44,000 with tax), 50,000 and so on.
    static func open(tenants: Int = 3, currency: String = "KHR", _ body: (Till) async throws -> Void) async throws {
        try await TestDatabase.with(migrations: migrations) { database in
            try await database.setUp(setUp)
            try await database.setUp("select till.fill(\(tenants), '\(currency)')")
            try await database.withPool { pool in
                let till = Till(database: database, pool: pool)
                try await till.run(Renewals(), Renewals.Parameters())
                try await body(till)
            }
        }
    }

    /// Runs a job once, as a node would under a fence, and wants its promise kept.
    @discardableResult
    func run<Work: Job>(
        _ job: Work,
        _ parameters: Work.Parameters,
        dryRun: Bool = false
    ) async throws -> (outcome: Outcome, kept: Postcondition, checkpoint: Checkpoint) {
        let row = try await rows(
            """
            insert into bursar.run (job, state, as_of, requested_by, max_attempts, retry_initial, retry_max, retry_jitter,
                attempts, fence, node_id)
            values ('\(Work.name)', 'running', bursar.business_now(), 'test', 8, interval '1 s', interval '1 s', 0, 1, 7, 'test')
            returning id, as_of
            """
        )[0]
        let context = JobContext(
            run: RunIdentity(
                id: try row.get("id"),
                job: Work.name.description,
                schedule: nil,
                attempt: 1,
                fence: 7,
                asOf: try row.get("as_of"),
                isDryRun: dryRun
            ),
            checkpoint: Checkpoint(),
            database: pool,
            signals: RunSignals(),
            logger: Logger(label: "test")
        )
        let outcome = try await job.run(parameters, in: context)
        return (outcome, try await job.postcondition(parameters, in: context), context.checkpoint)
    }

    /// Reconciles against what a bank knows.
    @discardableResult
    func reconcile(_ bank: Bank = Bank()) async throws -> Checkpoint {
        let run = try await run(
            BakongReconciliation(asking: bank, inspection: PaymentInspection()),
            BakongReconciliation.Parameters()
        )
        guard run.kept == .held else { throw TillError("the reconciliation left something: \(run.kept)") }
        return run.checkpoint
    }

    /// Shows a QR for an invoice and answers with its md5.
    func present(_ invoice: Int64, amount: Int64? = nil, bill: String? = nil) async throws -> String {
        let text = "00020101021229 invoice \(invoice) \(Int64.random(in: 0...Int64.max))"
        _ = try await one(
            """
            select bursar.present_payment(\(invoice), 'shop@bank', '\(text)', \(bill.map { "'\($0)'" } ?? "null"),
                \(amount.map { "\($0)" } ?? "null"))::text
            """
        )
        return try await one("select md5('\(text)')")
    }

    /// Records money seen, as a node would in a chunk.
    func see(_ seen: [SeenMoney]) async throws {
        _ = try await asApp(tenants: Array(Set(seen.map { $0.tenant ?? 0 }))) {
            try await SeenMoney.record(seen, in: $0)
        }
    }

    func asApp<Answer: Sendable>(
        tenants: [Int64],
        _ body: (Transaction) async throws -> Answer
    ) async throws -> Answer {
        let list = tenants.map(String.init).joined(separator: ",")
        let options = TransactionOptions(role: "bursar_app", settings: [("bursar.tenants", "{\(list)}")])
        return try await pool.withTransaction(options, body)
    }

    /// Calls a function of the contract as an operator of this name, and answers with its text.
    @discardableResult
    func operate(_ sql: String, as name: String = "sok") async throws -> String {
        let options = TransactionOptions(role: "bursar_ops", settings: [("bursar.actor", "operator:\(name)")])
        return try await pool.withTransaction(options) { transaction in
            let rows = try await transaction.query(
                Statement("test.operate_\(sql.hashValue)", "select (\(sql))::text as answer")
            )
            return try rows.first?.get("answer", as: String?.self) ?? "null"
        }
    }

    /// Rows of a query as the superuser, each as its columns with bars between.
    func list(_ sql: String) async throws -> [String] {
        let rows = try await rows(sql)
        return try rows.map { row in
            try rows.columns.indices.map { try row.get($0, as: String?.self) ?? "-" }.joined(separator: "|")
        }
    }

    func one(_ sql: String) async throws -> String { try await list(sql).first ?? "nothing" }

    func change(_ sql: String) async throws { try await database.setUp(sql) }

    private func rows(_ sql: String) async throws -> Rows {
        try await database.asSuperuser { connection in
            try await connection.pipeline([BoundStatement(Statement("test.\(sql.hashValue)", sql))])[0]
        }
    }

    /// What is open on invoices, by number.
    func open(_ invoice: Int64) async throws -> String {
        try await one("select open_amount || ' ' || state from bursar.receivable where invoice_id = \(invoice)")
    }

    /// State of the intent of an invoice, and of its attempts in order.
    func states(_ invoice: Int64) async throws -> String {
        try await one(
            """
            select i.state || ': ' || coalesce(string_agg(a.state, ', ' order by a.id), '')
            from bursar.payment_intent i
            left join bursar.payment_attempt a on a.tenant_id = i.tenant_id and a.intent_id = i.id
            where i.invoice_id = \(invoice) group by i.id, i.state
            """
        )
    }

    /// Suspense that is open: reason, amount, whether it is money.
    func suspense() async throws -> [String] {
        try await list(
            "select reason, amount, is_money from bursar.suspense where resolution is null order by id"
        )
    }

    /// The sum of all drift.
    func drift() async throws -> String {
        try await one(
            """
            select coalesce(sum(abs(drift)), 0) from bursar.control_totals(current_date - 400, current_date + 400)
            """
        )
    }

    private static let setUp = """
        create schema till;
        create function till.fill(tenants integer, in_currency text) returns void language plpgsql as $$
        declare
            customer integer;
            nth      integer;
            sold     bigint;
            amount   bigint := 40000;
        begin
            perform bursar.create_issuer('Mekong', 'Mekong Co., Ltd.', policy => '{"tax_rate_basis_points": 1000}');
            insert into bursar.receiving_account (issuer_id, provider, account, name) values
                (1, 'bakong', 'shop@bank', 'Shop'), (1, 'bank', '000123', 'Bank'), (1, 'cash', 'box', 'Cash box');
            insert into bursar.exchange_rate (source, base, quote, rate_date, rate) values ('nbc', 'USD', 'KHR', current_date, 4000);
            for customer in 1..tenants loop
                perform bursar.create_tenant(1, 'T' || customer, 'Tenant ' || customer);
                for nth in 1..customer loop
                    perform bursar.create_plan_version(1, 'plan-' || amount || '-' || customer,
                        jsonb_build_array(jsonb_build_object('code', 'a', 'description', 'A', 'unit_amount', amount)), in_currency);
                    perform bursar.subscribe(customer, 'S' || customer || '-' || nth, 'plan-' || amount || '-' || customer, '[{"price": "a"}]');
                    amount := amount + 10000;
                end loop;
                amount := 40000;
            end loop;
        end $$;
        """
}

struct TillError: Error, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
}

/// What Bakong knows, for a test: payments by md5, and what it says instead.
struct Bank: PaymentProvider {
    var paid: [String: (hash: String, amount: Int64, currency: String)] = [:]
    var wentBack: Set<String> = []
    var fails: Set<String> = []
    /// Says nothing of use.
    var isAway = false
    var account: Int64? = Till.bakong
    var at: Instant?

    func ask(_ lookups: [DueLookup], in context: JobContext) async throws -> [AnsweredLookup] {
        lookups.map { AnsweredLookup($0, finding($0, now: context.asOf)) }
    }

    private func finding(_ lookup: DueLookup, now: Instant) -> LookupFinding {
        if isAway { return .unknown("503") }
        let md5 = lookup.md5 ?? ""
        if fails.contains(md5) { return .failed }
        guard let payment = paid[md5] else { return .notFound }
        var seen = SeenMoney(
            issuer: lookup.issuer,
            tenant: lookup.tenant,
            account: account,
            kind: .lookup,
            source: "bakong",
            externalKey: payment.hash,
            currency: payment.currency,
            amount: payment.amount,
            occurredAt: at ?? now
        )
        seen.md5 = md5
        seen.providerHash = payment.hash
        guard wentBack.contains(payment.hash) else { return .found(seen) }
        seen.reverses = true
        seen.externalKey += ":refunded"
        return .wentBack(seen)
    }
}
