import Hummingbird
import HummingbirdCore
import HTTPTypes
import Listener
import Logging
import NIOCore
import ServiceLifecycle

/// A stand-in for the Bakong Open API, with a gateway that sends callbacks, on one loopback port.
///
/// `/v1/…` is the API; `/sim/…` is what a test or a developer does to it. State is in memory. It listens on loopback and
/// nowhere else.
///
/// ```swift
/// try await BakongSimulator.with(script) { simulator in
///     let paid = simulator.pay(SimWish(md5: md5, toAccount: "shop@bank", amount: amount))
/// }
/// ```
struct BakongSimulator: Sendable {
    let bank: BakongBank
    let gateway: SimGateway
    /// Where it serves, `http://127.0.0.1:PORT`.
    let url: String
    /// The token that is good from the start.
    let token: String

    /// How a simulator is set up.
    struct Configuration: Sendable {
        /// 0 lets the system choose the port.
        var address: LoopbackAddress
        var script = BakongScript()
        /// Where callbacks go; nil: none are sent.
        var callbacks: String?
        /// `whsec_…`; nil: one that the seed makes.
        var secret: String?
        /// Who may renew the token.
        var email = "books@example.com"

        init(address: LoopbackAddress) { self.address = address }
    }

    /// Serves while the body runs, in this process.
    static func with<Result: Sendable>(
        _ script: BakongScript = BakongScript(),
        callbacks: String? = nil,
        secret: String? = nil,
        email: String = "books@example.com",
        _ body: @escaping @Sendable (BakongSimulator) async throws -> Result
    ) async throws -> Result {
        var configuration = Configuration(address: try LoopbackAddress("127.0.0.1:0"))
        configuration.script = script
        configuration.callbacks = callbacks
        configuration.secret = secret
        configuration.email = email
        return try await serve(configuration, body)
    }

    /// Serves until the body has ended.
    /// - Throws: `CommandFailure` for callbacks that would leave this machine; what the body throws.
    static func serve<Result: Sendable>(
        _ configuration: Configuration,
        _ body: @escaping @Sendable (BakongSimulator) async throws -> Result
    ) async throws -> Result {
        let bank = BakongBank(script: configuration.script, email: configuration.email)
        let gateway = try SimGateway(
            target: configuration.callbacks,
            secret: configuration.secret,
            seed: configuration.script[.seed]
        )
        let token = bank.newToken()
        let (ports, tell) = AsyncStream.makeStream(of: Int?.self)
        let application = application(bank, gateway, configuration.address) { tell.yield($0) }
        var logger = Logger(label: "bursar sim")
        logger.logLevel = .error
        let services = ServiceGroup(services: [application], logger: logger)
        return try await withThrowingTaskGroup(of: Result?.self) { group in
            group.addTask {
                defer { tell.finish() }
                try await services.run()
                return nil
            }
            group.addTask {
                await gateway.run { bank.script }
                return nil
            }
            group.addTask {
                guard let port = await ports.first(where: { _ in true }) ?? nil else {
                    throw CommandFailure(.unavailable, "the simulator could not listen on \(configuration.address)")
                }
                let host = configuration.address.host
                let url = "http://\(host.contains(":") ? "[\(host)]" : host):\(port)"
                return try await body(BakongSimulator(bank: bank, gateway: gateway, url: url, token: token))
            }
            defer { group.cancelAll() }
            while let ended = try await group.next() {
                if let result = ended { return result }
            }
            throw CancellationError()
        }
    }

    private static func application(
        _ bank: BakongBank,
        _ gateway: SimGateway,
        _ address: LoopbackAddress,
        _ onListening: @escaping @Sendable (Int?) -> Void
    ) -> some Service {
        Application(
            router: SimRoutes(bank: bank, gateway: gateway).router(),
            configuration: ApplicationConfiguration(address: .hostname(address.host, port: address.port)),
            onServerRunning: { channel in onListening(channel.localAddress?.port) },
            logger: Logger(label: "bursar sim") { _ in SwiftLogNoOpLogHandler() }
        )
    }
}

extension BakongSimulator {
    /// Pays, and has the gateway tell of it: once, or twice where the script says so.
    /// - Returns: what was really paid.
    @discardableResult
    func pay(_ wish: SimWish) -> [SimPayment] { Self.pay(wish, bank, gateway) }

    static func pay(_ wish: SimWish, _ bank: BakongBank, _ gateway: SimGateway) -> [SimPayment] {
        let paid = bank.pay(wish)
        if wish.tells {
            for payment in paid { gateway.tell(payment, bank.script) }
        }
        return paid
    }
}
