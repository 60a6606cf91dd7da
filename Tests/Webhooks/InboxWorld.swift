import Billing
import COpenSSL
import Engine
import Events
import Logging
import Payments
import Postgres
import Synchronization
import Tenancy
import TestSupport
import Testing
import Webhooks

/// A database with an inbox, and a writer in front of it.
struct InboxWorld: Sendable {
    let database: TestDatabase
    let pool: PostgresPool
    let writer: InboxWriter

    static let recipe = DatabaseRecipe(
        "inbox",
        migrations: TenancyMigrations.all + EngineMigrations.all + EventsMigrations.all + BillingMigrations.all
            + PaymentsMigrations.all + WebhooksMigrations.all
    ) { _ in }

    /// Runs the body beside a running writer; `url` leads through a proxy, say.
    static func with<Result: Sendable>(
        limits: InboxWriter.Limits = InboxWriter.Limits(),
        url: ((TestDatabase) -> String)? = nil,
        _ body: @Sendable (InboxWorld) async throws -> Result
    ) async throws -> Result {
        try await TestDatabase.with(recipe) { database in
            var configuration = database.configuration()
            configuration.poolWait = .seconds(1)
            if let url { configuration.url = url(database) }
            let inbox = PostgresPool(configuration, size: limits.writers + 1, loop: try TestCluster.loop)
            let writer = InboxWriter(database: inbox, limits: limits, logger: Logger(label: "test"))
            return try await database.withPool { pool in
                try await withThrowingTaskGroup(of: Void.self) { group in
                    group.addTask { await writer.run() }
                    do {
                        let result = try await body(InboxWorld(database: database, pool: pool, writer: writer))
                        writer.end()
                        try await group.waitForAll()
                        await inbox.close()
                        return result
                    } catch {
                        writer.end()
                        try await group.waitForAll()
                        await inbox.close()
                        throw error
                    }
                }
            }
        }
    }

    /// Stores a post and tells what became of it.
    func store(_ id: String, _ body: String = "{}", source: String = "relay") async -> StoreOutcome {
        let post = ArrivedPost(
            source: source,
            eventID: id,
            body: Array(body.utf8),
            headers: #"[["x-id","\#(id)"]]"#,
            scheme: "generic",
            address: "203.0.113.7"
        )
        return await withCheckedContinuation { continuation in
            writer.submit(post) { continuation.resume(returning: $0) }
        }
    }

    /// Waits until the writer has heard the database, whose clock judges signatures.
    func ready() async throws {
        try await waitUntil("the writer knows the time") { writer.standing.now != nil }
    }

    /// The first column of a query, as texts.
    func list(_ sql: String) async throws -> [String] {
        try await database.asSuperuser { connection in
            try await connection.query(Statement("test.list", sql)).map { try $0.get(0, as: String.self) }
        }
    }

    func count(_ table: String) async throws -> Int {
        Int(try await list("select count(*)::text from bursar.\(table)").first ?? "") ?? -1
    }

    /// The hexadecimal HMAC-SHA256 of a body.
    static func signature(_ body: [UInt8], _ secret: String) -> String {
        let key = Array(secret.utf8)
        var digest = [UInt8](repeating: 0, count: 32)
        var length: UInt32 = 0
        HMAC(EVP_sha256(), key, Int32(key.count), body, body.count, &digest, &length)
        return digest.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }
}
