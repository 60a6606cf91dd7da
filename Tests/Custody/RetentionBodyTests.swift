import Custody
import Postgres
import RetentionPurge
import TestSupport
import Testing

/// Bodies that go while their rows stay.
@Suite("Retention of bodies")
struct RetentionBodyTests {
    private func policy(_ table: PurgeTable, keep: Int = 90) -> RetentionPolicy {
        var policy = RetentionPolicy(table, keep: .seconds(Int64(keep) * 86_400))
        (policy.observeDays, policy.maxPercent, policy.pause) = (0, 100, .zero)
        return policy
    }

    @Test("The body of a post goes with a receipt; its row stays, and a repeat is still known from another body")
    func posts() async throws {
        try await RetentionWorld.open { world in
            try await world.change(
                """
                \(RetentionWorld.posts("from generate_series(1, 5) as n", "now() - interval '100 days'"));
                update bursar.webhook_event set received_at = now() - interval '80 days' where id = 4;
                update bursar.webhook_event set state = 'received', outcome = null, processed_at = null where id = 5;
                """
            )
            try await world.operate("bursar.place_legal_hold(subject => 'webhook:3', reason => 'x')")
            #expect(
                try await world.purge([policy(.webhookBody)]).report == "purged 2 rows of webhook_event.body (1 held)"
            )
            #expect(
                try await world.list(
                    "select id from bursar.webhook_event where body = '' and headers = '[]' order by 1"
                )
                    == ["1", "2"]
            )
            #expect(
                try await world.list("select id from bursar.webhook_event where event_id = 'e' || id order by 1").count
                    == 5
            )
            #expect(
                try await world.one(
                    "select table_name, row_count, key_digest = sha256('1,2') from bursar.purge_receipt"
                ) == "webhook_event.body|2|t"
            )
            // Emptied once is emptied; and a manifest lacks no row for it.
            #expect(
                try await world.purge([policy(.webhookBody)]).report == "purged 0 rows of webhook_event.body (1 held)"
            )
            #expect(
                try await world.list("select purged from bursar.purged_rows() where table_name = 'webhook_event'") == []
            )
            let again = """
                select string_agg(same::text, ',' order by place) from bursar.webhooks_seen_again('{relay,relay,relay}', '{e1,e2,e3}',
                array[encode(sha256('body 1'), 'hex'), encode(sha256('other'), 'hex'), encode(sha256('body 3'), 'hex')])
                """
            #expect(try await world.one(again) == "true,false,true")
        }
    }

    @Test("A hold on a table holds what is emptied in it, and a hold on that holds the rows")
    func holds() async throws {
        try await RetentionWorld.open { world in
            try await world.change(
                RetentionWorld.posts("from generate_series(1, 3) as n", "now() - interval '100 days'")
            )
            for held in ["webhook_event", "webhook_event.body"] {
                let hold = try await world.operate(
                    "bursar.place_legal_hold(table_name => '\(held)', reason => 'x')"
                )
                for table in [PurgeTable.webhookBody, .webhookEvent] {
                    #expect(
                        try await world.purge([policy(table)]).report == "purged 0 rows of \(table.rawValue) (3 held)"
                    )
                }
                try await world.operate("bursar.release_legal_hold(\(hold), 'done')")
            }
            #expect(try await world.count("webhook_event", "body <> ''") == 3)
            #expect(try await world.purge([policy(.webhookEvent)]).report == "purged 3 rows of webhook_event")
        }
    }

    @Test(
        "What the bank said word for word goes, where the money is placed and could be read; the money that was seen stays, and a tenant may keep it longer"
    )
    func observations() async throws {
        try await RetentionWorld.open { world in
            try await world.change(
                """
                select bursar.create_issuer('Mekong', 'Mekong Co., Ltd.');
                select bursar.create_tenant(1, 'T' || n, 'Tenant ' || n) from generate_series(1, 2) as n;
                \(RetentionWorld.observations("from generate_series(1, 9) as n", "now() - interval '200 days'"));
                delete from bursar.observation_unplaced where observation_id <> 3;
                set session_replication_role = replica;
                update bursar.observation set amount = null, currency = null where id = 6;
                insert into bursar.suspense (tenant_id, issuer_id, observation_id, reason, is_money, occurred_at)
                select tenant_id, 1, id, 'orphan', true, now() from bursar.observation where id = 9;
                """
            )
            var policy = policy(.observationText, keep: 190)
            policy.tenants = ["T2": .seconds(300 * 86_400)]
            #expect(try await world.purge([policy]).report == "purged 3 rows of observation.raw")
            #expect(
                try await world.list("select id from bursar.observation where raw is null and payer is null order by 1")
                    == ["1", "4", "7"]
            )
            #expect(try await world.one("select rows_per_tenant from bursar.purge_receipt") == #"{"1": 3}"#)
            #expect(
                try await world.one("select count(*), count(amount), count(external_key) from bursar.observation")
                    == "9|8|9"
            )
        }
    }

    @Test("What was seen stays seen: nothing of an observation changes but by being emptied")
    func onlyEmptied() async throws {
        try await RetentionWorld.open { world in
            try await world.change(
                """
                select bursar.create_issuer('Mekong', 'Mekong Co., Ltd.');
                \(RetentionWorld.observations("from generate_series(3, 3) as n", "now()"))
                """
            )
            for change in [
                "update bursar.observation set amount = 1", "update bursar.observation set raw = 'x'",
                "update bursar.observation set payer = 'x', raw = null", "delete from bursar.observation",
                "truncate bursar.observation cascade",
            ] {
                await #expect(throws: PostgresError.self, "\(change)") { try await world.change(change) }
            }
        }
    }
}
