internal import JobKit
package import Logging
package import Postgres
internal import ServiceLifecycle
internal import SocketLoop
internal import Metrics

/// One daemon process as the engine knows it: it keeps a lease, makes runs of due fires, claims runs and works them.
///
/// On graceful shutdown it claims nothing more, lets the chunks in hand finish, hands unfinished runs back, and leaves.
package final class Node: Service {
    /// How a node behaves; the standard values are those that ship.
    package struct Configuration: Sendable {
        /// How many runs are worked at once.
        package var slots = 4
        package var lease = Duration.seconds(30)
        /// The longest time between two looks for work.
        package var poll = Duration.seconds(1)
        package var version = "development"
        package var host = "localhost"
        package var pid = 0
        /// Whether the node makes runs of due fires; a short-lived node of `run --here` does not.
        package var keepsTime = true

        package init() {}
    }

    package let pulse = Pulse()
    let configuration: Configuration
    let registry: JobRegistry
    let runs: RunStore
    let nodes: NodeStore
    let timekeeper: Timekeeper
    let lookout: Lookout
    let files = NodeFiles()
    let runner: Runner
    let crew: Crew
    let doorbell: Doorbell
    let farewell: Farewell
    let watch: Watch?
    let logger: Logger
    let database: PostgresPool
    /// What the node remembers of the database's past.
    let marks: MarkBook
    let quarantineWatch = QuarantineWatch()
    /// When the lease was last granted or renewed.
    let leasePulse = Pulse()
    /// Where the lease is kept: a thread of its own, which no work can keep busy.
    let leaseThread: SocketLoop.Tasks
    let leaseDatabase: PostgresPool

    /// A node that works with one pool, and keeps its lease through another: of one connection, on a thread of its own.
    ///
    /// The watch listens for new work and cancel requests; nil where only a pooler leads to the database, so that polling
    /// has to serve.
    package init(
        _ configuration: Configuration,
        registry: JobRegistry,
        database: PostgresPool,
        leaseDatabase: PostgresPool,
        watch: Watch? = nil,
        logger: Logger
    ) {
        self.configuration = configuration
        self.registry = registry
        self.watch = watch
        self.logger = logger
        self.database = database
        self.leaseDatabase = leaseDatabase
        leaseThread = leaseDatabase.thread
        runs = RunStore(database: database)
        nodes = NodeStore(database: leaseDatabase)
        let marks = MarkBook()
        let farewell = Farewell(
            crew: Crew(nodeID: Self.freshID(), slots: configuration.slots),
            doorbell: Doorbell(),
            timekeeper: Timekeeper(database: database, logger: logger, marks: marks)
        )
        self.marks = marks
        self.farewell = farewell
        (crew, doorbell, timekeeper) = (farewell.crew, farewell.doorbell, farewell.timekeeper)
        lookout = Lookout(database: database, logger: logger)
        runner = Runner(registry: registry, database: database, logger: logger, marks: marks, ended: farewell.ended)
    }

    /// The id that the node's lease is under now.
    package var id: String { crew.nodeID }

    /// How many runs it works on now.
    package var working: Int { crew.runs.count }

    package func run() async throws {
        await withGracefulShutdownHandler {
            await withDiscardingTaskGroup { group in
                group.addTask(executorPreference: self.leaseThread) { await self.keepLease() }
                group.addTask { await self.ringRegularly() }
                group.addTask { await self.heedCancelsRegularly() }
                if let watch = self.watch { group.addTask { await self.heed(watch) } }
                group.addTask { await self.keepTime() }
                group.addTask { await self.lookout.keepLooking(every: min(.seconds(5), self.configuration.lease)) }
                await self.claimAndWork()
                group.cancelAll()
            }
            await leave()
        } onGracefulShutdown: {
            self.crew.drain()
            self.doorbell.ring()
            self.timekeeper.wake()
        }
    }

    /// Asks for a run, works one attempt of it as a node that claims nothing else, and leaves.
    ///
    /// - Parameters:
    ///   - request: what is asked for.
    ///   - actor: who asks.
    ///   - interruption: returns when the asker no longer wants it: the run then is cancelled, and nobody else goes on with it.
    /// - Returns: the run.
    /// - Throws: where it could not be asked for; how the attempt ended is in the run.
    package func workOnly(
        _ request: RunRequest,
        by actor: String,
        interruption: (@Sendable () async -> Void)? = nil
    ) async throws -> Int64 {
        let began = ContinuousClock.now
        try await nodes.register(description, lease: configuration.lease)
        let lease = LeaseClock(length: configuration.lease, grantedAt: began)
        let (run, claimed) = try await runs.enqueueAndClaim(request, node: id, by: actor)
        if let claimed {
            let signals = crew.begin([claimed])[0].signals
            await withDiscardingTaskGroup { group in
                group.addTask(executorPreference: leaseThread) { await self.renewUntilLost(lease) }
                if let interruption {
                    group.addTask {
                        await interruption()
                        if !Task.isCancelled { signals.cancel() }
                    }
                }
                await runner.work(claimed, signals: signals)
                group.cancelAll()
            }
        }
        await leave()
        return run
    }

    /// Looks for work now.
    package func wake() {
        doorbell.ring()
        timekeeper.wake()
    }

    // MARK: Time

    /// When the loop that makes runs of due fires last came round; nil for a node that does not keep time.
    package var timePulse: Pulse? { configuration.keepsTime ? timekeeper.pulse : nil }

    /// The loops that must come round, with how long each may take for it, whatever the database does.
    package var loops: [(name: String, pulse: Pulse, patience: Duration)] {
        let patience = Duration.seconds(45)
        var loops = [
            ("claims", pulse, patience), ("lease", leasePulse, max(patience, configuration.lease)),
            ("lookout", lookout.pulse, .seconds(180)),
        ]
        if let timePulse { loops.append(("time", timePulse, patience)) }
        return loops
    }

    /// When the lease was last granted or renewed, and how long it is.
    package var leaseStanding: (pulse: Pulse, length: Duration) { (leasePulse, configuration.lease) }

    /// Tells the other nodes which schedule files this one has, at once and with every later lease.
    package func have(_ standing: ScheduleFilesStanding) async throws {
        files.standing = standing
        try await nodes.tellFiles(standing, of: id)
    }

    private func keepTime() async {
        guard configuration.keepsTime else { return }
        await timekeeper.keepTime(
            // A node that changes schedules looks at once; the others may hear of it a little later.
            atLeastEvery: configuration.poll * 2,
            isDraining: { self.crew.isDraining },
            found: { self.doorbell.ring() },
            standsStill: { await self.standStill(for: $0) }
        )
    }

    var description: NodeDescription {
        NodeDescription(
            id: crew.nodeID,
            host: configuration.host,
            pid: configuration.pid,
            version: configuration.version,
            jobs: registry.names,
            // One that works a single run and leaves has no slots to offer.
            slots: configuration.keepsTime ? configuration.slots : 0
        )
    }

    static func freshID() -> String {
        let number = UInt64.random(in: .min ... .max)
        let text = String(number, radix: 16)
        return String(repeating: "0", count: 16 - text.count) + text
    }
}
