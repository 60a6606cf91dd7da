import Engine
import JobKit
import Logging
import Outbound
import Postgres
import Synchronization
import TestSupport
import Testing

@testable import Notices
@testable import bursar

@Suite("The channels at work")
struct ChannelDeskTests {
    /// A clock that a test turns.
    private final class Clock: Sendable {
        private let state = Mutex(ContinuousClock.now)

        var now: ContinuousClock.Instant { state.withLock { $0 } }

        func turn(_ span: Duration) { state.withLock { $0 += span } }
    }

    /// A desk whose relays are stubs, in this order.
    private static func desk(
        _ stubs: [StubTransport],
        limits: ChannelBook.Limits = .init(),
        clock: Clock = Clock()
    ) -> ChannelDesk {
        let byName = Dictionary(uniqueKeysWithValues: stubs.map { ($0.name, $0) })
        let plans = stubs.map {
            TransportPlan.smtp(RelayPlan(name: String($0.name.dropFirst(5)), host: "h", port: 25, security: .none))
        }
        var channel = ChannelBook.Channel(transports: plans, mail: .nobody)
        channel.limits = limits
        channel.connections = 3
        var parts = ChannelParts()
        parts.smtp = { plan, _, _ in byName["smtp:\(plan.name)"] ?? StubTransport("smtp:none", [.configuration]) }
        return ChannelDesk(ChannelBook([.email: channel]), parts) { clock.now }
    }

    @Test("Where one transport is not reached the next is tried, and the answer says which it was")
    func failover() async {
        let (first, second) = (StubTransport("smtp:a", [.transport]), StubTransport("smtp:b", [.accepted]))
        let desk = Self.desk([first, second])
        #expect(desk.transportNames(.email) == ["smtp:a", "smtp:b"])
        let outcome = await desk.send(.sample("same@h"))
        #expect(outcome.verdict == .accepted)
        #expect(outcome.transport == "smtp:b")
        #expect(first.sent.map(\.messageID) + second.sent.map(\.messageID) == ["same@h", "same@h"])
    }

    @Test(
        "Whatever else the first one says is the answer, and nobody else is asked",
        arguments: [
            SendOutcome.Verdict.accepted, .configuration, .soft, .hard, .policy, .rateLimited(.seconds(9)), .unknown,
        ]
    )
    func noFailover(_ verdict: SendOutcome.Verdict) async {
        let (first, second) = (StubTransport("smtp:a", [verdict]), StubTransport("smtp:b", [.accepted]))
        let outcome = await Self.desk([first, second]).send(.sample())
        #expect(outcome.verdict == verdict)
        #expect(outcome.transport == "smtp:a")
        #expect(second.sent.isEmpty)
    }

    @Test("One that was not reached is left alone for a minute, and then asked first again")
    func recovery() async {
        let clock = Clock()
        let first = StubTransport("smtp:a", [.transport, .accepted])
        let second = StubTransport("smtp:b", [.accepted])
        let desk = Self.desk([first, second], clock: clock)
        _ = await desk.send(.sample())
        clock.turn(.seconds(59))
        #expect(await desk.send(.sample()).transport == "smtp:b")
        #expect(first.sent.count == 1)
        #expect(desk.standing.first?.transports.map { $0.failure != nil } == [true, false])
        clock.turn(.seconds(1))
        #expect(await desk.send(.sample()).transport == "smtp:a")
        #expect(desk.standing.first?.transports.allSatisfy { $0.failure == nil } == true)
    }

    @Test("Where none is reached every one was tried, resting or not, and the words tell of all")
    func noneReached() async {
        let (first, second) = (StubTransport("smtp:a", [.transport]), StubTransport("smtp:b", [.transport]))
        let desk = Self.desk([first, second])
        for _ in 0..<2 {
            let outcome = await desk.send(.sample())
            #expect(outcome.verdict == .transport)
            #expect(outcome.reply.contains("smtp:a said so") && outcome.reply.contains("smtp:b said so"))
            #expect(outcome.callVerdict == .failed)
        }
        #expect((first.sent.count, second.sent.count) == (2, 2))
    }

    @Test("Repeats are harmless where the one transport knows them, and not where another might get the repeat")
    func repeats() {
        #expect(Self.desk([StubTransport("smtp:a", [.accepted], knowsRepeats: true)]).knowsRepeats(.email))
        #expect(!Self.desk([StubTransport("smtp:a", [.accepted])]).knowsRepeats(.email))
        let two = ["smtp:a", "smtp:b"].map { StubTransport($0, [.accepted], knowsRepeats: true) }
        #expect(!Self.desk(two).knowsRepeats(.email))
        #expect(ChannelDesk(.standard(folder: "/spool"), ChannelParts()).knowsRepeats(.sms))
    }

    @Test("A channel that is off, or not there, sends nothing and says so")
    func off() async {
        let desk = Self.desk([StubTransport("smtp:a", [.accepted])])
        #expect(!desk.isOn(.sms))
        let outcome = await desk.send(.sample("x@h", .sms, to: "+855"))
        #expect(outcome.verdict == .configuration)
        #expect(outcome.reply == "the channel sms is off")
        #expect(desk.transportNames(.sms) == [])
        #expect((desk.dailyBudget(.email), desk.connections(.email)) == (nil, 3))
        #expect(Self.desk([], limits: .init(perDay: 9)).dailyBudget(.email) == 9)
    }

    @Test("Who is to blame decides what the provider's circuit is told")
    func circuit() {
        func told(_ verdict: SendOutcome.Verdict, _ isAboutRecipient: Bool = false) -> CallVerdict {
            var outcome = SendOutcome(verdict, phase: "")
            outcome.isAboutRecipient = isAboutRecipient
            return outcome.callVerdict
        }
        for verdict in [SendOutcome.Verdict.accepted, .soft, .hard] { #expect(told(verdict) == .answered) }
        for verdict in [SendOutcome.Verdict.transport, .unknown] { #expect(told(verdict) == .failed) }
        #expect(told(.policy) == .askedToWait(.seconds(1800)))
        #expect(told(.configuration) == .askedToWait(.seconds(300)))
        #expect(told(.rateLimited(.milliseconds(1234))) == .askedToWait(.milliseconds(1234)))
        for verdict in [SendOutcome.Verdict.policy, .unknown, .rateLimited(.seconds(1))] {
            #expect(told(verdict, true) == .answered)
        }
    }

    @Test("What is for the house goes to its address, by what carries e-mail")
    func house() async throws {
        try await withFolder { folder in
            var book = ChannelBook.standard(folder: folder).channels
            book[.operator]?.operatorAddress = "ops@example.com"
            let desk = ChannelDesk(ChannelBook(book), ChannelParts())
            let outcome = await desk.send(.sample("op@h", .operator, to: "house", tenant: nil))
            #expect((outcome.verdict, outcome.transport) == (.accepted, "maildir"))
            let file = text(of: "\(folder)/operator/new/op@h")
            #expect(file.contains("To: ops@example.com\r\n"))
            #expect(file.contains("From: Bursar <bursar@localhost>\r\n"))
        }
    }

    @Test("The configured rates are in force for all nodes; an operator's word stays until the file says something new")
    func limits() async throws {
        try await TestDatabase.with(migrations: Migrations.all) { database in
            try await database.withPool { pool in
                let calls = CallsOutsideRuns(database: pool, actor: "test", logger: Logger(label: "test"))
                func rate() async throws -> String {
                    let sql =
                        "select name || ' ' || coalesce(rate::text, 'any') || ' ' || burst as answer from bursar.provider"
                    let rows = try await database.asSuperuser { try await $0.query(Statement("test", sql)) }
                    return try rows.map { try $0.get("answer", as: String.self) }.sorted().joined(separator: ", ")
                }
                try await Self.desk([], limits: .init(rate: 20, burst: 40)).tellLimits(in: calls)
                #expect(try await rate() == "notices-email 20 40")
                try await database.setUp("update bursar.provider set rate = 1")
                try await Self.desk([], limits: .init(rate: 20, burst: 40)).tellLimits(in: calls)
                #expect(try await rate() == "notices-email 1 40")
                try await Self.desk([]).tellLimits(in: calls)
                #expect(try await rate() == "notices-email any 1")
                try await ChannelDesk(.standard(folder: "/spool"), ChannelParts()).tellLimits(in: calls)
                #expect(try await rate().split(separator: ",").count == 5)
            }
        }
    }

    @Test("A channel that is refused for what we are is an alarm, until a message is taken")
    func alarms() async throws {
        try await TestDatabase.with(migrations: Migrations.all) { database in
            try await database.withPool { pool in
                let desk = Self.desk([StubTransport("smtp:a", [.policy, .soft, .accepted])])
                func alarms() async throws -> Int {
                    try await desk.tellAlarms(in: pool)
                    let sql = "select key, evidence ->> 'verdict' as verdict from bursar.alarm where cleared_at is null"
                    let rows = try await database.asSuperuser { try await $0.query(Statement("test", sql)) }
                    for row in rows {
                        #expect(try row.get("key", as: String.self) == "channel:email")
                        #expect(try row.get("verdict", as: String.self) == "policy")
                    }
                    return rows.count
                }
                let before = try await alarms()
                #expect(before == 0)
                _ = await desk.send(.sample())
                #expect(try await alarms() == 1)
                _ = await desk.send(.sample())
                #expect(try await alarms() == 1, "a refusal of one recipient mends nothing")
                #expect(desk.standing.first?.trouble != nil)
                _ = await desk.send(.sample())
                #expect(try await alarms() == 0)
                #expect(desk.standing.first?.trouble == nil)
            }
        }
    }

    @Test("A keeper with a broken file keeps what is in force and says what is wrong")
    func keeper() async throws {
        try await withFolder { folder in
            let file = "\(folder)/channels.yaml"
            write("version: 1\nchannels:\n  sms:\n    transports: [{ maildir: {} }]\n", to: file)
            let keeper = ChannelKeeper(file: file, folder: folder, parts: ChannelParts(), logger: Logger(label: "test"))
            #expect(keeper.desk == nil)
            try keeper.load()
            #expect(keeper.desk?.isOn(.sms) == true)
            write("version: 1\nchannels:\n  sms:\n    transports: []\n", to: file)
            #expect(throws: ChannelProblems.self) { try keeper.load() }
            #expect(keeper.desk?.isOn(.sms) == true)
            #expect(keeper.standing.problem?.contains("channels.yaml:4:") == true)
            let unconfigured = ChannelKeeper(
                file: nil,
                folder: folder,
                parts: ChannelParts(),
                logger: Logger(label: "test")
            )
            #expect(unconfigured.desk?.isOn(.email) == true)
        }
    }
}
