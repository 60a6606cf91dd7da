import Glibc
import Postgres
import Subprocess
import TestSupport
import Testing

@Suite("Through pgbouncer in transaction mode")
struct PgBouncerTests {
    private let insert = Statement("test.insert", "insert into t values ($1)")
    private let one = Statement("test.one", "select 1")

    @Test("Pooled transactions work without named statements or session state, however the sessions are mixed")
    func transactions() async throws {
        try await withBouncer { database, pool in
            let options = TransactionOptions(tenants: [7], statementTimeout: .seconds(20))
            try await withThrowingTaskGroup(of: Void.self) { group in
                for number in 0..<40 {
                    group.addTask {
                        try await pool.withTransaction(options) { transaction in
                            try await transaction.pipeline([insert.bind(number), one.bind()])
                            try await transaction.savepoint { try await $0.query(one) }
                        }
                    }
                }
                try await group.waitForAll()
            }
            try await database.asSuperuser { connection in
                let rows = try await connection.query(Statement("test.count", "select count(*) from t"))
                #expect(try rows.first?.get(0) == 40)
            }
            let names = Statement("test.names", "select name from pg_prepared_statements")
            let settings = Statement(
                "test.settings",
                """
                select current_setting('bursar.tenants', true), current_setting('TimeZone'),
                    current_setting('statement_timeout')
                """
            )
            for _ in 0..<10 {
                let (prepared, session) = try await pool.withConnection { connection in
                    (try await connection.query(names), try await connection.query(settings))
                }
                #expect(prepared.isEmpty)
                #expect(try session.first?.get(0, as: String?.self) ?? "" == "")
                #expect(try session.first?.get(2) == "0")
            }
            let inside = try await pool.withTransaction(options) { try await $0.query(settings) }
            #expect(try (0..<3).map { try inside.first?.get($0, as: String.self) } == ["{7}", "UTC", "20s"])
        }
    }

    @Test("A cancelled statement is cancelled behind the pooler too")
    func cancellation() async throws {
        try await withBouncer { _, pool in
            let error = await #expect(throws: PostgresError.self) {
                try await pool.withConnection { connection in
                    let sleep = Statement("test.sleep", "select pg_sleep(30)")
                    try await connection.query(sleep.bind(), deadline: .now + .milliseconds(200))
                }
            }
            #expect(error?.code == .timedOut)
            let rows = try await pool.withTransaction { try await $0.query(one) }
            #expect(try rows.first?.get(0) == 1)
        }
    }

    /// Two server connections shared by eight of ours, so that sessions do mix.
    private func withBouncer(_ body: (TestDatabase, PostgresPool) async throws -> Void) async throws {
        try await TestDatabase.with { database in
            try await database.setUp("create table t (a int); grant all on t to bursar")
            // Removed with the cluster, however the test ends.
            let directory = "\(database.cluster.settings.socketDirectory)/\(database.name)"
            try await writeConfiguration(directory, database)
            try await runBouncer(directory) {
                var configuration = database.configuration()
                configuration.url = "postgresql://bursar@/\(database.name)?host=\(directory)&port=6432"
                configuration.pooled = true
                let pool = PostgresPool(configuration, size: 8, loop: try TestCluster.loop)
                try await body(database, pool)
                await pool.close()
            }
        }
    }

    private func writeConfiguration(_ directory: String, _ database: TestDatabase) async throws {
        let text = """
            [databases]
            * = host=\(database.cluster.settings.socketDirectory) port=5432
            [pgbouncer]
            listen_addr =
            listen_port = 6432
            unix_socket_dir = \(directory)
            auth_type = any
            pool_mode = transaction
            default_pool_size = 2
            logfile = \(directory)/log
            """
        // With auth_type any a login is forced per database.
        let forced = text.replacing("port=5432", with: "port=5432 user=bursar")
        let script =
            "mkdir \(directory); cat > \(directory)/pgbouncer.ini; chmod 755 \(directory)"
            + (geteuid() == 0 ? "; chown -R postgres \(directory)" : "")
        _ = try await Subprocess.run(
            .name("sh"),
            arguments: ["-c", script],
            input: .string(forced),
            output: .discarded
        )
    }

    /// Runs the pooler for the length of the body.
    private func runBouncer(_ directory: String, _ body: () async throws -> Void) async throws {
        // pgbouncer refuses to run as root. The limit is for a test process that dies before it ends the pooler.
        let limited = ["120", "/usr/sbin/pgbouncer", "-q", "\(directory)/pgbouncer.ini"]
        let asPostgres = ["--reuid=postgres", "--regid=postgres", "--clear-groups", "--", "timeout"]
        _ = try await Subprocess.run(
            .name(geteuid() == 0 ? "setpriv" : "timeout"),
            arguments: Arguments(geteuid() == 0 ? asPostgres + limited : limited),
            input: .none,
            output: .discarded,
            error: .discarded
        ) { execution in
            let outcome = await Result { try await body() }
            // Passed on to the pooler, which then stops at once.
            try execution.send(signal: .terminate)
            try outcome.get()
        }
    }
}

extension Result where Failure == any Error {
    /// The outcome of an asynchronous call, as a value.
    fileprivate init(_ body: () async throws -> Success) async {
        do { self = .success(try await body()) } catch { self = .failure(error) }
    }
}
