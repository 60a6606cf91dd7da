import Postgres
import TestSupport
import Testing

@Suite("Cancelling and deadlines")
struct CancellationTests {
    private let sleep = Statement("test.sleep", "select pg_sleep($1)")
    private let one = Statement("test.one", "select 1")

    @Test("A cancelled task ends its statement on the server, and the connection stays usable")
    func taskCancellation() async throws {
        try await TestDatabase.with { database in
            try await database.withPool(size: 1) { pool in
                let task = Task { try await pool.withConnection { try await $0.query(sleep, 30.0) } }
                try await waitUntilSleeping(database)
                let start = ContinuousClock.now
                task.cancel()
                let error = await #expect(throws: PostgresError.self) { try await task.value }
                #expect(error?.code == .cancelled)
                #expect(ContinuousClock.now - start < .seconds(15))
                try await waitUntil("the statement is gone") { try await !isSleeping(database) }
                try await expectUsable(pool)
                #expect(pool.openConnections == 1)
            }
        }
    }

    @Test("Cancelling from outside fails the statement and not the connection")
    func cancel() async throws {
        try await TestDatabase.with { database in
            try await database.withPool(size: 1) { pool in
                try await pool.withConnection { connection in
                    let query = Task { try await connection.query(sleep, 30.0) }
                    try await waitUntilSleeping(database)
                    let wasTaken = await connection.cancel()
                    #expect(wasTaken)
                    let error = await #expect(throws: PostgresError.self) { try await query.value }
                    #expect(error?.sqlState == .queryCanceled)
                    #expect(error?.code == .cancelled)
                }
                try await expectUsable(pool)
            }
        }
    }

    @Test("A deadline of this side cancels the statement, and the connection stays usable")
    func deadline() async throws {
        try await TestDatabase.with { database in
            try await database.withPool(size: 1) { pool in
                try await pool.withConnection { connection in
                    let error = await #expect(throws: PostgresError.self) {
                        try await connection.query(sleep.bind(30.0), deadline: .now + .milliseconds(50))
                    }
                    #expect(error?.code == .timedOut)
                    #expect(error?.statement == "test.sleep")
                }
                try await expectUsable(pool)
            }
        }
    }

    @Test("The server's statement timeout is the configuration's, and a transaction may have its own")
    func statementTimeout() async throws {
        try await TestDatabase.with { database in
            try await database.withPool(size: 1, configure: { $0.statementTimeout = .milliseconds(500) }) { pool in
                let error = await #expect(throws: PostgresError.self) {
                    try await pool.withTransaction { try await $0.query(sleep, 30.0) }
                }
                #expect(error?.code == .timedOut)
                let longer = TransactionOptions(statementTimeout: .seconds(20))
                try await pool.withTransaction(longer) { transaction in
                    try await transaction.query(sleep, 0.7)
                }
            }
        }
    }

    @Test("A cancelled transaction is rolled back and its connection returns to the pool")
    func transactionCancellation() async throws {
        try await TestDatabase.with { database in
            try await database.setUp("create table t (a int); grant all on t to bursar")
            try await database.withPool(size: 1) { pool in
                let task = Task {
                    try await pool.withTransaction { transaction in
                        try await transaction.execute(Statement("test.insert", "insert into t values (1)"))
                        try await transaction.query(sleep, 30.0)
                    }
                }
                try await waitUntilSleeping(database)
                task.cancel()
                let error = await #expect(throws: PostgresError.self) { try await task.value }
                #expect(error?.code == .cancelled)
                try await expectUsable(pool)
                let rows = try await database.asSuperuser {
                    try await $0.query(Statement("test.all", "select * from t"))
                }
                #expect(rows.isEmpty)
            }
        }
    }

    private func expectUsable(_ pool: PostgresPool) async throws {
        let rows = try await pool.withConnection { try await $0.query(one) }
        #expect(try rows.first?.get(0) == 1)
    }

    private func isSleeping(_ database: TestDatabase) async throws -> Bool {
        let asleep = Statement(
            "test.asleep",
            "select 1 from pg_stat_activity where datname = current_database() and wait_event = 'PgSleep'"
        )
        return try await database.asSuperuser { try await !$0.query(asleep).isEmpty }
    }

    private func waitUntilSleeping(_ database: TestDatabase) async throws {
        try await waitUntil("the server sleeps") { try await isSleeping(database) }
    }
}
