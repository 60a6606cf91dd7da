import Engine
import JobKit
import Postgres
import TestSupport
import Testing

@Suite("A database that lost a past which its nodes have seen")
struct QuarantineTests {
    /// What the database forgets of run and attempt, as a promotion without the last commits does.
    enum Loss: String, CaseIterable, Sendable, CustomTestStringConvertible {
        case claim, end
        var testDescription: String { "the last \(rawValue) is gone" }

        var sql: String {
            switch self {
            case .claim:
                "delete from bursar.attempt; delete from bursar.run_history; select setval('bursar.fence', 1, false)"
            case .end:
                """
                insert into bursar.run (id, job, state, attempts, fence, node_id, parameters, requested_by, max_attempts, retry_initial,
                    retry_max, retry_jitter, turn)
                select h.id, h.job, 'running', h.attempts, h.fence, a.node_id, h.parameters, h.requested_by, 8, '1s', '1s', 0, 0
                from bursar.run_history h join bursar.attempt a on a.run_id = h.id;
                delete from bursar.run_history;
                update bursar.attempt set ended_at = null, outcome = null
                """
            }
        }
    }

    @Test(
        "The node claims nothing, says since when and why, and goes on above its highest fence once a person lifts it",
        arguments: Loss.allCases
    )
    func standsStill(_ loss: Loss) async throws {
        try await EngineWorld.with { world in
            let node = try world.node(LedgerJob(), lease: .seconds(2))
            try await withService(node) {
                let first = try await world.enqueue(upTo: 3)
                node.wake()
                try await world.ended(first)
                let before = try await world.highestFence()
                try await world.database.setUp(loss.sql)
                try await waitUntil("the node has noticed") { node.quarantine != nil }

                let second = try await world.enqueue(upTo: 3)
                node.wake()
                try await world.lookout.look()
                let alarms = try await world.raisedAlarms()
                #expect(alarms.count == 1 && alarms[0].hasPrefix("quarantine:"), "\(alarms)")
                let status = try await world.desk.status().text
                #expect(status.contains("has lost what it had committed"))
                // Every loop has looked since, and nothing was claimed.
                try await world.renewed(twice: node.id)
                #expect(
                    try await world.text("select state || attempts from bursar.run where id = \(second)") == "ready0"
                )

                _ = try await NodeDesk(database: world.pool).liftQuarantine(reason: "known", by: "operator:test")
                try await world.ended(second)
                let after = try #require(
                    Int64(try await world.text("select fence::text from bursar.run_history where id = \(second)") ?? "")
                )
                #expect(after > before)
                #expect(node.quarantine == nil)
                try await world.lookout.look()
                #expect(try await world.raisedAlarms() == [])
            }
            let lifted = try await world.text(
                "select lifted_by || ' ' || reason || ' ' || jsonb_array_length(told_by) from bursar.quarantine"
            )
            #expect(lifted == "operator:test known 1")
            #expect(
                try await world.text("select count(*)::text from bursar.outage where subject = 'quarantine'") == "1"
            )
        }
    }

    @Test(
        "A checkpoint that went back is never passed over: the chunk is refused, and the node is told that a past is gone"
    )
    func checkpointWentBack() async throws {
        try await EngineWorld.with { world in
            let run = try await world.enqueue(upTo: 30)
            let claimed = try #require(try await world.claim(as: "a").first)
            let signals = RunSignals()
            let context = world.context(claimed, signals: signals)
            try await world.chunks(2, context)
            try await world.database.setUp(
                """
                update bursar.run set checkpoint = jsonb_set(checkpoint, '{cursor}', '3');
                update bursar.run set checkpoint = jsonb_set(checkpoint, '{counters,written}', '3');
                delete from bursar.ledger_entry where number > 3
                """
            )
            await #expect(throws: (any Error).self) { try await world.chunks(1, context) }
            #expect(signals.missesOfPast?.contains("run \(run)") == true)
            #expect(try await world.ledger() == [1, 2, 3])
            #expect(try await world.text("select checkpoint ->> 'cursor' from bursar.run where id = \(run)") == "3")
        }
    }

    @Test("One node's discovery holds for all: another one that has seen nothing claims and fires nothing either")
    func holdsForAll() async throws {
        try await EngineWorld.with { world in
            try await world.apply(EngineWorld.entry("tick", "every: 1h"), at: "2026-03-01T00:30:00Z")
            try await world.database.setUp(
                "insert into bursar.quarantine (why, fence, run_id, told_by) values ('another node says so', 7, 7, '[]')"
            )
            let run = try await world.enqueue(upTo: 1)
            let refusal = await #expect(throws: PostgresError.self) { try await world.claim(as: "b") }
            #expect(refusal?.sqlState == .inQuarantine)
            let alone = await #expect(throws: PostgresError.self) {
                try await world.store.enqueueAndClaim(RunRequest(job: "ledger"), node: "b", by: "operator:test")
            }
            #expect(alone?.sqlState == .inQuarantine)
            await #expect(throws: PostgresError.self) { try await world.tick(at: "2026-03-01T01:30:00Z") }
            #expect(try await world.fires() == [])
            #expect(try await world.text("select state from bursar.run where id = \(run)") == "ready")
        }
    }

    @Test("A past that a person let go is not discovered again, and one that nobody told of yet is")
    func knownLoss() async throws {
        try await EngineWorld.with { world in
            let run = try await world.enqueue(upTo: 1)
            let claimed = try #require(try await world.claim(as: "a").first)
            var marks = Marks()
            marks.claimed(claimed.identity)
            try await world.database.setUp("delete from bursar.attempt; delete from bursar.run")
            var wish = ClaimWish(node: "a", jobs: ["ledger"], limit: 1)
            wish.marks = marks
            let discovery = await #expect(throws: PostgresError.self) { try await world.store.claim(wish) }
            #expect(discovery?.sqlState == .pastLost)

            // A quarantine that knew of less was lifted.
            try await world.database.setUp(
                """
                insert into bursar.quarantine (why, fence, run_id, told_by, lifted_at, lifted_by, reason)
                values ('another loss', \(claimed.identity.fence - 1), \(run), '[]', clock_timestamp(), 'operator:test', 'known')
                """
            )
            await #expect(throws: PostgresError.self) { try await world.store.claim(wish) }
            try await world.database.setUp("update bursar.quarantine set fence = \(claimed.identity.fence)")
            #expect(try await world.store.claim(wish).runs.isEmpty)
        }
    }

    @Test("To lift a quarantine needs one in force and a reason")
    func refusals() async throws {
        try await EngineWorld.with { world in
            let desk = NodeDesk(database: world.pool)
            let none = await #expect(throws: PostgresError.self) { try await desk.liftQuarantine(reason: "x", by: "a") }
            #expect(none?.sqlState == .notFound)
            let silent = await #expect(throws: PostgresError.self) {
                try await desk.liftQuarantine(reason: "", by: "a")
            }
            #expect(silent?.sqlState == .refusedByRule)
        }
    }
}

extension EngineWorld {
    func ended(_ run: Int64) async throws {
        try await waitUntil("run \(run) has ended") {
            try await text("select id::text from bursar.run_history where id = \(run)") != nil
        }
    }

    func highestFence() async throws -> Int64 {
        Int64(try await text("select max(fence)::text from bursar.attempt") ?? "") ?? 0
    }

    /// Waits until a lease was renewed two times from now on.
    func renewed(twice node: String) async throws {
        for _ in 0..<2 {
            let until = try await text("select lease_until::text from bursar.node where id = '\(node)'") ?? ""
            try await waitUntil("the lease of \(node) is renewed") {
                try await text("select lease_until::text from bursar.node where id = '\(node)'") != until
            }
        }
    }

    /// Works chunks of three numbers each.
    func chunks(_ count: Int, _ context: JobContext) async throws {
        for _ in 0..<count {
            _ = try await context.chunk(
                select: { _, checkpoint in
                    let after = checkpoint.cursor(of: "write") ?? 0
                    return Array((after + 1)...(after + 3))
                },
                tenant: { _ in 1 },
                apply: { transaction, numbers, checkpoint in
                    _ = try await transaction.execute(LedgerJob.write, numbers, context.run.id, context.run.fence)
                    checkpoint.advance("write", to: numbers[numbers.count - 1])
                    checkpoint.count("written", numbers.count)
                }
            )
        }
    }
}
