import Listener
import Logging
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

    init(_ address: PublicAddress, _ settings: Settings, logger: Logger) throws {
        self.address = address
        let loop = try SocketLoop(name: "webhooks")
        let limits = InboxWriter.Limits()
        let size = limits.writers + 1
        database = PostgresPool(settings.database.listenerConfiguration(), size: size, loop: loop, logger: logger)
        writer = InboxWriter(database: database, limits: limits, logger: logger)
        intake = WebhookIntake(writer: writer)
        listener = PublicListener(
            surface: PublicRoutes(intake: intake, notes: PublicNotes(logger)),
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
            ServiceGroupConfiguration.ServiceConfiguration(service: listener),
        ]
    }

    func close() async { await database.close() }
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
