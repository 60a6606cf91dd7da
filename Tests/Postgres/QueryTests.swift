import CivilTime
import Postgres
import TestSupport
import Testing

@Suite("Queries")
struct QueryTests {
    @Test("A parameter comes back as the value it was")
    func roundTrip() async throws {
        try await TestDatabase.with { database in
            try await database.withPool { pool in
                try await pool.withConnection { connection in
                    let row = try await connection.query(
                        Statement(
                            "t",
                            "select $1::bigint as a, $2::text as b, $3::bool as c, $4::bigint[] as d, $5::bytea as e"
                        ),
                        42,
                        "grüß 'dich'",
                        true,
                        [Int64(1), -2],
                        [UInt8(0), 255]
                    ).first
                    #expect(try row?.get("a") == 42)
                    #expect(try row?.get("b") == "grüß 'dich'")
                    #expect(try row?.get("c") == true)
                    #expect(try row?.get("d") == [Int64(1), -2])
                    #expect(try row?.get("e") == [UInt8(0), 255])
                }
            }
        }
    }
}
