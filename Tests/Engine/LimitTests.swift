import Engine
import JobKit
import Postgres
import Testing
import TestSupport

@Suite("Limits")
struct LimitTests {
    @Test("Of a job with a limit no more runs are claimed at once, and the next one as soon as one has ended")
    func perJob() async throws {
        try await EngineWorld.withGates { world in
            try await world.registerGated("a")
            try await world.ask("shared", times: 10, tenant: nil)
            let first = try await world.look(as: "a")
            #expect(first.count == 3)
            #expect(try await world.look(as: "a").isEmpty)
            _ = try await world.store.finish([(first[0].identity, "done")])
            #expect(try await world.look(as: "a").count == 1)
        }
    }

    @Test("Keys are limited each for itself: one key's runs wait, those of another go on")
    func perKey() async throws {
        try await EngineWorld.withGates { world in
            try await world.registerGated("a")
            try await world.ask("by_key", times: 5, tenant: nil, k: 1)
            try await world.ask("by_key", times: 1, tenant: nil, k: 2)
            let claimed = try await world.look(as: "a")
            #expect(claimed.count == 3)
            #expect(
                try await world.text(
                    """
                    select count(*)::text from bursar.run where state = 'running' and parameters ->> 'k' = '1'
                    """
                ) == "2"
            )
        }
    }

    @Test("Of a job with a limit over all its keys, every key gets its turn")
    func keysTakeTurns() async throws {
        try await EngineWorld.withGates { world in
            try await world.registerGated("a")
            for tenant in 1...60 { try await world.ask("by_tenant", times: 3, tenant: Int64(tenant)) }
            var order: [Int64] = []
            var gates = GateRound()
            while order.count < 180 {
                var wish = ClaimWish(node: "a", jobs: EngineWorld.gatedJobs, limit: 8)
                gates.begin()
                var runs: [ClaimedRun] = []
                repeat {
                    wish.gate = gates.next
                    wish.gatesLookedAt = 50
                    let claim = try await world.store.claim(wish)
                    gates.looked(next: claim.gate)
                    runs += claim.runs
                } while runs.isEmpty && gates.looksOn
                try #require(!runs.isEmpty, "nothing was claimed after \(order.count)")
                for run in runs {
                    let tenant = try await world.text(
                        """
                        select tenant_id::text from bursar.run where id = \(run.identity.id)
                        """
                    )
                    order.append(Int64(tenant ?? "") ?? 0)
                }
                _ = try await world.store.finish(runs.map { ($0.identity, "") })
            }
            #expect(Set(order.prefix(120)).count == 60, "within two rounds every tenant was served")
        }
    }

    /// The ways in which a run stops being under way, each of which must make room.
    enum Way: String, CaseIterable {
        case succeeded, failed, dead, snoozed, needsApproval, handedBack, cancelled, nodeDied

        func end(_ run: ClaimedRun, in world: EngineWorld) async throws {
            switch self {
            case .succeeded: _ = try await world.store.finish([(run.identity, "")])
            case .failed: _ = try await world.store.end(run, .failed("no luck", wait: .seconds(900), anew: false))
            case .dead: _ = try await world.store.end(run, .dead("no use"))
            case .snoozed: _ = try await world.store.end(run, .snoozed("later", wait: .seconds(900)))
            case .needsApproval: _ = try await world.store.end(run, .needsApproval("too much"))
            case .handedBack: _ = try await world.store.end(run, .handedBack)
            case .cancelled:
                #expect(try await world.desk.cancel(run.identity.id, reason: nil, by: "operator:test") == "asked")
                _ = try await world.store.end(run, .cancelled("cancelled while it ran"))
            case .nodeDied:
                try await world.kill("a")
                #expect(try await world.store.rescue().contains(run.identity.id))
            }
        }
    }

    @Test("However a run ends or goes back, its place is free for the next one, and only then", arguments: Way.allCases)
    func everyWayMakesRoom(_ way: Way) async throws {
        try await EngineWorld.withGates { world in
            try await world.registerGated("a")
            try await world.registerGated("b")
            try await world.ask("by_tenant", times: 2, tenant: 7)
            let first = try #require(try await world.look(as: "a").first)
            #expect(try await world.look(as: "b").isEmpty)
            try await way.end(first, in: world)
            let next = try await world.look(as: "b")
            #expect(next.count == 1)
            // One that keeps its place comes back first; all others leave it to the next.
            let comesBack = way == .handedBack || way == .nodeDied
            #expect((next.first?.identity.id == first.identity.id) == comesBack)
            #expect(try await world.look(as: "b").isEmpty)
        }
    }

    @Test("Limiter leak on crash: a pass that nobody took away, of a run that ended or waits, takes no room")
    func limiterLeakOnCrash() async throws {
        try await EngineWorld.withGates { world in
            try await world.registerGated("a")
            try await world.ask("shared", times: 3, tenant: nil)
            let claimed = try await world.look(as: "a")
            #expect(claimed.count == 3)
            // The node dies with all three; whatever was written of their passes is still there, and more.
            try await world.kill("a")
            _ = try await world.store.rescue()
            try await world.database.setUp(
                """
                insert into bursar.gate_pass (gate, run_id)
                select 'job:shared', id from bursar.run union all select 'job:shared', n from generate_series(900001, 900100) as n
                on conflict do nothing
                """
            )
            try await world.registerGated("b")
            #expect(try await world.look(as: "b").count == 3)
            #expect(try await world.overfull().isEmpty)
            try await NodeStore(database: world.pool).keepHouse()
            #expect(try await world.text("select count(*)::text from bursar.gate_pass") == "3")
        }
    }

    @Test("A thousand keys without room keep back neither runs without limits nor the one key that has room")
    func thousandFullKeys() async throws {
        try await EngineWorld.withGates { world in
            try await world.registerGated("a")
            try await world.database.setUp(
                """
                select count(*) from bursar.enqueue_many('by_key',
                    array(select jsonb_build_object('k', i / 3) from generate_series(0, 2999) as i))
                """
            )
            var full = 0
            while case let claimed = try await world.look(as: "a", limit: 5_000).count, claimed > 0 { full += claimed }
            #expect(full == 2_000)
            try await world.ask("by_key", times: 1, tenant: nil, k: 9_999)
            try await world.ask("free", times: 1, tenant: nil)
            var wish = ClaimWish(node: "a", jobs: EngineWorld.gatedJobs, limit: 8)
            var gates = GateRound()
            gates.begin()
            wish.gatesLookedAt = gates.most
            let first = try await world.store.claim(wish)
            #expect(first.runs.map(\.identity.job) == ["free"])
            gates.looked(next: first.gate)
            var found: [ClaimedRun] = []
            while found.isEmpty, gates.looksOn {
                wish.gate = gates.next
                wish.gatesLookedAt = gates.most
                let claim = try await world.store.claim(wish)
                gates.looked(next: claim.gate)
                found = claim.runs
            }
            #expect(found.map(\.identity.job) == ["by_key"], "one ring is enough")
        }
    }

    @Test("Limits that change hold at once, for runs that stand ready and with those under way counted")
    func changedLimits() async throws {
        try await EngineWorld.withGates { world in
            let store = NodeStore(database: world.pool)
            try await world.registerGated("a")
            // A build that knows no limits of this job had ten of its runs made, and two claimed.
            try await store.tellLimits(JobRegistry([AnyJob(FreeJob())]))
            try await world.database.setUp("delete from bursar.job_limit where job = 'shared'")
            try await world.ask("shared", times: 10, tenant: nil)
            #expect(try await world.look(as: "a", limit: 2).count == 2)
            try await store.tellLimits(EngineWorld.gatedRegistry())
            #expect(try await world.look(as: "a").count == 1, "two are under way")
            #expect(try await world.overfull().isEmpty)
            // And the way back: whoever has no limit any more is not kept.
            try await world.database.setUp("delete from bursar.job_limit where job = 'shared'")
            #expect(try await world.look(as: "a").count == 7, "gates whose limit has vanished are open")
        }
    }

    @Test("Looking at gates and providers goes along indexes, however many runs there are")
    func alongIndexes() async throws {
        try await EngineWorld.withGates { world in
            try await world.ask("free", times: 20_000, tenant: 1)
            try await world.ask("by_key", times: 3_000, tenant: 2, k: 1)
            for tenant in 1...100 { try await world.ask("by_tenant", times: 5, tenant: Int64(tenant)) }
            try await world.database.setUp("vacuum analyze bursar.run")
            let scans =
                "select string_agg(relname || ' ' || seq_scan, ', ' order by relname) from pg_stat_user_tables where relname in ('run', 'gate_pass')"
            let before = try await world.text(scans)
            // A connection tells what it did when it ends.
            try await world.database.setUp(
                """
                select bursar.admit('', 50) from generate_series(1, 8);
                select bursar.admit('', 500) from generate_series(1, 8);
                select bursar.call_ended('bank', false, 'down') from generate_series(1, 6);
                select bursar.last_turn(2, 'by_key', 0::smallint), bursar.last_turn(null, 'by_key', 0::smallint);
                """
            )
            #expect(try await world.text(scans) == before)
        }
    }

    @Test("Gates that a transaction has in hand are left to it, and looked at again when it is done")
    func heldGates() async throws {
        try await EngineWorld.withGates { world in
            for tenant in 1...9 { try await world.ask("by_tenant", times: 1, tenant: Int64(tenant)) }
            var options = TransactionOptions()
            options.role = "bursar_engine"
            let admit = Statement("test.admit", "select bursar.admit($1, 3) as gate")
            let admitted = "select count(*)::text from bursar.run where admitted and gates is not null"
            let second = try await world.pool.withTransaction(options) { transaction in
                // Three of the four that may run at once, of other keys than the second one looks at.
                _ = try await transaction.query(admit, "key:by_tenant:3")
                return try await world.pool.withTransaction(options) { other in
                    try await other.query(admit, "").first?.get("gate", as: String?.self)
                }
            }
            #expect(second != nil, "there is reason to look again")
            #expect(try await world.text(admitted) == "3")
            try await world.database.setUp("select bursar.admit('', 3)")
            #expect(try await world.text(admitted) == "4")
        }
    }
}
