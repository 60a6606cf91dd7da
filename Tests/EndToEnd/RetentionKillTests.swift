import Glibc
import TestSupport
import Testing

@Suite("Purges and kills")
struct RetentionKillTests {
    @Test(
        "A daemon that is killed at random statements of a purge, again and again: no row goes twice or beyond the proposal, and receipts add up to the rows that are gone"
    )
    func kills() async throws { try await RetentionKills.play(kills: 5, rows: 2_000) }
}

@Suite("Purges and many kills", .enabled(if: getenv("BURSAR_SOAK") != nil))
struct RetentionKillSoakTests {
    @Test("The same with forty kills")
    func manyKills() async throws { try await RetentionKills.play(kills: 40, rows: 12_000) }
}

/// A purge of bodies that belong to tenants, and of lines that belong to none, on daemons that are killed.
enum RetentionKills {
    private static let policies = """
        version: 1
        retention:
          - { table: message_body, clock: created_at, keep: 90d, action: delete, legal_basis: law, observe_days: 0, max_percent: 100, batch: 50, pause_ms: 1 }
          - { table: webhook_event.body, clock: received_at, keep: 90d, action: erase, legal_basis: law, observe_days: 0, max_percent: 100, batch: 50, pause_ms: 1 }

        """

    static func play(kills: Int, rows: Int) async throws {
        let seed = getenv("BURSAR_SEED").flatMap { UInt64(String(cString: $0)) } ?? UInt64.random(in: 1...1_000_000)
        print("seed \(seed); again with BURSAR_SEED=\(seed)")
        var chance = SplitMix(state: seed)
        try await House.with(Portfolio.empty) { house in
            mkdir("\(house.folder)/schedules/policies", 0o755)
            write(policies, to: "\(house.folder)/schedules/policies/retention.yaml")
            try await house.database.setUp(world(rows))
            let run: Int64 = try await house.value(
                """
                select run_id from bursar.enqueue('retention-purge', '{}',
                    retry => '{"attempts": 1000, "initial": "1 second", "jitter": 0}')
                """
            )
            var inside = 0
            for number in 1...kills {
                // Most daemons get some batches done before they are killed, or the run would not come far.
                let beginning = Int.random(in: 1...4, using: &chance) == 1 ? "run.assert_fence" : "retention.batch"
                let moment = Int.random(in: 1...70, using: &chance)
                let statement = try await kill(moment, since: beginning, in: house)
                let row = try await house.run(run)
                print("kill \(number) at \(statement): \(row.state), \(row.checkpoint)")
                if row.state == "running", row.checkpoint.contains("purged") { inside += 1 }
                if row.hasEnded { break }
                try await expectSound(house, "seed \(seed)")
                // What gets old once it is told what goes is no part of it.
                try await house.query(
                    """
                    update bursar.message_body set created_at = now() - interval '91 days'
                    where message_id = \(rows + 100 + number) and exists (select from bursar.proposal p where p.run_id = \(run))
                    """
                )
            }
            _ = try house.daemon("last")
            let row = try await house.ended(run, within: .seconds(180))
            #expect(row.state == "succeeded", "\(row), seed \(seed)")
            #expect(inside > 0, "no kill lay inside the purge, seed \(seed)")
            try await expectSound(house, "seed \(seed)")
            #expect(
                try await house.list(
                    """
                    select table_name || ' ' || sum(row_count) from bursar.purge_receipt where run_id = \(run) group by table_name order by 1
                    """
                ) == ["message_body \(rows)", "webhook_event.body \(rows)"],
                "seed \(seed)"
            )
            #expect(try await house.value("select count(*) from bursar.message_body") == rows, "seed \(seed)")
        }
    }

    /// Rows that are past their cutoff, as many that are not, and what there was, for later.
    private static func world(_ rows: Int) -> String {
        """
        set session_replication_role = replica;
        insert into bursar.message_body (tenant_id, message_id, text, created_at)
        select 1 + n % 3, n, 'x', now() - case when n <= \(rows) then interval '100 days' else interval '1 day' end
        from generate_series(1, \(2 * rows)) as n;
        insert into bursar.webhook_event (source, event_id, body, headers, scheme, address, received_at, state, outcome, processed_at)
        select 'relay', 'e' || n, convert_to('body ' || n, 'UTF8'), '[]', 'hmac', '127.0.0.1',
            now() - case when n <= \(rows) then interval '100 days' else interval '1 day' end, 'processed', 'x', now()
        from generate_series(1, \(2 * rows)) as n;
        set session_replication_role = origin;
        create schema play;
        create table play.body as select tenant_id, message_id from bursar.message_body;
        create view play.gone as
        select 'message_body' as table_name, b.tenant_id, b.message_id as key from play.body b
        where not exists (select from bursar.message_body m where m.message_id = b.message_id)
        union all
        select 'webhook_event.body', 0, e.id from bursar.webhook_event e where e.body = '';
        """
    }

    /// Kills a daemon when it sends the nth statement since one of this name.
    private static func kill(_ count: Int, since beginning: String, in house: House) async throws -> String {
        let trap = Trap(random: count, beginning: beginning)
        let proxy = try PostgresProxy(house, trap)
        defer { proxy.stop() }
        let daemon = try house.daemon("victim", url: proxy.url(house))
        trap.aim(at: daemon.process)
        let statement = try await trap.sprung.told("a daemon said \(count) statements", within: .seconds(60))
        try await daemon.process.end()
        try await house.forgotten(daemon)
        return statement
    }

    /// Receipts and rows that are gone say the same: how many, of which tenants, and which keys, batch by batch; batches do not
    /// overlap, and none goes beyond its proposal.
    private static func expectSound(_ house: House, _ seed: Comment) async throws {
        let wrong = try await house.list(
            """
            select r.table_name || ' ' || r.first_key || ' to ' || r.last_key || ': receipt ' || r.id || ' tells of ' || r.row_count || ', '
                || g.count || ' are gone'
            from bursar.purge_receipt r
            cross join lateral (
                select count(*), sha256(convert_to(string_agg(g.key::text, ',' order by g.key::text collate "C"), 'UTF8')) as digest,
                    (select jsonb_object_agg(t.tenant_id, t.count) from (
                        select tenant_id, count(*) from play.gone g
                        where g.table_name = r.table_name and g.key between r.first_key and r.last_key group by 1) as t) as per_tenant
                from play.gone g where g.table_name = r.table_name and g.key between r.first_key and r.last_key
            ) as g
            where g.count <> r.row_count or g.digest <> r.key_digest or g.per_tenant <> r.rows_per_tenant
                or exists (
                    select from bursar.purge_receipt o
                    where o.id <> r.id and o.table_name = r.table_name and o.first_key <= r.last_key and r.first_key <= o.last_key)
                or not exists (
                    select from bursar.proposal_item i
                    where i.proposal_id = r.proposal_id and i.content::jsonb ->> 'table' = r.table_name
                        and (i.content::jsonb ->> 'last_key')::bigint >= r.last_key)
            """
        )
        #expect(wrong == [], seed)
        let sums = try await house.list(
            """
            select concat_ws(' ', g.table_name, g.count, coalesce(r.sum, 0))
            from (select table_name, count(*) from play.gone group by 1) as g
            full join (select table_name, sum(row_count) from bursar.purge_receipt group by 1) as r using (table_name)
            where g.count is distinct from r.sum
            """
        )
        #expect(sums == [], seed)
    }
}
