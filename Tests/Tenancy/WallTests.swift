import Billing
import Custody
import Engine
import Events
import Notices
import Payments
import Postgres
import Standing
import Tenancy
import TestSupport
import Testing
import Webhooks

@Suite("The wall between tenants")
struct WallTests {
    private static let migrations =
        TenancyMigrations.all + EngineMigrations.all + EventsMigrations.all + BillingMigrations.all
        + PaymentsMigrations.all + WebhooksMigrations.all + NoticesMigrations.all + StandingMigrations.all
        + CustodyMigrations.all

    @Test("Every table with a tenant forces row security and has the tenant policy; engine tables alone are exempt")
    func everyTenantTableIsWalled() async throws {
        let open = try await list(
            """
            select c.relname
            from pg_class c
            join pg_attribute a on a.attrelid = c.oid and a.attname = 'tenant_id' and not a.attisdropped
            where c.relnamespace = 'bursar'::regnamespace and c.relkind in ('r', 'p')
                and c.relname not in ('run', 'dedupe', 'proposal_item') and c.relname not like 'run\\_history%'
                and not (c.relrowsecurity and c.relforcerowsecurity
                    and exists (select from pg_policy p where p.polrelid = c.oid and p.polname = 'tenant_wall'
                        and pg_get_expr(p.polqual, p.polrelid) like '%bursar.tenants()%'
                        and pg_get_expr(p.polwithcheck, p.polrelid) like '%bursar.tenants()%'))
            order by 1
            """
        )
        #expect(open == [])
    }

    @Test("No role has a right on a walled table without a policy that lets it see rows; only backups bypass the wall")
    func noGrantWithoutPolicy() async throws {
        let blind = try await list(
            """
            select c.relname || ' to ' || g.grantee::regrole || ' for ' || g.privilege_type
            from pg_class c
            cross join lateral aclexplode(c.relacl) g
            where c.relnamespace = 'bursar'::regnamespace and c.relrowsecurity
                and g.grantee <> c.relowner
                and not exists (
                    select from pg_policy p
                    where p.polrelid = c.oid and g.grantee = any (p.polroles)
                        and (p.polcmd = '*' or p.polcmd = case g.privilege_type
                            when 'SELECT' then 'r' when 'INSERT' then 'a' when 'UPDATE' then 'w' else 'd' end::"char")
                )
                and not (select rolbypassrls from pg_roles r where r.oid = g.grantee)
            """
        )
        #expect(blind == [])
    }

    @Test(
        "Unique keys of walled tables begin with the tenant or the issuer, so that none tells of another tenant's rows"
    )
    func keysBeginWithTheTenant() async throws {
        let others = try await list(
            """
            select i.indexrelid::regclass::text
            from pg_index i
            join pg_class c on c.oid = i.indrelid
            join pg_attribute a on a.attrelid = c.oid and a.attnum = i.indkey[0]
            where c.relnamespace = 'bursar'::regnamespace and c.relrowsecurity and i.indisunique
                and a.attname not in ('tenant_id', 'issuer_id')
            order by 1
            """
        )
        // The tenant's own identity is the wall's column.
        #expect(others == ["bursar.tenant_pkey"])
    }

    @Test("Without a tenant named every walled table refuses to answer, on a fresh connection and on a used one")
    func refusesWithoutTenants() async throws {
        try await TestDatabase.with(migrations: Self.migrations) { database in
            try await database.setUp(
                """
                insert into bursar.issuer (name, legal_name, time_zone) values ('A', 'A', 'Asia/Phnom_Penh');
                insert into bursar.tenant (issuer_id, name) values (1, 'T');
                """
            )
            try await database.withPool(size: 1) { pool in
                for tenants in [nil, [Int64(1)], nil] {
                    let options = TransactionOptions(role: "bursar_app", tenants: tenants)
                    let attempt = { @Sendable in
                        _ = try await pool.withTransaction(options) { try await $0.query(Self.countTenants) }
                    }
                    guard tenants == nil else {
                        try await attempt()
                        continue
                    }
                    let error = await #expect(throws: PostgresError.self) { try await attempt() }
                    #expect(error?.sqlState == .noTenantSet)
                }
            }
        }
    }

    @Test("The app role sees and writes the rows of the tenants it names and no other's")
    func namedTenantsOnly() async throws {
        try await TestDatabase.with(migrations: Self.migrations) { database in
            try await database.setUp(
                """
                insert into bursar.issuer (name, legal_name, time_zone) values ('A', 'A', 'Asia/Phnom_Penh');
                insert into bursar.tenant (issuer_id, name) select 1, 'T' || n from generate_series(1, 5) as n;
                """
            )
            try await database.withPool { pool in
                let options = TransactionOptions(role: "bursar_app", tenants: [2, 4])
                let seen = try await pool.withTransaction(options) { transaction in
                    try await transaction.query(Self.tenantNames).map { try $0.get(0, as: String.self) }
                }
                #expect(seen == ["T2", "T4"])
                let error = await #expect(throws: PostgresError.self) {
                    try await pool.withTransaction(options) { try await $0.execute(Self.tellOf, Int64(3)) }
                }
                #expect(error?.sqlState == .insufficientPrivilege)
                let scanned = try await pool.withTransaction(TransactionOptions(role: "bursar_scan")) { transaction in
                    try await transaction.query(Self.tenantNames).count
                }
                #expect(scanned == 5)
            }
        }
    }

    @Test("No function is open to everybody that could change anything")
    func publicFunctions() async throws {
        let open = try await list(
            """
            select p.proname
            from pg_proc p
            cross join lateral aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) g
            where p.pronamespace = 'bursar'::regnamespace and g.grantee = 0 and (p.prosecdef or p.prokind = 'p')
            """
        )
        #expect(open == [])
    }

    private static let countTenants = Statement("test.count_tenants", "select count(*) from bursar.tenant")
    private static let tenantNames = Statement("test.tenant_names", "select name from bursar.tenant order by id")
    private static let tellOf = Statement(
        "test.tell_of",
        "insert into bursar.event (tenant_id, at, kind, subject_kind, subject_id) values ($1, now(), 'a.b', 'c', 1)"
    )

    private func list(_ sql: String) async throws -> [String] {
        try await TestDatabase.with(migrations: Self.migrations) { database in
            try await database.asSuperuser { connection in
                try await connection.query(Statement("test.list", sql)).map { try $0.get(0, as: String.self) }
            }
        }
    }
}
