import Postgres
import Synchronization
import TestSupport
import Testing
import Webhooks

@Suite("Storing posts")
struct InboxWriterTests {
    @Test("Fifty identical posts at the same time are one row, and every one of them is told that it is kept")
    func identical() async throws {
        try await InboxWorld.with { world in
            try await world.ready()
            let outcomes = await withTaskGroup(of: StoreOutcome.self) { group in
                for _ in 0..<50 { group.addTask { await world.store("e1", #"{"a":1}"#) } }
                return await group.reduce(into: []) { $0.append($1) }
            }
            #expect(outcomes.count { $0 == .stored } == 1 && outcomes.count { $0 == .repeated } == 49)
            #expect(try await world.list("select event_id || ' ' || repeats from bursar.webhook_event") == ["e1 49"])
        }
    }

    @Test("A post is on disk when its outcome is told, with its bytes, headers and verdict")
    func committed() async throws {
        try await InboxWorld.with { world in
            try await world.ready()
            let body = "{\"khmer\":\"ចន\",\"zero\":\"\0\"}"
            #expect(await world.store("e1", body) == .stored)
            let row = try await world.list(
                """
                select concat_ws('|', source, event_id, encode(body, 'hex'), headers, scheme, host(address), state,
                    body_sha256 = sha256(body)) from bursar.webhook_event
                """
            )
            let hex: String = SignatureText.hex(Array(body.utf8))
            #expect(row == [#"relay|e1|\#(hex)|[["x-id", "e1"]]|generic|203.0.113.7|received|t"#])
        }
    }

    @Test("Nobody is told that a post is kept while its insert has not reached the database")
    func toldAfterwards() async throws {
        let settings = try await TestCluster.shared.settings
        let told = Mutex(0)
        let toldBefore = Mutex<[Int]>([])
        let proxy = try PostgresProxy(serverDirectory: settings.socketDirectory) { message in
            if message.kind == .bind, message.statement == "webhooks.store" {
                toldBefore.withLock { $0.append(told.withLock { $0 }) }
            }
            return .forward
        }
        defer { proxy.stop() }
        try await InboxWorld.with(url: { proxy.url(database: $0.name, user: "bursar") }) { world in
            try await world.ready()
            for number in 1...5 {
                let post = ArrivedPost(source: "s", eventID: "\(number)", body: [], scheme: "generic", address: "::1")
                world.writer.submit(post) { if $0.isKept { told.withLock { $0 += 1 } } }
                try await waitUntil("post \(number) is told") { told.withLock { $0 } >= number }
            }
            #expect(toldBefore.withLock { $0 } == [0, 1, 2, 3, 4])
            #expect(try await world.count("webhook_event") == 5)
        }
    }

    @Test("Many posts share commits, each with its own bytes")
    func batches() async throws {
        try await InboxWorld.with { world in
            try await world.ready()
            await withTaskGroup(of: Void.self) { group in
                for number in 0..<500 {
                    group.addTask {
                        let body = String(repeating: "\(number),", count: 1 + number % 7)
                        #expect(await world.store("e\(number)", body) == .stored)
                    }
                }
            }
            let wrong = try await world.list(
                """
                select event_id from bursar.webhook_event where convert_from(body, 'UTF8')
                    <> repeat(substr(event_id, 2) || ',', 1 + substr(event_id, 2)::integer % 7)
                """
            )
            #expect(try await world.count("webhook_event") == 500 && wrong == [])
            let commits = try await world.list("select count(distinct xmin::text)::text from bursar.webhook_event")
            #expect((Int(commits.first ?? "") ?? 500) < 300, "\(commits) commits for 500 posts at once")
        }
    }

    @Test("Another body under an id that is taken is kept, raises an alarm, and changes nothing of the first")
    func conflict() async throws {
        try await InboxWorld.with { world in
            try await world.ready()
            #expect(await world.store("e1", "first") == .stored)
            #expect(await world.store("e1", "other") == .conflict)
            #expect(await world.store("e1", "other") == .conflict)
            #expect(await world.store("e1", "first") == .repeated)
            #expect(await world.store("e1", "other", source: "bank") == .stored)
            let first =
                "select concat_ws(' ', convert_from(body, 'UTF8'), state, repeats, conflicts) from bursar.webhook_event order by id"
            #expect(try await world.list(first) == ["first received 1 2", "other received 0 0"])
            let others = "select concat_ws(' ', convert_from(body, 'UTF8'), repeats) from bursar.webhook_conflict"
            #expect(try await world.list(others) == ["other 1"])
            let alarms = try await world.list(
                "select key || ' ' || severity from bursar.alarm where cleared_at is null"
            )
            #expect(alarms == ["webhook_conflict:relay critical"])
        }
    }

    @Test("Two bodies of one id in one batch: the first is stored, the other is a conflict")
    func conflictAtOnce() async throws {
        try await InboxWorld.with { world in
            try await world.ready()
            for number in 0..<20 {
                async let first = world.store("e\(number)", "a")
                async let second = world.store("e\(number)", "b")
                let outcomes = await [first, second]
                #expect(outcomes.contains(.stored) && outcomes.contains(.conflict), "\(outcomes)")
            }
            #expect(try await world.count("webhook_event") == 20)
            #expect(try await world.count("webhook_conflict") == 20)
        }
    }

    @Test("A post that the database refuses fails alone; the others of its batch are stored")
    func badOne() async throws {
        try await InboxWorld.with { world in
            try await world.ready()
            await withTaskGroup(of: Void.self) { group in
                for number in 0..<40 {
                    group.addTask {
                        let id = number == 20 ? String(repeating: "x", count: 300) : "e\(number)"
                        let outcome = await world.store(id)
                        #expect(outcome.isKept == (number != 20), "\(number): \(outcome)")
                    }
                }
            }
            #expect(try await world.count("webhook_event") == 39)
        }
    }

    @Test("A connection that breaks in the middle of a commit costs no post: it is found again, or stored again")
    func brokenConnection() async throws {
        let settings = try await TestCluster.shared.settings
        for verdict in [PostgresProxy.Verdict.drop, .dropAnswer] {
            let proxy = try PostgresProxy(serverDirectory: settings.socketDirectory) { message in
                message.kind == .bind && message.statement == "webhooks.store" && message.count == 1
                    ? verdict : .forward
            }
            defer { proxy.stop() }
            try await InboxWorld.with(url: { proxy.url(database: $0.name, user: "bursar") }) { world in
                try await world.ready()
                let outcome = await world.store("e1")
                #expect(outcome.isKept, "\(outcome)")
                #expect(try await world.count("webhook_event") == 1)
            }
        }
    }

    @Test("While the database is away posts fail within seconds, and are stored again when it is back")
    func away() async throws {
        let settings = try await TestCluster.shared.settings
        let isAway = Mutex(false)
        let proxy = try PostgresProxy(serverDirectory: settings.socketDirectory) { _ in
            isAway.withLock { $0 } ? .drop : .forward
        }
        defer { proxy.stop() }
        try await InboxWorld.with(url: { proxy.url(database: $0.name, user: "bursar") }) { world in
            try await world.ready()
            #expect(await world.store("e1") == .stored)
            isAway.withLock { $0 = true }
            proxy.cut()
            let began = ContinuousClock.now
            let outcome = await world.store("e2")
            #expect(!outcome.isKept && ContinuousClock.now - began < .seconds(10), "\(outcome)")
            #expect(world.writer.standing.problem != nil)
            isAway.withLock { $0 = false }
            try await waitUntil("a post is stored again") { await world.store("e2").isKept }
            #expect(world.writer.standing.problem == nil)
            #expect(try await world.count("webhook_event") == 2)
        }
    }

    @Test("More posts than may wait are refused at once, and none of those that wait is lost")
    func full() async throws {
        var limits = InboxWriter.Limits()
        limits.waiting = 10
        try await InboxWorld.with(limits: limits) { world in
            try await world.ready()
            let outcomes = await withTaskGroup(of: StoreOutcome.self) { group in
                for number in 0..<400 { group.addTask { await world.store("e\(number)") } }
                return await group.reduce(into: []) { $0.append($1) }
            }
            let kept = outcomes.count { $0.isKept }
            #expect(try await world.count("webhook_event") == kept)
        }
    }

    @Test("What still waits when the writer ends is stored, and what comes later is refused")
    func ending() async throws {
        try await InboxWorld.with { world in
            try await world.ready()
            let told = Mutex(0)
            for number in 0..<100 {
                let post = ArrivedPost(source: "s", eventID: "\(number)", body: [], scheme: "generic", address: "::1")
                world.writer.submit(post) { if $0.isKept { told.withLock { $0 += 1 } } }
            }
            world.writer.end()
            #expect(await world.store("late") == .failed("the inbox is closing"))
            try await waitUntil("all are told") { told.withLock { $0 } == 100 }
            #expect(try await world.count("webhook_event") == 100)
        }
    }

    @Test("The listener's role inserts, and can neither read nor change a post")
    func rights() async throws {
        try await InboxWorld.with { world in
            try await world.ready()
            #expect(await world.store("e1") == .stored)
            for sql in [
                "select body from bursar.webhook_event", "update bursar.webhook_event set state = 'ignored'",
                "delete from bursar.webhook_event", "select * from bursar.webhook_conflict",
                "insert into bursar.webhook_event (source, event_id, body, headers, scheme, address, state) "
                    + "values ('a', 'b', '', '[]', 'x', '::1', 'received')",
                "select bursar.pending_webhooks(1)", "select * from bursar.tenant", "select 1 from bursar.run",
            ] {
                let error = await #expect(throws: PostgresError.self) {
                    try await world.pool.withTransaction(TransactionOptions(role: "bursar_listener")) { transaction in
                        _ = try await transaction.query(Statement("test.refused_\(sql.hashValue.magnitude)", sql))
                    }
                }
                #expect(error?.sqlState == .insufficientPrivilege, "\(sql): \(String(describing: error))")
            }
        }
    }
}
