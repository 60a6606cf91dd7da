import BakongReconciliation
import Billing
import CivilTime
import Dunning
import Engine
import Events
import JobKit
import Logging
import NoticeDelivery
import Notices
import Payments
import Postgres
import Renewals
import Synchronization
import Tenancy
import TestSupport
import Webhooks

/// An issuer in Phnom Penh, tenants who owe it and have addresses, business time that a test sets, and a desk that keeps what
/// it is given; jobs run as the production login and roles.
struct Letterbox {
    let database: TestDatabase
    let pool: PostgresPool
    let desk = StubDesk()
    let clock = FenceCounter()

    static let migrations =
        TenancyMigrations.all + EngineMigrations.all + EventsMigrations.all + BillingMigrations.all
        + PaymentsMigrations.all + WebhooksMigrations.all + NoticesMigrations.all

    /// The local instant at which a letterbox opens: invoices are issued then, due seven days later.
    static let opening = "2026-03-02 00:10"

    /// Steps 7 days before the due date to 6 days after it, without the warning of expiry.
    static let policy = DunningPolicy(
        steps: [
            DunningStep("before", offsetDays: -3, category: "courtesy"),
            DunningStep("tomorrow", offsetDays: -1, category: "due_soon"),
            DunningStep("late", offsetDays: 1, category: "overdue"),
            DunningStep("last", offsetDays: 6, category: "final"),
        ]
    )

    /// Opens a letterbox where tenant n has n invoices of 44,000 riel, issued on 2 March and due on the 9th.
    static func open(tenants: Int = 2, _ body: (Letterbox) async throws -> Void) async throws {
        try await TestDatabase.with(migrations: migrations) { database in
            try await database.withPool { pool in
                let box = Letterbox(database: database, pool: pool)
                try await box.set(opening)
                try await database.setUp(setUp)
                try await database.setUp("select letterbox.fill(\(tenants))")
                try await box.run(Renewals(), Renewals.Parameters())
                // What the issuing tells is not what these tests look at.
                try await database.setUp("delete from bursar.event_unnoticed")
                try await body(box)
            }
        }
    }

    /// Sets business time: a local instant in Phnom Penh.
    func set(_ local: String) async throws {
        try await change(
            """
            update bursar.installation
            set environment = 'development', business_offset = timestamp '\(local)' at time zone 'Asia/Phnom_Penh' - clock_timestamp()
            """
        )
    }

    /// Plans and sends, as the two jobs do one after the other.
    func day(_ local: String, _ policy: DunningPolicy = policy) async throws {
        try await set(local)
        try await plan(policy)
        try await deliver(policy)
    }

    @discardableResult
    func plan(_ policy: DunningPolicy = policy) async throws -> Checkpoint {
        let run = try await run(Dunning { [DunningPlan(policy)] }, Dunning.Parameters())
        guard run.kept == .held else { throw LetterboxError("planning left something: \(run.kept)") }
        return run.checkpoint
    }

    @discardableResult
    func deliver(
        _ policy: DunningPolicy = policy,
        journal: SendJournal? = nil,
        chunk: Int = 100,
        render: @escaping DeliveryHouse.Render = Self.render
    ) async throws -> Checkpoint {
        let rules = DeliveryRules(quiet: policy.quiet, calendar: policy.calendar, freshness: policy.freshness)
        let house = DeliveryHouse(desk: desk, rules: { _ in rules }, render: render, journal: journal)
        let run = try await run(
            NoticeDelivery({ house }, inspection: NoticeInspection()),
            NoticeDelivery.Parameters(chunk: chunk)
        )
        guard run.kept == .held else { throw LetterboxError("delivery left something: \(run.kept)") }
        return run.checkpoint
    }

    /// Category, payer and the invoices that it speaks of.
    @Sendable
    static func render(_ message: ClaimedMessage, _ facts: NoticeFacts) throws -> (RenderedNotice, String?) {
        let invoices = facts.invoices.map { "\($0.id)" }.joined(separator: ",")
        let text = "\(message.category) for \(facts.tenant): \(invoices)"
        return (RenderedNotice(subject: "S", text: text, locale: "en", source: "test", version: "1"), nil)
    }

    /// Runs a job once, as a node would under a fence of its own.
    @discardableResult
    func run<Work: Job>(
        _ job: Work,
        _ parameters: Work.Parameters
    ) async throws -> (outcome: Outcome, kept: Postcondition, checkpoint: Checkpoint) {
        let context = try await context(of: Work.name)
        let outcome = try await job.run(parameters, in: context)
        return (outcome, try await job.postcondition(parameters, in: context), context.checkpoint)
    }

    func context(of name: JobName) async throws -> JobContext {
        let fence = clock.next()
        let row = try await rows(
            """
            insert into bursar.run (job, state, as_of, requested_by, max_attempts, retry_initial, retry_max, retry_jitter,
                attempts, fence, node_id)
            values ('\(name)', 'running', bursar.business_now(), 'test', 8, interval '1 s', interval '1 s', 0, 1, \(fence), 'test')
            returning id, as_of
            """
        )[0]
        return JobContext(
            run: RunIdentity(
                id: try row.get("id"),
                job: name.description,
                schedule: nil,
                attempt: 1,
                fence: fence,
                asOf: try row.get("as_of"),
                isDryRun: false
            ),
            checkpoint: Checkpoint(),
            database: pool,
            signals: RunSignals(),
            logger: Logger(label: "test")
        )
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

    /// Step, channel, state and reason of an invoice's notices, in order.
    func notices(of invoice: Int64) async throws -> [String] {
        try await list(
            "select step, channel, state, reason from bursar.notice where invoice_id = \(invoice) order by planned_for, id"
        )
    }

    private func rows(_ sql: String) async throws -> Rows {
        try await database.asSuperuser { connection in
            try await connection.pipeline([BoundStatement(Statement("test.\(sql.hashValue)", sql))])[0]
        }
    }

    private static let setUp = """
        create schema letterbox;
        create function letterbox.reach(tenant bigint, channel text, address text) returns void language sql as $$
            insert into bursar.payer_address (tenant_id, channel, address, hash)
            values (tenant, channel, address, bursar.address_hash(channel, address))
        $$;
        create function letterbox.fill(tenants integer) returns void language plpgsql as $$
        declare
            customer integer;
            nth      integer;
        begin
            perform bursar.create_issuer('Mekong', 'Mekong Co., Ltd.', policy => '{"tax_rate_basis_points": 1000, "net_days": 7}');
            perform bursar.create_plan_version(1, 'plan', '[{"code": "a", "description": "A", "unit_amount": 40000}]', 'KHR', unit => 'year');
            for customer in 1..tenants loop
                perform bursar.create_tenant(1, 'T' || customer, 'Tenant ' || customer);
                perform letterbox.reach(customer, 'email', 'payer' || customer || '@example.test');
                for nth in 1..customer loop
                    perform bursar.subscribe(customer, 'S' || customer || '-' || nth, 'plan', '[{"price": "a"}]');
                end loop;
            end loop;
        end $$;
        """
}

struct LetterboxError: Error, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
}

/// Each run has a fence above the last.
final class FenceCounter: Sendable {
    private let last = Mutex<Int64>(100)
    func next() -> Int64 {
        last.withLock {
            $0 += 1
            return $0
        }
    }
}

/// Keeps what it is given, and says of each recipient what a test scripted.
final class StubDesk: MessageDesk {
    struct State {
        var sent: [OutgoingMessage] = []
        var answers: [String: [SendOutcome.Verdict]] = [:]
        var closed: Set<NoticeChannel> = []
        var budgets: [NoticeChannel: Int] = [:]
        var knowsRepeats = false
    }

    let state = Mutex(State())

    var domain: String { "bursar.test" }
    func isOn(_ channel: NoticeChannel) -> Bool { state.withLock { !$0.closed.contains(channel) } }
    func knowsRepeats(_ channel: NoticeChannel) -> Bool { state.withLock { $0.knowsRepeats } }
    func connections(_ channel: NoticeChannel) -> Int { 4 }
    func dailyBudget(_ channel: NoticeChannel) -> Int? { state.withLock { $0.budgets[channel] } }
    func hasRate(_ channel: NoticeChannel) -> Bool { false }

    func send(_ message: OutgoingMessage) async -> SendOutcome {
        state.withLock { state in
            let verdict = state.answers[message.recipient]?.first ?? .accepted
            if state.answers[message.recipient]?.isEmpty == false { state.answers[message.recipient]?.removeFirst() }
            state.sent.append(message)
            var outcome = SendOutcome(verdict, phase: "test", reply: "scripted")
            outcome.transport = "stub"
            return outcome
        }
    }

    /// What was said since the last look, in the order of the texts.
    func take() -> [String] {
        state.withLock { state in
            defer { state.sent = [] }
            return state.sent.map(\.content.text).sorted()
        }
    }

    func answer(_ recipient: String, _ verdicts: SendOutcome.Verdict...) {
        state.withLock { $0.answers[recipient] = verdicts }
    }
}

/// Never answers: a node that dies while it is sending.
final class DeadDesk: MessageDesk {
    private let calls: AsyncStream<Void>
    private let call: AsyncStream<Void>.Continuation

    init() { (calls, call) = AsyncStream.makeStream() }

    var domain: String { "bursar.test" }
    func isOn(_ channel: NoticeChannel) -> Bool { true }
    func knowsRepeats(_ channel: NoticeChannel) -> Bool { true }
    func connections(_ channel: NoticeChannel) -> Int { 4 }
    func dailyBudget(_ channel: NoticeChannel) -> Int? { nil }
    func hasRate(_ channel: NoticeChannel) -> Bool { false }

    func send(_ message: OutgoingMessage) async -> SendOutcome {
        call.yield()
        // Waiting: for ever, until the test kills it.
        try? await Task.sleep(for: .seconds(3600))
        return SendOutcome(.unknown, phase: "killed")
    }

    /// Returns once it was given a message.
    func called() async { for await _ in calls { return } }
}

/// Gives everything to another desk, one at a time; something happens while the first is on its way.
final class SlowDesk: MessageDesk {
    private let desk: StubDesk
    private let meanwhile: @Sendable () async -> Void
    private let isFirst = Mutex(true)

    init(_ desk: StubDesk, meanwhile: @escaping @Sendable () async -> Void) {
        self.desk = desk
        self.meanwhile = meanwhile
    }

    var domain: String { desk.domain }
    func isOn(_ channel: NoticeChannel) -> Bool { true }
    func knowsRepeats(_ channel: NoticeChannel) -> Bool { false }
    func connections(_ channel: NoticeChannel) -> Int { 1 }
    func dailyBudget(_ channel: NoticeChannel) -> Int? { nil }
    func hasRate(_ channel: NoticeChannel) -> Bool { false }

    func send(_ message: OutgoingMessage) async -> SendOutcome {
        let isFirst = isFirst.withLock { first in
            defer { first = false }
            return first
        }
        if isFirst { await meanwhile() }
        return await desk.send(message)
    }
}
