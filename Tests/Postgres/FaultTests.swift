import Postgres
import Synchronization
import TestSupport
import Testing

@Suite("Faults of network and server")
struct FaultTests {
    private let insert = Statement("test.insert", "insert into t values ($1)")
    private let one = Statement("test.one", "select 1")

    @Test("A server that went silent is found by the deadline, and the connection is dropped")
    func halfOpen() async throws {
        try await withProxy({ _ in .forward }) { database, proxy, pool in
            try await pool.withConnection { try await $0.query(one) }
            proxy.freeze()
            let start = ContinuousClock.now
            let error = await #expect(throws: PostgresError.self) {
                try await pool.withTransaction { try await $0.query(one) }
            }
            #expect(error?.code == .timedOut)
            #expect(ContinuousClock.now - start < .seconds(8))
            proxy.thaw()
            let rows = try await pool.withTransaction { try await $0.query(one) }
            #expect(try rows.first?.get(0) == 1)
        }
    }

    @Test("An idle connection that went silent is found by its sign of life, and replaced")
    func silentWhileIdle() async throws {
        let silent = Mutex(true)
        try await withProxy { message in
            // Only the first connection falls silent, when it is asked for a sign of life.
            let isFirst = message.connection == 1 && message.statement == "postgres.sign_of_life"
            return isFirst && silent.withLock { $0 } ? .hold : .forward
        } configure: {
            $0.idleCheckAfter = .zero
            $0.connectTimeout = .seconds(1)
        } _: { _, _, pool in
            try await pool.withConnection { try await $0.query(one) }
            let rows = try await pool.withConnection { try await $0.query(one) }
            #expect(try rows.first?.get(0) == 1)
        }
    }

    @Test("A connection that breaks after COMMIT was sent has an unknown outcome, which says so; here it was committed")
    func commitOutcomeUnknown() async throws {
        try await withProxy { message in
            message.kind == .bind && message.statement == "postgres.commit" ? .dropAnswer : .forward
        } _: { database, _, pool in
            let error = await #expect(throws: PostgresError.self) {
                try await pool.withTransaction { try await $0.execute(insert, 1) }
            }
            #expect(error?.code == .commitOutcomeUnknown)
            try await expectCount(1, database)
        }
    }

    @Test("A connection that breaks before the server got COMMIT has an unknown outcome too; here it was rolled back")
    func commitNotSent() async throws {
        try await withProxy { message in
            message.kind == .bind && message.statement == "postgres.commit" ? .drop : .forward
        } _: { database, _, pool in
            let error = await #expect(throws: PostgresError.self) {
                try await pool.withTransaction { try await $0.execute(insert, 1) }
            }
            #expect(error?.code == .commitOutcomeUnknown)
            try await expectCount(0, database)
        }
    }

    @Test("A commit whose answer never comes has an unknown outcome after its deadline")
    func silentCommit() async throws {
        try await withProxy { message in
            message.kind == .bind && message.statement == "postgres.commit" ? .hold : .forward
        } _: { _, _, pool in
            let error = await #expect(throws: PostgresError.self) {
                try await pool.withTransaction { try await $0.execute(insert, 1) }
            }
            #expect(error?.code == .commitOutcomeUnknown)
        }
    }

    @Test("A transaction whose beginning hits a dead connection begins on another one")
    func deadBegin() async throws {
        try await withProxy { message in
            message.statement.hasPrefix("postgres.begin") && message.connection == 1 ? .drop : .forward
        } _: { database, _, pool in
            try await pool.withTransaction { try await $0.execute(insert, 1) }
            try await expectCount(1, database)
        }
    }

    @Test("Statements are prepared once a connection and go by their names")
    func names() async throws {
        let parses = Mutex<[String]>([])
        try await withProxy { message in
            if message.kind == .parse { parses.withLock { $0.append(message.statement) } }
            return .forward
        } _: { _, proxy, pool in
            for number in 0..<5 {
                try await pool.withTransaction { try await $0.execute(insert, number) }
            }
            #expect(parses.withLock { $0 } == ["postgres.begin", "test.insert", "postgres.commit"])
            #expect(proxy.bindCount("test.insert") == 5)
        }
    }

    @Test("After a restart of the server the pool connects again within the caller's wait")
    func restart() async throws {
        let cluster = try await TestCluster.separate("restart")
        let pool = PostgresPool(
            PostgresConfiguration(url: cluster.url(user: "bursar")),
            size: 2,
            loop: try TestCluster.loop
        )
        try await pool.withConnection { try await $0.query(one) }
        try await cluster.stop(.immediate)
        async let answer = pool.withTransaction { try await $0.query(one) }
        try await cluster.start()
        #expect(try await answer.first?.get(0) == 1)
        await pool.close()
        try await cluster.destroy()
        #expect(try await cluster.status() == .absent)
    }

    private func withProxy(
        _ judge: @escaping @Sendable (PostgresProxy.Message) -> PostgresProxy.Verdict,
        configure: (inout PostgresConfiguration) -> Void = { _ in },
        _ body: (TestDatabase, PostgresProxy, PostgresPool) async throws -> Void
    ) async throws {
        try await TestDatabase.with { database in
            try await database.setUp("create table t (a int); grant all on t to bursar")
            let proxy = try PostgresProxy(serverDirectory: database.cluster.settings.socketDirectory, judge: judge)
            defer { proxy.stop() }
            var configuration = PostgresConfiguration(url: proxy.url(database: database.name, user: "bursar"))
            configuration.statementTimeout = .milliseconds(1000)
            configuration.answerGrace = .milliseconds(500)
            configuration.cancelGrace = .milliseconds(300)
            configure(&configuration)
            let pool = PostgresPool(configuration, size: 2, loop: try TestCluster.loop)
            try await body(database, proxy, pool)
            await pool.close()
        }
    }

    private func expectCount(_ expected: Int, _ database: TestDatabase) async throws {
        let rows = try await database.asSuperuser { connection in
            try await connection.query(Statement("test.count", "select count(*) from t"))
        }
        #expect(try rows.first?.get(0) == expected)
    }
}
