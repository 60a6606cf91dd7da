import Listener
import Logging
import Notices
import Postgres
import ServiceLifecycle
import SocketLoop
import Webhooks

/// Where the public is served: the listener, and the inbox behind it with connections and a thread of its own.
struct PublicInbox: Sendable {
    let address: PublicAddress
    let intake: WebhookIntake
    let writer: InboxWriter
    private let listener: PublicListener
    private let database: PostgresPool
    private let desk: PublicDesk

    /// The mappings say how the status posts of transports are read, by transport.
    init(
        _ address: PublicAddress,
        _ settings: Settings,
        mappings: @escaping @Sendable () -> [String: StatusMapping],
        logger: Logger
    ) throws {
        self.address = address
        let loop = try SocketLoop(name: "webhooks")
        let limits = InboxWriter.Limits()
        let size = limits.writers + 1
        database = PostgresPool(settings.database.listenerConfiguration(), size: size, loop: loop, logger: logger)
        writer = InboxWriter(database: database, limits: limits, logger: logger)
        intake = WebhookIntake(writer: writer)
        let others = settings.database.listenerConfiguration()
        desk = PublicDesk(database: PostgresPool(others, size: PublicDesk.workers, loop: loop, logger: logger))
        let notes = PublicNotes(logger)
        let secret = try settings.returns.inboundSecret()
        let standing = writer.standing
        let groups: [any PublicRouteGroup] = [
            PublicWebhooks(intake: intake, notes: notes),
            PublicReports(secret: secret, desk: desk, notes: notes),
            PublicStatus(secret: secret, mappings: mappings, now: { standing.now }, desk: desk, notes: notes),
            PublicUnsubscribe(key: try settings.returns.key(), desk: desk, notes: notes),
        ]
        listener = PublicListener(
            surface: PublicRoutes(groups: groups, notes: notes),
            address: address,
            limits: settings.http.limits,
            proxies: settings.http.proxies,
            logger: logger
        )
    }

    /// In the order in which they start; they stop the other way round, so that the last posts are still stored.
    var services: [ServiceGroupConfiguration.ServiceConfiguration] {
        [
            ServiceGroupConfiguration.ServiceConfiguration(service: InboxService(writer: writer)),
            ServiceGroupConfiguration.ServiceConfiguration(service: desk),
            ServiceGroupConfiguration.ServiceConfiguration(service: listener),
        ]
    }

    func close() async {
        await database.close()
        await desk.database.close()
    }
}

/// Writes until the listener in front of it has ended.
private struct InboxService: Service {
    let writer: InboxWriter

    func run() async throws {
        await withGracefulShutdownHandler {
            await withTaskCancellationHandler {
                await writer.run()
            } onCancel: {
                writer.end()
            }
        } onGracefulShutdown: {
            writer.end()
        }
    }
}
