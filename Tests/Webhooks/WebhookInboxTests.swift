import Payments
import Postgres
import TestSupport
import Testing
import Webhooks

@Suite("Processing and replaying posts")
struct WebhookInboxTests {
    private static func sources() throws -> WebhookSources {
        let scheme = SignatureScheme.generic(try GenericHMAC(idHeader: "X-Id"))
        let secrets = [WebhookSecret(bytes: Array("a secret of some length".utf8))]
        var relay = WebhookSource(
            name: "relay",
            scheme: "generic",
            verifier: try SignatureVerifier(scheme: scheme, secrets: secrets)
        )
        var other = WebhookSource(
            name: "news",
            scheme: "generic",
            verifier: try SignatureVerifier(scheme: scheme, secrets: secrets)
        )
        var mapping = PaymentMapping()
        mapping.md5 = "md5"
        relay.payment = mapping
        relay.secrets = secrets
        other.secrets = secrets
        return WebhookSources([relay, other], file: "test")
    }

    private static func inbox() throws -> WebhookInbox {
        let sources = try sources()
        return WebhookInbox { sources }
    }

    /// As a job does: one role reads, another applies.
    private func process(_ world: InboxWorld, _ inbox: WebhookInbox, limit: Int = 100) async throws -> [CallbackHint] {
        try await world.pool.withTransaction(TransactionOptions(role: "bursar_scan")) { transaction in
            let pending = try await inbox.pending(limit: limit, in: transaction)
            await transaction.setRole("bursar_app")
            await transaction.setTenants([1])
            let done = pending.hints.map { WebhookInbox.Done(event: $0.event, outcome: "looked up", attempt: 17) }
            #expect(try await inbox.done(done, in: transaction) == done.count)
            return pending.hints
        }
    }

    @Test("Posts are read in their order by their source's mapping, and each is processed once")
    func order() async throws {
        try await InboxWorld.with { world in
            let inbox = try Self.inbox()
            for number in 0..<5 { _ = await world.store("e\(number)", #"{"md5":"\#(number)"}"#) }
            let first = try await process(world, inbox, limit: 3)
            #expect(first.map(\.md5) == ["0", "1", "2"] && first.allSatisfy { $0.source == "relay" })
            #expect(try await process(world, inbox).map(\.md5) == ["3", "4"])
            #expect(try await process(world, inbox) == [])
            let rows = "select distinct state || ' ' || outcome || ' ' || payment_attempt_id from bursar.webhook_event"
            #expect(try await world.list(rows) == ["processed looked up 17"])
        }
    }

    @Test("What cannot be read, and what tells of no payment, is set aside and kept")
    func setAside() async throws {
        try await InboxWorld.with { world in
            _ = await world.store("e1", "no json")
            _ = await world.store("e2", "{}", source: "news")
            _ = await world.store("e3", "{}", source: "gone")
            _ = await world.store("e4", #"{"md5":"4"}"#)
            #expect(try await process(world, try Self.inbox()).map(\.md5) == ["4"])
            let rows = try await world.list("select state || ': ' || outcome from bursar.webhook_event order by id")
            #expect(
                rows == [
                    "processed: unreadable", "ignored: tells of no payment", "ignored: its source is not declared",
                    "processed: looked up",
                ]
            )
        }
    }

    @Test("A transaction that fails leaves its posts pending")
    func rolledBack() async throws {
        struct Stop: Error {}
        try await InboxWorld.with { world in
            let inbox = try Self.inbox()
            _ = await world.store("e1", #"{"md5":"1"}"#)
            _ = await world.store("e2", "unreadable")
            await #expect(throws: Stop.self) {
                try await world.pool.withTransaction(TransactionOptions(role: "bursar_scan")) { transaction in
                    _ = try await inbox.pending(limit: 10, in: transaction)
                    throw Stop()
                }
            }
            #expect(try await world.list("select state from bursar.webhook_event") == ["received", "received"])
        }
    }

    @Test("A replay is a plan first, then does just that, and a second time nothing")
    func replay() async throws {
        try await InboxWorld.with { world in
            let inbox = try Self.inbox()
            for number in 0..<4 { _ = await world.store("e\(number)", #"{"md5":"\#(number)"}"#) }
            _ = try await process(world, inbox, limit: 3)
            let desk = WebhookDesk(database: world.pool)
            let plan = try await desk.planReplay(WebhookDesk.Filter(source: "relay"), by: "operator:sok").text
            #expect(plan.contains(#""count": 3"#), "\(plan)")
            let proposal = try #require(plan.firstMatch(of: /"proposal": (\d+)/).flatMap { Int64($0.1) })
            #expect(
                try await world.list("select id::text from bursar.webhook_event where state = 'received'").count == 1
            )

            let first = try await desk.replay(proposal: proposal, reason: "a wrong mapping", by: "operator:sok").text
            let again = try await desk.replay(proposal: proposal, reason: "once more", by: "operator:sok").text
            #expect(
                first == again && first.contains(#""replayed": 3"#) && first.contains("a wrong mapping"),
                "\(again)"
            )
            #expect(try await process(world, inbox).map(\.md5) == ["0", "1", "2", "3"])
            #expect(try await process(world, inbox) == [])
            _ = try await desk.replay(proposal: proposal, reason: "once more", by: "operator:sok")
            #expect(try await process(world, inbox) == [], "an applied replay does nothing more")
            let audit = try await world.list(
                "select actor || ' ' || kind || ' ' || (content ->> 'reason') from bursar.event where kind like 'webhooks.%'"
            )
            #expect(audit == ["operator:sok webhooks.replayed a wrong mapping"])
        }
    }

    @Test("A replay leaves out what changed since its plan, and an older plan gives way to a newer one")
    func moved() async throws {
        try await InboxWorld.with { world in
            let inbox = try Self.inbox()
            for number in 0..<2 { _ = await world.store("e\(number)", #"{"md5":"\#(number)"}"#) }
            _ = try await process(world, inbox)
            let desk = WebhookDesk(database: world.pool)
            func plan(_ ids: [Int64]?) async throws -> Int64 {
                let text = try await desk.planReplay(WebhookDesk.Filter(ids: ids), by: "operator:sok").text
                return try #require(text.firstMatch(of: /"proposal": (\d+)/).flatMap { Int64($0.1) })
            }
            let old = try await plan(nil)
            let one = try await plan([1])
            await #expect(throws: WebhookRefusal.self) {
                try await desk.replay(proposal: old, reason: "x", by: "operator:sok")
            }
            try await world.database.setUp("update bursar.webhook_event set replays = 1 where id = 1")
            let report = try await desk.replay(proposal: one, reason: "x", by: "operator:sok").text
            #expect(report.contains(#""replayed": 0"#) && report.contains(#""left": 1"#), "\(report)")
            await #expect(throws: WebhookRefusal.self) {
                try await desk.replay(proposal: 999, reason: "x", by: "operator:sok")
            }
        }
    }

    @Test("A post may go after thirty days, but not while it waits or its payment is open")
    func retention() async throws {
        try await InboxWorld.with { world in
            for number in 0..<4 { _ = await world.store("e\(number)", #"{"md5":"\#(number)"}"#) }
            try await world.database.setUp(
                """
                update bursar.webhook_event set received_at = clock_timestamp() - interval '31 days' where id <= 3;
                update bursar.webhook_event set state = 'processed', outcome = 'x', processed_at = clock_timestamp() where id <> 3;
                update bursar.webhook_event set payment_attempt_id = 5 where id = 2;
                set session_replication_role = replica;
                insert into bursar.payment_lookup (tenant_id, attempt_id, account_id, purpose, due_at, presented_at)
                values (1, 5, 1, 'payment', now(), now());
                """
            )
            let purgeable = "select bursar.webhooks_purgeable(clock_timestamp())::text"
            #expect(try await world.list(purgeable) == ["1"])
        }
    }
}
