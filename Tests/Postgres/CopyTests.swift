import Postgres
import Synchronization
import TestSupport
import Testing

@Suite("COPY")
struct CopyTests {
    private struct Broken: Error {}

    private let into = Statement("test.copy_in", "copy t from stdin")
    private let out = Statement("test.copy_out", "copy (select * from t order by a) to stdout")

    @Test("Ten thousand rows go in and come out as they were")
    func bothWays() async throws {
        try await withTable { pool in
            let given = (0..<10_000).map { ["\($0)", $0.isMultiple(of: 7) ? nil : "row \($0)\t\\ \n ស"] as [String?] }
            let position = Mutex(0)
            let copied = try await pool.withTransaction { transaction in
                try await transaction.copyIn(into) {
                    let next = position.withLock { position in
                        position += 1
                        return position - 1
                    }
                    return next < given.count ? CopyText.row([given[next][0], given[next][1]]) : nil
                }
            }
            #expect(copied == 10_000)
            let received = Mutex<[[String?]]>([])
            try await pool.withConnection { connection in
                try await connection.copyOut(out) { line in received.withLock { $0.append(CopyText.columns(line)) } }
            }
            #expect(received.withLock { $0 } == given)
        }
    }

    @Test("Rows given as values go in many at a time", arguments: [0, 1, 255, 256, 257, 1000])
    func values(_ count: Int) async throws {
        try await withTable { pool in
            let rows = (0..<count).map { [$0, $0.isMultiple(of: 2) ? nil : "odd"] as [any PostgresEncodable] }
            let copied = try await pool.withTransaction { try await $0.copyIn(into, rows: rows) }
            #expect(copied == count)
        }
    }

    @Test("When the source fails nothing is copied, and the connection stays usable")
    func failingSource() async throws {
        try await withTable { pool in
            try await pool.withConnection { connection in
                let calls = Mutex(0)
                await #expect(throws: Broken.self) {
                    try await connection.copyIn(into) {
                        if calls.withLock({
                            $0 += 1; return $0
                        }) > 100 {
                            throw Broken()
                        }
                        return CopyText.row([1, "x"])
                    }
                }
                try await expectEmpty(connection)
            }
        }
    }

    @Test("When the reader fails the server stops, and the connection stays usable")
    func failingReader() async throws {
        try await withTable { pool in
            try await pool.withConnection { connection in
                await #expect(throws: Broken.self) {
                    let endless = Statement("test.long", "copy (select generate_series(1, 100000000)) to stdout")
                    try await connection.copyOut(endless) { _ in throw Broken() }
                }
                try await expectEmpty(connection)
            }
        }
    }

    @Test("A row that the server refuses fails the copy with its state")
    func badRow() async throws {
        try await withTable { pool in
            try await pool.withConnection { connection in
                let sent = Mutex(false)
                let error = await #expect(throws: PostgresError.self) {
                    try await connection.copyIn(into) {
                        sent.withLock { sent in
                            defer { sent = true }
                            return sent ? nil : Array("secret\tx\n".utf8)
                        }
                    }
                }
                #expect(error?.sqlState?.class == "22")
                #expect(error?.description.contains("secret") == false)
                try await expectEmpty(connection)
            }
        }
    }

    @Test("COPY by the wrong door is refused and named")
    func wrongDoor() async throws {
        try await withTable { pool in
            try await pool.withConnection { connection in
                let notACopy = await #expect(throws: PostgresError.self) {
                    try await connection.copyIn(Statement("test.one", "select 1")) { nil }
                }
                #expect(notACopy?.code == .misuse)
                try await expectEmpty(connection)
                let asQuery = await #expect(throws: PostgresError.self) { try await connection.query(out) }
                #expect(asQuery?.code == .misuse)
            }
        }
    }

    /// Also shows that the connection is usable.
    private func expectEmpty(_ connection: PostgresConnection) async throws {
        let rows = try await connection.query(Statement("test.count", "select count(*) from t"))
        #expect(try rows.first?.get(0) == 0)
    }

    private func withTable(_ body: (PostgresPool) async throws -> Void) async throws {
        try await TestDatabase.with { database in
            try await database.setUp("create table t (a int, b text); grant all on t to bursar")
            try await database.withPool(body)
        }
    }
}
