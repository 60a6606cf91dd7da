import Billing
import CivilTime
import Engine
import Events
import JobKit
import Logging
import Notices
import Payments
import Postgres
import Tenancy
import TestSupport
import Webhooks

/// A house that has sent messages to two tenants, and takes what comes back, as the production login and roles.
struct ReturnWorld {
    let database: TestDatabase
    let pool: PostgresPool
    var reports: DeliveryReports

    static let key = ReturnKey("0123456789abcdef0123456789abcdef")

    static let migrations =
        TenancyMigrations.all + EngineMigrations.all + EventsMigrations.all + BillingMigrations.all
        + PaymentsMigrations.all + WebhooksMigrations.all + NoticesMigrations.all

    /// An issuer, and two tenants with one e-mail address.
    private static let recipe = DatabaseRecipe("returns", migrations: migrations) { database in
        try await database.setUp(
            """
            insert into bursar.issuer (name, legal_name, time_zone) values ('A', 'A', 'Asia/Phnom_Penh');
            insert into bursar.tenant (issuer_id, external_ref, name) values (1, 't1', 'One'), (1, 't2', 'Two');
            select bursar.put_contact(1, 'email', 'sok@customer.example');
            select bursar.put_contact(2, 'email', 'sok@customer.example');
            """
        )
    }

    static func open(
        mappings: [StatusMapping] = [],
        _ body: (ReturnWorld) async throws -> Void
    ) async throws {
        try await TestDatabase.with(recipe) { database in
            try await database.withPool { pool in
                let known = Dictionary(mappings.map { ($0.transport, $0) }, uniquingKeysWith: { first, _ in first })
                try await body(
                    ReturnWorld(
                        database: database,
                        pool: pool,
                        reports: DeliveryReports(key: key, mappings: { known })
                    )
                )
            }
        }
    }

    /// A message with one notice, in a state that both can have.
    @discardableResult
    func message(
        _ state: String = "accepted",
        tenant: Int64 = 1,
        messageID: String = "n1@billing.example",
        provider: String? = nil
    ) async throws -> Int64 {
        let notice = ["sending": "claimed", "waiting": "claimed"][state] ?? state
        let id = try await one(
            """
            with sent as (
                insert into bursar.message (tenant_id, issuer_id, channel, class, local_day, address_id, address_hash, message_id,
                    guarantee, state, not_before, valid_until, transport, provider_id)
                select \(tenant), 1, 'email', 'transaction', current_date, a.id, a.hash, '\(messageID)', 'at_least_once', '\(state)', now(),
                    now() + interval '1 day', 'relay', \(provider.map { "'\($0)'" } ?? "null")
                from bursar.payer_address a where a.tenant_id = \(tenant) and a.channel = 'email'
                returning id
            )
            insert into bursar.notice (tenant_id, issuer_id, kind, category, class, template, guarantee, ladder, channel, event_id,
                planned_for, not_before, valid_until, state, message_id)
            select \(tenant), 1, 'event', 'invoice_issued', 'transaction', 'invoice_issued', 'at_least_once', '{email,sms}', 'email', sent.id,
                now(), now(), now() + interval '1 day', '\(notice)', sent.id
            from sent
            returning message_id
            """
        )
        return Int64(id) ?? 0
    }

    /// Brings a report as the public listener would, and answers with its number.
    @discardableResult
    func bring(_ raw: [UInt8], from source: DeliveryReports.Source = .mail) async throws -> Int64 {
        try await pool.withTransaction(TransactionOptions(role: "bursar_listener")) {
            try await DeliveryReports.take(raw, from: source, in: $0).report
        }
    }

    /// A mail of the folder about a message, brought.
    @discardableResult
    func bring(_ name: String, of message: Int64) async throws -> Int64 {
        guard let key = Self.key else { return 0 }
        let token = BounceToken.make(message: message, key: key)
        return try await bring(try ReturnVectors.mail(name, token: token))
    }

    /// Works off what waits, as a run would under a fence, and answers how many reports there were.
    @discardableResult
    func work(dryRun: Bool = false) async throws -> Int {
        let row = try await rows(
            """
            insert into bursar.run (job, state, as_of, requested_by, max_attempts, retry_initial, retry_max, retry_jitter,
                attempts, fence, node_id)
            values ('notice-delivery', 'running', bursar.business_now(), 'test', 8, interval '1 s', interval '1 s', 0, 1, 7, 'test')
            returning id, as_of
            """
        )[0]
        let context = JobContext(
            run: RunIdentity(
                id: try row.get("id"),
                job: "notice-delivery",
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
        return try await reports.process(limit: 3, in: context)
    }

    /// Calls a function as somebody, and answers with its text.
    func call(_ sql: String, role: String = "bursar_ops", actor: String = "operator:sok") async throws -> String {
        let options = TransactionOptions(role: role, settings: [("bursar.actor", actor)])
        return try await pool.withTransaction(options) { transaction in
            let statement = Statement("test.call_\(UInt(bitPattern: sql.hashValue))", "select (\(sql))::text as answer")
            return try await transaction.query(statement).first?.get("answer", as: String?.self) ?? "null"
        }
    }

    /// The states of a message and its notice.
    func states(_ message: Int64) async throws -> String {
        try await one(
            """
            select m.state || ' ' || n.state from bursar.message m join bursar.notice n on n.tenant_id = m.tenant_id and n.message_id = m.id
            where m.id = \(message)
            """
        )
    }

    /// What became of a report: state, kind, outcome, and whether its bytes are kept.
    func outcome(_ report: Int64) async throws -> String {
        try await one(
            """
            select concat_ws(' | ', state, kind, outcome, case when raw is not null then 'kept' end)
            from bursar.delivery_report where id = \(report)
            """
        )
    }

    func list(_ sql: String) async throws -> [String] {
        let rows = try await rows(sql)
        return try rows.map { row in
            try rows.columns.indices.map { try row.get($0, as: String?.self) ?? "-" }.joined(separator: "|")
        }
    }

    func one(_ sql: String) async throws -> String { try await list(sql).first ?? "nothing" }

    private func rows(_ sql: String) async throws -> Rows {
        try await database.asSuperuser { connection in
            try await connection.query(Statement("test.\(UInt(bitPattern: sql.hashValue))", sql))
        }
    }
}
