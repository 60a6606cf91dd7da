import Postgres
import TestSupport
import Testing

@Suite("Pool")
struct PoolTests {
    private let one = Statement("test.one", "select 1")
    private let backend = Statement("test.backend", "select pg_backend_pid()")

    @Test("Waiting for a free connection is bounded, and the error says what to do")
    func boundedWait() async throws {
        try await TestDatabase.with { database in
            try await database.withPool(size: 2, configure: { $0.poolWait = .milliseconds(100) }) { pool in
                try await pool.withConnection { _ in
                    try await pool.withConnection { _ in
                        let error = await #expect(throws: PostgresError.self) {
                            try await pool.withConnection { try await $0.query(one) }
                        }
                        #expect(error?.code == .poolTimedOut)
                        #expect(
                            error?.message.contains("all 2 connections of the pool were in use for 0.1 seconds") == true
                        )
                        #expect(error?.message.contains("make the pool larger") == true)
                    }
                }
                try await pool.withConnection { try await $0.query(one) }
                #expect(pool.openConnections == 2)
            }
        }
    }

    @Test("A hundred callers share three connections, and each gets its turn")
    func sharing() async throws {
        try await TestDatabase.with { database in
            try await database.withPool(size: 3) { pool in
                let backends = try await withThrowingTaskGroup(of: Int.self) { group in
                    for _ in 0..<100 {
                        group.addTask {
                            let rows = try await pool.withTransaction { try await $0.query(backend) }
                            return try rows.first?.get(0) ?? 0
                        }
                    }
                    return try await group.reduce(into: Set()) { $0.insert($1) }
                }
                #expect((1...3).contains(backends.count))
                #expect(pool.openConnections <= 3)
            }
        }
    }

    @Test("A caller that is cancelled while it waits leaves the queue")
    func cancelledWaiter() async throws {
        try await TestDatabase.with { database in
            try await database.withPool(size: 1) { pool in
                try await pool.withConnection { _ in
                    let task = Task { try await pool.withConnection { try await $0.query(one) } }
                    task.cancel()
                    let error = await #expect(throws: PostgresError.self) { try await task.value }
                    #expect(error?.code == .cancelled)
                }
                try await pool.withConnection { try await $0.query(one) }
            }
        }
    }

    @Test("A connection that the server ended while it was idle is replaced before anybody notices")
    func terminatedWhileIdle() async throws {
        try await TestDatabase.with { database in
            try await database.withPool(size: 2) { pool in
                let first = try await pool.withConnection { try await $0.query(backend).first?.get(0, as: Int.self) }
                try await database.terminateBackends()
                let second = try await pool.withTransaction { try await $0.query(backend).first?.get(0, as: Int.self) }
                #expect(first != second)
            }
        }
    }

    @Test("A backend ended in mid-transaction fails that transaction and no other")
    func terminatedInTransaction() async throws {
        try await TestDatabase.with { database in
            try await database.setUp("create table t (a int); grant all on t to bursar")
            try await database.withPool(size: 1) { pool in
                let error = await #expect(throws: PostgresError.self) {
                    try await pool.withTransaction { transaction in
                        try await transaction.execute(Statement("test.insert", "insert into t values (1)"))
                        try await database.terminateBackends()
                        try await transaction.query(one)
                    }
                }
                #expect(error?.code == .connectionLost)
                #expect(error?.isTransient == true)
                let rows = try await pool.withTransaction {
                    try await $0.query(Statement("test.all", "select * from t"))
                }
                #expect(rows.isEmpty)
            }
        }
    }

    @Test("A backend that ended before COMMIT was sent is known to have stored nothing")
    func terminatedBeforeCommit() async throws {
        try await TestDatabase.with { database in
            try await database.withPool(size: 1) { pool in
                let error = await #expect(throws: PostgresError.self) {
                    try await pool.withTransaction { transaction in
                        try await transaction.query(one)
                        try await database.terminateBackends()
                    }
                }
                #expect(error?.code == .connectionLost)
            }
        }
    }

    @Test("A connection left in a transaction is not lent again")
    func leftOpen() async throws {
        try await TestDatabase.with { database in
            try await database.withPool(size: 1) { pool in
                let first = try await pool.withConnection { connection in
                    try await connection.executeScript("begin")
                    return try await connection.query(backend).first?.get(0, as: Int.self)
                }
                let second = try await pool.withConnection { try await $0.query(backend).first?.get(0, as: Int.self) }
                #expect(first != second)
            }
        }
    }

    @Test("An idle connection is asked for a sign of life, and lent again when it gives one")
    func idleCheck() async throws {
        try await TestDatabase.with { database in
            try await database.withPool(size: 1, configure: { $0.idleCheckAfter = .zero }) { pool in
                let first = try await pool.withConnection { try await $0.query(backend).first?.get(0, as: Int.self) }
                let second = try await pool.withConnection { try await $0.query(backend).first?.get(0, as: Int.self) }
                #expect(first == second)
            }
        }
    }

    @Test("A login or database that the server refuses fails at once, with its words")
    func refusedLogin() async throws {
        let cluster = try await TestCluster.shared
        let start = ContinuousClock.now
        for (url, words) in [
            (cluster.url(user: "nobody_at_all"), "role \"nobody_at_all\" does not exist"),
            (cluster.url(database: "nowhere"), "database \"nowhere\" does not exist"),
        ] {
            let pool = PostgresPool(PostgresConfiguration(url: url), size: 1, loop: try TestCluster.loop)
            let error = await #expect(throws: PostgresError.self) { try await pool.withConnection { _ in } }
            #expect(error?.code == .connectionFailed)
            #expect(error?.message.contains(words) == true)
        }
        #expect(ContinuousClock.now - start < .seconds(5))
    }

    @Test("A server that is away is tried again until the caller's wait is over")
    func serverAway() async throws {
        var configuration = PostgresConfiguration(url: "postgresql://x@/x?host=/tmp/there_is_no_server_here")
        configuration.poolWait = .milliseconds(400)
        let pool = PostgresPool(configuration, size: 1, loop: try TestCluster.loop)
        let start = ContinuousClock.now
        let error = await #expect(throws: PostgresError.self) { try await pool.withConnection { _ in } }
        #expect(error?.code == .connectionFailed)
        #expect((Duration.milliseconds(100)...Duration.seconds(5)).contains(ContinuousClock.now - start))
    }

    @Test("A URL that cannot be read is not repeated in the error")
    func unreadableURL() async throws {
        let secret = "postgresql://u:secret@[host/db"
        let pool = PostgresPool(PostgresConfiguration(url: secret), size: 1, loop: try TestCluster.loop)
        let error = await #expect(throws: PostgresError.self) { try await pool.withConnection { _ in } }
        #expect(error?.code == .misuse)
        #expect(error?.description.contains("secret") == false)
    }

    @Test("A superuser's connection does not pass the assertions of tests and benches")
    func assertions() async throws {
        try await TestDatabase.with { database in
            let configure: (inout PostgresConfiguration) -> Void = { $0.checkoutAssertions = TestDatabase.assertions }
            try await database.withPool(user: "postgres", configure: configure) { pool in
                let error = await #expect(throws: PostgresError.self) { try await pool.withConnection { _ in } }
                #expect(error?.code == .misuse)
                #expect(error?.statement == "test.no_superuser")
            }
        }
    }

    @Test("A closed pool refuses callers")
    func closed() async throws {
        try await TestDatabase.with { database in
            try await database.withPool { pool in
                try await pool.withConnection { try await $0.query(one) }
                await pool.close()
                let error = await #expect(throws: PostgresError.self) { try await pool.withConnection { _ in } }
                #expect(error?.code == .misuse)
                #expect(pool.openConnections == 0)
            }
        }
    }
}

extension TestDatabase {
    /// Ends every session of this database but the superuser's own, and waits until they are gone.
    func terminateBackends() async throws {
        try await asSuperuser { connection in
            let others = Statement(
                "test.terminate",
                """
                select pg_terminate_backend(pid, 5000) from pg_stat_activity
                where datname = current_database() and pid <> pg_backend_pid()
                """
            )
            try await connection.query(others)
        }
    }
}
