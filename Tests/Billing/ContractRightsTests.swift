internal import Billing
internal import Postgres
internal import Testing
internal import TestSupport

@Suite("What bursar_client may do, and what it may not")
struct ContractRightsTests {
    @Test(
        "A request that is repeated answers with the first object",
        arguments: [
            "bursar.create_issuer('Angkor Cloud', 'Angkor Cloud Co., Ltd.', external_ref => 'angkor', invoice_prefix => 'ANG')",
            "bursar.create_tenant(1, 'customer-1', 'Sok Trading')",
            "(bursar.create_plan_version(1, 'basic', '[{\"code\": \"seat\", \"description\": \"Seat\", \"unit_amount\": 1250}]', 'USD')).plan_version",
            "bursar.subscribe(1, 'order-1', 'basic', '[{\"price\": \"seat\"}]')",
            "bursar.set_rate(4013, '2026-01-31') is not null",
        ]
    )
    func repeats(call: String) async throws {
        try await withBusiness { client in
            let first = try await client.value("select \(call)")
            let events = try await behindTheWall(client, "select count(*) from bursar.event")
            #expect(try await client.value("select \(call)") == first)
            #expect(try await behindTheWall(client, "select count(*) from bursar.event") == events)
        }
    }

    @Test("A request that was rolled back was never made")
    func rolledBack() async throws {
        try await withBusiness { client in
            _ = try await client.value(
                "begin; select bursar.subscribe(1, 'order-1', 'basic', '[{\"price\": \"seat\"}]'); rollback"
            )
            _ = try await client.value("select bursar.subscribe(1, 'order-1', 'yearly', '[{\"price\": \"seat\"}]')")
            #expect(try await client.value("select plan from bursar.client_subscription") == "yearly")
        }
    }

    @Test("Two sessions that ask for the same at once make one object")
    func racing() async throws {
        try await withBusiness { client in
            let call = "select bursar.subscribe(1, 'order-1', 'basic', '[{\"price\": \"seat\"}]')"
            let answers = try await withThrowingTaskGroup(of: String.self) { group in
                for _ in 0..<8 {
                    group.addTask { try await client.value("begin; \(call); select pg_sleep(0.05); commit") }
                }
                return try await group.reduce(into: [String]()) { $0.append($1) }
            }
            #expect(Set(answers).count == 1)
            #expect(try await behindTheWall(client, "select count(*) from bursar.subscription") == "1")
        }
    }

    @Test("It reads the contract's views, and of tables only what the installation and its schema are")
    func readsViewsOnly() async throws {
        try await withBusiness { client in
            let readable = try await behindTheWall(
                client,
                """
                select string_agg(c.relname, ' ' order by c.relname) from pg_class c
                where c.relnamespace = 'bursar'::regnamespace and c.relkind in ('r', 'v', 'm', 'p', 'S', 'f')
                    and case when c.relkind = 'S' then has_sequence_privilege('bursar_client', c.oid, 'usage, select, update')
                        else has_any_column_privilege('bursar_client', c.oid, 'select, insert, update, references') 
                            or has_table_privilege('bursar_client', c.oid, 'delete, truncate, trigger') end
                """
            )
            #expect(
                readable == """
                    client_exchange_rate client_hold client_invoice client_invoice_line client_issuer client_plan client_run \
                    client_subscription client_subscription_item client_tenant installation schema_migration
                    """
            )
            let writable = try await behindTheWall(
                client,
                """
                select count(*) from pg_class c
                where c.relnamespace = 'bursar'::regnamespace and c.relkind in ('r', 'v', 'm', 'p', 'f')
                    and has_any_column_privilege('bursar_client', c.oid, 'insert, update')
                """
            )
            #expect(writable == "0")
        }
    }

    @Test("Of the functions that change something it may call those of the contract and no others")
    func callsTheContractOnly() async throws {
        try await withBusiness { client in
            let callable = try await behindTheWall(
                client,
                """
                select string_agg(distinct p.proname, ' ' order by p.proname) from pg_proc p
                where p.pronamespace = 'bursar'::regnamespace and p.prosecdef and has_function_privilege('bursar_client', p.oid, 'execute')
                """
            )
            #expect(
                callable == """
                    cancel cancel_subscription change_items change_plan change_tenant create_issuer create_plan_version create_policy \
                    create_tenant dispute enqueue enqueue_many hold_billing import_rates keep_subscription pause_subscription promise \
                    release_hold resume_subscription set_rate subscribe
                    """
            )
            let harmless = try await behindTheWall(
                client,
                """
                select string_agg(distinct p.proname, ' ' order by p.proname) from pg_proc p
                where p.pronamespace = 'bursar'::regnamespace and not p.prosecdef and p.provolatile = 'v'
                    and has_function_privilege('bursar_client', p.oid, 'execute')
                """
            )
            #expect(harmless == "business_now")
        }
    }

    @Test(
        "Tables are closed to it",
        arguments: [
            "subscription", "invoice", "tenant", "issuer", "event", "audit_entry", "run", "policy", "contract_request",
        ]
    )
    func tablesAreClosed(table: String) async throws {
        try await withBusiness { client in
            let answer = try await client.run("select * from bursar.\(table)")
            #expect(answer.complaint.contains("42501: permission denied for table \(table)"))
            #expect(try await client.run("delete from bursar.\(table)").complaint.contains("42501"))
        }
    }

    @Test("It cannot pass for an operator in the audit trail")
    func cannotPassForAnOperator() async throws {
        try await withBusiness { client in
            _ = try await client.value(
                "set bursar.actor = 'operator:sok'; select bursar.subscribe(1, 'order-1', 'basic', '[{\"price\": \"seat\"}]')"
            )
            _ = try await client.value(
                "set bursar.actor = 'client:shop'; select bursar.subscribe(1, 'order-2', 'basic', '[{\"price\": \"seat\"}]')"
            )
            #expect(
                try await behindTheWall(
                    client,
                    "select string_agg(actor, ' ' order by id) from bursar.audit_entry where action = 'subscription.created'"
                ) == "client:operator:sok client:shop"
            )
        }
    }

    @Test("Every command of the operator's has a statement that the database accepts from his role")
    func statementsPrepare() async throws {
        try await withBusiness { client in
            try await client.database.withPool { pool in
                for command in ContractCommand.all {
                    let nothing = BoundStatement(command.statement, command.fields.map { _ in String?.none })
                    do {
                        _ = try await pool.withTransaction(TransactionOptions(role: "bursar_ops", outcome: .rollBack)) {
                            try await $0.query(nothing)
                        }
                    } catch let error as PostgresError {
                        #expect(error.sqlState?.class == "BU", "\(command.name): \(error)")
                    }
                }
            }
        }
    }
}
