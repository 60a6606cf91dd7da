import Postgres
import TestSupport
import Testing

@Suite("Pipelines")
struct PipelineTests {
    private let echo = Statement("test.echo", "select $1::bigint")
    private let divide = Statement("test.divide", "select 1 / $1::bigint")

    @Test("A thousand statements answer in their order")
    func order() async throws {
        try await TestDatabase.with { database in
            try await database.withPool { pool in
                let answers = try await pool.withTransaction { transaction in
                    try await transaction.pipeline((0..<1000).map { echo.bind($0) })
                }
                #expect(try answers.map { try $0.first?.get(0) ?? -1 } == Array(0..<1000))
            }
        }
    }

    @Test("After a failure the rest is skipped, nothing of it has happened, and the connection stays usable")
    func abort() async throws {
        try await TestDatabase.with { database in
            try await database.setUp("create table t (a bigint); grant all on t to bursar")
            try await database.withPool(size: 1) { pool in
                try await pool.withConnection { connection in
                    let insert = Statement("test.insert", "insert into t values ($1)")
                    let error = await #expect(throws: PostgresError.self) {
                        try await connection.pipeline([insert.bind(1), divide.bind(0), insert.bind(2), echo.bind(3)])
                    }
                    #expect(error?.sqlState == SQLState(rawValue: "22012"))
                    #expect(error?.statement == "test.divide")
                    // The statements behind the failure were not prepared either, and are now.
                    let answers = try await connection.pipeline([echo.bind(7), divide.bind(1), insert.bind(9)])
                    #expect(answers.count == 3)
                    #expect(answers.last?.affected == 1)
                    let rows = try await connection.query(Statement("test.all", "select a from t"))
                    #expect(try rows.map { try $0.get(0, as: Int.self) } == [9])
                }
            }
        }
    }

    @Test("Both sides may send much at once without waiting for each other")
    func muchData() async throws {
        try await TestDatabase.with { database in
            try await database.withPool { pool in
                let text = String(repeating: "x", count: 200_000)
                let mirror = Statement("test.mirror", "select $1::text")
                let answers = try await pool.withConnection { connection in
                    try await connection.pipeline((0..<50).map { _ in mirror.bind(text) })
                }
                #expect(try answers.allSatisfy { try $0.first?.get(0) == text })
            }
        }
    }
}
