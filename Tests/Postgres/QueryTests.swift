import CivilTime
import Postgres
import TestSupport
import Testing

@Suite("Queries")
struct QueryTests {
    /// One value and what the server calls it.
    struct Sample: Sendable, CustomTestStringConvertible {
        let type: String
        let value: any PostgresEncodable
        let comesBack: @Sendable (Row) throws -> Bool

        init<Value: PostgresEncodable & PostgresDecodable & Equatable>(_ type: String, _ value: Value) {
            self.type = type
            self.value = value
            comesBack = { try $0.get(0, as: Value.self) == value }
        }

        var testDescription: String { "\(type) \(value)" }
    }

    @Test(
        "A parameter comes back as the value it was",
        arguments: [
            Sample("bigint", Int64.min), Sample("integer", Int32.max), Sample("bigint", 42), Sample("boolean", true),
            Sample("boolean", false), Sample("double precision", 0.1), Sample("double precision", -1e-300),
            Sample("text", "grüß 'dich' \\ \"សួស្តី\" \n\t{,}"), Sample("text", ""), Sample("text", nil as String?),
            Sample("text", Optional("x")), Sample("bigint[]", [Int64(1), -2]), Sample("bigint[]", [] as [Int64]),
            Sample("bigint[]", [Int64.min, -1, 0, 10, .max]), Sample("integer[]", [Int32.min, 0, 7, .max]),
            Sample("text[]", ["a", "", "NULL", "a,b", "{}", "\"\\ ", "សួ"]), Sample("text[]", ["a", nil, "b"]),
            Sample("text[]", ["null", "Null", "nulls", "nul", "-1", "a b", " ", "{", "a\"", "\\"]),
            Sample("boolean[]", [true, false]), Sample("bytea", [UInt8](0...255)), Sample("bytea", [] as [UInt8]),
            Sample("interval", Duration.microseconds(1)), Sample("interval", Duration.seconds(-3661)),
            Sample("interval", Duration.milliseconds(-1500)), Sample("interval", Duration.seconds(86_400 * 3)),
            Sample("jsonb", JSONText(#"{"a": [1, null]}"#)), Sample("date", CivilDate(year: 2024, month: 2, day: 29)),
            Sample("timestamptz", Instant(microsecondsSinceEpoch: 1_700_000_000_123_456)),
            Sample("timestamptz", Instant(microsecondsSinceEpoch: -1)),
            Sample("date[]", [CivilDate(daysSinceEpoch: 0), CivilDate(daysSinceEpoch: 20_000)]),
        ]
    )
    func roundTrip(_ sample: Sample) async throws {
        try await withConnection { connection in
            let statement = Statement("test.round_trip", "select $1::\(sample.type)")
            let row = try #require(try await connection.query(BoundStatement(statement, [sample.value])).first)
            #expect(try sample.comesBack(row))
        }
    }

    @Test(
        "Intervals of days and hours are read in the style postgres too",
        arguments: [
            ("3 days", 259_200), ("-1 days 02:00:00", -79_200), ("-00:00:01", -1), ("1 day -01:00:00", 82_800),
        ]
    )
    func intervals(_ text: String, seconds: Int) throws {
        #expect(try Duration(postgresText: text) == .seconds(seconds))
    }

    @Test(
        "Whole numbers, texts and equal texts are read at their places as they are by name",
        arguments: [Int64.min, -10, 0, 9, .max]
    )
    func places(_ number: Int64) async throws {
        try await withConnection { connection in
            let statement = Statement(
                "test.places",
                "select $1::bigint, 'word', null, '', 9223372036854775808, '-', 1.5"
            )
            let row = try #require(try await connection.query(statement, number).first)
            #expect(try row.integer(0) == number && row.text(1) == "word" && row.optionalText(2) == nil)
            #expect(
                row.says("word", at: 1) && !row.says("words", at: 1) && !row.says("wor", at: 1)
                    && !row.says("ward", at: 1)
            )
            #expect(!row.says("", at: 2) && row.says("", at: 3) && !row.says("", at: 7) && row.says("\(number)", at: 0))
            for place in [1, 2, 3, 4, 5, 6, 7, -1] {
                let error = #expect(throws: PostgresError.self) { try row.integer(place) }
                #expect(error?.code == .decoding)
            }
            #expect(throws: PostgresError.self) { try row.text(2) }
            #expect(throws: PostgresError.self) { try row.optionalText(7) }
        }
    }

    @Test("A decoding error names statement, column and type, and not the value")
    func decodingErrors() async throws {
        try await withConnection { connection in
            let rows = try await connection.query(Statement("test.words", "select 'secret' as word, null as nothing"))
            let row = try #require(rows.first)
            let wrongType = #expect(throws: PostgresError.self) { try row.get("word", as: Int.self) }
            #expect(wrongType?.code == .decoding)
            #expect(wrongType?.description == "column \"word\" holds no bigint (statement test.words)")
            let null = #expect(throws: PostgresError.self) { try row.get("nothing", as: String.self) }
            #expect(null?.message == "column \"nothing\" is null")
            let missing = #expect(throws: PostgresError.self) { try row.get("wort", as: String.self) }
            #expect(missing?.message == "there is no column \"wort\"; there are word, nothing")
        }
    }

    @Test("A statement that cannot be sent is refused before anything is, and the connection stays usable")
    func misuse() async throws {
        try await withConnection { connection in
            let one = Statement("test.one", "select $1::text")
            for misused in [
                one.bind("a\0b"), Statement(String(repeating: "n", count: 64), "select 1").bind(),
                Statement("", "select 1").bind(),
            ] {
                let error = await #expect(throws: PostgresError.self) { try await connection.query(misused) }
                #expect(error?.code == .misuse)
            }
            let rows = try await connection.query(one, "x")
            #expect(try rows.first?.get(0) == "x")
            let double = await #expect(throws: PostgresError.self) {
                try await connection.query(Statement("test.one", "select 2"))
            }
            #expect(double?.message == "two statements have this name")
        }
    }

    @Test("A server's error carries its state, constraint and statement, and its text no value of a parameter")
    func serverErrors() async throws {
        try await withConnection { connection in
            let bad = Statement("test.bad", "select $1::text::integer")
            let error = await #expect(throws: PostgresError.self) { try await connection.query(bad, "secret") }
            #expect(error?.code == .server)
            #expect(error?.sqlState?.class == "22")
            #expect(error?.description.contains("secret") == false)
            #expect(error?.description.contains("test.bad") == true)

            try await connection.executeScript("create temp table t (a int constraint a_is_unique unique)")
            let insert = Statement("test.insert", "insert into t values ($1)")
            try await connection.query(insert, 1)
            do {
                try await connection.query(insert, 1)
                Issue.record("the second row was taken")
            } catch SQLState.integrityConstraintViolation {
                // A general condition matches its class.
            }
            do {
                try await connection.query(insert, 1)
            } catch SQLState.exclusionViolation {
                Issue.record("a unique violation is no exclusion violation")
            } catch SQLState.uniqueViolation {
                // And a particular one itself.
            }
        }
    }

    @Test("A prepared statement survives a change of the table it reads")
    func stalePlans() async throws {
        try await withConnection { connection in
            try await connection.executeScript("create temp table t (a int); insert into t values (1)")
            let all = Statement("test.all", "select * from t")
            #expect(try await connection.query(all).columns == ["a"])
            try await connection.executeScript("alter table t add b int")
            #expect(try await connection.query(all).columns == ["a", "b"])
            try await connection.executeScript("deallocate all")
            #expect(try await connection.query(all).count == 1)
        }
    }

    @Test("Values read the same whatever the server's settings are")
    func sessionSettings() async throws {
        try await TestDatabase.with { database in
            try await database.setUp(
                """
                alter role bursar in database \(database.name) set timezone = 'Asia/Phnom_Penh';
                alter role bursar in database \(database.name) set datestyle = 'German';
                alter role bursar in database \(database.name) set intervalstyle = 'sql_standard';
                """
            )
            try await database.withPool { pool in
                try await pool.withConnection { connection in
                    let row = try await connection.query(
                        Statement(
                            "test.settings",
                            "select '2026-03-04'::date, '2026-03-04 05:06Z'::timestamptz, '1:02'::interval"
                        )
                    ).first
                    #expect(try row?.get(0) == CivilDate(year: 2026, month: 3, day: 4))
                    #expect(try row?.get(1, as: Instant.self).description == "2026-03-04T05:06:00Z")
                    #expect(try row?.get(2) == Duration.seconds(3720))
                }
            }
        }
    }

    @Test("Calls made at the same time are served one after another")
    func concurrency() async throws {
        try await withConnection { connection in
            let echo = Statement("test.echo", "select $1::bigint")
            let sum = try await withThrowingTaskGroup(of: Int.self) { group in
                for number in 1...50 {
                    group.addTask { try await connection.query(echo, number).first?.get(0) ?? 0 }
                }
                return try await group.reduce(0, +)
            }
            #expect(sum == 1275)
        }
    }

    private func withConnection(_ body: (PostgresConnection) async throws -> Void) async throws {
        let cluster = try await TestCluster.shared
        let configuration = PostgresConfiguration(url: cluster.url(user: "bursar"))
        let connection = try await PostgresConnection.connect(configuration, on: TestCluster.loop)
        try await body(connection)
        await connection.close()
    }
}
