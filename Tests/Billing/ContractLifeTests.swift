internal import TestSupport
internal import Testing

@Suite("The contract, through psql as bursar_client")
struct ContractLifeTests {
    private static let subscribe = """
        select bursar.subscribe(1, 'order-1', 'basic', '[{"price": "seat", "quantity": 3}]');
        """

    @Test("A subscription lives from its start to its end through functions alone")
    func wholeLife() async throws {
        try await withBusiness { client in
            #expect(try await client.value(Self.subscribe) == "1")
            try await client.pretendBilled(through: "2026-02-28", k: 1)
            #expect(
                try await client.value(
                    "select bursar.change_plan(1, 'yearly', '[{\"price\": \"seat\"}]'); select next_plan, changes_on from bursar.client_subscription"
                ) == "2026-02-28\nyearly|2026-02-28"
            )
            #expect(
                try await client.value("select bursar.change_plan(1, 'basic', '[{\"price\": \"seat\"}]')")
                    == "2026-02-28"
            )
            _ = try await client.value("select bursar.pause_subscription(1, until => '2026-05-01')")
            try await client.setBusinessTime("2026-04-10 00:30+07")
            #expect(try await client.value("select bursar.resume_subscription(1)") == "2026-04-10")
            #expect(
                try await client.value(
                    "select state, next_invoice_on, next_plan is null from bursar.client_subscription"
                )
                    == "active|2026-04-10|t"
            )
            try await client.pretendBilled(through: "2026-04-30", k: 3)
            #expect(try await client.value("select * from bursar.cancel_subscription(1)") == "active|2026-04-30")
            _ = try await client.value("select bursar.keep_subscription(1)")
            #expect(
                try await client.value("select * from bursar.cancel_subscription(1, 'now')") == "canceled|2026-04-10"
            )
            let told = try await behindTheWall(
                client,
                "select string_agg(kind, ' ' order by id) from bursar.event where tenant_id = 1"
            )
            #expect(
                told == """
                    tenant.created subscription.created subscription.changed subscription.changed subscription.paused \
                    subscription.resumed subscription.cancellation_set subscription.kept subscription.cancellation_set \
                    subscription.canceled
                    """
            )
            #expect(
                try await behindTheWall(
                    client,
                    "select count(*) = (select count(*) from bursar.audit_entry) from bursar.event"
                ) == "t"
            )
            #expect(
                try await behindTheWall(
                    client,
                    "select string_agg(to_state, ' ' order by seq) from bursar.subscription_transition"
                )
                    == "active paused active canceled"
            )
        }
    }

    @Test("Paused time is a written gap, and the rest of the running period is next to be billed")
    func pausedTimeIsAGap() async throws {
        try await withBusiness { client in
            _ = try await client.value(Self.subscribe)
            try await client.pretendBilled(through: "2026-02-28", k: 1)
            _ = try await client.value("select bursar.pause_subscription(1)")
            try await client.setBusinessTime("2026-04-10 00:30+07")
            _ = try await client.value("select bursar.resume_subscription(1)")
            #expect(
                try await behindTheWall(client, "select during, cause from bursar.billing_gap")
                    == "[2026-02-28,2026-04-10)|paused"
            )
            #expect(
                try await behindTheWall(
                    client,
                    "select next_k, next_part, next_from, charged_through from bursar.subscription"
                )
                    == "2|0|2026-04-10|2026-04-10"
            )
        }
    }

    @Test("A pause that ends within paid time leaves no gap")
    func shortPauseLeavesNoGap() async throws {
        try await withBusiness { client in
            _ = try await client.value(Self.subscribe)
            try await client.pretendBilled(through: "2026-02-28", k: 1)
            _ = try await client.value("select bursar.pause_subscription(1)")
            try await client.setBusinessTime("2026-02-10 12:00+07")
            #expect(try await client.value("select bursar.resume_subscription(1)") == "2026-02-28")
            #expect(try await behindTheWall(client, "select count(*) from bursar.billing_gap") == "0")
        }
    }

    @Test("A trial moves the first billed day, and a plan changed during it leaves one schedule")
    func trial() async throws {
        try await withBusiness { client in
            _ = try await client.value(
                "select bursar.subscribe(1, 'order-2', 'basic', '[{\"price\": \"seat\"}]', trial_days => 14)"
            )
            #expect(
                try await client.value("select state, trial_end, next_invoice_on from bursar.client_subscription")
                    == "trialing|2026-02-14|2026-02-14"
            )
            #expect(
                try await client.value(
                    "select bursar.change_plan(1, 'yearly', '[{\"price\": \"seat\", \"quantity\": 2}]')"
                ) == "2026-02-14"
            )
            #expect(
                try await behindTheWall(
                    client,
                    "select version, unit, anchor_date, valid_from, valid_until is null from bursar.subscription_schedule"
                )
                    == "1|year|2026-02-14|2026-02-14|t"
            )
        }
    }

    @Test("An earlier anchor keeps its day and cuts the first period")
    func anchorBeforeTheStart() async throws {
        try await withBusiness { client in
            _ = try await client.value(
                "select bursar.subscribe(1, 'order-3', 'basic', '[{\"price\": \"seat\"}]', anchor => '2025-12-15')"
            )
            #expect(
                try await behindTheWall(client, "select next_k, next_from from bursar.subscription") == "1|2026-01-31"
            )
            #expect(
                try await client.value("select bursar.change_items(1, '[{\"price\": \"seat\", \"quantity\": 2}]')")
                    == "2026-02-15"
            )
        }
    }

    @Test("A change replaces one that is not in force yet, and what was never in force is never billed")
    func laterChangeWins() async throws {
        try await withBusiness { client in
            _ = try await client.value(Self.subscribe)
            try await client.pretendBilled(through: "2026-02-28", k: 1)
            _ = try await client.value(
                """
                select bursar.change_plan(1, 'yearly', '[{"price": "seat", "quantity": 5}]');
                select bursar.change_items(1, '[{"price": "seat", "quantity": 6}]');
                """
            )
            #expect(
                try await client.value(
                    "select price, quantity, unit_amount, valid_from, valid_until from bursar.client_subscription_item order by id"
                ) == "seat|3|1250|2026-01-31|2026-02-28\nseat|6|12000|2026-02-28|"
            )
            #expect(
                try await behindTheWall(
                    client,
                    "select version, unit, anchor_date, first_k, valid_from from bursar.subscription_schedule order by 1"
                )
                    == "1|month|2026-01-31|0|2026-01-31\n2|year|2026-02-28|0|2026-02-28"
            )
        }
    }

    @Test("Each source of a hold releases only its own; a promise and a dispute do not stop billing")
    func holds() async throws {
        try await withBusiness { client in
            _ = try await client.value(Self.subscribe)
            _ = try await client.value(
                """
                select bursar.promise(1, '2026-02-10');
                select bursar.promise(1, '2026-02-12');
                select bursar.dispute(1, 'two seats, not three');
                select bursar.hold_billing(1, source => 'fraud_check', reason => 'looks odd');
                """
            )
            #expect(
                try await client.value(
                    "select source, valid_until, stops_billing, reason from bursar.client_hold where released_at is null order by id"
                ) == """
                    promise|2026-02-13|f|promised to pay by 2026-02-12
                    dispute||f|two seats, not three
                    fraud_check||t|looks odd
                    """
            )
            _ = try await client.value("select bursar.release_hold(1, 'dispute')")
            #expect(try await client.value("select holds from bursar.client_subscription") == "{fraud_check,promise}")
        }
    }

    @Test("Unparking bills what was missed or waives it, one by one or through a proposal")
    func unpark() async throws {
        try await withBusiness { client in
            var operators = client
            operators.user = "postgres"
            _ = try await client.value(
                """
                select bursar.subscribe(1, 'a', 'basic', '[{"price": "seat"}]');
                select bursar.subscribe(1, 'b', 'basic', '[{"price": "seat", "quantity": 2}]');
                select bursar.subscribe(1, 'c', 'riel', '[{"price": "seat"}]');
                """
            )
            try await client.setBusinessTime("2026-06-10 12:00+07")
            try await client.database.setUp(
                "update bursar.subscription set parked_at = bursar.business_now(), parked_reason = '5 periods are due'"
            )
            let sok = "set bursar.actor = 'operator:sok'; "
            #expect(
                try await operators.value(sok + "select bursar.unpark_subscription(1, 'bill', 'customer agreed')")
                    == "2026-01-31"
            )
            #expect(
                try await operators.value(sok + "select * from bursar.propose_unpark(1, 'waive', reason => 'outage')")
                    .hasPrefix("1|2|{\"KHR\": 55000, \"USD\": 2750}|")
            )
            try await client.database.setUp(
                "update bursar.subscription set parked_at = parked_at + interval '1 second' where id = 3"
            )
            #expect(
                try await operators.value(sok + "select * from bursar.approve_unpark(1, 'as agreed')")
                    == "1|[{\"why\": \"it changed since the proposal\", \"subscription\": 3}]"
            )
            #expect(
                try await operators.value(
                    "select id, parked_at is null, next_from, catch_up_through from bursar.subscription order by id"
                ) == "1|t|2026-01-31|2026-06-10\n2|t|2026-05-31|\n3|f|2026-01-31|"
            )
        }
    }

    @Test("Business days are the issuer's, not the server's")
    func localDays() async throws {
        try await withBusiness { client in
            try await client.setBusinessTime("2026-02-28 23:30+00")
            _ = try await client.value(Self.subscribe)
            #expect(try await client.value("select starts_on from bursar.client_subscription") == "2026-03-01")
        }
    }
}

/// A look with the owner's eyes.
func behindTheWall(_ client: Psql, _ query: String) async throws -> String {
    var owner = client
    owner.user = "postgres"
    return try await owner.value(query)
}
