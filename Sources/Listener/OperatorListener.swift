import Hummingbird
import HummingbirdCore
package import Logging
import NIOCore
import ServiceLifecycle
import Synchronization
import Telemetry

/// Serves the operator: always on a unix socket, and on a loopback TCP address where one is given.
///
/// On graceful shutdown it stops accepting, lets requests under way finish, closes idle connections and takes its
/// socket away. It should stop last: until then the operator can watch the drain.
package struct OperatorListener: Service {
    /// Where to listen, and how much to accept.
    package struct Configuration: Sendable {
        /// At most 107 bytes; a socket that nobody answers on any more is replaced.
        package var socketPath: String
        package var loopback: LoopbackAddress?
        /// The longest body of a command, in bytes.
        package var bodyLimit: Int
        /// How long a connection may stay without a request.
        package var idleTimeout: Duration

        package init(
            socketPath: String,
            loopback: LoopbackAddress? = nil,
            bodyLimit: Int = 1 << 20,
            idleTimeout: Duration = .seconds(60)
        ) {
            self.socketPath = socketPath
            self.loopback = loopback
            self.bodyLimit = bodyLimit
            self.idleTimeout = idleTimeout
        }
    }

    private let configuration: Configuration
    private let routes: OperatorRoutes
    private let logger: Logger
    private let onListening: @Sendable (_ port: Int?) async -> Void

    /// - Parameters:
    ///   - surface: What the routes ask.
    ///   - configuration: Where to listen.
    ///   - logger: Carries the ids of problem documents.
    ///   - onListening: Called once for the socket (null) and once for the TCP port, when requests can come.
    package init(
        surface: any OperatorSurface,
        configuration: Configuration,
        logger: Logger,
        onListening: @escaping @Sendable (_ port: Int?) async -> Void = { _ in }
    ) {
        self.configuration = configuration
        self.routes = OperatorRoutes(surface: surface, bodyLimit: configuration.bodyLimit)
        self.logger = logger
        self.onListening = onListening
        Telemetry.metrics.describe(RequestRecorder.descriptions)
    }

    /// Serves until graceful shutdown.
    ///
    /// - Throws: `ListenerError` when the socket's path cannot be used or another daemon answers there.
    package func run() async throws {
        let socket = SocketPath(path: configuration.socketPath)
        try socket.claim()
        let served = Mutex<SocketPath.Identity?>(nil)
        defer { if let identity = served.withLock({ $0 }) { socket.remove(identity) } }
        try await withThrowingTaskGroup(of: Void.self) { group in
            let unix = application(listener: "socket", address: .unixDomainSocket(path: socket.path)) { _ in
                do {
                    try socket.restrict()
                } catch {
                    logger.error("the operator socket keeps its mode: \(error)")
                }
                served.withLock { $0 = socket.identity }
                await onListening(nil)
            }
            group.addTask { try await unix.run() }
            if let loopback = configuration.loopback {
                let address = BindAddress.hostname(loopback.host, port: loopback.port)
                let tcp = application(listener: "loopback", address: address) { channel in
                    await onListening(channel.localAddress?.port)
                }
                group.addTask { try await tcp.run() }
            }
            try await group.waitForAll()
        }
    }

    private func application(
        listener: String,
        address: BindAddress,
        onRunning: @escaping @Sendable (any Channel) async -> Void
    ) -> some Service {
        let nanoseconds = configuration.idleTimeout / .nanoseconds(1)
        return Application(
            router: routes.router(listener: listener, isSocket: listener == "socket"),
            server: .http1(
                configuration: HTTP1Channel.Configuration(
                    idleTimeout: .nanoseconds(Int64(nanoseconds)),
                    httpDecoderConfiguration: HTTP1Channel.Configuration.DecoderConfiguration(
                        maxHeaderFieldSize: 16 << 10,
                        maxHeaderListSize: 16 << 10,
                        maxHeaderFieldCount: 100
                    )
                )
            ),
            configuration: ApplicationConfiguration(
                address: address,
                availableConnectionsDelegate: MaximumAvailableConnections(256, logger: logger)
            ),
            onServerRunning: onRunning,
            logger: logger
        )
    }
}
