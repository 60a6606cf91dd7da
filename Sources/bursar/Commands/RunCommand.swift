import ArgumentParser
import Engine
import FoundationEssentials
import Logging
import Payments
import Postgres
import SocketLoop

/// A run by hand.
struct RunCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "run",
        abstract: "Ask for a run of a job.",
        discussion: """
            The daemon works it; with --here this process does, as a node that lives as long as the run. A past --as-of \
            is for dry runs only, a future one is refused in production.
            """
    )

    @OptionGroup var options: GlobalOptions
    @Argument(help: "The job, such as renewals.") var job: String
    @Option(
        name: .customLong("param"),
        help: ArgumentHelp("A parameter of the job; repeat it for several.", valueName: "name=value")
    )
    var parameters: [String] = []
    @Option(help: ArgumentHelp("The business instant to decide by, RFC 3339.", valueName: "instant")) var asOf: String?
    @Option(help: "Only this tenant, for jobs that know tenants.") var tenant: Int64?
    @Flag(help: "Go through every chunk and roll it back.") var dryRun = false
    @Flag(help: "Work the run in this process.") var here = false
    @Flag(help: "Wait until the run has ended.") var wait = false
    @Option(help: "Why, for the record.") var reason: String?

    func run() async throws { _ = try await perform() }

    /// Asks for the run, and tells what came of it.
    ///
    /// - Returns: the run that has ended; nil where nobody waited for it.
    func perform() async throws -> RunFacts? {
        let wish = RunWish(
            job: job,
            parameters: parameters,
            tenant: tenant,
            asOf: asOf,
            dryRun: dryRun,
            reason: reason
        )
        _ = try wish.request(.shipped)
        let settings = try options.settings()
        let desk: any RunDoor = here ? try LocalRunDoor(settings) : SocketRunDoor(client: OperatorClient(settings))
        let answer = try await desk.ask(wish)
        guard wait || here else {
            options.show(answer) { "run \($0.run) \($0.created ? "is asked for" : "was asked for before")" }
            return nil
        }
        let facts = try await ended(answer.run, desk)
        try report(facts)
        return facts
    }

    /// Looks at the run until it can change no more, or needs a person.
    private func ended(_ run: Int64, _ desk: any RunDoor) async throws -> RunFacts {
        let progress = options.progress()
        defer { progress.clear() }
        while true {
            let facts = try await desk.look(run)
            progress.show("run \(run) \(facts.state) …")
            if facts.hasEnded || facts.state == "needs_approval" || here { return facts }
            // Waiting: the run is the daemon's, and it is asked again and again.
            try await Task.sleep(for: .milliseconds(200))
        }
    }

    private func report(_ facts: RunFacts) throws {
        options.show(facts) { "run \($0.id) \($0.state): \($0.outcome ?? Self.silence(of: $0))" }
        switch facts.state {
        case "succeeded": return
        case "needs_approval", "scheduled", "ready", "snoozed": throw ExitCode(ExitStatus.tryAgain.rawValue)
        default: throw ExitCode(ExitStatus.finding.rawValue)
        }
    }
}

extension RunCommand {
    /// What is said of a run that has said nothing itself.
    private static func silence(of facts: RunFacts) -> String {
        switch facts.state {
        case "ready", "scheduled":
            "it waits for its turn, and a daemon will work it; or: bursar runs cancel \(facts.id)"
        default: "nothing to say"
        }
    }
}

/// What is shown of a run.
struct RunFacts: Codable, Sendable {
    let id: Int64
    let job: String
    let state: String
    let outcome: String?
    let attempts: Int
    let checkpoint: Progress

    /// What the run has done so far.
    struct Progress: Codable, Sendable {
        let counters: [String: Int64]?
        /// Minor units by currency.
        let totals: [String: Int64]?
    }

    var hasEnded: Bool { ["succeeded", "dead", "cancelled"].contains(state) }
}

/// Where a run is asked for: at the daemon, or here.
protocol RunDoor: Sendable {
    func ask(_ wish: RunWish) async throws -> RunAnswer
    func look(_ run: Int64) async throws -> RunFacts
}

/// Through the operator socket.
struct SocketRunDoor: RunDoor {
    let client: OperatorClient

    func ask(_ wish: RunWish) async throws -> RunAnswer {
        try await send("runs.enqueue", wish)
    }

    func look(_ run: Int64) async throws -> RunFacts {
        try await send("runs.show", RunReference(run: run))
    }

    private func send<Answer: Decodable>(_ command: String, _ body: some Encodable) async throws -> Answer {
        let bytes = try await client.perform(command, Array(JSON.text(of: body).utf8))
        return try JSONDecoder().decode(Answer.self, from: Data(bytes))
    }
}

/// In this process, as a node that lives as long as the run.
struct LocalRunDoor: RunDoor {
    private let database: PostgresPool
    private let leaseDatabase: PostgresPool
    private let settings: Settings
    private let schema: SchemaGuard

    init(_ settings: Settings) throws {
        self.settings = settings
        let loop = try SocketLoop(name: "database")
        var configuration = settings.database.configuration(for: "run --here")
        configuration.idleInTransactionTimeout = settings.nodeLease / 3
        database = PostgresPool(configuration, size: 4, loop: loop)
        leaseDatabase = PostgresPool(configuration, size: 1, loop: try SocketLoop(name: "lease"))
        schema = SchemaGuard(settings: settings.database, loop: loop)
    }

    /// Works one attempt of the run, and returns when it has ended.
    func ask(_ wish: RunWish) async throws -> RunAnswer {
        try await schema.check()
        let request = try wish.request(.shipped)
        let bakong = BakongClient(try settings.bakong.settings())
        let webhooks = WebhookKeeper(file: settings.webhookSources, intake: nil, logger: Logger(label: "bursar"))
        try webhooks.load()
        let notices = try NoticeHouse(settings, database: database, logger: Logger(label: "bursar"))
        if let problem = notices.load().first { throw problem }
        let retention = RetentionKeeper(folder: settings.noticePolicies, logger: Logger(label: "bursar"))
        try retention.load()
        let node = Node(
            settings.nodeConfiguration,
            registry: .shipped(
                settings,
                bakong: bakong,
                sources: { webhooks.sources },
                notices: notices,
                retention: retention
            ),
            database: database,
            leaseDatabase: leaseDatabase,
            logger: Logger(label: "bursar")
        )
        let run = try await node.workOnly(
            request,
            by: "operator:\(OperatorName.current)",
            interruption: Interruption.wait
        )
        return RunAnswer(run: run, created: true)
    }

    func look(_ run: Int64) async throws -> RunFacts {
        let text = try await RunDesk(database: database).show(run).text
        return try JSONDecoder().decode(RunFacts.self, from: Data(text.utf8))
    }
}
