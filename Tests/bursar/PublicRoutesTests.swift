import CivilTime
import Listener
import Logging
import Notices
import Postgres
import SocketLoop
import Synchronization
import Testing
import Webhooks

@testable import bursar

@Suite("Routes of the public")
struct PublicRoutesTests {
    private static let client = NetworkAddress("192.0.2.1")

    @Test("The groups' paths have no beginning in common")
    func disjoint() throws {
        let prefixes = try Self.groups(secret: nil).map(\.prefix)
        for one in prefixes {
            #expect(one.hasPrefix("/") && one.hasSuffix("/"))
            #expect(prefixes.filter { $0.hasPrefix(one) } == [one])
        }
    }

    @Test("A status is taken from a transport that has a mapping, with the house's secret or the provider's signature")
    func status() throws {
        let secret = InboundSecret("a secret of reports")
        #expect(try Self.judge(secret: nil, "gate") == 404)
        #expect(try Self.judge(secret: secret, "gate") == 401)
        #expect(try Self.judge(secret: secret, "gate", ("Authorization", "Bearer a secret of report")) == 401)
        #expect(try Self.judge(secret: secret, "gate", ("Authorization", "Bearer a secret of reports")) == 0)
        #expect(try Self.judge(secret: secret, "gate", ("X-Bursar-Secret", "a secret of reports")) == 0)
        #expect(try Self.judge(secret: secret, "other", ("X-Bursar-Secret", "a secret of reports")) == 404)
        #expect(try Self.judge(secret: nil, "signed") == 0)
    }

    @Test("A signed status with a wrong signature, or none, is refused before anything is stored")
    func signature() throws {
        let groups = try Self.groups(secret: nil)
        let head = PublicHead(method: "POST", path: "/notices/status/signed", client: try #require(Self.client))
        let group = try #require(groups.first { $0.prefix == "/notices/status/" })
        let status = Mutex(0)
        // A refusal is answered at once, before anything is asked of the database.
        group.take(head, Array("{}".utf8)) { answer in status.withLock { $0 = answer.status } }
        #expect(status.withLock { $0 } == 401)
    }

    /// The status of a refusal; 0 where the body would be read.
    private static func judge(
        secret: InboundSecret?,
        _ transport: String,
        _ headers: (name: String, value: String)...
    ) throws -> Int {
        let head = PublicHead(
            method: "POST",
            path: "/notices/status/\(transport)",
            headers: headers,
            client: try #require(client)
        )
        let routes = PublicRoutes(groups: try groups(secret: secret), notes: PublicNotes(Logger(label: "test")))
        if case .answer(let answer) = routes.judge(head) { return answer.status }
        return 0
    }

    private static func groups(secret: InboundSecret?) throws -> [any PublicRouteGroup] {
        let notes = PublicNotes(Logger(label: "test"))
        let loop = try SocketLoop(name: "test")
        // Nobody listens there, and nothing gets so far.
        let database = PostgresPool(
            PostgresConfiguration(url: "postgresql:///none?host=/nowhere", applicationName: "test"),
            size: 1,
            loop: loop,
            logger: Logger(label: "test")
        )
        let desk = PublicDesk(database: database)
        let writer = InboxWriter(database: database, logger: Logger(label: "test"))
        let plain = StatusMapping(transport: "gate", message: "id", status: "s", words: ["1": .delivered])
        var signed = StatusMapping(transport: "signed", message: "id", status: "s", words: ["1": .delivered])
        signed.verifier = try SignatureVerifier(
            scheme: .standardWebhooks,
            secrets: [WebhookSecret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")]
        )
        let mappings = ["gate": plain, "signed": signed]
        let now = Instant(microsecondsSinceEpoch: 1_800_000_000_000_000)
        return [
            PublicWebhooks(intake: WebhookIntake(writer: writer), notes: notes),
            PublicReports(secret: secret, desk: desk, notes: notes),
            PublicStatus(secret: secret, mappings: { mappings }, now: { now }, desk: desk, notes: notes),
            PublicUnsubscribe(key: nil, desk: desk, notes: notes),
        ]
    }
}
