internal import JobKit
package import Logging
package import Postgres
internal import ServiceLifecycle
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
    private let configuration: Configuration
    private let registry: JobRegistry
    private let runs: RunStore
    private let nodes: NodeStore
    private let timekeeper: Timekeeper
    private let lookout: Lookout
    private let files = NodeFiles()
    private let runner: Runner
    private let crew: Crew
    private let doorbell = Doorbell()
    private let logger: Logger

    /// A node that works with one pool, and keeps its lease through another: of one connection, on a thread of its own.
    package init(
        _ configuration: Configuration,
        registry: JobRegistry,
        database: PostgresPool,
        leaseDatabase: PostgresPool,
        logger: Logger
    ) {
        self.configuration = configuration
        self.registry = registry
        self.logger = logger
        runs = RunStore(database: database)
        nodes = NodeStore(database: leaseDatabase)
        timekeeper = Timekeeper(database: database, logger: logger)
        lookout = Lookout(database: database, logger: logger)
        runner = Runner(registry: registry, database: database, logger: logger)
        crew = Crew(nodeID: Self.freshID(), slots: configuration.slots)
    }

    /// The id that the node's lease is under now.
    package var id: String { crew.nodeID }

    /// How many runs it works on now.
    package var working: Int { crew.runs.count }

    package func run() async throws {
        await withGracefulShutdownHandler {
            await withDiscardingTaskGroup { group in
                group.addTask { await self.keepLease() }
                group.addTask { await self.ringRegularly() }
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
    /// - Returns: the run.
    package func workOnly(_ request: RunRequest, by actor: String) async throws -> Int64 {
        let began = ContinuousClock.now
        try await nodes.register(description, lease: configuration.lease)
        let lease = LeaseClock(length: configuration.lease, grantedAt: began)
        let (run, claimed) = try await runs.enqueueAndClaim(request, node: id, by: actor)
        if let claimed {
            let signals = crew.begin(run)
            await withDiscardingTaskGroup { group in
                group.addTask { await self.renewUntilLost(lease) }
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
            found: { self.doorbell.ring() }
        )
    }

    // MARK: The lease

    private func keepLease() async {
        while !Task.isCancelled {
            guard let lease = await register() else { continue }
            await renewUntilLost(lease)
        }
    }

    /// Ends the lease at once, also where the task was cancelled: peers need not wait for it.
    private func leave() async {
        let id = crew.nodeID
        do {
            try await Task { try await nodes.leave(id) }.value
            logger.info("node has left", metadata: ["node": "\(id)"])
        } catch {
            logger.notice("the lease is left to its end", metadata: ["node": "\(id)", "error": "\(error)"])
        }
    }

    /// A new id for every lease: nothing that an old one began can be taken for the new one's.
    private func register() async -> LeaseClock? {
        let id = Self.freshID()
        let began = ContinuousClock.now
        do {
            try await nodes.register(description.renamed(id), lease: configuration.lease)
            if let standing = files.standing { try await nodes.tellFiles(standing, of: id) }
            crew.nodeID = id
            doorbell.ring()
            logger.info("node has a lease", metadata: ["node": "\(id)", "lease": "\(configuration.lease)"])
            return LeaseClock(length: configuration.lease, grantedAt: began)
        } catch {
            pulse.missed("\(error)")
            logger.warning("no lease yet", metadata: ["error": "\(error)"])
            // Waiting: the database is away, and nothing tells when it is back.
            try? await Task.sleep(for: min(.seconds(1), configuration.lease / 4))
            return nil
        }
    }

    private func renewUntilLost(_ lease: LeaseClock) async {
        let belief = LeaseBelief(lease)
        await withDiscardingTaskGroup { group in
            group.addTask { await self.abandonInTime(belief) }
            await self.renewWhileHeld(belief)
            group.cancelAll()
        }
    }

    /// Gives the work up before the lease ends, whatever the renewal is waiting for: a call may hang longer than that.
    private func abandonInTime(_ belief: LeaseBelief) async {
        while !Task.isCancelled {
            let moment = belief.clock.abandonAt
            guard ContinuousClock.now < moment else {
                return abandon(belief, "the lease could not be renewed in time, its work is abandoned")
            }
            // Waiting: a lease ends by the clock.
            try? await Task.sleep(until: moment)
        }
    }

    /// Ends everything that runs under this lease, once; nothing is claimed until there is another one.
    private func abandon(_ belief: LeaseBelief, _ why: Logger.Message) {
        guard belief.giveUp() else { return }
        logger.error(why)
        crew.nodeID = Self.freshID()
        crew.abandonAll()
    }

    private func renewWhileHeld(_ belief: LeaseBelief) async {
        let id = crew.nodeID
        var failed = false
        var houseKept: ContinuousClock.Instant?
        while !Task.isCancelled, !belief.isGivenUp {
            let clock = belief.clock
            switch clock.next(now: .now, lastAttemptFailed: failed) {
            case .abandon: return abandon(belief, "the lease could not be renewed in time, its work is abandoned")
            case .renew(let moment):
                // Waiting: a lease is renewed by the clock.
                try? await Task.sleep(until: moment)
                if Task.isCancelled { return }
            }
            let began = ContinuousClock.now
            guard began < clock.abandonAt else { continue }
            do {
                guard try await nodes.renew(id, draining: crew.isDraining) else {
                    return abandon(belief, "the lease had ended in the database, its work is abandoned")
                }
                belief.renewed(callBegan: began)
                failed = false
                if houseKept.map({ .now - $0 > .seconds(3600) }) ?? true {
                    try await nodes.keepHouse()
                    houseKept = .now
                }
                let rescued = try await runs.rescue()
                if !rescued.isEmpty {
                    Counter(label: "bursar_leases_expired_total").increment(by: rescued.count)
                    logger.notice("took runs back from nodes that lost their lease", metadata: ["runs": "\(rescued)"])
                    doorbell.ring()
                }
            } catch {
                failed = true
                logger.warning("the lease was not renewed", metadata: ["error": "\(error)"])
            }
        }
    }

    // MARK: The claim loop

    private func ringRegularly() async {
        while !Task.isCancelled {
            // Waiting: polling is the fallback where nobody rings.
            try? await Task.sleep(for: configuration.poll)
            doorbell.ring()
        }
    }

    private func claimAndWork() async {
        await withDiscardingTaskGroup { group in
            for await _ in doorbell.answers {
                if crew.isDone { break }
                do {
                    try await lookForWork(&group)
                    pulse.beat()
                } catch {
                    pulse.missed("\(error)")
                    logger.warning("could not look for work", metadata: ["error": "\(error)"])
                }
            }
        }
    }

    private func lookForWork(_ group: inout DiscardingTaskGroup) async throws {
        let working = crew.runs
        if !working.isEmpty { crew.cancel(try await runs.cancelled(among: working)) }
        let free = crew.freeSlots
        guard free > 0 else { return }
        for run in try await runs.claim(node: crew.nodeID, jobs: registry.names, limit: free) {
            let signals = crew.begin(run.identity.id)
            group.addTask {
                await self.runner.work(run, signals: signals)
                self.crew.end(run.identity.id)
                self.doorbell.ring()
                // The next of its schedule, or of another one that is after it, may start.
                if run.identity.schedule != nil { self.timekeeper.wake() }
            }
        }
    }

    private var description: NodeDescription {
        NodeDescription(
            id: crew.nodeID,
            host: configuration.host,
            pid: configuration.pid,
            version: configuration.version,
            jobs: registry.names,
            slots: configuration.slots
        )
    }

    private static func freshID() -> String {
        let number = UInt64.random(in: .min ... .max)
        let text = String(number, radix: 16)
        return String(repeating: "0", count: 16 - text.count) + text
    }
}
