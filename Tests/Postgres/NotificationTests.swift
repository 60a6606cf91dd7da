import Postgres
import TestSupport
import Testing

@Suite("Notifications")
struct NotificationTests {
    private let notify = Statement("test.notify", "select pg_notify($1, $2)")

    @Test("A listener gets what is notified, once it is committed")
    func notifications() async throws {
        try await TestDatabase.with { database in
            let configuration = database.configuration()
            let listener = try await PostgresConnection.connect(configuration, on: TestCluster.loop)
            try await listener.listen("work")
            try await database.withPool { pool in
                async let first = listener.nextNotification(deadline: .now + .seconds(10))
                try await pool.withTransaction { transaction in
                    try await transaction.query(notify, "work", "grüß")
                    try await transaction.query(notify, "other", "not for us")
                }
                #expect(try await first == Notification(channel: "work", payload: "grüß"))
            }
            let none = try await listener.nextNotification(deadline: .now + .milliseconds(30))
            #expect(none == nil)
            await listener.close()
        }
    }

    @Test("A listener learns at once that its server went away")
    func serverGone() async throws {
        try await TestDatabase.with { database in
            let listener = try await PostgresConnection.connect(database.configuration(), on: TestCluster.loop)
            try await listener.listen("work")
            let wait = Task { try await listener.nextNotification(deadline: .now + .seconds(10)) }
            try await database.setUp(
                "select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()"
            )
            let error = await #expect(throws: PostgresError.self) { try await wait.value }
            #expect(error?.code == .connectionLost)
        }
    }

    @Test("Waiting for a notification ends with its task")
    func cancellation() async throws {
        try await TestDatabase.with { database in
            let listener = try await PostgresConnection.connect(database.configuration(), on: TestCluster.loop)
            try await listener.listen("work")
            let task = Task { try await listener.nextNotification() }
            task.cancel()
            let error = await #expect(throws: PostgresError.self) { try await task.value }
            #expect(error?.code == .cancelled)
            await listener.close()
        }
    }

    @Test("A channel's name that is not plain, and a pooled connection, are refused", arguments: ["Work", "a\"b", "ស"])
    func misuse(_ channel: String) async throws {
        try await TestDatabase.with { database in
            var configuration = database.configuration()
            for isPooled in [false, true] {
                configuration.pooled = isPooled
                let connection = try await PostgresConnection.connect(configuration, on: TestCluster.loop)
                let error = await #expect(throws: PostgresError.self) {
                    try await connection.listen(isPooled ? "fine" : channel)
                }
                #expect(error?.code == .misuse)
                await connection.close()
            }
        }
    }
}
