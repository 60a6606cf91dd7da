import JobKit
import Postgres
import TestSupport
import Testing

@testable import Engine

@Suite("The statements that nodes say all the time, on large tables")
struct HotStatementTests {
    /// Large enough that a plan which reads a whole table is a plan that was chosen badly.
    private static let rows = 40_000

    /// What a node says at every look, every claim and every end.
    static let statements: [Statement] = [
        RunStore.Statements.promote, RunStore.Statements.claim, RunStore.Statements.finish, RunStore.Statements.hold,
        RunStore.Statements.closeAttempt, RunStore.Statements.retryLater, RunStore.Statements.snooze,
        RunStore.Statements.handBack, RunStore.Statements.lostRuns, RunStore.Statements.closeLostAttempts,
        RunStore.Statements.takeBack, RunStore.Statements.cancelled,
    ]

    @Test("None of them reads a large table from end to end")
    func noSequentialScan() async throws {
        try await EngineWorld.with { world in
            try await fill(world)
            for statement in Self.statements + RunStatements.all {
                let plan = try await self.plan(of: statement, in: world)
                for table in ["run", "attempt", "run_history", "dedupe", "proposal", "gate_pass"] {
                    #expect(
                        !plan.contains("Seq Scan on \(table) ") && !plan.contains("Seq Scan on \(table)\n"),
                        "\(statement.name) reads all of bursar.\(table):\n\(plan)"
                    )
                }
            }
        }
    }

    @Test("The claim finds ready runs by their turns, whatever else lies in the table")
    func claimsByTurn() async throws {
        try await EngineWorld.with { world in
            try await fill(world)
            let plan = try await self.plan(of: RunStore.Statements.claim, in: world)
            #expect(plan.contains("run_claim"), "\(plan)")
            let promotion = try await self.plan(of: RunStore.Statements.promote, in: world)
            #expect(promotion.contains("run_waiting"), "\(promotion)")
        }
    }

    @Test("Claims and ends go along indexes also where the server has not counted anything yet")
    func whateverTheStatistics() async throws {
        try await EngineWorld.with { world in
            try await world.database.setUp("analyze")
            try await fill(world, isCounted: false)
            for (statement, options) in [
                (RunStore.Statements.claim, TransactionOptions.engineLoop), (RunStore.Statements.promote, .engineLoop),
                (RunStore.Statements.finish, .engineEnds),
            ] {
                let plan = try await self.plan(of: statement, in: world, options.settings)
                for table in ["run", "attempt", "run_history", "dedupe", "proposal", "gate_pass", "run_cancel"] {
                    #expect(
                        !plan.contains("Seq Scan on \(table) ") && !plan.contains("Bitmap Heap Scan on \(table) "),
                        "\(statement.name) depends on what the server believes of \(table):\n\(plan)"
                    )
                }
            }
        }
    }

    @Test(
        "What every request and every look for work asks of the ready runs goes along indexes, also in a plan of an empty table"
    )
    func functionsGoAlongIndexes() async throws {
        try await EngineWorld.with { world in
            let kept = try await world.text(
                """
                select string_agg(proname, ' ' order by proname) from pg_proc
                where pronamespace = 'bursar'::regnamespace and proconfig @> '{enable_seqscan=off,enable_bitmapscan=off}'
                """
            )
            #expect(kept == "admit last_turn let_pass")
        }
    }

    /// Deferred, ready, running and finished runs by the thousand, and years of history.
    private func fill(_ world: EngineWorld, isCounted: Bool = true) async throws {
        try await world.register("busy")
        try await world.database.setUp(
            """
            insert into bursar.run (job, tenant_id, state, turn, run_at, requested_by, max_attempts, retry_initial, retry_max,
                retry_jitter, node_id, fence, attempts, started_at)
            select 'ledger', g % 100, s.state, g, case s.state when 'scheduled' then now() + interval '1 day' else now() end, 'test', 8,
                '30 s', '1 h', 0.2, case s.state when 'running' then 'busy' end, case s.state when 'running' then g end,
                case s.state when 'running' then 1 else 0 end, case s.state when 'running' then now() end
            from generate_series(1, \(Self.rows)) as g
            cross join lateral (
                select case when g % 20 = 0 then 'running' when g % 2 = 0 then 'scheduled' else 'ready' end as state
            ) as s;
            insert into bursar.attempt (run_id, number, fence, node_id, as_of)
            select id, 1, fence, 'busy', now() from bursar.run where state = 'running';
            insert into bursar.attempt (run_id, number, fence, node_id, as_of, ended_at, outcome)
            select -g, 1, g, 'busy', now(), now(), 'succeeded' from generate_series(1, \(Self.rows)) as g;
            insert into bursar.run_history (id, job, parameters, state, dry_run, requested_by, attempts, fence, checkpoint, created_at,
                finished_at)
            select -g, 'ledger', '{}', 'succeeded', false, 'test', 1, g, '{}', now(), now() from generate_series(1, \(Self.rows)) as g;
            insert into bursar.dedupe (job, key, run_id, parameters) select 'ledger', g::text, g, '{}' from generate_series(1, \(Self.rows)) as g;
            insert into bursar.proposal (kind, subject, run_id, count, totals, digest, why, state, decided_by)
            select 'ledger', 'ledger', g, 1, '{}', '', '', 'applied', 'limit' from generate_series(1, \(Self.rows)) as g;
            insert into bursar.gate_pass (gate, run_id) select 'job:other', -g from generate_series(1, \(Self.rows)) as g;
            \(isCounted ? "analyze" : "")
            """
        )
    }

    /// The plan that serves any values, as nodes use it.
    private func plan(
        of statement: Statement,
        in world: EngineWorld,
        _ settings: [(name: String, value: String)] = []
    ) async throws -> String {
        let count = (1...30).last { statement.sql.contains("$\($0)") } ?? 0
        let values = Array(repeating: "null", count: count).joined(separator: ", ")
        return try await world.database.asSuperuser { connection in
            try await connection.executeScript(
                settings.map { "set \($0.name) = \($0.value);" }.joined()
                    + "set plan_cache_mode = force_generic_plan; prepare hot as \(statement.sql)",
                name: "test.prepare"
            )
            let explain = Statement("test.explain", "explain execute hot\(count > 0 ? "(\(values))" : "")")
            return try await connection.query(explain).map { try $0.get(0, as: String.self) }.joined(separator: "\n")
                + "\n"
        }
    }
}
