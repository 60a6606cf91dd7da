import Billing
import Engine
import Events
import Glibc
import JobKit
import Logging
import Outbound
import Postgres
import Synchronization
import Tenancy
import TestSupport

@testable import Payments

/// A database with the shipped schema, and clients of a Bakong that answers as the test says.
struct BakongWorld {
    let database: TestDatabase
    let pool: PostgresPool
    let log = BakongLog()

    static let migrations =
        TenancyMigrations.all + EngineMigrations.all + EventsMigrations.all + BillingMigrations.all
        + PaymentsMigrations.all
    static let email = "owner.of.the.token@example.com"
    static let key = String(repeating: "0f", count: 32)

    static func with<Result>(_ body: (BakongWorld) async throws -> Result) async throws -> Result {
        try await TestDatabase.with(migrations: migrations) { database in
            try await database.withPool(size: 12) { pool in
                try await body(BakongWorld(database: database, pool: pool))
            }
        }
    }

    /// A client that reaches the test's own Bakong; each stands for a node.
    func client(
        _ transport: some BakongTransport,
        address: String = "http://127.0.0.1:9",
        change: (inout BakongSettings) -> Void = { _ in }
    ) throws -> BakongClient {
        var settings = BakongSettings(address: try BakongAddress(address, allowsLoopback: true))
        settings.email = BakongSecret(Self.email)
        settings.sealingKey = try BakongSealingKey(Self.key)
        settings.rate = nil
        settings.timeout = .seconds(5)
        settings.patience = .milliseconds(300)
        change(&settings)
        return BakongClient(settings, transport: transport)
    }

    /// Calls of an operator.
    var context: CallsOutsideRuns {
        let log = log
        let logger = Logger(label: "test") { _ in BakongLogHandler(log: log) }
        return CallsOutsideRuns(database: pool, actor: "operator:test", logger: logger)
    }

    func calls(_ transport: some BakongTransport) throws -> BakongCalls { try client(transport).within(context) }

    /// Stores a token as an operator does.
    @discardableResult
    func store(_ token: String, key: String = key) async throws -> BakongTokenStore.Stored {
        var options = TransactionOptions()
        options.role = "bursar_ops"
        options.settings = [("bursar.actor", "operator:test")]
        return try await pool.withTransaction(options) { transaction in
            try await BakongTokenStore.store(BakongSecret(token), sealedWith: BakongSealingKey(key), in: transaction)
        }
    }

    func rows(_ sql: String) async throws -> Rows {
        try await database.withPool(user: "postgres", size: 1) { pool in
            try await pool.withConnection { try await $0.query(Statement("test.look", sql)) }
        }
    }

    func text(_ sql: String) async throws -> String? { try await rows(sql).first?.get(0, as: String?.self) }

    private static let began = time(nil)

    /// A token that ends so many days from now; the number tells tokens apart.
    static func token(_ number: Int = 1, days: Double = 60) -> String {
        let end = Int(days * 86_400) + began
        let claims = "{\"data\":{\"id\":\"\(number)\"},\"iat\":1,\"exp\":\(end)}"
        return "eyJhbGciOiJIUzI1NiJ9.\(base64URL(Array(claims.utf8))).signature-\(number)-is-not-looked-at"
    }

    private static func base64URL(_ bytes: [UInt8]) -> String {
        let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")
        var (result, bits, count) = ("", 0, 0)
        for byte in bytes {
            (bits, count) = (bits << 8 | Int(byte), count + 8)
            while count >= 6 {
                count -= 6
                result.append(alphabet[bits >> count & 63])
            }
            bits &= 0xFF
        }
        if count > 0 { result.append(alphabet[bits << (6 - count) & 63]) }
        return result
    }
}

/// A Bakong whose answers are a function.
final class StubBakong: BakongTransport {
    typealias Answer = @Sendable (HTTPRequest, _ number: Int) async throws -> HTTPResponse

    private let answer: Answer
    private let seen = Mutex<[HTTPRequest]>([])

    init(_ answer: @escaping Answer) { self.answer = answer }

    func send(_ request: HTTPRequest) async throws -> HTTPResponse {
        let number = seen.withLock { seen in
            seen.append(request)
            return seen.count
        }
        return try await answer(request, number)
    }

    var requests: [HTTPRequest] { seen.withLock { $0 } }

    /// How often an endpoint was called.
    func count(_ endpoint: BakongEndpoint) -> Int { requests.count { $0.url.hasSuffix(endpoint.path) } }
}

extension HTTPRequest {
    var text: String { String(decoding: body, as: UTF8.self) }

    /// The token that it carries.
    var bearer: String? {
        headers.first { $0.name == "Authorization" }.map { String($0.value.dropFirst("Bearer ".count)) }
    }

    func isFor(_ endpoint: BakongEndpoint) -> Bool { url.hasSuffix(endpoint.path) }

    /// The texts of the body that look like keys.
    var keys: [String] { text.split { !$0.isHexDigit }.map(String.init).filter { $0.count >= 32 } }
}

extension HTTPResponse {
    init(_ status: Int, _ text: String, headers: [HTTPField] = []) {
        self.init(status: status, headers: headers, body: Array(text.utf8))
    }

    init(_ text: String) { self.init(200, text) }

    static let notFound = HTTPResponse(
        "{\"responseCode\":1,\"responseMessage\":\"no\",\"errorCode\":1,\"data\":null}"
    )

    static func success(_ data: String) -> HTTPResponse {
        HTTPResponse("{\"responseCode\":0,\"responseMessage\":\"ok\",\"errorCode\":null,\"data\":\(data)}")
    }

    static func failure(_ errorCode: Int, status: Int = 200) -> HTTPResponse {
        HTTPResponse(
            status,
            "{\"responseCode\":1,\"responseMessage\":\"no\",\"errorCode\":\(errorCode),\"data\":null}"
        )
    }

    static let page = HTTPResponse(403, "<html><h1>403 Forbidden</h1><hr>nginx</html>")

    /// A transaction for a key, with a hash that the key makes.
    static func transaction(_ key: String, hash: String? = nil) -> String {
        """
        {"hash":"\(hash ?? sampleHash(key))","fromAccountId":"a@aba","toAccountId":"shop@bank","currency":"USD",\
        "amount":1.50,"createdDateMs":1795513148282.7,"acknowledgedDateMs":1795513149000,"description":null}
        """
    }

    static func sampleHash(_ key: String) -> String { String((key + key).prefix(64)) }
}

/// Everything that was logged.
final class BakongLog: Sendable {
    private let kept = Mutex<[String]>([])

    func add(_ line: String) { kept.withLock { $0.append(line) } }

    var lines: [String] { kept.withLock { $0 } }
}

struct BakongLogHandler: LogHandler {
    let log: BakongLog
    var metadata: Logger.Metadata = [:]
    var logLevel: Logger.Level = .trace

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) { log.add("\(event.message) \(event.metadata ?? [:])") }
}

/// Tokens that a Bakong takes.
final class GoodTokens: Sendable {
    private let tokens: Mutex<Set<String>>

    init(_ tokens: Set<String> = []) { self.tokens = Mutex(tokens) }

    func add(_ token: String) { tokens.withLock { $0.formUnion([token]) } }
    func removeAll() { tokens.withLock { $0 = [] } }
    func contains(_ token: String?) -> Bool { tokens.withLock { tokens in token.map(tokens.contains) ?? false } }
}

/// 32 hexadecimal digits that a number makes.
func md5Like(_ number: Int) -> String {
    let digits = String(UInt64(bitPattern: Int64(number)) &* 0x9E37_79B9_7F4A_7C15 | 1 << 63, radix: 16)
    return String((digits + digits).prefix(32))
}
