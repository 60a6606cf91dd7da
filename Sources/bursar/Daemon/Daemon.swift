import CivilTime
import Custody
import Engine
import Glibc
import Listener
import JobKit
import Logging
import Notices
import Payments
import Postgres
import ServiceLifecycle
import SocketLoop
import Telemetry
import UnixSignals
import Webhooks

/// The one place where the parts of `bursar serve` are put together.
struct Daemon: Sendable {
    let settings: Settings
    let logger: Logger
    let database: PostgresPool
    let leaseDatabase: PostgresPool
    let schema: SchemaGuard
    let node: Node
    let schedules: ScheduleKeeper
    let webhooks: WebhookKeeper
    let notices: NoticeHouse
    let retention: RetentionKeeper
    /// Where the public is served.
    let inbox: PublicInbox?
    let bakong: BakongClient

    /// - Throws: `PostgresError` where the threads that carry the connections could not be started, `CommandFailure` where a
    ///   secret's file cannot be used.
    init(settings: Settings, logger: Logger) throws {
        self.settings = settings
        self.logger = logger
        bakong = BakongClient(try settings.bakong.settings())
        var configuration = settings.database.configuration(for: "node")
        configuration.idleInTransactionTimeout = settings.nodeLease / 3
        // Whoever asks while the database is away is told so, and does not wait for it.
        configuration.poolWait = .seconds(10)
        let loop = try SocketLoop(name: "database")
        database = PostgresPool(configuration, size: settings.nodeConnections, loop: loop, logger: logger)
        configuration.applicationName = "bursar lease"
        configuration.poolWait = settings.nodeLease / 4
        configuration.statementTimeout = settings.nodeLease / 3
        leaseDatabase = PostgresPool(configuration, size: 1, loop: try SocketLoop(name: "lease"), logger: logger)
        let watch = settings.database.watchConfiguration().map { Watch($0, loop: loop, logger: logger) }
        schema = SchemaGuard(settings: settings.database, loop: loop)
        notices = try NoticeHouse(settings, database: database, logger: logger)
        let notices = notices
        retention = RetentionKeeper(folder: settings.noticePolicies, logger: logger)
        inbox = try settings.http.address.map {
            try PublicInbox($0, settings, mappings: { notices.statuses }, logger: logger)
        }
        webhooks = WebhookKeeper(file: settings.webhookSources, intake: inbox?.intake, logger: logger)
        let webhooks = webhooks
        let registry = JobRegistry.shipped(
            settings,
            bakong: bakong,
            sources: { webhooks.sources },
            notices: notices,
            retention: retention
        )
        node = Node(
            settings.nodeConfiguration,
            registry: registry,
            database: database,
            leaseDatabase: leaseDatabase,
            watch: watch,
            logger: logger
        )
        schedules = ScheduleKeeper(
            paths: [settings.schedules],
            catalogue: registry.catalogue,
            database: database,
            node: node,
            logger: logger
        )
    }

    /// Serves until SIGTERM or SIGINT, then drains: `whenReady` runs once work can be sent here.
    func run(whenReady: @escaping @Sendable (Daemon) async throws -> Void = { _ in }) async throws {
        let notify = NotifySocket()
        let surface = DaemonSurface(daemon: self)
        let listener = OperatorListener(
            surface: surface,
            configuration: OperatorListener.Configuration(
                socketPath: settings.operatorSocket,
                loopback: settings.operatorListen
            ),
            logger: logger
        )
        let opening = Opening(daemon: self, notify: notify, whenReady: whenReady)
        var group = ServiceGroupConfiguration(
            services: [
                ServiceGroupConfiguration.ServiceConfiguration(service: listener)
            ] + (inbox?.services ?? []) + [
                ServiceGroupConfiguration.ServiceConfiguration(
                    service: opening,
                    successTerminationBehavior: .gracefullyShutdownGroup
                )
            ],
            gracefulShutdownSignals: [.sigterm, .sigint],
            logger: logger
        )
        group.maximumGracefulShutdownDuration = .seconds(60)
        defer { notify.stopping("stopped") }
        try await ServiceGroup(configuration: group).run()
        await database.close()
        await leaseDatabase.close()
        await inbox?.close()
    }
}

extension PostgresError {
    /// Whether somebody has to change a login or a name before trying again makes sense.
    fileprivate var isForAPerson: Bool { [.notPermitted, .configuration].contains(describe(self).status) }
}

/// Brings the node up once the database is there and has the schema of this build, and keeps the service manager told.
private struct Opening: Service {
    let daemon: Daemon
    let notify: NotifySocket
    let whenReady: @Sendable (Daemon) async throws -> Void

    func run() async throws {
        loadWebhooks()
        loadNotices()
        loadRetention()
        guard try await databaseIsReady() else { return }
        await loadSchedules()
        await tellLimits()
        try await withThrowingDiscardingTaskGroup { group in
            group.addTask { try await daemon.node.run() }
            group.addTask { await tellTheServiceManager() }
            group.addTask { await reloadOnHangup() }
            group.addTask { await watchBakong() }
            group.addTask { await watchChannels() }
            group.addTask { try await whenReady(daemon) }
            try await gracefulShutdown()
            notify.stopping("handing work back", within: .seconds(90))
            logger.info("draining")
        }
    }

    private var logger: Logger { daemon.logger }

    /// Waits for the database, for as long as it takes: being away is no reason to end.
    ///
    /// A wrong schema is, and so is a login that the server refuses: neither mends itself.
    private func databaseIsReady() async throws -> Bool {
        while !Task.isShuttingDownGracefully {
            do {
                try await daemon.schema.check()
                return true
            } catch let error as PostgresError where error.isTransient && !error.isForAPerson {
                logger.warning("waiting for the database", metadata: ["error": "\(error)"])
                notify.status("waiting for the database: \(error.message)")
                // Waiting: nothing tells when the database is back.
                try? await cancelWhenGracefulShutdown { try await Task.sleep(for: .seconds(1)) }
            }
        }
        return false
    }

    private func loadSchedules() async {
        do {
            try await daemon.schedules.load(by: "node:\(daemon.node.id)")
        } catch {
            logger.error("the schedule files here are not in force", metadata: ["error": "\(error)"])
        }
    }

    private func loadWebhooks() {
        do {
            try daemon.webhooks.load()
        } catch {
            logger.error("the webhook sources here are not in force", metadata: ["error": "\(error)"])
        }
    }

    private func loadNotices() {
        for error in daemon.notices.load() {
            logger.error("a part of the notices here is not in force", metadata: ["error": "\(error)"])
        }
    }

    private func loadRetention() {
        do {
            try daemon.retention.load()
        } catch {
            logger.error("the retention policies here are not in force", metadata: ["error": "\(error)"])
        }
    }

    /// READY once the node has a lease; then the watchdog, but only while the node's loops come round.
    private func tellTheServiceManager() async {
        let interval = notify.watchdogInterval.map { $0 / 3 } ?? .seconds(5)
        var isTold = false
        while !Task.isShuttingDownGracefully, !Task.isCancelled {
            if !isTold, daemon.node.pulse.sinceAnswer != nil {
                isTold = notify.ready("serving as node \(daemon.node.id)") || !notify.isActive
            }
            if daemon.isTurning {
                notify.watchdog()
                notify.status("node \(daemon.node.id), \(daemon.node.working) running")
            }
            let pause = isTold ? interval : .milliseconds(100)
            // Waiting: the watchdog is told by the clock.
            try? await cancelWhenGracefulShutdown { try await Task.sleep(for: pause) }
        }
    }

    /// What the configuration allows of Bakong; the first call tells it too, should it fail here.
    private func tellLimits() async {
        await daemon.notices.channels.tellLimits(daemon.database, actor: "node:\(daemon.node.id)")
        // Where nobody is connected to Bakong nobody wants to hear of it.
        guard daemon.bakong.settings.sealingKey != nil else { return }
        let context = CallsOutsideRuns(database: daemon.database, actor: "node:\(daemon.node.id)", logger: logger)
        do {
            try await daemon.bakong.tellLimits(in: context)
        } catch {
            logger.notice("the limits of bakong were not told", metadata: ["error": "\(error)"])
        }
    }

    /// Keeps the alarm about Bakong's token true, where this node is connected to Bakong.
    private func watchBakong() async {
        guard daemon.bakong.settings.sealingKey != nil else { return }
        while !Task.isShuttingDownGracefully, !Task.isCancelled {
            do {
                try await OperatorCommands.settleBakongAlarm(daemon.database)
            } catch {
                logger.notice("could not look at Bakong's token", metadata: ["error": "\(error)"])
            }
            // Waiting: a token ends by the clock.
            try? await cancelWhenGracefulShutdown { try await Task.sleep(for: .seconds(60)) }
        }
    }

    /// Keeps the alarms about channels, endpoints, backups and retention true; first it clears what a killed backup or drill
    /// has left.
    private func watchChannels() async {
        await daemon.settings.backups.house.clearRemains()
        while !Task.isShuttingDownGracefully, !Task.isCancelled {
            await daemon.notices.channels.tellAlarms(daemon.database)
            do {
                try await BackupAlarms.settle(daemon.settings.backups.house, in: daemon.database)
            } catch {
                daemon.logger.notice("the alarms of backups were not told", metadata: ["error": "\(error)"])
            }
            do {
                try await Retention.settle(daemon.retention.policies, in: daemon.database)
            } catch {
                daemon.logger.notice("the alarms of retention were not told", metadata: ["error": "\(error)"])
            }
            // Waiting: an endpoint fails for days, and a channel's refusals are told within a minute.
            try? await cancelWhenGracefulShutdown { try await Task.sleep(for: .seconds(60)) }
        }
    }

    private func reloadOnHangup() async {
        await cancelWhenGracefulShutdown {
            for await _ in await UnixSignalsSequence(trapping: .sighup) {
                notify.reloading()
                await loadSchedules()
                loadWebhooks()
                loadNotices()
                loadRetention()
                await daemon.notices.channels.tellLimits(daemon.database, actor: "node:\(daemon.node.id)")
                notify.ready("serving as node \(daemon.node.id)")
            }
        }
    }
}

extension Daemon {
    /// Whether the loops that claim, keep time, keep the lease and look round all come round, whatever the database says.
    var isTurning: Bool { Self.areTurning(node.loops.map { ($0.pulse.sinceTurn, $0.patience) }) }

    /// Whether no loop has been away for longer than its patience; one that has not begun yet is not away.
    static func areTurning(_ loops: [(sinceTurn: Duration?, patience: Duration)]) -> Bool {
        loops.allSatisfy { loop in loop.sinceTurn.map { $0 < loop.patience } ?? true }
    }
}

extension Settings {
    /// Of this process's pool: one for each slot and three for the engine itself, but no more than configured; runs that have
    /// none wait their turn.
    var nodeConnections: Int { min(nodeSlots + 3, database.connections) }

    /// How this process behaves as a node.
    var nodeConfiguration: Node.Configuration {
        var configuration = Node.Configuration()
        configuration.slots = nodeSlots
        configuration.lease = nodeLease
        configuration.poll = min(.seconds(1), nodeLease / 4)
        configuration.version = Version.text
        configuration.host = nodeName
        configuration.pid = Int(getpid())
        return configuration
    }
}

/// Refuses a database whose schema is not the one of this build.
struct SchemaGuard: Sendable {
    let settings: DatabaseSettings
    let loop: SocketLoop

    /// - Throws: `MigrationError` with the command that mends it, `PostgresError` where the database is away.
    func check() async throws {
        let migrator = try Migrator(settings.configuration(for: "schema"), migrations: Migrations.all, loop: loop)
        try await migrator.requireCurrent()
    }
}
