import Postgres
import Synchronization
import TestSupport
import Testing

@Suite("Transactions")
struct TransactionTests {
    private struct Refused: Error {}

    private let insert = Statement("test.insert", "insert into t values ($1)")
    private let all = Statement("test.all", "select a from t order by a")
    private let one = Statement("test.one", "select 1")
    private let divide = Statement("test.divide", "select 1 / $1::bigint")

    @Test("What the body did is there once it returned")
    func commit() async throws {
        try await withTable { database, pool in
            let affected = try await pool.withTransaction { try await $0.execute(insert, 1) }
            #expect(affected == 1)
            try await expectRows([1], database)
        }
    }

    @Test("When the body throws nothing is there")
    func rollback() async throws {
        try await withTable { database, pool in
            await #expect(throws: Refused.self) {
                try await pool.withTransaction { transaction in
                    try await transaction.execute(insert, 1)
                    throw Refused()
                }
            }
            try await expectRows([], database)
            try await expectNothingOpen(database)
        }
    }

    @Test("A dry run returns its result and leaves nothing behind")
    func dryRun() async throws {
        try await withTable { database, pool in
            let affected = try await pool.withTransaction(TransactionOptions(outcome: .rollBack)) {
                try await $0.execute(insert, 1)
            }
            #expect(affected == 1)
            try await expectRows([], database)
        }
    }

    @Test("A handle used after its transaction is refused")
    func handleOutlivesTransaction() async throws {
        try await withTable { database, pool in
            let kept = try await pool.withTransaction { $0 }
            let error = await #expect(throws: PostgresError.self) { try await kept.execute(insert, 1) }
            #expect(error?.code == .transactionEnded)
            try await pool.withTransaction { _ in
                let error = await #expect(throws: PostgresError.self) { try await kept.execute(insert, 1) }
                #expect(error?.code == .transactionEnded)
            }
            try await expectRows([], database)
        }
    }

    @Test("A body that swallows a statement's error is told that nothing was stored")
    func swallowedError() async throws {
        try await withTable { database, pool in
            let error = await #expect(throws: PostgresError.self) {
                try await pool.withTransaction { transaction in
                    try await transaction.execute(insert, 1)
                    _ = try? await transaction.query(divide, 0)
                }
            }
            #expect(error?.code == .transactionAborted)
            try await expectRows([], database)
            try await expectNothingOpen(database)
        }
    }

    @Test("A savepoint undoes its own part, even a nested one's, and the rest is committed")
    func savepoints() async throws {
        try await withTable { database, pool in
            try await pool.withTransaction { transaction in
                try await transaction.execute(insert, 1)
                _ = try? await transaction.savepoint { part in
                    try await part.execute(insert, 2)
                    try await part.query(divide, 0)
                }
                try await transaction.savepoint { outer in
                    try await outer.execute(insert, 3)
                    _ = try? await outer.savepoint { inner in
                        try await inner.execute(insert, 4)
                        throw Refused()
                    }
                    try await outer.execute(insert, 5)
                }
            }
            try await expectRows([1, 3, 5], database)
        }
    }

    @Test("Role, tenants and settings hold for the transaction and end with it")
    func settings() async throws {
        try await withTable { database, pool in
            try await database.setUp("create role acting_\(database.name); grant acting_\(database.name) to bursar")
            let show = Statement(
                "test.show",
                """
                select current_user::text, current_setting('bursar.tenants', true), current_setting('bursar.actor', true),
                    current_setting('transaction_read_only'), current_setting('transaction_isolation'),
                    current_setting('lock_timeout'), current_setting('statement_timeout')
                """
            )
            let options = TransactionOptions(
                role: "acting_\(database.name)",
                tenants: [3, 5],
                settings: [("bursar.actor", "job:test")],
                isolation: .repeatableRead,
                readOnly: true,
                lockTimeout: .milliseconds(1500),
                statementTimeout: .seconds(7)
            )
            let inside = try await pool.withTransaction(options) { try await $0.query(show) }
            let expected = ["acting_\(database.name)", "{3,5}", "job:test", "on", "repeatable read", "1500ms", "7s"]
            #expect(try (0..<7).map { try inside.first?.get($0, as: String.self) } == expected)
            let outside = try await pool.withTransaction { try await $0.query(show) }
            #expect(try outside.first?.get(0) == "bursar")
            #expect(try outside.first?.get(1) == "")
            #expect(try outside.first?.get(4) == "read committed")
            let changed = try await pool.withTransaction { transaction in
                await transaction.setRole("acting_\(database.name)")
                await transaction.setTenants([9])
                return try await transaction.query(show)
            }
            #expect(try changed.first?.get(0) == "acting_\(database.name)")
            #expect(try changed.first?.get(1) == "{9}")
            try await database.setUp("revoke acting_\(database.name) from bursar; drop role acting_\(database.name)")
        }
    }

    @Test("A serialization failure runs the body again, and both writers are counted")
    func serializationFailure() async throws {
        try await withTable { database, pool in
            try await database.setUp("insert into t values (0)")
            let add = Statement("test.add", "update t set a = a + 1")
            let bothRead = Meeting(of: 2)
            try await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 0..<2 {
                    group.addTask {
                        try await pool.withTransaction(TransactionOptions(isolation: .serializable)) { transaction in
                            _ = try await transaction.query(all)
                            await bothRead.arrive()
                            try await transaction.execute(add)
                        }
                    }
                }
                try await group.waitForAll()
            }
            try await expectRows([2], database)
            #expect(await bothRead.arrivals == 3)
        }
    }

    @Test("A deadlock is broken and its victim runs again")
    func deadlock() async throws {
        try await withTable { database, pool in
            try await database.setUp(
                "insert into t values (1), (2); alter database \(database.name) set deadlock_timeout = '50ms'"
            )
            let lock = Statement("test.lock", "select a from t where a = $1 for update")
            let bothLocked = Meeting(of: 2)
            try await withThrowingTaskGroup(of: Void.self) { group in
                for order in [[1, 2], [2, 1]] {
                    group.addTask {
                        try await pool.withTransaction { transaction in
                            _ = try await transaction.query(lock, order[0])
                            await bothLocked.arrive()
                            _ = try await transaction.query(lock, order[1])
                        }
                    }
                }
                try await group.waitForAll()
            }
            #expect(await bothLocked.arrivals == 3)
        }
    }

    @Test(
        "Retries are bounded, and other errors are not retried",
        arguments: [("40001", 3), ("40P01", 3), ("23505", 1)]
    )
    func retries(_ state: String, expected: Int) async throws {
        try await withTable { database, pool in
            try await database.setUp(
                "create function fail(state text) returns void language plpgsql as $$begin raise exception using errcode = state; end$$"
            )
            let tries = Atomic<Int>(0)
            let error = await #expect(throws: PostgresError.self) {
                try await pool.withTransaction(TransactionOptions(retries: 2)) { transaction in
                    tries.add(1, ordering: .relaxed)
                    try await transaction.query(Statement("test.fail", "select fail($1)"), state)
                }
            }
            #expect(error?.sqlState?.rawValue == state)
            #expect(tries.load(ordering: .relaxed) == expected)
        }
    }

    @Test("A constraint that is checked at the commit fails the transaction with its state")
    func deferredConstraint() async throws {
        try await withTable { database, pool in
            try await database.setUp("alter table t add constraint only_once unique (a) deferrable initially deferred")
            let error = await #expect(throws: PostgresError.self) {
                try await pool.withTransaction { try await $0.pipeline([insert.bind(1), insert.bind(1)]) }
            }
            #expect(error?.sqlState == .uniqueViolation)
            #expect(error?.constraint == "only_once")
            try await expectRows([], database)
        }
    }

    private func withTable(_ body: (TestDatabase, PostgresPool) async throws -> Void) async throws {
        try await TestDatabase.with { database in
            try await database.setUp("create table t (a bigint); grant all on t to bursar")
            try await database.withPool { try await body(database, $0) }
        }
    }

    private func expectRows(_ expected: [Int], _ database: TestDatabase) async throws {
        let rows = try await database.asSuperuser { try await $0.query(all) }
        #expect(try rows.map { try $0.get(0, as: Int.self) } == expected)
    }

    private func expectNothingOpen(_ database: TestDatabase) async throws {
        let open = Statement(
            "test.open",
            "select 1 from pg_stat_activity where datname = current_database() and state like 'idle in transaction%'"
        )
        let rows = try await database.asSuperuser { try await $0.query(open) }
        #expect(rows.isEmpty)
    }
}

/// Where the first tasks wait for each other; later ones pass.
private actor Meeting {
    private let size: Int
    private(set) var arrivals = 0
    private var waiting: [CheckedContinuation<Void, Never>] = []

    init(of size: Int) { self.size = size }

    func arrive() async {
        arrivals += 1
        if arrivals < size {
            await withCheckedContinuation { waiting.append($0) }
        } else {
            for waiter in waiting { waiter.resume() }
            waiting = []
        }
    }
}
