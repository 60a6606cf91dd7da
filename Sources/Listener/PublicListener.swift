package import Logging
import NIOCore
import NIOHTTP1
import NIOPosix
import ServiceLifecycle
import Telemetry

/// Serves the public, on an address of its own with routes of its own: nothing of the operator's can be reached here.
///
/// It speaks plain HTTP; TLS ends at a reverse proxy. On graceful shutdown it stops accepting, lets requests under way be
/// answered, and closes what is idle.
package struct PublicListener: Service {
    private let surface: any PublicSurface
    private let address: PublicAddress
    private let limits: PublicLimits
    private let proxies: TrustedProxies
    private let notes: PublicNotes
    private let logger: Logger
    private let onListening: @Sendable (_ port: Int) async -> Void

    /// - Parameters:
    ///   - surface: What answers.
    ///   - address: Where to listen.
    ///   - limits: What is put up with.
    ///   - proxies: Who may say for whom a request comes.
    ///   - logger: Carries the ids of problem documents.
    ///   - onListening: Called once, when requests can come.
    package init(
        surface: any PublicSurface,
        address: PublicAddress,
        limits: PublicLimits = PublicLimits(),
        proxies: TrustedProxies = TrustedProxies(),
        logger: Logger,
        onListening: @escaping @Sendable (_ port: Int) async -> Void = { _ in }
    ) {
        self.surface = surface
        self.address = address
        self.limits = limits
        self.proxies = proxies
        self.logger = logger
        self.onListening = onListening
        notes = PublicNotes(logger)
        Telemetry.metrics.describe(PublicNotes.descriptions)
    }

    /// Serves until graceful shutdown.
    ///
    /// - Throws: `ListenerError` when the address cannot be used.
    package func run() async throws {
        let roll = ConnectionRoll(limits)
        let server = try await bind(roll)
        let port = server.localAddress?.port ?? address.port
        logger.info("listening to the public", metadata: ["address": "\(address)", "port": "\(port)"])
        await onListening(port)
        do {
            try await gracefulShutdown()
        } catch {
            // Cancelled: nobody waits for answers any more.
            try? await server.close()
            for channel in roll.end() { channel.close(promise: nil) }
            throw error
        }
        try? await server.close()
        let left = roll.end()
        for channel in left { channel.pipeline.fireUserInboundEventTriggered(ListenerEnds()) }
        // Each has deadlines of its own, so this ends.
        for channel in left { try? await channel.closeFuture.get() }
    }

    private func bind(_ roll: ConnectionRoll) async throws -> any Channel {
        let bootstrap = ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .serverChannelOption(.backlog, value: 256)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelOption(.socketOption(.tcp_nodelay), value: 1)
            .childChannelOption(.allowRemoteHalfClosure, value: true)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture { try admit(channel, roll) }
            }
        do {
            return try await bootstrap.bind(host: address.host, port: address.port).get()
        } catch {
            throw ListenerError.addressNotUsable(address: "\(address)", reason: "\(error)")
        }
    }

    /// Lets a connection in, or closes it by throwing.
    private func admit(_ channel: any Channel, _ roll: ConnectionRoll) throws {
        let peer = channel.remoteAddress?.ipAddress.flatMap { NetworkAddress($0) }
        guard let peer else { throw ChannelError.operationUnsupported }
        let counts = !proxies.trusts(peer)
        if let refusal = roll.enter(channel, of: peer, counts: counts) {
            notes.closed(refusal)
            throw ChannelError.connectPending
        }
        channel.closeFuture.whenComplete { _ in roll.leave(channel, of: peer, counts: counts) }
        var decoding = NIOHTTPDecoderLimitConfiguration()
        decoding.maxHeaderFieldSize = limits.headerBytes
        decoding.maxHeaderListSize = limits.headerBytes
        decoding.maxHeaderFieldCount = limits.headerFields
        let decoder = HTTPRequestDecoder(leftOverBytesStrategy: .dropBytes, limitConfiguration: decoding)
        let pipeline = channel.pipeline.syncOperations
        try pipeline.addHandlers(
            [
                ByteWatch(),
                HTTPResponseEncoder(),
                ByteToMessageHandler(decoder),
                NIOHTTPResponseHeadersValidator(),
                PublicConnection(surface: surface, limits: limits, proxies: proxies, peer: peer, notes: notes),
            ] as [any ChannelHandler]
        )
    }
}
